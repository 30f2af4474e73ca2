//! Installed from a package, the program does its job; removed, it leaves what it retired and says
//! where. If these fail, a package lacks a file, or an operator who purges it believes that there
//! is nothing left, or loses every disk that waited.
//!
//! dpkg works on a folder of the private host's; nothing of this machine's own is installed or
//! removed.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::retire::BINARY;
use crate::support::{GuestBuilder, Outcome, PrivateHost};

/// The folder that dpkg takes for the root.
const ROOT: &str = "/var/lib/libvirt/root";

/// Makes a package of the program under test. `None` where the machine has no tool for it.
fn package(kind: &str, tool: &str, folder: &Path) -> Option<String> {
    if Command::new(tool).arg("--version").output().is_err() {
        eprintln!("not tried: this machine has no {tool}");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/build");
    let output = Command::new(script)
        .args([kind, "--quick", "--binary", BINARY, "--output"])
        .arg(folder)
        .output()
        .unwrap();
    let made = Outcome::new(format!("packaging/build {kind}"), &output).expect(0);
    Some(made.stdout.trim().to_owned())
}

fn dpkg(host: &PrivateHost, what: &[&str]) -> Outcome {
    let root = format!("--root={ROOT}");
    let words = [
        &[
            "dpkg",
            &root,
            "--force-script-chrootless",
            "--force-depends",
        ][..],
        what,
    ];
    host.run(&words.concat()).expect(0)
}

fn installed(host: &PrivateHost, words: &[&str]) -> Outcome {
    let (program, state) = (
        format!("{ROOT}/usr/bin/virt-retire"),
        format!("{ROOT}/var/lib/virt-retire"),
    );
    let words = [&[program.as_str(), "--state-dir", &state][..], words].concat();
    host.run(&words).expect(0)
}

#[test]
fn a_debian_package_installs_works_and_loses_nothing_when_it_goes() {
    let host = PrivateHost::start();
    let Some(package) = package("deb", "dpkg-deb", &host.folder) else {
        return;
    };
    host.shell(&format!(
        "mkdir -p {ROOT}/var/lib/dpkg/info {ROOT}/var/lib/dpkg/updates
         touch {ROOT}/var/lib/dpkg/status"
    ));
    dpkg(&host, &["--install", &package]);
    for file in [
        "etc/virt-retire/config.toml",
        "usr/lib/systemd/system/virt-retire-recover.service",
        "usr/share/man/man1/virt-retire.1.gz",
        "usr/share/man/man1/virt-retire-doctor.1.gz",
        "usr/share/bash-completion/completions/virt-retire",
        "usr/share/zsh/vendor-completions/_virt-retire",
        "usr/share/fish/vendor_completions.d/virt-retire.fish",
    ] {
        assert!(host.exists(&format!("{ROOT}/{file}")), "{file}");
    }
    let completion = "usr/share/bash-completion/completions/virt-retire";
    let completion = fs::read_to_string(host.path(format!("{ROOT}/{completion}"))).unwrap();
    assert!(!completion.contains("target/"), "{completion}");

    // As it is shipped, and with every example in it switched on.
    let shipped = fs::read_to_string(host.path(format!("{ROOT}/etc/virt-retire/config.toml")));
    let shipped = shipped.unwrap();
    let is_setting = |line: &str| line.starts_with('#') && !line.starts_with("# ");
    let examples: Vec<&str> = shipped.lines().filter(|line| is_setting(line)).collect();
    assert_eq!(examples.len(), 9, "{shipped}");
    let switched_on = examples.join("\n").replace('#', "");
    for text in [&switched_on, &shipped] {
        fs::write(host.path("/etc/virt-retire/config.toml"), text).unwrap();
        installed(&host, &["config", "show"]);
    }

    let guest = GuestBuilder::two_disks("web1").define(&host);
    let undefine = ["undefine", "web1", "--remove-all-storage", "--yes"];
    installed(&host, &undefine);
    installed(&host, &["rollback", "last", "--yes"]);
    assert!(host.exists(guest.path("vda")));
    installed(&host, &undefine);
    assert!(host.domains().is_empty());

    let told = dpkg(&host, &["--remove", "virt-retire"]).stdout;
    assert!(
        told.contains("stays in quarantine") && told.contains("web1"),
        "{told}"
    );
    assert!(!host.exists(&format!("{ROOT}/usr/bin/virt-retire")));
    let told = dpkg(&host, &["--purge", "virt-retire"]).stdout;
    let folder = format!("{ROOT}/var/lib/virt-retire/quarantine/2-");
    assert!(told.contains(&folder), "{told}");
    assert!(!host.exists(&format!("{ROOT}/etc/virt-retire")));
    let left = host.shell(&format!("cd {ROOT} && find . -type f -not -path './var/*'"));
    assert_eq!(left, "");

    dpkg(&host, &["--install", &package]);
    installed(&host, &["rollback", "2", "--yes"]);
    assert_eq!(host.domains(), ["web1"]);
    assert!(host.exists(guest.path("vda")) && host.exists(guest.path("vdb")));

    if host.run(&["sh", "-c", "command -v lintian"]).code == 0 {
        let words = ["lintian", "--allow-root", "--fail-on", "error", &package];
        host.run(&words).expect(0);
    }
}

#[test]
fn an_rpm_has_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let Some(package) = package("rpm", "rpmbuild", folder.path()) else {
        return;
    };
    let asked = |what: &str| {
        let output = Command::new("rpm").args(["-qp", what, &package]).output();
        Outcome::new(format!("rpm -qp {what}"), &output.unwrap())
            .expect(0)
            .stdout
    };
    let files = asked("--list");
    for file in [
        "/usr/bin/virt-retire",
        "/usr/lib/systemd/system/virt-retire-recover.service",
        "/usr/share/man/man1/virt-retire.1.gz",
        "/usr/share/bash-completion/completions/virt-retire",
    ] {
        assert!(files.lines().any(|line| line == file), "{file}\n{files}");
    }
    assert_eq!(
        asked("--configfiles").trim(),
        "/etc/virt-retire/config.toml"
    );
    let scripts = asked("--scripts");
    assert!(scripts.contains("stays in quarantine"), "{scripts}");
}
