//! The identity check must notice. If it misses a kind of difference, a rollback that loses an ACL,
//! a password or a hole passes every test, and the operator finds out when the guest no longer
//! starts.
//!
//! Each test makes one difference of each kind, and sees it named; then undoes it and sees it gone.

use crate::support::{Disk, GuestBuilder, Identity, PrivateHost};

/// What differs after `change`, which `undo` takes back. `names` are the facts' names or their
/// beginnings: each must be among the differences, and none else.
#[track_caller]
fn notices(
    host: &PrivateHost,
    take: &dyn Fn() -> Identity,
    change: &str,
    undo: &str,
    names: &[&str],
) {
    let before = take();
    host.shell(change);
    let differences = before.differences(&take());
    for name in names {
        let named = differences
            .iter()
            .any(|difference| difference.starts_with(name));
        assert!(named, "{change}\n{name:?} is not named: {differences:#?}");
    }
    let known = |difference: &&String| {
        is_layout(difference) || names.iter().any(|name| difference.starts_with(name))
    };
    let others: Vec<&String> = differences.iter().filter(|it| !known(it)).collect();
    assert!(
        others.is_empty(),
        "{change}\nnamed beside {names:?}: {others:#?}"
    );
    host.shell(undo);
    let mut left = before.differences(&take());
    left.retain(|difference| !is_layout(difference));
    assert!(left.is_empty(), "{undo}\nleaves: {left:#?}");
}

/// ext4 takes a block for attributes that don't fit in the inode, and one for a file in more than
/// four pieces, which it keeps when they become fewer. In how many pieces it had room for a file is
/// the disk's affair.
fn is_layout(difference: &str) -> bool {
    difference.contains(": allocated:")
}

#[test]
fn each_fact_of_a_file_is_noticed() {
    let host = PrivateHost::start();
    let base = format!("{}/base.raw", host.pool);
    GuestBuilder::new("web1")
        .disk(Disk::pool("base.raw"))
        .disk(Disk::pool("overlay.qcow2").on_base(&base, "raw"))
        .disk(Disk::unmanaged("b.raw"))
        .define(&host);
    // The base is the overlay's alone from here on: only the chain leads to it.
    host.virsh(&["detach-disk", "web1", "vda", "--config"]);
    let image = format!("{}/b.raw", host.images);
    let (extra, away) = (
        format!("{}/extra", host.images),
        format!("{}/away", host.images),
    );
    host.shell(&format!(
        "mkdir {extra}; ln -s b.raw {extra}/link; ln {image} {extra}/hard"
    ));
    let take = || Identity::capture(&host, "web1", &[&extra]);

    // b.raw has a second name, under which the same difference shows.
    let check = |change: &str, undo: &str, facts: &[&str]| {
        let names: Vec<String> = facts
            .iter()
            .flat_map(|fact| {
                [
                    format!("file {image}: {fact}"),
                    format!("file {extra}/hard: {fact}"),
                ]
            })
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let fill = |script: &str| script.replace('@', &image);
        notices(&host, &take, &fill(change), &fill(undo), &names);
    };
    // Puts the modification time back, so that a change of content is nothing but that.
    let mtime = "touch -m -d 2001-04-19T04:25:21.987654321Z @";
    check("chmod 600 @", "chmod 640 @", &["mode"]);
    check("chown 1 @", "chown 1207 @", &["owner"]);
    check("chgrp 1 @", "chgrp 1208 @", &["group"]);
    check(
        "touch -m -d 2001-04-19T04:25:21.987654322Z @",
        mtime,
        &["mtime"],
    );
    for name in ["user.a", "trusted.a", "security.a"] {
        check(
            &format!("setfattr -n {name} -v 1 @"),
            &format!("setfattr -x {name} @"),
            &["xattrs"],
        );
    }
    // The mode's group bits become the ACL's mask, which is wider here.
    check(
        "setfacl -m u:7:rw @",
        "setfacl -b @; chmod 640 @",
        &["xattrs", "mode"],
    );
    check("chattr +A @", "chattr -A @", &["flags"]);
    let poke = format!(
        "dd if=@ of={away} bs=1 skip=9000 count=1 status=none
        printf '\\x00\\x00' | dd of=@ bs=1 seek=9000 count=1 conv=notrunc status=none; {mtime}"
    );
    let fix =
        format!("dd if={away} of=@ bs=1 seek=9000 conv=notrunc status=none; rm {away}; {mtime}");
    check(&poke, &fix, &["bytes"]);
    // Zeros where nothing was written: the same bytes, one hole less.
    let zeros = "dd if=/dev/zero of=@ bs=4k count=1 seek=512 conv=notrunc status=none";
    let punch = "fallocate --punch-hole --offset 2097152 --length 4096 @";
    check(
        &format!("{zeros}; {mtime}"),
        &format!("{punch}; {mtime}"),
        &["holes", "allocated"],
    );
    check(
        &format!("truncate -s +4k @; {mtime}"),
        &format!("truncate -s -4k @; {mtime}"),
        &["size", "bytes"],
    );
    check(
        &format!("ln @ {away}"),
        &format!("rm {away}"),
        &["link count"],
    );

    let atime = host.shell(&format!("stat -c %.9X {image}"));
    notices(
        &host,
        &take,
        &format!("touch -a -d 2001-04-19Z {image}"),
        &format!("touch -a -d @{} {image}", atime.trim()),
        &[
            &format!("file {image}: atime"),
            &format!("file {extra}/hard: atime"),
        ],
    );
    // A copy in place of the link, as a careless restore leaves it.
    notices(
        &host,
        &take,
        &format!("cp --archive {image} {away}; mv {away} {image}"),
        &format!("ln --force {extra}/hard {image}"),
        &[
            &format!("file {image}: inode"),
            &format!("file {image}: link count"),
            &format!("file {image}: hard links"),
            &format!("file {extra}/hard: link count"),
            &format!("file {extra}/hard: hard links"),
        ],
    );
    notices(
        &host,
        &take,
        &format!("mv {extra}/link {away}; ln -s /dev/null {extra}/link"),
        &format!("mv {away} {extra}/link"),
        &[&format!("file {extra}/link: ")],
    );
    notices(
        &host,
        &take,
        &format!("touch {extra}/new"),
        &format!("rm {extra}/new"),
        &[&format!("file {extra}/new: ")],
    );
    notices(
        &host,
        &take,
        &format!("chmod 700 {extra}"),
        &format!("chmod 755 {extra}"),
        &[&format!("file {extra}: mode")],
    );
    notices(
        &host,
        &take,
        &format!("chmod 600 {base}"),
        &format!("chmod 640 {base}"),
        &[&format!("file {base}: mode")],
    );
    notices(
        &host,
        &take,
        &format!("mv {image} {away}"),
        &format!("mv {away} {image}"),
        &[
            &format!("file {image}: "),
            &format!("file {extra}/hard: hard links"),
        ],
    );
}

#[test]
fn each_fact_that_libvirt_keeps_is_noticed() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("web1")
        .disk(Disk::pool("web1.qcow2"))
        .efi()
        .tpm()
        .vnc_password("geheim")
        .define(&host);
    guest.checkpoints(&["check1", "check2"]);
    let save = guest.managed_save();
    let nvram = "/var/lib/libvirt/qemu/nvram/web1_VARS.fd";
    let tpm = format!("/var/lib/libvirt/swtpm/{}/tpm2/tpm2-00.permall", guest.uuid);
    guest.dress(&[nvram, &tpm, &save]);
    // On the mount of libvirt's own files, so that mv keeps the inode.
    let folder = "/var/lib/libvirt/boot";
    let dump = format!("virsh dumpxml web1 --inactive --security-info >{folder}/web1.xml");
    let take = || Identity::capture(&host, "web1", &[]);
    let check =
        |change: &str, undo: &str, names: &[&str]| notices(&host, &take, change, undo, names);

    let define = format!("virsh define {folder}/web1.xml");
    check(
        &format!("{dump}; virsh desc web1 --config --title other"),
        &define,
        &["domain: XML"],
    );
    let password = format!(
        "{dump}; sed s/geheim/offen/ {folder}/web1.xml >{folder}/2.xml; virsh define {folder}/2.xml"
    );
    check(&password, &define, &["domain: XML"]);
    check(
        "virsh autostart web1",
        "virsh autostart web1 --disable",
        &["domain: Autostart:"],
    );
    check(
        "virsh autostart web1 --once",
        "virsh autostart web1 --once --disable",
        &["domain: Autostart Once:"],
    );
    check(
        &format!(
            "virsh checkpoint-dumpxml web1 check2 --security-info >{folder}/check2.xml
            virsh checkpoint-delete web1 check2 --metadata"
        ),
        &format!("virsh checkpoint-create web1 {folder}/check2.xml --redefine"),
        &[
            "checkpoint check2: XML",
            "checkpoint check2: parent",
            "checkpoints: current",
        ],
    );
    check(
        &format!("mv {save} {folder}/save"),
        &format!("mv {folder}/save {save}"),
        &[&format!("file {save}: ")],
    );
    for path in [nvram, &tpm] {
        check(
            &format!(
                "mv {path} {folder}/kept; cp --archive {folder}/kept {path}; printf x >>{path}"
            ),
            &format!("mv {folder}/kept {path}"),
            &[&format!("file {path}: ")],
        );
    }
    check(
        "virsh vol-create-as default new 1M",
        "virsh vol-delete new default",
        &["pool default: volumes"],
    );
    let before = take();
    host.shell("virsh undefine web1 --keep-nvram --keep-tpm --managed-save --checkpoints-metadata");
    assert!(
        before.differences(&take()).len() > 50,
        "a domain that is gone differs in all"
    );
}

#[test]
fn each_fact_of_a_snapshot_tree_is_noticed() {
    let host = PrivateHost::start();
    let guest = GuestBuilder::new("tree")
        .disk(Disk::pool("tree.qcow2"))
        .define(&host);
    guest.snapshot_internal("root");
    guest.snapshot_internal("left");
    host.virsh(&["snapshot-revert", "tree", "root"]);
    guest.snapshot_internal("right");
    let take = || Identity::capture(&host, "tree", &[]);
    let xml = host.folder.join("left.xml").display().to_string();
    host.shell(&format!(
        "virsh snapshot-dumpxml tree left --security-info >{xml}"
    ));
    let redefine = format!("virsh snapshot-create tree {xml} --redefine");
    notices(
        &host,
        &take,
        "virsh snapshot-current tree left",
        "virsh snapshot-current tree right",
        &["snapshots: current"],
    );
    notices(
        &host,
        &take,
        "virsh snapshot-delete tree left --metadata",
        &redefine,
        &["snapshot left: "],
    );
    notices(
        &host,
        &take,
        &format!(
            "sed 's|<name>root</name>|<name>right</name>|' {xml} >{xml}.2; virsh snapshot-create \
             tree {xml}.2 --redefine"
        ),
        &redefine,
        &["snapshot left: XML", "snapshot left: parent"],
    );
}
