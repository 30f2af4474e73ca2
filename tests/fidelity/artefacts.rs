//! If one of these fails, its name says which part of a domain an operator does not get back: a
//! snapshot's tree, a checkpoint, firmware variables, a TPM, a saved state, a flag that no XML
//! shows. Or worse: a saved state comes back over disks that it does not fit, and the next start
//! destroys the guest's file systems.

use std::fs;

use crate::support::{Disk, GuestBuilder, Identity, Outcome, PrivateHost, assert_same};

const ALL: [&str; 3] = ["--all", "--remove-all-storage", "--yes"];

fn undefine(host: &PrivateHost, name: &str, flags: &[&str]) -> Outcome {
    host.retire_json(&[&["undefine", name], flags].concat())
}

/// The number of the transaction that this undefine made.
#[track_caller]
fn undefined(host: &PrivateHost, name: &str, flags: &[&str]) -> String {
    let done = undefine(host, name, flags).expect(0).json();
    assert!(!host.domains().contains(&name.to_owned()));
    done["transactions"][0]["id"].to_string()
}

#[track_caller]
fn rollback(host: &PrivateHost, id: &str) -> serde_json::Value {
    host.retire_json(&["rollback", id, "--yes"])
        .expect(0)
        .json()
}

/// Retires it with these flags and brings it back; everything is as before. Twice, since what came
/// back must be as good as what was there.
#[track_caller]
fn comes_back(host: &PrivateHost, name: &str, flags: &[&str]) {
    let before = Identity::capture(host, name, &[]);
    for _ in 0..2 {
        let id = undefined(host, name, flags);
        rollback(host, &id);
        assert_same(&before, &Identity::capture(host, name, &[]));
    }
}

/// The refusal of an undefine with these flags, which must be the only one and change nothing.
#[track_caller]
fn refused(host: &PrivateHost, name: &str, flags: &[&str]) -> serde_json::Value {
    let before = Identity::capture(host, name, &[]);
    let plan = [&["plan", name], flags].concat();
    let plan = host.retire_json(&plan).json();
    let refusals = plan["plans"][0]["refusals"].as_array().unwrap();
    assert_eq!(refusals.len(), 1, "{refusals:#?}");
    let with_yes = [flags, &["--yes"]].concat();
    undefine(host, name, &with_yes).expect(3);
    assert_same(&before, &Identity::capture(host, name, &[]));
    refusals[0].clone()
}

#[track_caller]
fn names(refusal: &serde_json::Value, code: &str, words: &[&str], flag: &str) {
    assert_eq!(refusal["code"], code);
    let said = refusal["message"].as_str().unwrap();
    for word in words {
        assert!(said.contains(word), "no {word} in {said}");
    }
    let hint = refusal["hint"].as_str().unwrap();
    assert!(hint.contains(flag), "no {flag} in {hint}");
}

/// Kind, subject and bytes of each step of the plan.
#[track_caller]
fn steps(host: &PrivateHost, name: &str, flags: &[&str]) -> Vec<(String, String, u64)> {
    let plan = [&["plan", name], flags].concat();
    let plan = host.retire_json(&plan).expect(0).json();
    let steps = plan["plans"][0]["steps"].as_array().unwrap().clone();
    steps
        .iter()
        .map(|step| {
            let text = |key: &str| step[key].as_str().unwrap().to_owned();
            (
                text("kind"),
                text("subject"),
                step["bytes"].as_u64().unwrap_or(0),
            )
        })
        .collect()
}

/// The plan shows this artefact as a step of its own, with its size.
#[track_caller]
fn is_a_step(host: &PrivateHost, name: &str, kind: &str, subject: &str) {
    let flags = ["--all", "--remove-all-storage"];
    let steps = steps(host, name, &flags);
    let found = steps
        .iter()
        .find(|(its, about, _)| its == kind && about == subject);
    let (.., bytes) = found.unwrap_or_else(|| panic!("no {kind} of {subject} in {steps:#?}"));
    assert!(*bytes > 0, "{kind} without a size");
}

fn builder(name: &str) -> GuestBuilder {
    GuestBuilder::new(name).disk(Disk::pool(&format!("{name}.qcow2")))
}

#[test]
fn snapshots_inside_the_image() {
    let host = PrivateHost::start();
    let guest = builder("inner").define(&host);
    guest.snapshot_internal("root");
    guest.snapshot_internal("left");
    host.virsh(&["snapshot-revert", "inner", "root"]);
    guest.start();
    guest.snapshot_internal("right");
    guest.stop();
    host.virsh(&["snapshot-current", "inner", "left"]);
    guest.dress(&[guest.path("vda")]);

    let refusal = refused(&host, "inner", &["--remove-all-storage"]);
    names(
        &refusal,
        "snapshots-exist",
        &["root", "left", "right"],
        "--snapshots-metadata",
    );
    is_a_step(&host, "inner", "save-snapshots", "root, left, right");
    comes_back(
        &host,
        "inner",
        &["--snapshots-metadata", "--remove-all-storage", "--yes"],
    );
    assert_eq!(host.virsh(&["snapshot-current", "inner", "--name"]), "left");
    host.virsh(&["snapshot-revert", "inner", "right", "--force"]);
    assert_eq!(guest.state(), "running");
    guest.stop();
}

#[test]
fn snapshots_in_files_of_their_own() {
    let host = PrivateHost::start();
    let guest = builder("outer").define(&host);
    guest.snapshot_disk_only("one");
    guest.start();
    let memory = guest.snapshot_with_memory("two");
    guest.stop();
    let overlay = |name: &str| format!("{}/outer.{name}", host.pool);
    guest.dress(&[guest.path("vda"), &overlay("one"), &overlay("two"), &memory]);
    is_a_step(&host, "outer", "quarantine-snapshot-memory", &memory);
    is_a_step(&host, "outer", "quarantine-backing", &overlay("one"));

    let before = Identity::capture(&host, "outer", &[]);
    let id = undefined(&host, "outer", &ALL);
    for path in [guest.path("vda"), &overlay("one"), &overlay("two"), &memory] {
        assert!(!host.exists(path), "{path} should be in quarantine");
    }
    rollback(&host, &id);
    assert_same(&before, &Identity::capture(&host, "outer", &[]));
    comes_back(&host, "outer", &ALL);
    // The memory file still fits its disk: the guest resumes from it.
    host.virsh(&["snapshot-revert", "outer", "two"]);
    assert_eq!(guest.state(), "running");
    guest.stop();
}

/// The guest was reverted away from an overlay. Only the snapshots' metadata names it, it stands on
/// the same base as the disk, and it is as much the domain's.
#[test]
fn branches_that_the_guest_was_reverted_away_from() {
    let host = PrivateHost::start();
    let guest = builder("tree").define(&host);
    guest.snapshot_disk_only("one");
    guest.snapshot_disk_only("two");
    host.virsh(&["snapshot-revert", "tree", "one"]);
    host.refresh_pools();
    let overlay = format!("{}/tree.one", host.pool);
    let blocks = host.virsh(&["domblklist", "tree"]);
    assert!(!blocks.contains(&overlay), "{blocks}");
    let left = format!("{}/tree.two", host.pool);
    let orphans: Vec<&str> = [&*overlay, &*left]
        .into_iter()
        .filter(|path| host.exists(path))
        .collect();
    assert!(!orphans.is_empty());
    let active = host.virsh(&["domblklist", "tree", "--details"]);
    let active = active.split_whitespace().last().unwrap();
    guest.dress(&[&orphans[..], &[active, guest.path("vda")]].concat());
    let before = Identity::capture(&host, "tree", &orphans);
    let id = undefined(&host, "tree", &ALL);
    for path in orphans.iter().chain(&[guest.path("vda")]) {
        assert!(!host.exists(path), "{path} was left behind");
    }
    rollback(&host, &id);
    assert_same(&before, &Identity::capture(&host, "tree", &orphans));
    // With the disk kept, they stay with it.
    let id = undefined(&host, "tree", &["--all", "--keep-storage", "--yes"]);
    assert!(orphans.iter().all(|path| host.exists(path)));
    rollback(&host, &id);
    // libvirt names the overlay of a revert by the second, and finds the first one's in the way.
    let second = active.rsplit('.').next().unwrap().parse().unwrap();
    while virt_retire::adapters::clock::now().as_second() <= second {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    host.virsh(&["snapshot-revert", "tree", "two"]);
}

/// An image that a snapshot or a checkpoint remembers and that has been detached since is nobody's
/// to take: it is left, and the plan and the transaction say so.
#[test]
fn an_image_that_was_detached_since_is_left_and_told() {
    let host = PrivateHost::start();
    for (name, by) in [("lean", "snapshot both"), ("light", "checkpoint both")] {
        let data = format!("{name}-data.qcow2");
        let guest = builder(name).disk(Disk::pool(&data)).define(&host);
        match by {
            "snapshot both" => guest.snapshot_internal("both"),
            _ => guest.checkpoints(&["both"]),
        }
        let detached = guest.path("vdb").to_owned();
        host.virsh(&["detach-disk", name, "vdb", "--config"]);
        guest.dress(&[guest.path("vda"), &detached]);
        let before = Identity::capture(&host, name, &[&detached]);
        let alone = Identity::of_files(&host, &[&detached]);
        let id = undefined(&host, name, &ALL);
        assert_same(&alone, &Identity::of_files(&host, &[&detached]));
        let shown = host.retire_json(&["show", &id]).expect(0).json();
        let disks = shown["plan"]["disks"].as_array().unwrap();
        assert_eq!(disks.len(), 2, "{disks:#?}");
        assert_eq!(disks[0]["remembered_by"], serde_json::Value::Null);
        for (key, value) in [
            ("target", "vdb"),
            ("path", &*detached),
            ("volume", &*data),
            ("fate", "keep"),
            ("remembered_by", by),
        ] {
            assert_eq!(disks[1][key], value, "{key}");
        }
        let text = host.retire(&["show", &id]).expect(0).stdout;
        assert!(text.contains(&format!("vdb in {by}")), "{text}");
        rollback(&host, &id);
        assert_same(&before, &Identity::capture(&host, name, &[&detached]));
    }
}

/// What a detached image stands on is not taken from under it.
#[test]
fn the_base_of_an_image_that_was_detached_stays_with_it() {
    let host = PrivateHost::start();
    let base = format!("{}/base.qcow2", host.pool);
    host.shell(&format!("qemu-img create -q -f qcow2 {base} 1M"));
    for disk in ["a", "b"] {
        host.shell(&format!(
            "cd {}; qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 {disk}.qcow2",
            host.pool
        ));
    }
    host.refresh_pools();
    let guest = GuestBuilder::new("twin")
        .disk(Disk::pool("a.qcow2").existing())
        .disk(Disk::pool("b.qcow2").existing())
        .define(&host);
    guest.snapshot_internal("both");
    host.virsh(&["detach-disk", "twin", "vdb", "--config"]);
    let left = [&*base, guest.path("vdb")];
    guest.dress(&[guest.path("vda"), left[0], left[1]]);
    let files = Identity::of_files(&host, &left);
    let id = undefined(&host, "twin", &ALL);
    assert!(!host.exists(guest.path("vda")));
    assert_same(&files, &Identity::of_files(&host, &left));
    let shown = host.retire_json(&["show", &id]).expect(0).json();
    let link = &shown["plan"]["disks"][0]["chain"][0];
    assert_eq!(link["fate"], "keep");
    let why = link["used_by"].to_string();
    assert!(why.contains("vdb in snapshot both of"), "{why}");
    rollback(&host, &id);
    host.virsh(&["snapshot-revert", "twin", "both"]);
}

/// With the disks kept, the files of the snapshots stay with them: they are of one piece.
#[test]
fn kept_disks_keep_their_snapshots_files() {
    let host = PrivateHost::start();
    let guest = builder("kept").define(&host);
    guest.start();
    let memory = guest.snapshot_with_memory("one");
    guest.stop();
    guest.dress(&[guest.path("vda"), &memory]);
    let before = Identity::capture(&host, "kept", &[]);
    let files = Identity::of_files(&host, &[guest.path("vda"), &memory]);
    let id = undefined(&host, "kept", &["--all", "--keep-storage", "--yes"]);
    assert_same(
        &files,
        &Identity::of_files(&host, &[guest.path("vda"), &memory]),
    );
    rollback(&host, &id);
    assert_same(&before, &Identity::capture(&host, "kept", &[]));
}

#[test]
fn checkpoints() {
    let host = PrivateHost::start();
    let guest = builder("check").define(&host);
    guest.checkpoints(&["c1", "c2", "c3"]);
    guest.dress(&[guest.path("vda")]);
    let refusal = refused(&host, "check", &["--remove-all-storage"]);
    names(
        &refusal,
        "checkpoints-exist",
        &["c1", "c2", "c3"],
        "--checkpoints-metadata",
    );
    is_a_step(&host, "check", "save-checkpoints", "c1, c2, c3");
    comes_back(
        &host,
        "check",
        &["--checkpoints-metadata", "--remove-all-storage", "--yes"],
    );
    // Their bitmaps are still in the image: libvirt can delete one, which merges it.
    guest.start();
    host.virsh(&["checkpoint-delete", "check", "c2"]);
    guest.stop();
}

#[test]
fn a_managed_save_image() {
    let host = PrivateHost::start();
    let guest = builder("saved").define(&host);
    let save = guest.managed_save();
    guest.dress(&[guest.path("vda"), &save]);
    let refusal = refused(&host, "saved", &["--remove-all-storage"]);
    names(&refusal, "managed-save-exists", &[&save], "--managed-save");
    is_a_step(&host, "saved", "save-managed-save", &save);
    // The second time libvirt has forgotten that there is one, and its file is there all the same.
    comes_back(
        &host,
        "saved",
        &["--managed-save", "--remove-all-storage", "--yes"],
    );
    comes_back(
        &host,
        "saved",
        &["--managed-save", "--keep-storage", "--yes"],
    );
    guest.start();
    let reason = host.virsh(&["domstate", "saved", "--reason"]);
    assert_eq!(reason, "running (restored)");
    assert!(!host.exists(&save));
    guest.stop();
}

/// A kept disk is used by another guest while the domain is retired. Its saved memory does not fit
/// the disk any more: resumed over it, it would write what it remembers over what is there.
#[test]
fn a_saved_state_that_fits_its_disk_no_more_is_set_aside_with_its_bytes() {
    let host = PrivateHost::start();
    let guest = builder("stale").define(&host);
    let save = guest.managed_save();
    let image = fs::read(host.path(&save)).unwrap();
    let id = undefined(
        &host,
        "stale",
        &["--managed-save", "--keep-storage", "--yes"],
    );
    host.run(&[
        "qemu-io",
        "-f",
        "qcow2",
        "-c",
        "write -q 0 4k",
        guest.path("vda"),
    ])
    .expect(0);
    let done = rollback(&host, &id);
    let transaction = &done["transactions"][0];
    assert_eq!(transaction["state"], "rolled-back");
    let note = transaction["notes"][0].as_str().unwrap();
    assert!(note.contains(guest.path("vda")), "{note}");
    assert!(!host.exists(&save), "libvirt would resume it");
    let aside = note.rsplit(' ').next().unwrap();
    assert_eq!(fs::read(host.path(aside)).unwrap(), image);
    let shown = host.retire_json(&["show", &id]).expect(0).json();
    let mut events = shown["events"].as_array().unwrap().iter();
    let set_aside = events.find(|event| event["kind"] == "set-aside").unwrap();
    assert_eq!(set_aside["path"], aside);
    guest.start();
    let reason = host.virsh(&["domstate", "stale", "--reason"]);
    assert_eq!(reason, "running (booted)");
    guest.stop();
    assert_eq!(host.retire(&["recover", "--yes"]).code, 0);
}

#[test]
fn a_domain_that_was_saved_can_be_started_and_saved_again_after_rollback() {
    let host = PrivateHost::start();
    let guest = builder("again").define(&host);
    guest.managed_save();
    let id = undefined(&host, "again", &ALL);
    rollback(&host, &id);
    guest.start();
    host.virsh(&["managedsave", "again"]);
    comes_back(&host, "again", &ALL);
}

#[test]
fn nvram() {
    let host = PrivateHost::start();
    let guest = builder("efi").efi().define(&host);
    let path = "/var/lib/libvirt/qemu/nvram/efi_VARS.fd";
    // libvirt has chosen the path, and nothing is there before the first start: nothing to decide.
    assert!(!host.exists(path));
    comes_back(&host, "efi", &["--remove-all-storage", "--yes"]);
    guest.run_once();
    guest.dress(&[guest.path("vda"), path]);
    let refusal = refused(&host, "efi", &["--remove-all-storage"]);
    names(&refusal, "nvram-undecided", &[path], "--keep-nvram");
    is_a_step(&host, "efi", "quarantine-nvram", path);
    comes_back(&host, "efi", &["--nvram", "--remove-all-storage", "--yes"]);

    let before = Identity::capture(&host, "efi", &[]);
    let nvram = Identity::of_files(&host, &[path]);
    // The flag that keeps wins over --all.
    let flags = ["--all", "--keep-nvram", "--remove-all-storage", "--yes"];
    let id = undefined(&host, "efi", &flags);
    assert_same(&nvram, &Identity::of_files(&host, &[path]));
    rollback(&host, &id);
    assert_same(&before, &Identity::capture(&host, "efi", &[]));
    guest.run_once();
}

/// Each way in which a domain may spell its NVRAM.
#[test]
fn nvram_elsewhere_in_qcow2_and_behind_a_symlink() {
    let host = PrivateHost::start();
    let code = "/usr/share/OVMF/OVMF_CODE_4M.fd";
    let vars = "/usr/share/OVMF/OVMF_VARS_4M.fd";
    let source = format!("{}/sourced.fd", host.images);
    let qcow2 = format!("{}/inside.qcow2", host.images);
    let link = format!("{}/link.fd", host.images);
    let target = format!("{}/target.fd", host.images);
    host.shell(&format!(
        "cp {vars} {source}; cp {vars} {target}; ln -s target.fd {link}
        qemu-img convert -f raw -O qcow2 {vars} {qcow2}"
    ));
    let spellings = [
        (
            "sourced",
            &source,
            "raw",
            format!("<nvram type='file'><source file='{source}'/></nvram>"),
        ),
        (
            "inside",
            &qcow2,
            "qcow2",
            format!("<nvram format='qcow2'>{qcow2}</nvram>"),
        ),
        ("linked", &target, "raw", format!("<nvram>{link}</nvram>")),
    ];
    for (name, file, format, nvram) in spellings {
        let code = match format {
            "qcow2" => {
                let own = format!("{}/code.qcow2", host.images);
                host.shell(&format!("qemu-img convert -f raw -O qcow2 {code} {own}"));
                own
            }
            _ => code.to_owned(),
        };
        let guest = builder(name)
            .q35()
            .os_xml(&format!(
                "<loader readonly='yes' type='pflash' format='{format}'>{code}</loader>{nvram}"
            ))
            .define(&host);
        guest.run_once();
        guest.dress(&[guest.path("vda"), file]);
        is_a_step(&host, name, "quarantine-nvram", file);
        let before = Identity::capture(&host, name, &[file, &link]);
        if name == "linked" {
            is_a_step(&host, name, "quarantine-link", &link);
            // Two files, and one decision.
            let refusal = refused(&host, name, &["--remove-all-storage"]);
            names(&refusal, "nvram-undecided", &[], "--keep-nvram");
        }
        let id = undefined(&host, name, &ALL);
        assert!(!host.exists(file), "{name}");
        // The link and its target are two things.
        assert_eq!(host.exists(&link), name != "linked");
        rollback(&host, &id);
        assert_same(&before, &Identity::capture(&host, name, &[file, &link]));
        guest.run_once();
    }
}

/// NVRAM that is not a file of this host cannot be moved, and need not be: it stays where it is.
#[test]
fn nvram_on_the_network_is_left_where_it_is() {
    let host = PrivateHost::start();
    builder("far")
        .q35()
        .os_xml(
            "<loader readonly='yes' type='pflash' \
             format='raw'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>\
             <nvram type='network' format='raw'><source protocol='nbd' name='vars'>\
             <host name='127.0.0.1' port='10809'/></source></nvram>",
        )
        .define(&host);
    let refusal = refused(&host, "far", &["--remove-all-storage"]);
    names(&refusal, "nvram-undecided", &["nbd:vars"], "--keep-nvram");
    let refusal = refused(&host, "far", &["--remove-all-storage", "--all"]);
    names(&refusal, "remote-files", &["nbd:vars"], "--keep-nvram");
    let flags = ["--all", "--keep-nvram", "--remove-all-storage", "--yes"];
    comes_back(&host, "far", &flags);
    let told = host.retire(&["volumes", "far"]).expect(0).stdout;
    assert!(told.contains("nbd:vars at 127.0.0.1:10809"), "{told}");
}

/// A TPM that another program serves is not libvirt's to delete, nor ours to move.
#[test]
fn a_tpm_that_another_program_serves_is_left_alone() {
    let host = PrivateHost::start();
    builder("served")
        .device_xml(
            "<tpm model='tpm-tis'><backend type='external'>\
             <source type='unix' mode='connect' path='/run/libvirt/swtpm.sock'/></backend></tpm>",
        )
        .define(&host);
    comes_back(&host, "served", &ALL);
    comes_back(
        &host,
        "served",
        &["--keep-tpm", "--remove-all-storage", "--yes"],
    );
}

/// The folder with the state lies elsewhere, and libvirt's own name for it is a link: both go and
/// come back.
#[test]
fn tpm_state_and_memory_behind_symlinks() {
    let host = PrivateHost::start();
    let guest = builder("link").tpm().define(&host);
    guest.run_once();
    let folder = format!("/var/lib/libvirt/swtpm/{}", guest.uuid);
    let away = format!("{}/away", host.images);
    host.shell(&format!("mv {folder} {away}; ln -s {away} {folder}"));
    guest.run_once();
    guest.start();
    let memory = guest.snapshot_with_memory("one");
    guest.stop();
    let image = format!("{}/memory", host.images);
    host.shell(&format!("mv {memory} {image}; ln -s {image} {memory}"));
    guest.dress(&[guest.path("vda")]);
    is_a_step(&host, "link", "quarantine-tpm", &away);
    for link in [&folder, &memory] {
        is_a_step(&host, "link", "quarantine-link", link);
    }
    let all = [&*folder, &*away, &*memory, &*image];
    let before = Identity::capture(&host, "link", &all);
    let id = undefined(&host, "link", &ALL);
    for path in all {
        assert!(!host.exists(path), "{path} was left behind");
    }
    rollback(&host, &id);
    assert_same(&before, &Identity::capture(&host, "link", &all));

    // Under another UUID libvirt finds it by the link's new name.
    let id = undefined(&host, "link", &ALL);
    host.retire(&["rollback", &id, "--yes", "--new-uuid"])
        .expect(0);
    let uuid = host.virsh(&["domuuid", "link"]);
    let renamed = format!("/var/lib/libvirt/swtpm/{uuid}");
    assert_eq!(host.shell(&format!("readlink {renamed}")).trim(), away);
    assert!(!host.exists(&folder) && host.exists(&away));
    guest.run_once();

    // Of a guest that runs on libvirt would empty the folder behind the link.
    guest.start();
    let refusal = refused_running(&host, "link");
    names(&refusal, "unsupported", &[&renamed], "destroy");
    guest.stop();
}

#[track_caller]
fn refused_running(host: &PrivateHost, name: &str) -> serde_json::Value {
    let plan = host
        .retire_json(&["plan", name, "--keep-storage"])
        .expect(3);
    let refusals = plan.json()["plans"][0]["refusals"].clone();
    assert_eq!(refusals.as_array().unwrap().len(), 1, "{refusals:#}");
    refusals[0].clone()
}

/// Undefine would unlink the link: nothing is done rather than half of it.
#[test]
fn a_saved_state_behind_a_symlink_is_refused() {
    let host = PrivateHost::start();
    let guest = builder("aside").define(&host);
    let save = guest.managed_save();
    let away = format!("{}/aside.save", host.images);
    host.shell(&format!("mv {save} {away}; ln -s {away} {save}"));
    let refusal = refused(&host, "aside", &["--all", "--remove-all-storage"]);
    names(&refusal, "unsupported", &[&save], "change that first");
}

#[test]
fn tpm_state() {
    let host = PrivateHost::start();
    let guest = builder("tpm").tpm().define(&host);
    // Before the first start there is no state.
    comes_back(&host, "tpm", &["--remove-all-storage", "--yes"]);
    guest.run_once();
    let folder = format!("/var/lib/libvirt/swtpm/{}", guest.uuid);
    is_a_step(&host, "tpm", "quarantine-tpm", &folder);
    let state = format!("{folder}/tpm2/tpm2-00.permall");
    let ek = fs::read(host.path(&state)).unwrap();
    guest.dress(&[guest.path("vda"), &state]);
    // As in virsh it goes without a flag; here into quarantine.
    let before = Identity::capture(&host, "tpm", &[]);
    let id = undefined(&host, "tpm", &["--remove-all-storage", "--yes"]);
    assert!(!host.exists(&folder));
    rollback(&host, &id);
    assert_same(&before, &Identity::capture(&host, "tpm", &[]));
    assert_eq!(fs::read(host.path(&state)).unwrap(), ek);
    comes_back(&host, "tpm", &["--tpm", "--remove-all-storage", "--yes"]);

    let kept = Identity::of_files(&host, &[&folder]);
    let id = undefined(
        &host,
        "tpm",
        &["--keep-tpm", "--remove-all-storage", "--yes"],
    );
    assert_same(&kept, &Identity::of_files(&host, &[&folder]));
    rollback(&host, &id);
    assert_same(&before, &Identity::capture(&host, "tpm", &[]));
    guest.run_once();
}

#[test]
fn tpm_state_in_a_place_of_its_own() {
    let host = PrivateHost::start();
    let folder = format!("{}/tpm-folder", host.images);
    let file = format!("{}/tpm-state", host.images);
    for (name, kind, path) in [("tpmdir", "dir", &folder), ("tpmfile", "file", &file)] {
        let guest = builder(name)
            .device_xml(&format!(
                "<tpm model='tpm-tis'><backend type='emulator' version='2.0'>\
                 <source type='{kind}' path='{path}'/></backend></tpm>"
            ))
            .define(&host);
        guest.run_once();
        assert!(host.exists(path), "{name} has no state");
        is_a_step(&host, name, "quarantine-tpm", path);
        let before = Identity::capture(&host, name, &[path]);
        let id = undefined(&host, name, &ALL);
        assert!(!host.exists(path), "{name}");
        rollback(&host, &id);
        assert_same(&before, &Identity::capture(&host, name, &[path]));
        let kept = Identity::of_files(&host, &[path]);
        let flags = ["--keep-tpm", "--remove-all-storage", "--yes"];
        let id = undefined(&host, name, &flags);
        assert_same(&kept, &Identity::of_files(&host, &[path]));
        rollback(&host, &id);
        assert_same(&before, &Identity::capture(&host, name, &[path]));
        guest.run_once();
    }
}

#[test]
fn autostart_always_and_once() {
    let host = PrivateHost::start();
    for (name, words) in [
        ("always", vec![vec!["autostart", "always"]]),
        ("once", vec![vec!["autostart", "once", "--once"]]),
        (
            "both",
            vec![
                vec!["autostart", "both"],
                vec!["autostart", "both", "--once"],
            ],
        ),
    ] {
        builder(name).define(&host);
        for call in words {
            host.virsh(&call);
        }
        comes_back(&host, name, &["--remove-all-storage", "--yes"]);
    }
}

#[test]
fn words_metadata_and_passwords() {
    let host = PrivateHost::start();
    builder("words")
        .described()
        .device_xml(
            "<graphics type='vnc' port='-1' passwd='geh&lt;im' \
             passwdValidTo='2031-04-09T15:51:00'/>",
        )
        .define(&host);
    let before = Identity::capture(&host, "words", &[]);
    let xml = before.fact("domain: XML").unwrap();
    for secret in ["geh&lt;im", "2031", "warehouse", "ä"] {
        assert!(xml.contains(secret), "{secret}\n{xml}");
    }
    comes_back(&host, "words", &["--remove-all-storage", "--yes"]);
    // The journal keeps the secrets to itself.
    let shown = host.retire(&["show", "1"]).expect(0);
    let told = host.retire(&["show", "1", "--security-info"]).expect(0);
    assert!(!shown.stdout.contains("geh&lt;im"));
    assert!(told.stdout.contains("geh&lt;im"));
}

/// Each flag of virsh covers its own thing and nothing else.
#[test]
fn a_guest_with_all_of_it_is_refused_for_each_by_name() {
    let host = PrivateHost::start();
    let guest = builder("laden").efi().define(&host);
    guest.snapshot_disk_only("snap");
    guest.checkpoints(&["check"]);
    guest.managed_save();
    let covers = [
        ("--managed-save", "managed-save-exists"),
        ("--snapshots-metadata", "snapshots-exist"),
        ("--checkpoints-metadata", "checkpoints-exist"),
        ("--nvram", "nvram-undecided"),
    ];
    let codes = |flags: &[&str]| -> Vec<String> {
        let plan = [&["plan", "laden", "--remove-all-storage"], flags].concat();
        let plan = host.retire_json(&plan).json();
        let refusals = plan["plans"][0]["refusals"].as_array().unwrap().clone();
        let code = |refusal: &serde_json::Value| refusal["code"].as_str().unwrap().to_owned();
        refusals.iter().map(code).collect()
    };
    assert_eq!(codes(&[]).len(), 4);
    for (flag, code) in covers {
        let left = codes(&[flag]);
        assert_eq!(left.len(), 3, "{flag}: {left:?}");
        assert!(!left.contains(&code.to_owned()), "{flag}: {left:?}");
    }
    assert_eq!(codes(&["--all"]), [""; 0]);
    assert_eq!(codes(&["--all", "--keep-nvram", "--keep-tpm"]), [""; 0]);
}
