//! If one of these fails, a file comes back as a copy would: full where it had holes, alone where
//! it shared its blocks or its inode, readable by somebody else, changed today. The guest boots,
//! and the operator finds out in the next backup, the next audit, or on a full disk.

use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::LazyLock;

use crate::support::{Disk, Filesystem, GuestBuilder, Identity, PrivateHost, assert_same};

const REMOVE: &[&str] = &["--remove-all-storage"];

/// One host for all of these, with an XFS and an ext4 of its own.
struct Ground {
    host: PrivateHost,
    xfs: Filesystem,
    ext4: Filesystem,
}

static GROUND: LazyLock<Ground> = LazyLock::new(|| {
    let host = PrivateHost::start();
    let xfs = host.filesystem("xfs");
    let ext4 = host.filesystem("ext4");
    Ground { host, xfs, ext4 }
});

impl Ground {
    /// A raw file with holes, in a folder of its own; `how` is a script that finishes it, with `$f`
    /// for the file.
    fn file(&self, at: &str, how: &str) -> String {
        let folder = at.rsplit_once('/').unwrap().0;
        self.host.shell(&format!(
            "mkdir -p {folder}; f={at}; truncate -s 4M $f
            printf head | dd of=$f conv=notrunc status=none
            printf middle | dd of=$f bs=1M seek=2 conv=notrunc status=none
            {how}"
        ));
        at.to_owned()
    }

    fn guest(&self, name: &str, disks: &[&str]) {
        let mut guest = GuestBuilder::new(name);
        for path in disks {
            guest = guest.disk(Disk::unmanaged(path).existing());
        }
        guest.define(&self.host);
    }

    /// Retires it, sees `goes` gone, rolls back, and sees everything as it was. `look` is called in
    /// between.
    #[track_caller]
    fn there_and_back(&self, name: &str, flags: &[&str], goes: &[&str], look: impl FnOnce()) {
        let before = Identity::capture(&self.host, name, goes);
        // Its neighbours hold the journal in turn.
        let undefine = [&["undefine", name, "--yes", "--wait", "600"], flags].concat();
        let done = self.host.retire_json(&undefine).expect(0).json();
        for path in goes {
            assert!(!self.host.exists(path), "{path} was left behind");
        }
        look();
        let id = done["transactions"][0]["id"].to_string();
        let rollback = ["rollback", &id, "--yes", "--wait", "600"];
        self.host.retire(&rollback).expect(0);
        assert_same(&before, &Identity::capture(&self.host, name, goes));
    }

    #[track_caller]
    fn plain(&self, name: &str, path: &str) {
        self.guest(name, &[path]);
        self.there_and_back(name, REMOVE, &[path], || ());
    }
}

#[test]
fn holes_and_preallocated_room() {
    for medium in [&GROUND.xfs, &GROUND.ext4] {
        let file = GROUND.file(&medium.path("holes/disk"), "fallocate -o 3M -l 512K $f");
        GROUND.plain(&format!("holes-{}", medium.kind), &file);
    }
}

/// Blocks that two files share are still shared after the way there and back.
#[test]
fn shared_blocks() {
    let file = GROUND.file(
        &GROUND.xfs.path("reflink/disk"),
        "dd if=/dev/urandom of=$f bs=64k count=4 conv=notrunc status=none; cp --reflink=always $f \
         $f.twin; sync $f",
    );
    let extents = |path: &str| {
        GROUND
            .host
            .shell(&format!("filefrag -e {path} | grep shared"))
    };
    let before = extents(&file);
    GROUND.guest("reflink", &[&file]);
    GROUND.there_and_back("reflink", REMOVE, &[&file], || ());
    assert_eq!(extents(&file), before);
}

#[test]
fn a_second_name_that_nobody_uses_stays_a_name_of_the_same_file() {
    let file = GROUND.file(&GROUND.ext4.path("hard/disk"), "ln $f $f.second");
    let second = format!("{file}.second");
    let inode = || std::fs::metadata(GROUND.host.path(&second)).unwrap().ino();
    let before = (inode(), Identity::of_files(&GROUND.host, &[&file, &second]));
    GROUND.guest("hard", &[&file]);
    GROUND.there_and_back("hard", REMOVE, &[&file], || {
        assert_eq!(
            inode(),
            before.0,
            "the other name has the same file all along"
        );
    });
    assert_same(
        &before.1,
        &Identity::of_files(&GROUND.host, &[&file, &second]),
    );
}

#[test]
fn two_disks_that_are_one_file() {
    let file = GROUND.file(&GROUND.xfs.path("twins/one"), "ln $f ${f%one}two");
    let other = file.replace("one", "two");
    GROUND.guest("twins", &[&file, &other]);
    GROUND.there_and_back("twins", REMOVE, &[&file, &other], || ());
}

#[test]
fn a_symlink_and_its_target_are_two_things() {
    let host = &GROUND.host;
    let folder = GROUND.ext4.path("links");
    let file = GROUND.file(&format!("{folder}/store/disk"), "");
    let (one, two) = (format!("{folder}/one"), format!("{folder}/two"));
    symlink("two", host.path(&one)).unwrap();
    symlink(&file, host.path(&two)).unwrap();
    host.shell(&format!(
        "chown -h 1207:1208 {one}; touch -h -d @987654321.5 {two}"
    ));
    let links = Identity::of_files(host, &[&one, &two]);
    assert_eq!(links.fact(&format!("file {one}: target")), Some("two"));
    GROUND.guest("links", &[&one]);
    GROUND.there_and_back("links", REMOVE, &[&one, &two, &file], || ());
    assert_same(&links, &Identity::of_files(host, &[&one, &two]));
}

#[test]
fn a_folder_that_is_a_symlink_is_no_part_of_the_domain() {
    let host = &GROUND.host;
    let folder = GROUND.ext4.path("way");
    let file = GROUND.file(&format!("{folder}/real/disk"), "");
    let way = format!("{folder}/by");
    symlink("real", host.path(&way)).unwrap();
    GROUND.guest("way", &[&format!("{way}/disk")]);
    GROUND.there_and_back("way", REMOVE, &[&file], || {
        assert!(host.exists(&way));
    });
}

#[test]
fn access_control_lists() {
    for medium in [&GROUND.xfs, &GROUND.ext4] {
        // system.posix_acl_access: version 2; user:: rw, user:1207 r, group:: none, mask r, other
        // none.
        let acl = "0x0200000001000600ffffffff02000400b704000004000000ffffffff10000400ffffffff20000000ffffffff";
        let file = GROUND.file(
            &medium.path("acl/disk"),
            &format!(
                "setfattr -n system.posix_acl_access -v {acl} $f; setfattr -n \
                      system.posix_acl_default -v {acl} ${{f%/disk}}"
            ),
        );
        GROUND.plain(&format!("acl-{}", medium.kind), &file);
    }
}

/// Those of every namespace, and one of 3000 bytes.
#[test]
fn extended_attributes() {
    for medium in [&GROUND.xfs, &GROUND.ext4] {
        let file = GROUND.file(
            &medium.path("xattr/disk"),
            "setfattr -n user.note -v 'two words' $f
            setfattr -n user.empty $f
            setfattr -n user.long -v $(head -c 3000 /dev/zero | tr '\\0' x) $f
            setfattr -n trusted.backup -v 0x00ff00 $f
            setfattr -n security.selinux -v system_u:object_r:svirt_image_t:s0 $f
            setfattr -n security.own -v kept $f",
        );
        let facts = Identity::of_files(&GROUND.host, &[&file]);
        let xattrs = facts.fact(&format!("file {file}: xattrs")).unwrap();
        for name in ["trusted.backup", "security.selinux", "user.empty"] {
            assert!(xattrs.contains(name), "{xattrs}");
        }
        GROUND.plain(&format!("xattr-{}", medium.kind), &file);
    }
}

#[test]
fn owner_mode_and_times() {
    for medium in [&GROUND.xfs, &GROUND.ext4] {
        let file = GROUND.file(
            &medium.path("owner/disk"),
            "chown 1207:1208 $f; chmod 7604 $f
            touch -a -d 2037-01-01T00:00:00.123456789Z $f; touch -m -d 2001-09-09T01:46:40.987654321Z $f",
        );
        GROUND.plain(&format!("owner-{}", medium.kind), &file);
    }
}

/// `chattr +i` and `+a` forbid a rename. They are lifted for as long as it takes, and hold in
/// quarantine.
#[test]
fn immutable_and_append_only() {
    for medium in [&GROUND.xfs, &GROUND.ext4] {
        for bit in ["i", "a"] {
            let name = format!("chattr-{bit}-{}", medium.kind);
            let file = GROUND.file(
                &medium.path(&format!("{name}/disk")),
                &format!("chattr +{bit}d $f"),
            );
            GROUND.plain(&name, &file);
            GROUND.host.shell(&format!(
                "lsattr {file} | grep -q '^[^ ]*{bit}'; chattr -{bit} {file}"
            ));
        }
    }
}

/// A folder shown to the guest as a FAT disk. libvirt takes it read-only, so it goes only when it
/// is named.
#[test]
fn a_folder_as_a_disk() {
    let host = &GROUND.host;
    let folder = GROUND.xfs.path("fat");
    host.shell(&format!(
        "mkdir -p {folder}/below; echo one >{folder}/one; echo two >{folder}/below/two
        ln {folder}/one {folder}/below/same; ln -s one {folder}/link
        chmod 750 {folder}; chown 1207:1208 {folder}; setfattr -n user.note -v kept {folder}"
    ));
    GuestBuilder::new("folder")
        .device_xml(&format!(
            "<disk type='dir' device='disk'><driver name='qemu' type='fat'/><source \
             dir='{folder}'/>\
             <target dev='vda' bus='virtio'/><readonly/></disk>"
        ))
        .define(host);
    let general = host
        .retire_json(&["plan", "folder", "--remove-all-storage"])
        .expect(0)
        .json();
    assert_eq!(general["plans"][0]["disks"][0]["fate"], "keep");
    GROUND.there_and_back("folder", &["--storage", "vda"], &[&folder], || ());
    host.virsh(&["start", "folder"]);
    host.virsh(&["destroy", "folder"]);
}

/// A backup program has opened it, an administrator has looked inside: it is still the domain's,
/// and comes back.
#[test]
fn a_file_that_was_touched_in_quarantine_comes_back_as_it_is() {
    let host = &GROUND.host;
    let file = GROUND.file(&GROUND.xfs.path("touched/disk"), "");
    GROUND.guest("touched", &[&file]);
    let before = Identity::capture(host, "touched", &[&file]);
    let done = host
        .retire_json(&["undefine", "touched", "--remove-all-storage", "--yes"])
        .expect(0)
        .json();
    let id = done["transactions"][0]["id"].to_string();
    let shown = host.retire_json(&["show", &id]).expect(0).json();
    let stored = shown["quarantine"][0]["stored"].as_str().unwrap();
    host.shell(&format!("printf more >>{stored}"));
    host.retire(&["rollback", &id, "--yes"]).expect(0);
    let after = Identity::capture(host, "touched", &[&file]);
    let written = ["bytes", "size", "mtime", "allocated", "holes"];
    assert_same(&before.ignoring(&written), &after.ignoring(&written));
    let size = std::fs::metadata(host.path(&file)).unwrap().len();
    assert_eq!(size, (4 << 20) + 4);
}
