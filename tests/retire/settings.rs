//! An operator sets something in one of three places and another one counts; or a typing error in
//! the file is passed over, and what it was to protect is not protected.

use crate::support::{GuestBuilder, Outcome, PrivateHost};

const FILE: &str = "/etc/virt-retire/config.toml";

fn configured(text: &str) -> PrivateHost {
    let host = PrivateHost::start();
    std::fs::write(host.path(FILE), text).unwrap();
    host
}

fn setting(told: &Outcome, key: &str) -> (serde_json::Value, String) {
    let told = told.json();
    let settings = told["settings"].as_array().unwrap();
    let one = settings.iter().find(|one| one["key"] == key).unwrap();
    let source = one["source"].as_str().unwrap().to_owned();
    (one["value"].clone(), source)
}

#[test]
fn flag_then_environment_then_file_then_default() {
    let host = configured("wait = 7\nretention = \"30d\"\nprotect = [\"db*\"]\n");
    let shown = host.retire_json(&["config", "show"]).expect(0);
    let file = format!("file {FILE}");
    assert_eq!(setting(&shown, "wait"), (7.into(), file.clone()));
    assert_eq!(setting(&shown, "retention"), ("30d".into(), file.clone()));
    assert_eq!(
        setting(&shown, "minimum-age"),
        ("1h".into(), "default".into())
    );
    assert_eq!(
        setting(&shown, "state-dir"),
        (host.state.as_str().into(), "flag --state-dir".into())
    );
    assert_eq!(
        setting(&shown, "uri"),
        (
            "qemu:///system".into(),
            "environment LIBVIRT_DEFAULT_URI".into()
        )
    );
    let words = ["--output", "json", "config", "show"];
    let variables = [
        ("VIRT_RETIRE_WAIT", "9"),
        ("VIRT_RETIRE_URI", "qemu:///session"),
        ("VIRT_RETIRE_PROTECT", "web*"),
    ];
    let shown = host.retire_with(&words, &variables);
    assert_eq!(
        setting(&shown, "wait"),
        (9.into(), "environment VIRT_RETIRE_WAIT".into())
    );
    assert_eq!(setting(&shown, "uri").0, "qemu:///session");
    // The environment adds to what is protected, and takes nothing away.
    let (globs, source) = setting(&shown, "protect");
    assert_eq!(globs, serde_json::json!(["db*", "web*"]));
    assert_eq!(source, format!("{file}, environment VIRT_RETIRE_PROTECT"));
    let words = ["--output", "json", "--wait", "11", "config", "show"];
    let shown = host.retire_with(&words, &variables);
    assert_eq!(setting(&shown, "wait"), (11.into(), "flag --wait".into()));
}

#[test]
fn what_is_wrong_in_the_file_is_told_and_nothing_is_done() {
    let host = configured("retentoin = \"30d\"\n");
    let error = host.retire_json(&["list"]).expect(1);
    assert_eq!(error.json_error()["error"]["code"], "configuration");
    let hint = error.json_error()["error"]["hint"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(hint.contains("retention"), "{hint}");
    for (text, word) in [
        ("wait = \"soon\"", "wait"),
        ("retention = \"30 days\"", "retention"),
        ("protect = [\"a[\"]", "protect"),
        ("quarantine = [\"here\"]", "quarantine"),
        ("require-reason = 1", "require-reason"),
        ("wait 7", "TOML"),
    ] {
        std::fs::write(host.path(FILE), text).unwrap();
        let error = host.retire_json(&["list"]).expect(1);
        let message = error.json_error()["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(message.contains(word), "{text}: {message}");
    }
    // Whoever may write the file would decide what is protected.
    std::fs::write(host.path(FILE), "wait = 7\n").unwrap();
    host.run(&["chmod", "0666", FILE]).expect(0);
    host.retire_json(&["list"]).expect(1);
    host.run(&["chmod", "0644", FILE]).expect(0);
    let folder = std::path::Path::new(FILE)
        .parent()
        .unwrap()
        .to_str()
        .unwrap();
    host.run(&["chmod", "0777", folder]).expect(0);
    let told = host.retire(&["config", "show"]).expect(1);
    assert!(told.stderr.contains(&format!("go-w {folder}")), "{told}");
    host.run(&["chmod", "0755", folder]).expect(0);
    host.retire_json(&["list"]).expect(0);
}

#[test]
fn a_reason_can_be_required() {
    let host = configured("require-reason = true\n");
    GuestBuilder::new("web").define(&host);
    let words = ["undefine", "web", "--keep-storage", "--yes"];
    let refused = host.retire_json(&words).expect(3);
    assert_eq!(refused.json_error()["error"]["code"], "reason-required");
    host.retire_json(&[&words[..], &["--reason", "  "]].concat())
        .expect(3);
    assert_eq!(host.domains(), ["web"]);
    host.retire_json(&[&words[..], &["--reason", "old"]].concat())
        .expect(0);
    assert!(host.domains().is_empty());
}

#[test]
fn a_protected_name_is_refused_whatever_else_is_said() {
    let host = configured("protect = [\"db*\", \"[ab]x\"]\n");
    for name in ["db1", "bx", "cx"] {
        GuestBuilder::new(name).define(&host);
    }
    let plan = host
        .retire_json(&["plan", "db1", "--keep-storage"])
        .expect(3);
    assert_eq!(plan.json()["plans"][0]["executable"], false);
    assert_eq!(
        plan.json()["plans"][0]["refusals"][0]["code"],
        "protected-domain"
    );
    let lift = ["--override-protection", "--reason", "now"];
    for name in ["db1", "bx"] {
        for verb in ["undefine", "destroy"] {
            let words = [&[verb, name, "--keep-storage", "--yes"][..], &lift].concat();
            let refused = host.retire_json(&words).expect(3);
            assert_eq!(refused.json_error()["error"]["code"], "protected-domain");
        }
    }
    // A batch with one of them is refused whole.
    host.retire(&["undefine", "cx", "db1", "--keep-storage", "--yes"])
        .expect(3);
    assert_eq!(host.domains(), ["bx", "cx", "db1"]);
    // The environment adds, and lifts nothing.
    let words = ["undefine", "db1", "--keep-storage", "--yes"];
    host.retire_with(&words, &[("VIRT_RETIRE_PROTECT", "cx")])
        .expect(3);
    let words = ["undefine", "cx", "--keep-storage", "--yes"];
    host.retire_with(&words, &[("VIRT_RETIRE_PROTECT", "cx")])
        .expect(3);
    host.retire(&words).expect(0);
}
