//! The failure story: an archive of years is taken in, and what comes out again is another, or the
//! newest of its transactions cannot be found. How much time and memory it costs: `make bench`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::many::write_lines;
use crate::program::{json, told};

#[test]
fn a_long_history_is_taken_in_and_comes_out_as_it_was() {
    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let mut lines = Vec::new();
    write_lines(60, &mut lines).unwrap();
    let file = state.path().with_extension("lines");
    fs::write(&file, &lines).unwrap();
    let words = ["journal", "import", file.to_str().unwrap(), "--yes"];
    told(state.path(), &words);
    fs::remove_file(&file).unwrap();
    let listed = json(state.path(), &["list", "--limit", "2"]);
    let listed = listed["transactions"].as_array().unwrap();
    let found: Vec<_> = listed.iter().map(|it| (&it["id"], &it["state"])).collect();
    assert_eq!(
        found,
        [
            (&60.into(), &"purged".into()),
            (&59.into(), &"purged".into())
        ]
    );
    told(state.path(), &["verify"]);
    let exported = told(state.path(), &["journal", "export"]);
    // Its first line says how much there is besides; what was taken in did not.
    let (first, rest) = exported.split_once('\n').unwrap();
    let lines = String::from_utf8(lines).unwrap();
    let (known, records) = lines.split_once('\n').unwrap();
    assert!(first.starts_with(known.trim_end_matches('}')), "{first}");
    assert!(rest == records, "the export is another");
}
