//! If one of these fails, a user who owns a folder names somebody else's file by a symlink, and
//! root, who tidies up, takes that file away or copies it for him.

use crate::support::retire::BINARY;
use crate::support::{Disk, GuestBuilder, Identity, Outcome, PrivateHost, assert_same};

const USER: &str = "1207";
const HOME: &str = "/var/lib/libvirt/u";

/// A user's folder, and files of root's and of another user's outside of it.
fn host() -> PrivateHost {
    let host = PrivateHost::start();
    host.shell(&format!(
        "cd /var/lib/libvirt; mkdir u vault others; chown {USER}:{USER} u; chown 1300 others; \
         chmod 711 others
        qemu-img create -q -f qcow2 vault/disk.qcow2 1M; cp /usr/share/OVMF/OVMF_VARS_4M.fd vault/VARS.fd
        mkdir vault/tpm; echo secret >vault/tpm/tpm2-00.permall
        cp -r vault/* others; chown -R 1300 others; cp -r vault/* u; chown -R {USER}:{USER} u"
    ));
    host
}

fn link(host: &PrivateHost, name: &str, target: &str, owner: &str) -> String {
    let link = format!("{HOME}/{name}");
    host.shell(&format!("ln -s {target} {link}; chown -h {owner} {link}"));
    link
}

fn all() -> [&'static str; 3] {
    ["--remove-all-storage", "--all", "--yes"]
}

fn retire(host: &PrivateHost, name: &str, flags: &[&str]) -> Outcome {
    host.retire_json(&[&["undefine", name][..], flags].concat())
}

#[track_caller]
fn refused(host: &PrivateHost, name: &str, flags: &[&str], names: &str) {
    let outcome = retire(host, name, flags).expect(3);
    let error = outcome.json_error();
    assert_eq!(error["error"]["code"], "protected-path", "{outcome}");
    let said = error["error"]["message"].as_str().unwrap();
    assert!(said.contains(names) && said.contains(USER), "{said}");
    assert_eq!(host.domains(), [name]);
    host.virsh(&["undefine", name, "--keep-nvram", "--keep-tpm"]);
}

fn with_disk(host: &PrivateHost, name: &str, path: &str) {
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(path).existing())
        .define(host);
}

fn with_nvram(host: &PrivateHost, name: &str, path: &str) {
    GuestBuilder::new(name)
        .q35()
        .os_xml(&format!(
            "<loader readonly='yes' \
             type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram>{path}</nvram>"
        ))
        .define(host);
}

fn with_tpm(host: &PrivateHost, name: &str, path: &str) {
    GuestBuilder::new(name)
        .device_xml(&format!(
            "<tpm model='tpm-tis'><backend type='emulator' version='2.0'><source type='dir' \
             path='{path}'/>\
             </backend></tpm>"
        ))
        .define(host);
}

#[test]
fn a_user_s_symlink_to_what_is_not_his_is_nobody_s() {
    let host = host();
    let files = [
        "/var/lib/libvirt/vault/disk.qcow2",
        "/var/lib/libvirt/vault/VARS.fd",
        "/var/lib/libvirt/vault/tpm",
        "/var/lib/libvirt/others/disk.qcow2",
        "/var/lib/libvirt/others/VARS.fd",
        "/var/lib/libvirt/others/tpm",
    ];
    let before = Identity::of_files(&host, &files);
    for whose in ["vault", "others"] {
        let target = format!("/var/lib/libvirt/{whose}");
        let disk = link(
            &host,
            &format!("{whose}.img"),
            &format!("{target}/disk.qcow2"),
            USER,
        );
        let nvram = link(
            &host,
            &format!("{whose}.fd"),
            &format!("{target}/VARS.fd"),
            USER,
        );
        let tpm = link(
            &host,
            &format!("{whose}.tpm"),
            &format!("{target}/tpm"),
            USER,
        );
        // A folder on the way, a link to a link, and one by way of root's.
        let way = link(&host, &format!("{whose}.d"), &target, USER);
        let twice = link(
            &host,
            &format!("{whose}.two"),
            &format!("{whose}.img"),
            USER,
        );
        host.shell(&format!("ln -sfn {disk} /var/lib/libvirt/boot/{whose}"));
        for path in [
            disk.clone(),
            twice,
            format!("{way}/disk.qcow2"),
            format!("/var/lib/libvirt/boot/{whose}"),
        ] {
            with_disk(&host, "d", &path);
            refused(&host, "d", &all(), &format!("{HOME}/{whose}."));
        }
        for path in [nvram, format!("{way}/VARS.fd")] {
            with_nvram(&host, "n", &path);
            refused(&host, "n", &all(), &format!("{HOME}/{whose}."));
        }
        with_tpm(&host, "t", &tpm);
        refused(&host, "t", &all(), &format!("{HOME}/{whose}."));
        // An image that leads there by its header stays when the one above it goes.
        let overlay = format!("{HOME}/{whose}-overlay.qcow2");
        host.shell(&format!(
            "qemu-img create -q -f qcow2 -F qcow2 -b {disk} {overlay}; chown {USER} {overlay}"
        ));
        with_disk(&host, "b", &overlay);
        retire(&host, "b", &all()).expect(0);
        assert!(!host.exists(&overlay));
    }
    // A header is read by whoever wants to know what is below it.
    let after = Identity::of_files(&host, &files).ignoring(&["atime"]);
    assert_same(&before.ignoring(&["atime"]), &after);
}

/// Kept in place, it is nobody's either: a copy for the guest under another name would be readable
/// by that guest.
#[test]
fn nvram_by_a_user_s_symlink_is_not_copied_for_another_name() {
    let host = host();
    let nvram = link(
        &host,
        "web1_VARS.fd",
        "/var/lib/libvirt/vault/VARS.fd",
        USER,
    );
    with_nvram(&host, "web1", &nvram);
    retire(&host, "web1", &["--keep-storage", "--keep-nvram", "--yes"]).expect(0);
    let words = ["rollback", "1", "--as-name", "web2", "--yes"];
    let told = host.retire(&words).expect(0).stdout;
    assert!(!host.exists(&format!("{HOME}/web2_VARS.fd")));
    assert!(told.contains("there is no copy"), "{told}");
}

#[test]
fn a_symlink_of_root_s_or_to_what_is_the_user_s_own_is_followed() {
    let host = host();
    let own = link(&host, "own.img", "disk.qcow2", USER);
    let roots = link(&host, "roots.fd", "/var/lib/libvirt/vault/VARS.fd", "0");
    let state = link(&host, "own.tpm", &format!("{HOME}/tpm"), USER);
    // Where root alone may write, root has put it, whoever owns it now.
    host.shell(
        "ln -s /var/lib/libvirt/vault/disk.qcow2 /var/lib/libvirt/boot/given; chown -h 1300 \
                /var/lib/libvirt/boot/given",
    );
    let files = [
        &own,
        &roots,
        &state,
        "/var/lib/libvirt/vault/disk.qcow2",
        "/var/lib/libvirt/vault/VARS.fd",
        "/var/lib/libvirt/u/disk.qcow2",
        "/var/lib/libvirt/u/tpm",
    ];
    let before = Identity::of_files(&host, &files);
    let back = |name: &str, gone: &[&str]| {
        let done = retire(&host, name, &all()).expect(0).json();
        for path in gone {
            assert!(!host.exists(path), "{path}");
        }
        let id = done["transactions"][0]["id"].to_string();
        host.retire(&["rollback", &id, "--yes"]).expect(0);
        host.virsh(&["undefine", name, "--keep-nvram", "--keep-tpm"]);
    };
    with_disk(&host, "d", &own);
    back("d", &[&own, "/var/lib/libvirt/u/disk.qcow2"]);
    with_disk(&host, "d", "/var/lib/libvirt/boot/given");
    back("d", &["/var/lib/libvirt/vault/disk.qcow2"]);
    with_nvram(&host, "n", &roots);
    back("n", &[&roots, "/var/lib/libvirt/vault/VARS.fd"]);
    with_tpm(&host, "t", &state);
    back("t", &[&state, "/var/lib/libvirt/u/tpm"]);
    assert_same(&before, &Identity::of_files(&host, &files));
}

/// As long as a guest runs its disks are libvirt's: whose they are is what libvirt has written
/// down.
#[test]
fn a_running_guest_s_disk_is_still_its_owner_s() {
    let host = host();
    let own = link(&host, "own.img", "disk.qcow2", USER);
    with_disk(&host, "d", &own);
    host.virsh(&["start", "d"]);
    let words = ["destroy", "d", "--remove-all-storage", "--all", "--yes"];
    let done = host.retire_json(&words).expect(0).json();
    assert!(!host.exists(&own));
    let id = done["transactions"][0]["id"].to_string();
    host.retire(&["rollback", &id, "--yes"]).expect(0);
    assert!(host.exists(&own) && host.exists("/var/lib/libvirt/u/disk.qcow2"));
}

/// Nor do they decide where root keeps its journal and what it takes away.
#[test]
fn no_folder_of_ours_is_behind_a_user_s_symlink() {
    let host = host();
    with_disk(&host, "web1", "/var/lib/libvirt/vault/disk.qcow2");
    host.shell("chmod 700 /var/lib/libvirt/vault");
    let to_vault = link(&host, "to-vault", "/var/lib/libvirt/vault", USER);
    let nowhere = link(&host, "nowhere", "/var/lib/libvirt/vault/new", USER);
    let before = host.shell("ls -A /var/lib/libvirt/vault");
    let state = host.state.clone();
    for folder in [
        to_vault.clone(),
        format!("{to_vault}/below"),
        nowhere.clone(),
        format!("{nowhere}/below"),
    ] {
        for (state, quarantine) in [(&folder, &state), (&state, &folder)] {
            let words = ["--state-dir", state, "--quarantine", quarantine];
            let words = [&words[..], &["undefine", "web1"], &all()].concat();
            let words = [&[BINARY][..], &words].concat();
            let told = host.run(&words).expect(1);
            assert!(told.stderr.contains("is not used"), "{told}");
        }
    }
    assert_eq!(host.shell("ls -A /var/lib/libvirt/vault"), before);
    // Nor where an export is written, secrets and all.
    host.retire(&["undefine", "web1", "--keep-storage", "--yes"])
        .expect(0);
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    let told = host
        .retire(&["journal", "export", &format!("{to_vault}/export")])
        .expect(1);
    assert!(told.stderr.contains("user 1207"), "{told}");
    assert_eq!(host.shell("ls -A /var/lib/libvirt/vault"), before);
    // One of root's is followed.
    let own = link(&host, "own", "/var/lib/libvirt/vault/q", "0");
    host.shell("mkdir -m 700 /var/lib/libvirt/vault/q");
    let words = [BINARY, "--state-dir", &state, "--quarantine", &own];
    host.run(&[&words[..], &["undefine", "web1"], &all()].concat())
        .expect(0);
}
