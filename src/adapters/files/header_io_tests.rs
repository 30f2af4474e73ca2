//! Failure story: a header as QEMU writes it was read otherwise than QEMU reads it.
//! Every image here is made by the real `qemu-img`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::super::testing::run;
use super::*;
use crate::ports::Reference;

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().canonicalize().unwrap();
    (folder, base)
}

fn create(format: &str, more: &[&str], path: &Path) {
    let mut arguments = vec!["create", "-q", "-f", format];
    arguments.extend(more);
    let name = format!("file:{}", path.display());
    arguments.extend([name.as_str(), "4M"]);
    run("qemu-img", &arguments);
}

fn image(path: &Path, format: Option<&str>) -> Result<Image, StorageError> {
    super::image(path, format, 0, None)
}

fn plain(format: &str) -> Image {
    Image::alone(format)
}

fn why(path: &Path, format: Option<&str>) -> String {
    match image(path, format) {
        Err(StorageError::Image { cause, .. }) => cause,
        Ok(Image {
            doubt: Some(cause), ..
        }) => cause,
        other => panic!("{other:?}"),
    }
}

/// What the image names as `part`, without a doubt.
fn below(image: &Image, part: Part) -> Option<Reference> {
    assert_eq!(image.doubt, None);
    let mut all = image.below.iter().filter(|below| below.part == part);
    let first = all.next().map(|below| below.at.clone());
    assert_eq!(all.next(), None);
    first
}

#[test]
fn qcow2_of_both_versions_names_its_backing_file() {
    let (_folder, base) = scratch();
    create("qcow2", &[], &base.join("base.qcow2"));
    create("raw", &[], &base.join("base.raw"));
    let absolute = base.join("base.raw").display().to_string();
    let json = format!(
        r#"json:{{"driver":"qcow2","file":{{"driver":"file","filename":"{0}/base.qcow2"}}}}"#,
        base.display()
    );
    let flat = format!(
        r#"json:{{"driver":"qcow2","file.driver":"file","file.filename":"{0}/base.qcow2"}}"#,
        base.display()
    );
    let file = format!("file:{absolute}");
    for compat in ["0.10", "1.1"] {
        for (spelled, format, leads_to) in [
            (absolute.as_str(), "raw", "base.raw"),
            (&file, "raw", "base.raw"),
            (&json, "qcow2", "base.qcow2"),
            (&flat, "qcow2", "base.qcow2"),
        ] {
            let top = base.join("top");
            let option = format!("compat={compat}");
            create("qcow2", &["-o", &option, "-b", spelled, "-F", format], &top);
            for declared in [None, Some("qcow2")] {
                let found = image(&top, declared).unwrap();
                assert_eq!(found.format, "qcow2");
                let leads_to = Reference::File(base.join(leads_to));
                assert_eq!(below(&found, Part::Backing), Some(leads_to));
                assert_eq!(found.below[0].format.as_deref(), Some(format));
            }
        }
    }
}

#[test]
fn a_relative_name_belongs_to_the_folder_as_it_is_spelled() {
    let (_folder, base) = scratch();
    fs::create_dir(base.join("pool")).unwrap();
    fs::create_dir(base.join("links")).unwrap();
    create("qcow2", &[], &base.join("pool/base"));
    let top = base.join("pool/top");
    create("qcow2", &["-u", "-b", "base", "-F", "qcow2"], &top);
    let backing = |path: &Path| below(&image(path, None).unwrap(), Part::Backing);
    assert_eq!(backing(&top), Some(Reference::File(base.join("pool/base"))));
    // As QEMU does: it would look for links/base.
    symlink("../pool/top", base.join("links/top")).unwrap();
    assert_eq!(
        backing(&base.join("links/top")),
        Some(Reference::File(base.join("links/base")))
    );
    let output = std::process::Command::new("qemu-img")
        .args(["info", "-U", "--output=json", "-f", "qcow2", "--"])
        .arg(base.join("links/top"))
        .output()
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        said["full-backing-filename"],
        base.join("links/base").display().to_string()
    );
}

#[test]
fn an_external_data_file_is_named() {
    let (_folder, base) = scratch();
    for raw in ["on", "off"] {
        let top = base.join(format!("top-{raw}"));
        let data = base.join(format!("data-{raw}"));
        let options = format!("data_file={},data_file_raw={raw}", data.display());
        create("qcow2", &["-o", &options], &top);
        assert_eq!(
            below(&image(&top, None).unwrap(), Part::Data),
            Some(Reference::File(data))
        );
    }
}

#[test]
fn an_image_cut_off_anywhere_is_an_error() {
    let (_folder, base) = scratch();
    let top = base.join("top");
    create("qcow2", &["-u", "-b", "/base", "-F", "raw"], &top);
    let whole = fs::read(&top).unwrap();
    let end = whole.windows(5).position(|part| part == b"/base").unwrap() + 5;
    for length in 0..end {
        fs::write(&top, &whole[..length]).unwrap();
        assert!(
            matches!(image(&top, Some("qcow2")), Err(StorageError::Image { .. })),
            "{length}"
        );
    }
    fs::write(&top, &whole[..end]).unwrap();
    assert!(below(&image(&top, None).unwrap(), Part::Backing).is_some());
}

#[test]
fn raw_is_never_looked_into_and_nothing_is_raw_without_being_declared_or_blank() {
    let (_folder, base) = scratch();
    let top = base.join("top");
    create("qcow2", &["-u", "-b", "/base", "-F", "raw"], &top);
    assert_eq!(image(&top, Some("raw")).unwrap(), plain("raw"));
    fs::write(base.join("blank"), [0; 1024]).unwrap();
    assert_eq!(image(&base.join("blank"), None).unwrap(), plain("raw"));
    assert!(why(&base.join("blank"), Some("qcow2")).contains("not a qcow2 image"));
    assert!(matches!(
        image(&base.join("gone"), Some("raw")),
        Err(StorageError::Gone(_))
    ));
    assert!(matches!(
        image(&base.join("gone"), None),
        Err(StorageError::Gone(_))
    ));
    assert!(why(&base, None).contains("neither a file"));
    assert!(why(&top, Some("fat")).contains("not understood"));
    run("mkfifo", &[base.join("pipe").to_str().unwrap()]);
    assert!(why(&base.join("pipe"), None).contains("neither a file"));
}

#[test]
fn other_formats_are_read_by_qemu_img_declared_or_not() {
    let (_folder, base) = scratch();
    let secret: &[&str] = &[
        "--object",
        "secret,id=s,data=abc",
        "-o",
        "key-secret=s,iter-time=10",
    ];
    for (format, options) in [
        ("vmdk", &[][..]),
        ("vdi", &[]),
        ("qed", &[]),
        ("vhdx", &[]),
        ("vpc", &[]),
        ("parallels", &[]),
        ("qcow", &[]),
        ("luks", secret),
    ] {
        let path = base.join(format!("disk.{format}"));
        create(format, options, &path);
        for declared in [None, Some(format)] {
            assert_eq!(image(&path, declared).unwrap(), plain(format), "{format}");
        }
    }
    for format in ["vmdk", "qed"] {
        let path = base.join(format!("top.{format}"));
        create(
            format,
            &[
                "-b",
                base.join(format!("disk.{format}")).to_str().unwrap(),
                "-F",
                format,
            ],
            &path,
        );
        let found = image(&path, None).unwrap();
        assert_eq!(
            below(&found, Part::Backing),
            Some(Reference::File(base.join(format!("disk.{format}"))))
        );
    }
    let flat = base.join("flat.vmdk");
    create("vmdk", &["-o", "subformat=monolithicFlat"], &flat);
    let found = image(&flat, None).unwrap();
    let data = Reference::File(base.join("flat-flat.vmdk"));
    assert_eq!(below(&found, Part::Extent), Some(data));
    assert!(why(&flat, Some("vdi")).contains("qemu-img: "));
}

#[test]
fn hostile_names_are_names() {
    let (_folder, base) = scratch();
    for name in [
        "-o",
        "--help",
        "nbd:localhost",
        "json:{}",
        "a b\nc",
        "fat:x",
        "file:y",
    ] {
        let path = base.join(name);
        create("vdi", &[], &path);
        assert_eq!(image(&path, None).unwrap(), plain("vdi"), "{name}");
        create("qcow2", &["-u", "-b", "./nbd:x", "-F", "raw"], &path);
        let found = image(&path, None).unwrap();
        assert_eq!(
            below(&found, Part::Backing),
            Some(Reference::File(base.join("./nbd:x"))),
            "{name}"
        );
    }
    assert!(why(Path::new("nbd:x"), Some("vdi")).contains("relative"));
}

#[test]
fn remote_backing_files_are_told_and_what_is_unknown_is_refused() {
    let (_folder, base) = scratch();
    let top = base.join("top");
    for name in ["nbd://host/x", "https://h/x.qcow2", "rbd:pool/image"] {
        create("qcow2", &["-u", "-b", name, "-F", "raw"], &top);
        assert_eq!(
            below(&image(&top, None).unwrap(), Part::Backing),
            Some(Reference::Remote(name.into()))
        );
    }
    for name in ["fat:/srv", "json:{}", "file:relative", "vfs:/x"] {
        create("qcow2", &["-u", "-b", name, "-F", "raw"], &top);
        assert!(why(&top, None).contains("backing file"), "{name}");
    }
}

#[test]
fn a_name_in_any_of_qemus_spellings_leads_where_qemu_goes() {
    let (_folder, base) = scratch();
    let golden = base.join("golden");
    create("qcow2", &[], &golden);
    let file = golden.display();
    let top = base.join("top");
    for name in [
        format!("json:{{'driver':'qcow2','file':{{'driver':'file','filename':'{file}'}}}}"),
        format!("json:{{'driver':'qcow2','file.driver':'file','file.filename':'{file}'}}"),
        format!("blkdebug::{file}"),
        format!(
            "json:{{'driver':'qcow2','file':{{'driver':'blkdebug','image.driver':'file','image.filename':'{file}'}}}}"
        ),
    ] {
        // Without -u: QEMU itself opens it.
        create("qcow2", &["-b", &name, "-F", "qcow2"], &top);
        let leads_to = Reference::File(golden.clone());
        let found = image(&top, None).unwrap();
        assert_eq!(below(&found, Part::Backing), Some(leads_to), "{name}");
    }
}

#[test]
fn an_image_in_a_window_of_a_file_is_read_where_it_begins() {
    let (_folder, base) = scratch();
    let top = base.join("top");
    for format in ["qcow2", "qed"] {
        create(format, &["-u", "-b", "/base", "-F", format], &top);
        let inner = fs::read(&top).unwrap();
        let outer = base.join("outer");
        fs::write(&outer, [vec![0; 65536], inner].concat()).unwrap();
        let found = super::image(&outer, Some(format), 65536, None).unwrap();
        let base = Reference::File("/base".into());
        assert_eq!(below(&found, Part::Backing), Some(base), "{format}");
        assert_eq!(super::image(&outer, None, 65536, None).unwrap(), found);
    }
    assert_eq!(
        super::image(&top, Some("raw"), 1 << 62, None).unwrap(),
        plain("raw")
    );
    assert!(super::image(&top, Some("qcow2"), u64::MAX, None).is_err());
}

#[test]
fn every_part_of_a_vmdk_is_told_though_one_is_missing() {
    let (_folder, base) = scratch();
    create(
        "vmdk",
        &["-o", "subformat=monolithicFlat"],
        &base.join("golden.vmdk"),
    );
    let top = base.join("top.vmdk");
    let golden = base.join("golden.vmdk");
    let names = ["-b", golden.to_str().unwrap(), "-F", "vmdk"];
    create("vmdk", &names, &top);
    let found = image(&top, None).unwrap();
    assert_eq!(below(&found, Part::Backing), Some(Reference::File(golden)));
    let parts = base.join("parts.vmdk");
    create("vmdk", &["-o", "subformat=twoGbMaxExtentSparse"], &parts);
    fs::remove_file(base.join("parts-s001.vmdk")).unwrap();
    let part = Reference::File(base.join("parts-s001.vmdk"));
    assert_eq!(
        below(&image(&parts, None).unwrap(), Part::Extent),
        Some(part)
    );
}
