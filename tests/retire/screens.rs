//! An operator in front of a screen: what is about to happen, what was done, and the one line that
//! undoes it. If this fails, somebody answers a question that was not the one meant, or looks for a
//! guest in vain.
//!
//! One host for all of it; the texts themselves are snapshots, in `text`.

use crate::support::retire::{BINARY, quote};
use crate::support::tracer::After;
use crate::support::{Disk, Guest, GuestBuilder, PrivateHost};

fn tiny<'h>(host: &'h PrivateHost, name: &str) -> Guest<'h> {
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(&format!("{name}.raw")).size_mib(1))
        .define(host)
}

fn undefine(name: &str) -> [&str; 4] {
    ["undefine", name, "--remove-all-storage", "--yes"]
}

#[track_caller]
fn has(told: &str, parts: &[&str]) {
    for part in parts {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
}

#[test]
fn what_an_operator_reads() {
    let host = PrivateHost::start();
    has(&host.retire(&["list"]).expect(0).stdout, &[&host.state]);
    batch(&host);
    retired(&host);
    stale(&host);
    questions(&host);
    interrupted(&host);
    paused(&host);
    pager(&host);
    not_root(&host);
}

/// A row for each domain, one question, one line back.
fn batch(host: &PrivateHost) {
    for name in ["a", "b", "c"] {
        tiny(host, name);
    }
    let words = ["undefine", "a", "b", "c", "--remove-all-storage"];
    let asked = host.retire_on_terminal(&words, "y\n").expect(0).stdout;
    let question = asked.find("[y/N]").unwrap();
    has(
        &asked[..question],
        &["3 domains:", "3 domains go", "  b  shut off  1 disk goes"],
    );
    assert_eq!(asked.matches("[y/N]").count(), 1, "{asked}");
    has(
        &asked[question..],
        &["3 retired", "Undo all:  virt-retire rollback 1-3"],
    );
    let back = host.retire(&["rollback", "1-3", "--yes"]).expect(0).stdout;
    has(&back, &["is back as it was"]);
    assert_eq!(host.domains(), ["a", "b", "c"]);
    // Refused: once for each domain, and the line that would pass does.
    let refused = host.retire(&["plan", "a", "b"]).expect(3);
    let line = refused.stderr.split("Everything:  ").nth(1).unwrap().trim();
    assert_eq!(line, "virt-retire undefine a b --remove-all-storage");
    for name in ["a", "b"] {
        let told = format!("error: {name} cannot be retired yet.");
        assert_eq!(refused.stderr.matches(&told).count(), 1, "{refused}");
    }
}

/// Who looks for a guest or a file that is retired is told where it is.
fn retired(host: &PrivateHost) {
    host.retire(&undefine("a")).expect(0);
    let way_back = "virt-retire rollback 4";
    for words in [
        &["undefine", "a", "--yes"][..],
        &["plan", "a"],
        &["volumes", "a"],
    ] {
        let told = host.retire(words).expect(1);
        has(&told.stderr, &["transaction 4 has retired it", way_back]);
    }
    let path = format!("{}/a.raw", host.images);
    has(
        &host.retire(&["users", &path]).expect(0).stdout,
        &["domain a", way_back],
    );
    let told = host.retire_json(&["users", &path]).expect(0).json();
    assert_eq!(told["retired_by"], 4, "{told:#}");
    let stored = host.retire_json(&["show", "4"]).expect(0).json()["quarantine"][0].clone();
    assert_eq!(stored["present"], true, "{stored:#}");
    // A file that somebody has taken away is told wherever it counts.
    let stored = stored["stored"].as_str().unwrap().to_owned();
    host.shell(&format!("mv {stored} {stored}.away"));
    has(&host.retire(&["list"]).expect(0).stdout, &["MISSING"]);
    has(&host.retire(&["show", "4"]).expect(0).stdout, &["MISSING"]);
    let shown = host.retire_json(&["show", "4"]).expect(0).json();
    assert_eq!(shown["restorable"], false, "{shown}");
    let none = host
        .retire(&["list", "--domain", "nosuch"])
        .expect(0)
        .stdout;
    has(&none, &["No transaction fits"]);
    host.shell(&format!("mv {stored}.away {stored}"));
    assert!(!host.retire(&["list"]).expect(0).stdout.contains("MISSING"));
    host.retire(&["rollback", "--domain", "nobody", "--yes"])
        .expect(1);
    host.retire(&["rollback", "--domain", "a", "--yes"])
        .expect(0);
    has(&host.retire(&["list"]).expect(0).stdout, &["undone 20"]);
    let told = host.retire_json(&["users", &path]).expect(0).json();
    assert!(told["retired_by"].is_null(), "{told:#}");
    let volume = GuestBuilder::new("v")
        .disk(Disk::volume("v.raw"))
        .define(host);
    host.retire(&undefine("v")).expect(0);
    has(
        &host.retire(&["users", "default/v.raw"]).expect(0).stdout,
        &["rollback 5"],
    );
    host.retire(&["rollback", "5", "--yes"]).expect(0);
    assert!(host.exists(volume.path("vda")));
}

/// A saved plan says how it is carried out, and in what it is not true any more.
fn stale(host: &PrivateHost) {
    let words = ["plan", "a", "--remove-all-storage", "--save", "/run/plan"];
    let told = host.retire(&words).expect(0).stdout;
    has(&told, &["Do it:  virt-retire apply /run/plan"]);
    host.shell(&format!("printf x >>{}/a.raw", host.images));
    let told = host.retire(&["apply", "/run/plan", "--yes"]).expect(3);
    has(&told.stderr, &["a.raw was written to"]);
    host.virsh(&["desc", "a", "--config", "edited"]);
    let told = host.retire(&["apply", "/run/plan", "--yes"]).expect(3);
    has(&told.stderr, &["its definition was changed"]);
}

/// Each question says what happens, and what would be refused is not asked about.
fn questions(host: &PrivateHost) {
    host.retire(&undefine("b")).expect(0);
    let asked = host.retire_on_terminal(&["rollback", "6", "--as-name", "b2"], "n\n");
    has(&asked.expect(1).stdout, &["Roll back 6 as b2?"]);
    let path = format!("{}/b.raw", host.images);
    host.shell(&format!("echo theirs >{path}"));
    let refused = host
        .retire_on_terminal(&["rollback", "6"], "y\n")
        .expect(3)
        .stdout;
    assert!(
        refused.contains("occupied") && !refused.contains("[y/N]"),
        "{refused}"
    );
    host.shell(&format!("rm {path}"));
    let told = host
        .retire(&["rollback", "6", "--files", "--yes"])
        .expect(0)
        .stdout;
    has(&told, &["stays undefined, and its files are back"]);
    assert!(!told.contains("as it was"), "{told}");
    host.retire(&[
        "undefine",
        "c",
        "--remove-all-storage",
        "--prepare",
        "--yes",
    ])
    .expect(0);
    let asked = host
        .retire_on_terminal(&["commit", "7"], "y\n")
        .expect(0)
        .stdout;
    has(&asked, &["Commit 7?"]);
    assert!(!asked.contains("c.raw"), "nothing moves: {asked}");
    // No network card has an address to speak of.
    let told = host
        .retire(&["rollback", "7", "--as-name", "c2", "--yes"])
        .expect(0)
        .stdout;
    assert!(!told.contains("network card"), "{told}");
}

/// In one line by every command, and `recover` says which way it goes.
fn interrupted(host: &PrivateHost) {
    tiny(host, "cut");
    let killed = host.traced(
        &undefine("cut"),
        &mut |point| match point.call == "renameat2" && point.step.contains("quarantine-disk") {
            true => After::Kill,
            false => After::GoOn,
        },
    );
    assert_eq!(killed.code, 137, "{killed}");
    has(
        &host.retire(&["list"]).expect(0).stdout,
        &["INTERRUPTED → virt-retire recover"],
    );
    let told = host
        .retire(&["plan", "a", "--keep-storage"])
        .expect(0)
        .stderr;
    has(
        &told,
        &["8 cut was interrupted at step", ": virt-retire recover"],
    );
    assert_eq!(told.lines().count(), 1, "{told}");
    let told = host.retire(&["rollback", "8", "--yes"]).expect(1);
    has(&told.stderr, &["was interrupted"]);
    let asked = host
        .retire_on_terminal(&["recover"], "y\n")
        .expect(0)
        .stdout;
    let question = asked.find("[y/N]").unwrap();
    has(
        &asked[..question],
        &[
            "8 cut was interrupted at step",
            "It will be UNDONE: 1 disk and the definition go back",
        ],
    );
    has(&host.retire(&["list"]).expect(0).stdout, &["by recover"]);
}

/// Paused is not running, and a guest that stands still is not asked to end.
fn paused(host: &PrivateHost) {
    let guest = tiny(host, "still");
    guest.start_paused();
    let plan = ["plan", "still", "--destroy", "--remove-all-storage"];
    has(
        &host.retire(&plan).expect(0).stdout,
        &["still · paused", "its unsaved memory is lost"],
    );
    let graceful = [
        "destroy",
        "still",
        "--remove-all-storage",
        "--graceful",
        "--yes",
    ];
    has(
        &host.retire(&graceful).expect(3).stderr,
        &["is paused", "virsh resume still"],
    );
    let words = ["destroy", "still", "--remove-all-storage"];
    let asked = host.retire_on_terminal(&words, "n\n").expect(1).stdout;
    has(
        &asked,
        &["still is switched off at once, and unsaved memory is lost. Go on?"],
    );
    guest.stop();
}

fn pager(host: &PrivateHost) {
    let list = |options: &str| {
        let line = format!(
            "PAGER='sed s/^/PAGED/' exec {} --state-dir {} {options} list",
            quote(BINARY),
            host.state
        );
        host.on_terminal(&["bash", "-c", &line], "nothing is asked", || "")
            .expect(0)
            .stdout
    };
    assert!(list("").contains("PAGED  ID"));
    assert!(!list("-q").contains("PAGED"));
    let words = [
        "env",
        "PAGER=false",
        BINARY,
        "--state-dir",
        &host.state,
        "list",
    ];
    assert!(
        host.run(&words).stdout.contains("undone"),
        "no terminal, no pager"
    );
}

/// A member of libvirt's group gets as far as libvirt, and its files are root's all the same.
fn not_root(host: &PrivateHost) {
    host.shell(
        r#"printf 'auth_unix_rw = "none"\nunix_sock_rw_perms = "0777"\n' >/etc/libvirt/libvirtd.conf
        chmod 0711 /run/libvirt /var/lib/libvirt; chmod 0700 /var/lib/libvirt/images"#,
    );
    host.restart_libvirtd();
    host.shell(&format!(
        "cp {} /run/retire; chmod 0755 /run/retire",
        quote(BINARY)
    ));
    let as_user = |words: &str| {
        host.run(&[
            "bash",
            "-c",
            &format!(
                "exec env HOME=/run/nobody setpriv --reuid 65534 --regid 65534 --clear-groups \
                 /run/retire {words}"
            ),
        ])
    };
    let told = as_user("plan a --remove-all-storage");
    assert!([1, 3].contains(&told.code), "{told}");
    has(
        &told.stderr,
        &[
            "you are not root",
            "sudo virt-retire plan a --remove-all-storage",
        ],
    );
    assert_eq!(told.stderr.lines().count(), 2, "{told}");
    has(
        &as_user("list").expect(0).stdout,
        &["sudo virt-retire list"],
    );
    let told = as_user(&format!("--state-dir {} list", host.state));
    assert!(
        told.stderr.contains("sudo") && !told.stderr.contains("chown"),
        "{told}"
    );
}
