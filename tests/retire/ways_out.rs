//! What the operator is told to type next. If these tests fail, the way out that is named is the
//! very command that was refused, or is missing where another transaction has what is looked for.

use crate::support::{Disk, GuestBuilder, PrivateHost};

#[test]
fn a_definition_that_is_no_xml_is_no_other_domain() {
    let host = PrivateHost::start();
    GuestBuilder::new("a")
        .disk(Disk::unmanaged("a.raw"))
        .define(&host);
    host.retire(&["undefine", "a", "--remove-all-storage", "--yes"])
        .expect(0);
    for text in ["no xml", "<domain><name>a</name>", ""] {
        let file = host.scratch(text);
        let told = host
            .retire_json(&["rollback", "1", "--xml", &file, "--yes"])
            .expect(1);
        let error = &told.json_error()["error"];
        assert_eq!(error["code"], "unreadable-xml", "{told}");
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.contains("show 1 --security-info"), "{hint}");
    }
    host.retire(&["rollback", "1", "--yes"]).expect(0);
}
