//! An operator presses the tab key and gets a name that is not there, nothing where there is
//! something, or a shell that hangs because libvirtd does.

use std::time::{Duration, Instant};

use crate::support::retire::BINARY;
use crate::support::{GuestBuilder, PrivateHost};

/// What bash offers for the last of these words, by the script that the program prints.
fn offered(host: &PrivateHost, words: &[&str]) -> Vec<String> {
    let script = r#"
        PATH=$(dirname "$1"):$PATH
        shift
        source <(COMPLETE=bash virt-retire)
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
        "$(complete -p virt-retire | sed 's/.*-F \([^ ]*\).*/\1/')" virt-retire "${@: -1}" "${@: \
         -2:1}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let words = [
        &["bash", "-c", script, "bash", BINARY, "virt-retire"],
        words,
    ]
    .concat();
    let told = host.run(&words).expect(0).stdout;
    let mut offered: Vec<String> = told.lines().map(str::to_owned).collect();
    offered.sort();
    offered
}

/// The same of zsh, whose widget would show what `_describe` is given, and of fish.
const OTHERS: [(&str, &str); 2] = [
    (
        "zsh",
        r#"PATH=$(dirname "$1"):$PATH; shift
           autoload -Uz compinit; compinit -u -D
           source <(COMPLETE=zsh virt-retire)
           _describe() { print -rl -- "${(@P)3}" }
           words=("$@"); CURRENT=$#words
           _clap_dynamic_completer_virt_retire"#,
    ),
    (
        "fish",
        r#"set -x PATH (dirname $argv[1]) $PATH
           COMPLETE=fish virt-retire | source
           complete -C "$argv[2..]""#,
    ),
];

fn offered_by(
    host: &PrivateHost,
    shell: &str,
    script: &str,
    words: &[&str],
) -> Option<Vec<String>> {
    if host.run(&["sh", "-c", &format!("command -v {shell}")]).code != 0 {
        eprintln!("not tried: this machine has no {shell}");
        return None;
    }
    let own = match shell {
        "zsh" => vec!["zsh", "-f", "-c", script, "zsh", BINARY, "virt-retire"],
        _ => vec!["fish", "--no-config", "-c", script, BINARY, "virt-retire"],
    };
    let told = host.run(&[&own[..], words].concat()).expect(0).stdout;
    // A description may follow.
    let names = told
        .lines()
        .map(|line| line.split([':', '\t']).next().unwrap());
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.sort();
    Some(names)
}

#[test]
fn names_are_live_and_the_journal_is_not_held() {
    let host = PrivateHost::start();
    GuestBuilder::two_disks("web1").define(&host);
    for name in ["web2", "db1"] {
        GuestBuilder::new(name).define(&host);
    }
    assert_eq!(offered(&host, &["undefine", "we"]), ["web1", "web2"]);
    assert_eq!(offered(&host, &["policy", "show", "d"]), ["db1"]);
    for (shell, script) in OTHERS {
        if let Some(names) = offered_by(&host, shell, script, &["undefine", "we"]) {
            assert_eq!(names, ["web1", "web2"], "{shell}");
        }
    }
    let storage = ["undefine", "web1", "--storage", "vda,v"];
    assert_eq!(offered(&host, &storage), ["vda,vda", "vda,vdb"]);
    assert!(
        !host.exists(&format!("{}/journal", host.state)),
        "made a journal"
    );
    host.retire(&["undefine", "web1", "db1", "--keep-storage", "--yes"])
        .expect(0);
    assert_eq!(offered(&host, &["undefine", "web"]), ["web2"]);
    let ids = offered(&host, &["rollback", ""]);
    assert!(
        ids.iter().any(|id| id == "1") && ids.iter().any(|id| id == "2"),
        "{ids:?}"
    );
}

#[test]
fn a_libvirtd_that_hangs_does_not_hang_the_shell() {
    let host = PrivateHost::start();
    GuestBuilder::new("web1").define(&host);
    host.shell("kill -STOP $(cat /run/libvirt/libvirtd.pid)");
    let begun = Instant::now();
    assert_eq!(offered(&host, &["undefine", "we"]), [""]);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    host.shell("kill -CONT $(cat /run/libvirt/libvirtd.pid)");
}

/// bash inserts what it is given as it is: a name with a blank would be two.
#[test]
fn a_name_with_a_blank_stays_one_word_in_bash() {
    let host = PrivateHost::start();
    GuestBuilder::new("db space").define(&host);
    for typed in ["d", r"db\ ", r"db\ sp"] {
        assert_eq!(
            offered(&host, &["undefine", typed]),
            [r"db\ space"],
            "{typed}"
        );
    }
}
