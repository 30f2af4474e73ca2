//! A guest is retired, and with it goes what stands on its disk where nobody looked: in a pool that
//! is not started, below a pool's folder, behind a name that only QEMU understands. One test for
//! each place: the plan is refused, says who, and goes through once that use has ended.

use super::support::{Disk, Guest, GuestBuilder, PrivateHost};

use std::sync::{LazyLock, Mutex, MutexGuard};

static HOST: LazyLock<Mutex<PrivateHost>> = LazyLock::new(|| Mutex::new(PrivateHost::start()));

/// One host for all: its tests take turns, because each looks at every folder of the host.
fn host() -> MutexGuard<'static, PrivateHost> {
    HOST.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A guest whose one disk others are going to stand on.
fn golden<'h>(host: &'h PrivateHost, name: &str) -> Guest<'h> {
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(&format!("{name}.qcow2")))
        .define(host)
}

fn plan(host: &PrivateHost, guest: &Guest, more: &[&str]) -> (i32, serde_json::Value) {
    let mut words = vec!["plan", &guest.name, "--remove-all-storage"];
    words.extend(more);
    let outcome = host.retire_json(&words);
    let plan = outcome.json()["plans"][0].clone();
    (outcome.code, plan)
}

/// Whoever is called `name` uses the guest's disk, and no flag takes it.
#[track_caller]
fn in_use(host: &PrivateHost, guest: &Guest, name: &str) {
    let (code, plan) = plan(host, guest, &["--accept-unseen"]);
    assert_eq!(code, 3, "{plan:#}");
    assert_eq!(plan["refusals"][0]["code"], "in-use", "{plan:#}");
    let users = plan["disks"][0]["used_by"].as_array().unwrap();
    let named = |user: &serde_json::Value| user["name"].as_str().unwrap().contains(name);
    assert!(users.iter().any(named), "no '{name}' in {users:#?}");
    host.retire(&[
        "undefine",
        &guest.name,
        "--remove-all-storage",
        "--accept-unseen",
        "--yes",
    ])
    .expect(3);
    assert!(host.exists(guest.path("vda")));
    assert!(host.domains().contains(&guest.name));
}

/// Nobody can tell who uses the disk, because of `what`; the operator may accept that.
#[track_caller]
fn unseen(host: &PrivateHost, guest: &Guest, what: &str) {
    let (code, refused) = plan(host, guest, &[]);
    assert_eq!(code, 3, "{refused:#}");
    assert_eq!(
        refused["refusals"][0]["code"], "unseen-users",
        "{refused:#}"
    );
    let message = refused["refusals"][0]["message"].as_str().unwrap();
    assert!(message.contains(what), "{message}");
    assert_eq!(plan(host, guest, &["--accept-unseen"]).0, 0);
}

/// The use has ended: what refused it before was that use alone.
#[track_caller]
fn free(host: &PrivateHost, guest: &Guest) {
    let (code, plan) = plan(host, guest, &[]);
    assert_eq!(code, 0, "{plan:#}");
}

fn overlay(host: &PrivateHost, path: &str, backing: &str, format: &str) {
    host.shell(&format!(
        "mkdir -p $(dirname '{path}'); qemu-img create -q -f qcow2 -b \"{backing}\" -F {format} \
         '{path}'"
    ));
}

fn domain(name: &str, devices: &str, more: &str) -> String {
    format!(
        "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\
         <name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu><os>\
         <type arch='x86_64' machine='pc'>hvm</type></os><devices>{devices}\
         <controller type='usb' model='none'/><memballoon model='none'/></devices>{more}</domain>"
    )
}

fn define(host: &PrivateHost, name: &str, devices: &str, more: &str) {
    host.virsh(&["define", &host.scratch(&domain(name, devices, more))]);
}

fn disk(kind: &str, source: &str, format: &str) -> String {
    format!(
        "<disk type='{kind}'><driver name='qemu' type='{format}'/>{source}\
         <target dev='vda' bus='virtio'/></disk>"
    )
}

fn stop_pool(host: &PrivateHost, name: &str) {
    host.virsh(&["pool-destroy", name]);
}

#[test]
fn an_overlay_in_a_pool_that_is_not_started() {
    let host = host();
    let guest = golden(&host, "stopped");
    let folder = "/var/lib/libvirt/second";
    overlay(
        &host,
        &format!("{folder}/kid.qcow2"),
        guest.path("vda"),
        "qcow2",
    );
    host.start_pool("second", folder);
    stop_pool(&host, "second");
    in_use(&host, &guest, "second/kid.qcow2");

    // The same by a guest that names the volume.
    let volume = disk(
        "volume",
        "<source pool='second' volume='kid.qcow2'/>",
        "qcow2",
    );
    define(&host, "stopped-kid", &volume, "");
    in_use(&host, &guest, "stopped-kid");

    // A pool that libvirt does not know any more cannot tell where its volume is.
    host.virsh(&["pool-undefine", "second"]);
    host.shell(&format!("mv {folder} {folder}-elsewhere"));
    unseen(&host, &guest, "no pool second");
    host.virsh(&["undefine", "stopped-kid"]);
    free(&host, &guest);
    host.shell(&format!("rm -r {folder}-elsewhere"));
}

#[test]
fn a_pool_whose_folder_is_not_there() {
    let host = host();
    let guest = golden(&host, "absent");
    host.virsh(&[
        "pool-define-as",
        "absent",
        "dir",
        "--target",
        "/var/lib/libvirt/no-such",
    ]);
    unseen(&host, &guest, "pool absent");
    host.virsh(&["pool-undefine", "absent"]);
    let target = "/var/lib/libvirt/unmounted";
    host.shell(&format!("mkdir {target}"));
    let source = ["--source-host", "nas", "--source-path", "/export"];
    let mut words = vec!["pool-define-as", "nas", "netfs", "--target", target];
    words.extend(source);
    host.virsh(&words);
    unseen(&host, &guest, "pool nas");
    // What lies at a place where nothing is mounted is not the pool's.
    host.shell(&format!("touch {target}/NOT_MOUNTED"));
    unseen(&host, &guest, "pool nas");
    // Mounted by somebody else, everything is there to be seen.
    host.shell(&format!("mount -t tmpfs none {target}"));
    free(&host, &guest);
    overlay(
        &host,
        &format!("{target}/kid.qcow2"),
        guest.path("vda"),
        "qcow2",
    );
    in_use(&host, &guest, "unmounted/kid.qcow2");
    host.shell(&format!("umount {target}"));
    host.virsh(&["pool-undefine", "nas"]);
    host.shell(&format!("rm -r {target}"));
    free(&host, &guest);
}

#[test]
fn a_stopped_pools_volume_is_still_managed() {
    let host = host();
    let folder = "/var/lib/libvirt/third";
    host.shell(&format!("mkdir {folder}"));
    host.start_pool("third", folder);
    let path = format!("{folder}/managed.qcow2");
    let by_path = GuestBuilder::new("managed")
        .disk(Disk::unmanaged(&path))
        .define(&host);
    stop_pool(&host, "third");
    let fate = |flag: &str| {
        let outcome = host.retire_json(&["plan", "managed", flag]);
        let disk = outcome.expect(0).json()["plans"][0]["disks"][0].clone();
        assert_eq!(
            (&disk["pool"], &disk["volume"]),
            (&"third".into(), &"managed.qcow2".into())
        );
        disk["fate"].as_str().unwrap().to_owned()
    };
    assert_eq!(fate("--remove-unmanaged-storage"), "keep");
    assert_eq!(fate("--remove-managed-storage"), "quarantine");
    // The same where the domain names pool and volume, which libvirt would not resolve now.
    let volume = disk(
        "volume",
        "<source pool='third' volume='managed.qcow2'/>",
        "qcow2",
    );
    host.virsh(&["undefine", "managed"]);
    define(&host, "managed", &volume, "");
    assert_eq!(fate("--remove-unmanaged-storage"), "keep");
    host.retire(&["undefine", "managed", "--remove-managed-storage", "--yes"])
        .expect(0);
    assert!(!host.exists(by_path.path("vda")));
    host.retire(&["rollback", "last", "--yes"]).expect(0);
    assert!(host.exists(by_path.path("vda")));
    host.virsh(&["pool-start", "third"]);
    host.virsh(&["start", "managed"]);
    host.virsh(&["destroy", "managed"]);
}

#[test]
fn an_overlay_below_a_folder() {
    let host = host();
    let guest = golden(&host, "below");
    for overlay_at in [
        format!("{}/a/b/deep.qcow2", host.pool),
        format!("{}/beside/c/deep.qcow2", host.images),
    ] {
        overlay(&host, &overlay_at, guest.path("vda"), "qcow2");
        in_use(&host, &guest, &overlay_at);
        host.shell(&format!("rm {overlay_at}"));
    }
    // libvirt lists a folder behind a symlink too.
    let out = "/var/lib/libvirt/outside";
    overlay(&host, &format!("{out}/o.qcow2"), guest.path("vda"), "qcow2");
    host.shell(&format!("ln -s {out} {}/link", host.pool));
    in_use(&host, &guest, "o.qcow2");
    host.shell(&format!("rm -r {out} {}/link", host.pool));
    // Where another guest's disk lies.
    let other =
        GuestBuilder::new("below-other").disk(Disk::unmanaged("/var/lib/libvirt/other/o.raw"));
    host.shell("mkdir -p /var/lib/libvirt/other");
    other.define(&host);
    overlay(
        &host,
        "/var/lib/libvirt/other/ov.qcow2",
        guest.path("vda"),
        "qcow2",
    );
    in_use(&host, &guest, "other/ov.qcow2");
    host.shell("rm /var/lib/libvirt/other/ov.qcow2");
    free(&host, &guest);
}

#[test]
fn what_is_in_quarantine_uses_nothing() {
    let host = host();
    let guest = golden(&host, "base-of-gone");
    GuestBuilder::new("gone")
        .disk(Disk::unmanaged("gone.qcow2").on_base(guest.path("vda"), "qcow2"))
        .define(&host);
    in_use(&host, &guest, "gone");
    host.retire(&["undefine", "gone", "--remove-all-storage", "--yes"])
        .expect(0);
    free(&host, &guest);
}

#[test]
fn names_that_qemu_understands() {
    let host = host();
    let guest = golden(&host, "named");
    let path = guest.path("vda").to_owned();
    let at = format!("{}/ov.qcow2", host.images);
    for backing in [
        format!("json:{{'driver':'qcow2','file':{{'driver':'file','filename':'{path}'}}}}"),
        format!("json:{{'driver':'qcow2','file.driver':'file','file.filename':'{path}'}}"),
        format!("json:{{'file':{{'filename':'{path}'}},'driver':'qcow2'}}"),
        format!("blkdebug::{path}"),
        format!("blkdebug::file:{path}"),
        format!(
            "json:{{'driver':'qcow2','file':{{'driver':'blkdebug','image':{{'driver':'file','filename':'{path}'}}}}}}"
        ),
        format!("blkverify:{path}:{path}"),
        format!("file:{path}"),
        format!(
            "json:{{'driver':'luks','file':{{'driver':'null-co'}},'header':{{'driver':'file','filename':'{path}'}}}}"
        ),
        format!(
            "json:{{'driver':'null-co','of-a-driver-to-come':{{'driver':'file','filename':'{path}'}}}}"
        ),
        format!(
            "json:{{'driver':'quorum','vote-threshold':1,'children':[{{'driver':'qcow2','file.driver':'file','file.filename':'{path}'}}]}}"
        ),
        format!(
            "json:{{'driver':'copy-on-read','file':{{'driver':'qcow2','file':{{'driver':'file','filename':'{path}'}}}}}}"
        ),
    ] {
        host.shell(&format!(
            "qemu-img create -q -f qcow2 -u -b \"{backing}\" -F qcow2 {at} 8M"
        ));
        in_use(&host, &guest, "ov.qcow2");
    }
    for backing in [
        "unheard-of:x",
        "json:{'driver':'unheard-of'}",
        "file:relative",
        "json:{x",
    ] {
        host.shell(&format!(
            "qemu-img create -q -f qcow2 -u -b \"{backing}\" -F qcow2 {at} 8M"
        ));
        unseen(&host, &guest, "ov.qcow2");
    }
    host.shell(&format!("rm {at}"));
    free(&host, &guest);
}

#[test]
fn a_folder_that_is_shown_as_a_disk() {
    let host = host();
    host.shell("mkdir -p /var/lib/libvirt/fat");
    let guest = GuestBuilder::new("in-fat")
        .disk(Disk::unmanaged("/var/lib/libvirt/fat/in-fat.qcow2"))
        .define(&host);
    let source = "<source dir='/var/lib/libvirt/fat'/>";
    let dir = disk("dir", source, "fat").replace("</disk>", "<readonly/></disk>");
    define(&host, "fat-user", &dir, "");
    in_use(&host, &guest, "fat-user");
    host.virsh(&["undefine", "fat-user"]);
    let argument = "<qemu:commandline><qemu:arg value='-drive'/>\
        <qemu:arg value='file=fat:/var/lib/libvirt/fat,if=none,id=x'/></qemu:commandline>";
    define(&host, "fat-user", "", argument);
    in_use(&host, &guest, "fat-user");
    host.virsh(&["undefine", "fat-user"]);
    free(&host, &guest);
}

#[test]
fn the_parts_of_a_vmdk() {
    let host = host();
    let folder = "/var/lib/libvirt/vmware";
    host.shell(&format!(
        "mkdir -p {folder}; cd {folder}
         qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 8M
         qemu-img create -q -f vmdk -o subformat=twoGbMaxExtentFlat two.vmdk 8M
         qemu-img create -q -f vmdk parent.vmdk 8M
         qemu-img create -q -f vmdk -b parent.vmdk -F vmdk child.vmdk"
    ));
    for (image, part) in [
        ("flat.vmdk", "flat-flat.vmdk"),
        ("two.vmdk", "two-f001.vmdk"),
        ("child.vmdk", "parent.vmdk"),
    ] {
        let guest = GuestBuilder::new("part")
            .disk(Disk::unmanaged(&format!("{folder}/{part}")).existing())
            .define(&host);
        in_use(&host, &guest, image);
        let source = format!("<source file='{folder}/{image}'/>");
        define(&host, "vmdk-user", &disk("file", &source, "vmdk"), "");
        in_use(&host, &guest, "vmdk-user");
        host.virsh(&["undefine", "vmdk-user"]);
        host.virsh(&["undefine", "part"]);
    }
    host.shell(&format!("rm -r {folder}"));
}

#[test]
fn chains_in_other_formats() {
    let host = host();
    let guest = golden(&host, "formats");
    let folder = "/var/lib/libvirt/formats";
    for format in ["qed", "qcow"] {
        host.shell(&format!(
            "mkdir -p {folder}
             qemu-img create -q -f {format} -b {} -F qcow2 {folder}/top.{format}",
            guest.path("vda")
        ));
        let source = format!("<source file='{folder}/top.{format}'/>");
        define(&host, "format-user", &disk("file", &source, format), "");
        in_use(&host, &guest, "format-user");
        host.virsh(&["undefine", "format-user"]);
    }
    host.shell(&format!("rm -r {folder}"));
    free(&host, &guest);
}

#[test]
fn an_image_in_a_window_of_a_file() {
    let host = host();
    let guest = golden(&host, "sliced");
    let folder = format!("{}/windows", host.images);
    let size = 1 << 20;
    host.shell(&format!(
        "mkdir -p {folder}; cd {folder}
         qemu-img create -q -f qcow2 -b {} -F qcow2 in.qcow2
         truncate -s {size} in.qcow2
         (head -c {size} /dev/zero; cat in.qcow2) > outer; rm in.qcow2
         qemu-img create -q -f qcow2 -u -F qcow2 -b \"json:{{'driver':'qcow2','file':{{'driver':'raw',\
         'offset':{size},'file':{{'driver':'file','filename':'{folder}/outer'}}}}}}\" top.qcow2 8M",
        guest.path("vda")
    ));
    in_use(&host, &guest, "top.qcow2");
    host.shell(&format!("rm {folder}/top.qcow2"));
    let source = format!(
        "<source file='{folder}/outer'><slices>\
         <slice type='storage' offset='{size}' size='{size}'/></slices></source>"
    );
    define(&host, "slice-user", &disk("file", &source, "qcow2"), "");
    in_use(&host, &guest, "slice-user");
    host.virsh(&["undefine", "slice-user"]);
    let store = format!(
        "<source file='{folder}/none.qcow2'/><backingStore type='file'><format type='qcow2'/>\
         {source}</backingStore>"
    );
    define(&host, "slice-user", &disk("file", &store, "qcow2"), "");
    in_use(&host, &guest, "slice-user");
    host.virsh(&["undefine", "slice-user"]);
    let argument = format!(
        "<qemu:commandline><qemu:arg value='-blockdev'/><qemu:arg value='driver=qcow2,node-name=n,\
         file.driver=raw,file.offset={size},file.file.driver=file,file.file.filename={folder}/outer'/>\
         </qemu:commandline>"
    );
    define(&host, "slice-user", "", &argument);
    in_use(&host, &guest, "slice-user");
    host.virsh(&["undefine", "slice-user"]);
    free(&host, &guest);
}

#[test]
fn what_is_handed_to_qemu_behind_libvirts_back() {
    let host = host();
    let guest = golden(&host, "arguments");
    let folder = "/var/lib/libvirt/arguments";
    let top = format!("{folder}/ov.qcow2");
    overlay(&host, &top, guest.path("vda"), "qcow2");
    // libvirt starts QEMU in the root.
    let relative = top.trim_start_matches('/');
    let one = |words: &[String]| {
        let arguments = words.iter().map(|word| {
            let word = word.replace('&', "&amp;").replace('"', "&quot;");
            format!("<qemu:arg value=\"{word}\"/>")
        });
        let all: String = arguments.collect();
        define(
            &host,
            "argument-user",
            "",
            &format!("<qemu:commandline>{all}</qemu:commandline>"),
        );
    };
    let path = guest.path("vda");
    for (option, value) in [
        ("-drive", format!("file={top},if=none,id=x")),
        ("-drive", format!("file={relative},if=none")),
        ("-hda", top.clone()),
        ("-cdrom", relative.to_owned()),
        ("-pflash", top.clone()),
        (
            "-drive",
            format!("if=none,file.driver=file,file.filename={top}"),
        ),
        ("-drive", format!("if=none,file=blkdebug::{top}")),
        (
            "-drive",
            format!("if=none,file=json:{{'driver':'file',,'filename':'{top}'}}"),
        ),
        (
            "-blockdev",
            format!(r#"{{"driver":"file","node-name":"n","filename":"{top}"}}"#),
        ),
        (
            "-blockdev",
            format!("{{'driver':'file','node-name':'n','filename':'{top}'}}"),
        ),
        (
            "-blockdev",
            format!("driver=file,node-name=n,filename={path}"),
        ),
        ("-kernel", path.to_owned()),
        ("-initrd", format!("{path} console=ttyS0")),
        (
            "-object",
            format!("memory-backend-file,id=m,size=1M,mem-path={path}"),
        ),
        ("-set", format!("drive.x.file={top}")),
    ] {
        one(&[option.to_owned(), value.clone()]);
        in_use(&host, &guest, "argument-user");
        host.virsh(&["undefine", "argument-user"]);
    }
    for (option, value) in [
        ("-drive", "file=unheard-of:/x,if=none".to_owned()),
        ("-readconfig", "/etc/some.cfg".to_owned()),
        ("-blockdev", "{'driver'".to_owned()),
    ] {
        one(&[option.to_owned(), value]);
        // The overlay itself is nobody's concern here.
        host.shell(&format!("mv {folder} {folder}.away"));
        unseen(&host, &guest, "argument-user");
        host.shell(&format!("mv {folder}.away {folder}"));
        host.virsh(&["undefine", "argument-user"]);
    }
    let environment =
        format!("<qemu:commandline><qemu:env name='DISK' value='{top}'/></qemu:commandline>");
    define(&host, "argument-user", "", &environment);
    in_use(&host, &guest, "argument-user");
    host.virsh(&["undefine", "argument-user"]);
    host.shell(&format!("rm -r {folder}"));
    free(&host, &guest);
}

#[test]
fn a_disk_that_is_only_away_hides_what_it_stands_on() {
    let host = host();
    let guest = golden(&host, "away");
    let mount = "/var/lib/libvirt/away";
    host.shell(&format!("mkdir -p {mount}; mount -t tmpfs none {mount}"));
    overlay(
        &host,
        &format!("{mount}/kid.qcow2"),
        guest.path("vda"),
        "qcow2",
    );
    let source = format!("<source file='{mount}/kid.qcow2'/>");
    define(&host, "away-kid", &disk("file", &source, "qcow2"), "");
    in_use(&host, &guest, "away-kid");
    host.shell(&format!("umount {mount}"));
    unseen(&host, &guest, "away-kid");
    // Whatever else lies where nothing is mounted.
    host.shell(&format!("touch {mount}/NOT_MOUNTED"));
    unseen(&host, &guest, "away-kid");
    // From a folder that holds other images it has been removed.
    host.shell(&format!(
        "qemu-img create -q -f qcow2 {mount}/other.qcow2 8M"
    ));
    free(&host, &guest);
    // Unless the host is told to mount something there.
    let fstab = host.scratch(&format!(
        "# comment\nnas:/export\t{mount}/ nfs noauto 0 0\n"
    ));
    host.shell(&format!("mount --bind {fstab} /etc/fstab"));
    unseen(&host, &guest, &format!("nothing is mounted at {mount}"));
    // A pool there is hidden by that, too.
    host.virsh(&["undefine", "away-kid"]);
    free(&host, &guest);
    host.start_pool("fstab", mount);
    unseen(&host, &guest, "pool fstab");
    host.shell(&format!("mount -t tmpfs none {mount}"));
    free(&host, &guest);
    host.shell(&format!("umount {mount}; umount /etc/fstab"));
    free(&host, &guest);
    stop_pool(&host, "fstab");
    host.virsh(&["pool-undefine", "fstab"]);
}

#[test]
fn a_pool_that_somebody_has_unmounted_under_libvirt() {
    let host = host();
    let guest = golden(&host, "pulled");
    // mount(8) finds a loop device for a file, which goes with the mount.
    let image = host.scratch("");
    let target = "/var/lib/libvirt/pulled";
    host.shell(&format!(
        "truncate -s 64M {image}; mkfs.ext4 -q {image}; mkdir {target}"
    ));
    let source = ["--source-dev", &image, "--source-format", "ext4"];
    let mut words = vec!["pool-define-as", "pulled", "fs", "--target", target];
    words.extend(source);
    host.virsh(&words);
    host.virsh(&["pool-start", "pulled"]);
    free(&host, &guest);
    host.shell(&format!("umount {target}; touch {target}/NOT_MOUNTED"));
    unseen(&host, &guest, "pool pulled");
    host.virsh(&["pool-destroy", "pulled"]);
    host.virsh(&["pool-undefine", "pulled"]);
    host.shell(&format!("rm -r {target}"));
    free(&host, &guest);
}

#[test]
fn the_saved_state_of_a_guest_that_is_not_defined() {
    let host = host();
    let guest = golden(&host, "saved");
    let folder = "/var/lib/libvirt/states";
    let state = format!("{folder}/kid.save");
    let top = "/var/lib/libvirt/states-kid.qcow2";
    host.shell(&format!("mkdir -p {folder}"));
    overlay(&host, top, guest.path("vda"), "qcow2");
    let source = format!("<source file='{top}'/>");
    let xml = domain("saved-kid", &disk("file", &source, "qcow2"), "");
    host.virsh(&["create", &host.scratch(&xml)]);
    host.virsh(&["save", "saved-kid", &state]);
    host.start_pool("states", folder);
    in_use(&host, &guest, "kid.save");
    host.shell(&format!("rm {state} {top}"));
    stop_pool(&host, "states");
    host.virsh(&["pool-undefine", "states"]);
    free(&host, &guest);
}

#[test]
fn what_a_checkpoint_of_another_guest_remembers() {
    let host = host();
    let guest = golden(&host, "checked");
    let top = "/var/lib/libvirt/checked-kid.qcow2";
    overlay(&host, top, guest.path("vda"), "qcow2");
    let source = format!("<source file='{top}'/>");
    define(&host, "checked-kid", &disk("file", &source, "qcow2"), "");
    host.virsh(&["start", "checked-kid"]);
    host.virsh(&["checkpoint-create-as", "checked-kid", "first"]);
    host.virsh(&["destroy", "checked-kid"]);
    host.virsh(&["detach-disk", "checked-kid", "vda", "--config"]);
    in_use(&host, &guest, "checked-kid");
    host.virsh(&["undefine", "checked-kid", "--checkpoints-metadata"]);
    host.shell(&format!("rm {top}"));
    free(&host, &guest);
}

#[test]
fn a_firmware_image_with_a_base() {
    let host = host();
    let guest = golden(&host, "vars");
    let top = "/var/lib/libvirt/vars.qcow2";
    overlay(&host, top, guest.path("vda"), "qcow2");
    let xml = domain("vars-user", "", "").replace(
        "</os>",
        &format!(
            "<loader readonly='yes' type='pflash' format='qcow2'>{top}</loader>\
             <nvram format='qcow2'>/var/lib/libvirt/none_VARS.qcow2</nvram></os>\
             <features><acpi/></features>"
        ),
    );
    host.virsh(&[
        "define",
        &host.scratch(&xml.replace("machine='pc'", "machine='q35'")),
    ]);
    in_use(&host, &guest, "vars-user");
    host.virsh(&["undefine", "vars-user", "--keep-nvram"]);
    host.shell(&format!("rm {top}"));
    free(&host, &guest);
}
