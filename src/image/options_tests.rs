#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn read(text: &str) -> Named {
    match Options::from_json(text.as_bytes()) {
        Ok(options) => options.node(),
        Err(why) => Named::doubt(why),
    }
}

fn paths(named: &Named) -> Vec<String> {
    let files = named.files.iter();
    files
        .filter_map(|file| match &file.location {
            Location::File(path) => Some(path.to_str().unwrap().to_owned()),
            Location::Remote(_) => None,
        })
        .collect()
}

fn ok(text: &str) -> (String, Option<String>, u64) {
    let named = read(text);
    assert_eq!(named.doubt, None, "{text}");
    assert_eq!(named.files.len(), 1, "{text}");
    (
        paths(&named).remove(0),
        named.files[0].format.clone(),
        named.files[0].offset,
    )
}

fn plain(path: &str, format: &str) -> (String, Option<String>, u64) {
    (path.into(), Some(format.into()), 0)
}

#[test]
fn nested_flattened_and_mixed_options_mean_the_same() {
    for text in [
        r#"{"driver":"qcow2","file":{"driver":"file","filename":"/x"}}"#,
        r#"{'driver':'qcow2','file':{'driver':'file','filename':'/x'}}"#,
        r#"{"driver":"qcow2","file.driver":"file","file.filename":"/x"}"#,
        r#"{"file.driver":"file","file":{"filename":"/x"},"driver":"qcow2"}"#,
        r#"{"driver":"qcow2","file":{"driver":"blkdebug","image":{"driver":"file","filename":"/x"}}}"#,
        r#"{"driver":"qcow2","file":{"filename":"blkdebug::/x"}}"#,
    ] {
        assert_eq!(ok(text), plain("/x", "qcow2"), "{text}");
    }
}

#[test]
fn a_raw_window_is_read_by_the_format_above_it() {
    let window = r#""driver":"raw","offset":65536,"size":1048576,"#;
    let file = r#""file":{"driver":"file","filename":"/x"}"#;
    for (text, format) in [
        (
            format!(r#"{{"driver":"qcow2","file":{{{window}{file}}}}}"#),
            "qcow2",
        ),
        (format!("{{{window}{file}}}"), "raw"),
    ] {
        assert_eq!(
            ok(&text),
            ("/x".into(), Some(format.into()), 65536),
            "{text}"
        );
    }
}

#[test]
fn the_innermost_format_is_the_files() {
    let text = r#"{"driver":"raw","offset":0,"file":{"driver":"throttle","throttle-group":"g",
        "file":{"driver":"qcow2","file":{"driver":"file","filename":"/x","locking":null}}}}"#;
    assert_eq!(ok(text), plain("/x", "qcow2"));
}

#[test]
fn without_a_format_none_is_declared() {
    for text in [
        r#"{"driver":"file","filename":"/x"}"#,
        r#"{"file":{"filename":"/x"}}"#,
        r#"{"filename":"/x"}"#,
    ] {
        assert_eq!(ok(text), ("/x".into(), None, 0));
    }
}

#[test]
fn several_images_are_all_told() {
    let two = r#"{"driver":"quorum","vote-threshold":1,"children":[
        {"driver":"qcow2","file":{"driver":"file","filename":"/a"}},
        {"driver":"raw","file":{"driver":"file","filename":"/b"}}]}"#;
    let named = read(two);
    assert_eq!(paths(&named), ["/a", "/b"]);
    assert_eq!(named.files[0].format.as_deref(), Some("qcow2"));
    assert_eq!(named.doubt, None);
    let verified = r#"{"driver":"blkverify","test":{"driver":"file","filename":"/a"},
        "raw":{"driver":"file","filename":"/b"}}"#;
    assert_eq!(paths(&read(verified)), ["/a", "/b"]);
}

#[test]
fn a_remote_driver_is_remote_at_any_depth() {
    let text = r#"{"driver":"raw","file":{"driver":"nbd","server":{"host":"h"},"x":[1,2]}}"#;
    let named = read(text);
    assert_eq!(
        named.files[0].location,
        Location::Remote("json:{nbd}".into())
    );
}

#[test]
fn what_is_not_understood_is_doubted_and_what_is_seen_of_it_is_told() {
    for (text, seen) in [
        ("", &[][..]),
        ("{", &[]),
        ("[]", &[]),
        ("1", &[]),
        ("{}", &[]),
        (r#"{"driver":"qcow2"}"#, &[]),
        (r#"{"driver":"qcow2","file":"node0"}"#, &[]),
        (r#"{"driver":"file","filename":"x"}"#, &["/x", "/x"]),
        (r#"{"driver":"file"}"#, &[]),
        (
            r#"{"driver":"new","path":"/p","x":{"y":"/q"}}"#,
            &["/p", "/q"],
        ),
        (r#"{"driver":"vvfat","dir":"/srv"}"#, &["/srv"]),
        (r#"{"driver":"file","filename":"/x","filename":"/y"}"#, &[]),
        (r#"{"file.filename":"/x","file":{"filename":"/y"}}"#, &[]),
        (
            r#"{"driver":"qcow2","backing":null,"file":{"filename":"/x"}}"#,
            &["/x"],
        ),
        (
            r#"{"driver":"qcow2","backing":{"driver":"file","filename":"/b"},"file":{"filename":"/x"}}"#,
            &["/x", "/b"],
        ),
        (
            r#"{"driver":"qcow2","file":{"driver":"qcow2","file":{"filename":"/x"}}}"#,
            &["/x"],
        ),
        (r#"{"filename":"json:{\"filename\":\"/x\"}"}"#, &[]),
    ] {
        let named = read(text);
        assert!(named.doubt.is_some(), "{text}");
        assert_eq!(paths(&named), seen, "{text}");
    }
    let deep = format!("{}1{}", r#"{"file":"#.repeat(100), "}".repeat(100));
    assert!(read(&deep).doubt.is_some());
    let deeper = r#"{"file":"#.repeat(100_000);
    assert!(read(&deeper).doubt.is_some());
}

#[test]
fn a_file_that_the_driver_is_not_known_to_have_is_one_too() {
    let named = read(r#"{"driver":"null-co","new":{"driver":"file","filename":"/x"}}"#);
    assert_eq!(paths(&named), ["/x"]);
    assert!(named.doubt.unwrap().contains("'new.filename'"));
    let known = r#"{"driver":"luks","file.driver":"null-co","header":{"filename":"/x"}}"#;
    assert_eq!(paths(&read(known)), ["/x"]);
}
