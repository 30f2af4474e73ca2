//! The last moment to think again. If these fail, a verb goes on without consent, or asks where
//! nobody is, or goes on after a no.

use crate::support::retire::{BINARY, quote};
use crate::support::{Guest, GuestBuilder, Identity, PrivateHost, assert_same};

fn guest(host: &PrivateHost) -> Guest<'_> {
    GuestBuilder::two_disks("web1").define(host)
}

const UNDEFINE: [&str; 3] = ["undefine", "web1", "--remove-all-storage"];

#[test]
fn only_a_yes_is_a_yes() {
    let host = PrivateHost::start();
    let guest = guest(&host);
    let before = Identity::capture(&host, "web1", &[&host.state]);
    // No, nothing, something else, the end of the input, Ctrl-C.
    for answer in ["n\n", "\n", "yep\n", "no\ny\n", "\u{4}", "\u{3}"] {
        let told = host.retire_on_terminal(&UNDEFINE, answer);
        assert_eq!(told.code, 1, "{answer:?}: {told}");
        // What is about to go is on the screen before the question, with its real path.
        let screen = &told.stdout;
        let question = screen
            .find("Go on? [y/N]")
            .unwrap_or_else(|| panic!("{told}"));
        for path in [guest.path("vda"), guest.path("vdb")] {
            assert!(screen[..question].contains(path), "{told}");
        }
        assert!(screen.contains("Nothing was changed"), "{answer:?}: {told}");
        assert_same(&before, &Identity::capture(&host, "web1", &[&host.state]));
    }
    for (id, answer) in [(1, "y\n"), (2, "yes\n"), (3, "Y\n")] {
        let told = host.retire_on_terminal(&UNDEFINE, answer).expect(0);
        assert!(
            told.stdout.contains("quarantine-disk"),
            "on a terminal the steps are told: {told}"
        );
        assert!(host.domains().is_empty());
        let id = id.to_string();
        let told = host.retire_on_terminal(&["rollback", &id], "n\n").expect(1);
        assert!(
            told.stdout.contains(guest.path("vdb")) && told.stdout.contains("Roll back"),
            "{told}"
        );
        assert!(host.domains().is_empty());
        host.retire_on_terminal(&["rollback", &id], "y\n").expect(0);
        assert_eq!(host.domains(), ["web1"]);
    }
    host.retire(&[&UNDEFINE[..], &["--yes", "--prepare"]].concat())
        .expect(0);
    host.retire_on_terminal(&["commit", "4"], "n\n").expect(1);
    host.retire_on_terminal(&["commit", "4"], "y\n").expect(0);
    guest_is_back(&host, 4);
}

fn guest_is_back(host: &PrivateHost, id: u64) {
    host.retire(&["rollback", &id.to_string(), "--yes"])
        .expect(0);
    assert_eq!(host.domains(), ["web1"]);
}

#[test]
fn what_would_be_refused_is_refused_before_anyone_is_asked() {
    let host = PrivateHost::start();
    guest(&host);
    for words in [
        &["undefine", "web1"][..],
        &["rollback", "1"],
        &["commit", "1"],
        &["undefine", "nosuch"],
    ] {
        let told = host.retire_on_terminal(words, "y\n");
        assert!([1, 3].contains(&told.code), "{told}");
        assert!(!told.stdout.contains("[y/N]"), "{told}");
    }
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_done() {
    let host = PrivateHost::start();
    guest(&host);
    let before = Identity::capture(&host, "web1", &[&host.state]);
    let told = host.retire(&UNDEFINE).expect(1);
    assert!(told.stderr.contains("--yes"), "{told}");
    assert_same(&before, &Identity::capture(&host, "web1", &[&host.state]));
    // A "y" in a pipe is not a person.
    let line = format!(
        "yes | {} --state-dir {} {}",
        quote(BINARY),
        host.state,
        UNDEFINE.join(" ")
    );
    assert_eq!(host.run(&["bash", "-c", &line]).code, 1);
    assert_same(&before, &Identity::capture(&host, "web1", &[&host.state]));
    host.retire(&[&UNDEFINE[..], &["--yes"]].concat()).expect(0);
    for words in [["rollback", "1"], ["commit", "1"]] {
        let told = host.retire(&words).expect(1);
        assert!(told.stderr.contains("--yes"), "{told}");
    }
    assert!(host.domains().is_empty());
}

#[test]
fn what_changed_while_the_operator_was_reading_is_not_touched() {
    let host = PrivateHost::start();
    guest(&host);
    // Somebody edits the domain between the plan on the screen and the answer.
    let told = host.retire_on_terminal_after(&UNDEFINE, || {
        host.virsh(&["desc", "web1", "--config", "edited"]);
        "y\n"
    });
    assert_eq!(told.code, 3, "{told}");
    assert!(
        told.stdout.contains("changed since the plan was made"),
        "{told}"
    );
    assert_eq!(host.domains(), ["web1"]);
}

#[test]
fn quiet_is_quiet_and_loud_is_loud() {
    let host = PrivateHost::start();
    guest(&host);
    let told = host
        .retire(&[&["-q"], &UNDEFINE[..], &["--yes"]].concat())
        .expect(0);
    assert_eq!((&*told.stdout, &*told.stderr), ("", ""));
    let told = host.retire(&["-q", "rollback", "1", "--yes"]).expect(0);
    assert_eq!((&*told.stdout, &*told.stderr), ("", ""));
    let told = host.retire(&["-q", "list"]).expect(0);
    assert!(
        told.stdout.contains("web1"),
        "what was asked for is printed: {told}"
    );
    assert!(
        !host
            .retire(&["-q", "rollback", "1", "--yes"])
            .expect(1)
            .stderr
            .is_empty()
    );
    let told = host
        .retire(&[&["-v"], &UNDEFINE[..], &["--yes"]].concat())
        .expect(0);
    assert!(told.stderr.contains("do undefine"), "{told}");
    let told = host.retire(&["rollback", "2", "--yes", "-vv"]).expect(0);
    assert!(told.stderr.contains("INFO"), "{told}");
    for words in [
        &["--help"][..],
        &["undefine", "--help"],
        &["help", "rollback"],
        &["--version"],
    ] {
        let told = host.retire(words).expect(0);
        assert!(!told.stdout.is_empty() && told.stderr.is_empty(), "{told}");
    }
}
