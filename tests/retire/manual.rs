//! What README and manual tell to type works as it stands there. If this fails, the first thing
//! that somebody tries is an error.

use std::fs;
use std::path::Path;

use crate::support::retire::BINARY;
use crate::support::{Disk, GuestBuilder, PrivateHost};

/// The lines with a prompt, without what follows as a comment.
fn of_readme() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("$ "));
    let lines = lines.map(|line| line.split(" # ").next().unwrap().trim().to_owned());
    lines
        .filter(|line| line.starts_with("virt-retire ") || line.starts_with("virsh "))
        .collect()
}

/// The terms of the manual's lists that are commands.
fn of_manual(host: &PrivateHost) -> Vec<String> {
    host.shell(&format!(
        "mkdir {0}/man && {BINARY} manual {0}/man",
        host.folder.display()
    ));
    let page = fs::read_to_string(host.folder.join("man/virt-retire.1")).unwrap();
    let lines: Vec<&str> = page.lines().collect();
    let terms = lines.windows(2).filter(|pair| pair[0].starts_with(".TP"));
    let bold = terms.filter_map(|pair| pair[1].strip_prefix("\\fB"));
    let plain = |line: &str| {
        line.replace("\\fR", "")
            .replace("\\-", "-")
            .replace("\\*(Aq", "'")
    };
    bold.map(plain)
        .filter(|line| line.starts_with("virt-retire "))
        .collect()
}

/// Types them one after the other, with the yes that is asked for on a terminal.
#[track_caller]
fn type_all(host: &PrivateHost, state: &str, lines: &[String]) {
    let asks = [
        "undefine",
        "destroy",
        "rollback",
        "hold",
        "release",
        "policy set",
        "policy clear",
    ];
    let folder = Path::new(BINARY).parent().unwrap().display();
    for line in lines {
        let words = line.strip_prefix("virt-retire ").unwrap_or_default();
        let yes = match asks.iter().any(|verb| words.starts_with(verb)) {
            true => " --yes",
            false => "",
        };
        let script = format!(
            "PATH={folder}:$PATH VIRT_RETIRE_STATE_DIR={state}\n\
             export PATH VIRT_RETIRE_STATE_DIR\n{line}{yes}"
        );
        host.run(&["bash", "-c", &script]).expect(0);
    }
}

#[test]
fn every_line_that_is_told_to_be_typed_works() {
    let host = PrivateHost::start();
    let define = || {
        GuestBuilder::new("web1")
            .disk(Disk::pool("web1.qcow2"))
            .define(&host);
    };
    define();
    let lines = of_readme();
    assert!(lines.len() >= 5, "{lines:?}");
    type_all(&host, "/var/lib/libvirt/readme", &lines);
    if host.domains().contains(&"web1".to_owned()) {
        host.try_virsh(&["destroy", "web1"]);
        host.virsh(&["undefine", "web1", "--remove-all-storage"]);
    }
    define();
    let lines = of_manual(&host);
    assert!(lines.len() >= 15, "{lines:?}");
    type_all(&host, &host.state, &lines);
}
