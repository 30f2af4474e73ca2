//! A guest is retired, and with it goes what somebody else was using: another guest's base, a disk
//! that is attached under a second name, an image that a loop device or a backup still reads.
//! `virsh undefine --remove-all-storage` does that with exit 0. One test for each kind of user: the
//! plan is refused, says who, and nothing has changed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard};

use crate::support::{Disk, Guest, GuestBuilder, Identity, PrivateHost, assert_same};

static HOST: LazyLock<Mutex<PrivateHost>> = LazyLock::new(|| Mutex::new(PrivateHost::start()));

/// One host for all: its tests take turns, because each compares the pools' whole lists.
fn host() -> MutexGuard<'static, PrivateHost> {
    HOST.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Somebody uses the one disk of `guest`: whatever is tried, it stays, and so does the guest.
#[track_caller]
fn refused(host: &PrivateHost, guest: &Guest, kind: &str, name: &str, how: &str) {
    // What the kernel writes into swap space is its own doing.
    let capture = || Identity::capture(host, &guest.name, &[]).ignoring(&[".swap: bytes"]);
    let before = capture();
    let plan = host.retire_json(&["plan", &guest.name, "--remove-all-storage"]);
    let plan = plan.expect(3).json()["plans"][0].clone();
    assert_eq!(plan["executable"], false, "{plan:#}");
    assert_eq!(plan["refusals"][0]["code"], "in-use", "{plan:#}");
    assert_eq!(plan["disks"][0]["fate"], "refuse", "{plan:#}");
    let users = plan["disks"][0]["used_by"].as_array().unwrap().clone();
    assert!(
        users.iter().any(|user| {
            let has = |key: &str, part: &str| user[key].as_str().unwrap().contains(part);
            user["kind"] == kind && has("name", name) && has("how", how)
        }),
        "no {kind} '{name}' with '{how}' among {users:#?}"
    );
    let outcome = host
        .retire_json(&["undefine", &guest.name, "--remove-all-storage", "--yes"])
        .expect(3);
    assert_eq!(outcome.json_error()["error"]["code"], "in-use", "{outcome}");
    assert_same(&before, &capture());
    // The same by the other question, which excuses nobody.
    let told = host
        .retire_json(&["users", guest.path("vda")])
        .expect(0)
        .json();
    let users = told["users"].as_array().unwrap().clone();
    assert!(
        users
            .iter()
            .any(|user| user["kind"] == kind && user["name"].as_str().unwrap().contains(name)),
        "{told:#}"
    );
    assert!(
        users
            .iter()
            .any(|user| user["kind"] == "domain" && user["name"] == guest.name),
        "{told:#}"
    );
}

/// The use has ended: now it goes. So what refused it before was that use alone.
#[track_caller]
fn goes(host: &PrivateHost, guest: &Guest) {
    host.retire(&["undefine", &guest.name, "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(!host.exists(guest.path("vda")));
}

fn define(host: &PrivateHost, name: &str, inside_os: &str, devices: &str) {
    host.virsh(&["define", &host.scratch(&domain(name, inside_os, devices))]);
}

fn domain(name: &str, inside_os: &str, devices: &str) -> String {
    format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu><os>\
         <type arch='x86_64' machine='pc'>hvm</type>{inside_os}</os><features><acpi/></features><devices>{devices}\
         <controller type='usb' model='none'/><memballoon model='none'/></devices></domain>"
    )
}

fn file_disk(path: &str, format: &str) -> String {
    format!(
        "<disk type='file'><driver name='qemu' type='{format}'/><source file='{path}'/>\
         <target dev='vda' bus='virtio'/></disk>"
    )
}

fn guest<'h>(host: &'h PrivateHost, name: &str) -> Guest<'h> {
    GuestBuilder::new(name)
        .disk(Disk::unmanaged(&format!("{name}.raw")))
        .define(host)
}

/// A program inside that says `ready` once it does what it is there for, and ends with its input.
struct Helper(Child);

impl Helper {
    #[track_caller]
    fn start(host: &PrivateHost, words: &[&str]) -> Self {
        let mut child = host
            .command(words[0])
            .args(&words[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line.trim(), "ready", "{words:?}");
        Helper(child)
    }

    fn python(host: &PrivateHost, script: &str, path: &str) -> Self {
        let script = format!(
            "import fcntl,mmap,os,sys\npath=sys.argv[1]\n{script}\nprint('ready',flush=True)\nsys.stdin.read()"
        );
        Self::start(host, &["python3", "-c", &script, path])
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[test]
fn another_domain_by_the_same_path() {
    let host = host();
    let guest = guest(&host, "path-a");
    define(&host, "path-b", "", &file_disk(guest.path("vda"), "raw"));
    refused(&host, &guest, "domain", "path-b", "disk vda of");
    host.virsh(&["undefine", "path-b"]);
    goes(&host, &guest);
}

#[test]
fn another_domain_by_another_spelling() {
    let host = host();
    let guest = guest(&host, "spell-a");
    let other = guest.path("vda").replace("/images/", "/images/../images//");
    define(&host, "spell-b", "", &file_disk(&other, "raw"));
    refused(&host, &guest, "domain", "spell-b", "disk vda of");
    host.virsh(&["undefine", "spell-b"]);
}

#[test]
fn another_domain_by_a_symlink() {
    let host = host();
    let guest = guest(&host, "link-a");
    host.shell(&format!(
        "ln -s {} /var/lib/libvirt/boot/link",
        guest.path("vda")
    ));
    define(
        &host,
        "link-b",
        "",
        &file_disk("/var/lib/libvirt/boot/link", "raw"),
    );
    refused(&host, &guest, "domain", "link-b", "disk vda of");
    host.virsh(&["undefine", "link-b"]);
}

#[test]
fn another_domain_by_a_hard_link() {
    let host = host();
    let guest = guest(&host, "hard-a");
    host.shell(&format!(
        "ln {} /var/lib/libvirt/boot/hard",
        guest.path("vda")
    ));
    define(
        &host,
        "hard-b",
        "",
        &file_disk("/var/lib/libvirt/boot/hard", "raw"),
    );
    refused(&host, &guest, "domain", "hard-b", "disk vda of");
    host.virsh(&["undefine", "hard-b"]);
}

#[test]
fn another_domain_through_a_bind_mount_of_the_folder() {
    let host = host();
    let guest = guest(&host, "bind-a");
    host.shell(&format!(
        "mkdir /var/lib/libvirt/bound; mount --bind {} /var/lib/libvirt/bound",
        host.images
    ));
    define(
        &host,
        "bind-b",
        "",
        &file_disk("/var/lib/libvirt/bound/bind-a.raw", "raw"),
    );
    refused(&host, &guest, "domain", "bind-b", "disk vda of");
    host.virsh(&["undefine", "bind-b"]);
    host.shell("umount /var/lib/libvirt/bound");
    goes(&host, &guest);
}

/// The layer's inode is another one, and the kernel tells who has it open of that one alone.
#[test]
fn another_domain_or_a_process_through_an_overlay() {
    let host = host();
    let below = guest(&host, "layer-a");
    host.shell(&format!(
        "cd /var/lib/libvirt; mkdir lower work merged; mount -t overlay none \
         -o lowerdir=$PWD/lower,upperdir={},workdir=$PWD/work merged",
        host.images
    ));
    let through = "/var/lib/libvirt/merged/layer-a.raw";
    define(&host, "layer-b", "", &file_disk(through, "raw"));
    refused(&host, &below, "domain", "layer-b", "disk vda of");
    // The same from above.
    let above = ["undefine", "layer-b", "--remove-all-storage", "--yes"];
    let told = host.retire_json(&above).expect(3).json_error();
    assert_eq!(told["error"]["code"], "in-use", "{told:#}");
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("layer-a"), "{message}");
    host.virsh(&["undefine", "layer-a"]);
    let helper = Helper::python(&host, "file=open(path,'rb')", below.path("vda"));
    let told = host.retire_json(&above).expect(3).json_error();
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.contains("(python3)"), "{message}");
    helper.end();
    host.retire(&above).expect(0);
    assert!(!host.exists(below.path("vda")));
    host.retire(&["rollback", "last", "--yes"]).expect(0);
    assert!(host.exists(below.path("vda")));
    host.virsh(&["undefine", "layer-b"]);
    host.shell("umount /var/lib/libvirt/merged");
}

/// A folder is shared with a guest, with all that is in it.
#[test]
fn another_domain_with_which_the_folder_is_shared() {
    let host = host();
    host.shell(&format!("mkdir -p {}/shared/below", host.images));
    let guest = GuestBuilder::new("share-a")
        .disk(Disk::unmanaged("shared/below/share-a.raw"))
        .define(&host);
    let share = format!(
        "<filesystem type='mount'><source dir='{}/shared'/><target dir='x'/></filesystem>",
        host.images
    );
    define(&host, "share-b", "", &share);
    refused(&host, &guest, "domain", "share-b", "below");
    host.virsh(&["undefine", "share-b"]);
    goes(&host, &guest);
}

/// The state of a guest's TPM is a file, and somebody has it for a disk.
#[test]
fn another_domain_s_tpm_state() {
    let host = host();
    let owner = guest(&host, "tpm-owner");
    let state = format!("/var/lib/libvirt/swtpm/{}/tpm2", owner.uuid);
    host.shell(&format!(
        "mkdir -p {state}; truncate -s 64K {state}/tpm2-00.permall"
    ));
    define(
        &host,
        "tpm-taker",
        "",
        &file_disk(&format!("{state}/tpm2-00.permall"), "raw"),
    );
    let words = ["undefine", "tpm-taker", "--remove-all-storage", "--yes"];
    let told = host.retire_json(&words).expect(3).json_error();
    assert_eq!(told["error"]["code"], "in-use", "{told:#}");
    host.virsh(&["undefine", "tpm-taker"]);
    host.shell(&format!("rm -r /var/lib/libvirt/swtpm/{}", owner.uuid));
    goes(&host, &owner);
}

#[test]
fn another_domain_s_backing_file() {
    let host = host();
    let base = GuestBuilder::new("base-a")
        .disk(Disk::unmanaged("base-a.qcow2"))
        .define(&host);
    let overlay = Disk::unmanaged("base-b.qcow2").on_base(base.path("vda"), "qcow2");
    GuestBuilder::new("base-b").disk(overlay).define(&host);
    refused(
        &host,
        &base,
        "domain",
        "base-b",
        "backing file of disk vda of",
    );
    host.virsh(&["undefine", "base-b"]);
    // Nobody has the overlay attached now; it depends on its base all the same.
    refused(&host, &base, "image", "base-b.qcow2", "backing file of");
}

#[test]
fn a_base_that_two_share_stays_with_the_other() {
    let host = host();
    let base = Disk::pool("shared-base.qcow2");
    GuestBuilder::new("shared-t")
        .disk(base.clone())
        .define(&host);
    let path = base.path(&host);
    host.virsh(&["undefine", "shared-t"]);
    for name in ["shared-a", "shared-b"] {
        let overlay = Disk::pool(&format!("{name}.qcow2")).on_base(&path, "qcow2");
        GuestBuilder::new(name).disk(overlay).define(&host);
    }
    host.refresh_pools();
    let plan = host
        .retire_json(&["plan", "shared-a", "--remove-all-storage"])
        .expect(0)
        .json()["plans"][0]
        .clone();
    let link = &plan["disks"][0]["chain"][0];
    assert_eq!(link["fate"], "keep", "{plan:#}");
    assert_eq!(link["used_by"][0]["name"], "shared-b", "{plan:#}");
    let other = Identity::capture(&host, "shared-b", &[]);
    host.retire(&["undefine", "shared-a", "--remove-all-storage", "--yes"])
        .expect(0);
    let ignored = ["pool default: volumes"];
    assert_same(
        &other.ignoring(&ignored),
        &Identity::capture(&host, "shared-b", &[]).ignoring(&ignored),
    );
}

#[test]
fn another_domain_s_data_file() {
    let host = host();
    let guest = guest(&host, "data-a");
    host.shell(&format!(
        "qemu-img create -q -f qcow2 -o data_file={0},data_file_raw=on {1}/data-b.qcow2 8M",
        guest.path("vda"),
        host.images
    ));
    let overlay = format!("{}/data-b.qcow2", host.images);
    define(&host, "data-b", "", &file_disk(&overlay, "qcow2"));
    refused(
        &host,
        &guest,
        "domain",
        "data-b",
        "data file of disk vda of",
    );
    host.virsh(&["undefine", "data-b"]);
    refused(&host, &guest, "image", "data-b.qcow2", "data file of");
}

#[test]
fn another_domain_s_nvram_kernel_and_initrd() {
    let host = host();
    for (what, inside_os, how) in [
        (
            "nvram",
            "<loader readonly='yes' \
             type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader><nvram>PATH</nvram>",
            "NVRAM of",
        ),
        ("kernel", "<kernel>PATH</kernel>", "kernel of"),
        (
            "initrd",
            "<kernel>/boot/none</kernel><initrd>PATH</initrd>",
            "initrd of",
        ),
    ] {
        let guest = guest(&host, &format!("{what}-a"));
        let user = format!("{what}-b");
        define(
            &host,
            &user,
            &inside_os.replace("PATH", guest.path("vda")),
            "",
        );
        refused(&host, &guest, "domain", &user, how);
        host.virsh(&["undefine", &user, "--keep-nvram"]);
    }
}

#[test]
fn another_domain_s_snapshot() {
    let host = host();
    let guest = GuestBuilder::new("snap-a")
        .disk(Disk::unmanaged("snap-a.qcow2"))
        .define(&host);
    let own = Disk::unmanaged("snap-b.qcow2");
    let both = GuestBuilder::new("snap-b")
        .disk(own)
        .disk(Disk::unmanaged("snap-a.qcow2").existing())
        .define(&host);
    both.snapshot_internal("with-both");
    host.virsh(&["detach-disk", "snap-b", "vdb", "--config"]);
    // To go back to that snapshot takes the disk of the other domain.
    refused(
        &host,
        &guest,
        "domain",
        "snap-b",
        "in snapshot with-both of",
    );
    host.virsh(&["snapshot-delete", "snap-b", "with-both", "--metadata"]);
    goes(&host, &guest);
}

#[test]
fn another_domain_s_managed_save() {
    let host = host();
    let guest = guest(&host, "saved-a");
    let both = GuestBuilder::new("saved-b")
        .disk(Disk::unmanaged("saved-b.raw"))
        .disk(Disk::unmanaged("saved-a.raw").existing())
        .define(&host);
    both.start();
    host.virsh(&["managedsave", "saved-b"]);
    host.virsh(&["detach-disk", "saved-b", "vdb", "--config"]);
    // Its next start resumes with the disk that its definition has no more.
    let how = "disk vdb in the managed save of";
    refused(&host, &guest, "domain", "saved-b", how);
    // An image that came back with a rollback is one that libvirt's own list does not know.
    let undefine = ["undefine", "saved-b", "--keep-storage", "--all", "--yes"];
    let id = host.retire_json(&undefine).expect(0).json()["transactions"][0]["id"].to_string();
    host.retire(&["rollback", &id, "--yes"]).expect(0);
    refused(&host, &guest, "domain", "saved-b", how);
    both.start();
    both.stop();
    goes(&host, &guest);
}

#[test]
fn a_running_domain_that_has_it_attached_for_now_only() {
    let host = host();
    let guest = guest(&host, "live-a");
    let runs = GuestBuilder::new("live-b")
        .disk(Disk::unmanaged("live-b.raw"))
        .define(&host);
    runs.start();
    host.virsh(&["attach-disk", "live-b", guest.path("vda"), "vdb", "--live"]);
    refused(&host, &guest, "domain", "live-b", "disk vdb of");
    let volumes = host.retire_json(&["volumes", "live-b"]).expect(0).json();
    let live = volumes["volumes"].as_array().unwrap().iter();
    assert!(
        live.clone()
            .any(|one| one["target"] == "vdb" && one["live_only"] == true),
        "{volumes:#}"
    );
    runs.stop();
    goes(&host, &guest);
}

#[test]
fn an_image_of_a_pool_that_nobody_has_attached() {
    let host = host();
    let guest = GuestBuilder::new("pool-a")
        .disk(Disk::pool("pool-a.qcow2"))
        .define(&host);
    host.virsh(&[
        "vol-create-as",
        "default",
        "idle.qcow2",
        "8M",
        "--format",
        "qcow2",
        "--backing-vol",
        guest.path("vda"),
        "--backing-vol-format",
        "qcow2",
    ]);
    refused(
        &host,
        &guest,
        "image",
        "/pool/idle.qcow2",
        "backing file of",
    );
    host.virsh(&["vol-delete", "--pool", "default", "idle.qcow2"]);
    goes(&host, &guest);
}

#[test]
fn a_process_that_has_it_open_locked_or_mapped() {
    let host = host();
    for (what, script, how) in [
        ("open", "file=open(path,'rb')", "open by"),
        (
            "lock",
            "file=open(path,'rb+'); fcntl.flock(file,fcntl.LOCK_EX)",
            "locked by",
        ),
        (
            "posix",
            "file=open(path,'rb+'); fcntl.lockf(file,fcntl.LOCK_EX)",
            "locked by",
        ),
        (
            "map",
            "fd=os.open(path,os.O_RDONLY); keep=mmap.mmap(fd,4096,prot=mmap.PROT_READ); \
             os.close(fd)",
            "mapped by",
        ),
    ] {
        let guest = guest(&host, &format!("process-{what}"));
        let helper = Helper::python(&host, script, guest.path("vda"));
        refused(&host, &guest, "process", "(python3)", how);
        helper.end();
        goes(&host, &guest);
    }
}

#[test]
fn a_process_that_stands_in_the_folder_only_is_no_user() {
    let host = host();
    let guest = guest(&host, "stands");
    let helper = Helper::python(&host, "os.chdir(os.path.dirname(path))", guest.path("vda"));
    goes(&host, &guest);
    helper.end();
}

/// It is in none of the folders of /proc that are seen inside: only the kernel knows of it.
#[test]
fn a_process_of_another_pid_namespace() {
    let host = host();
    let guest = guest(&host, "outside");
    let file = std::fs::File::open(host.path(guest.path("vda"))).unwrap();
    refused_without_a_name(&host, &guest);
    drop(file);
    goes(&host, &guest);
}

#[track_caller]
fn refused_without_a_name(host: &PrivateHost, guest: &Guest) {
    let before = Identity::capture(host, &guest.name, &[]);
    let outcome = host
        .retire(&["undefine", &guest.name, "--remove-all-storage", "--yes"])
        .expect(3);
    assert!(
        outcome.stderr.contains("another PID namespace"),
        "{outcome}"
    );
    assert_same(&before, &Identity::capture(host, &guest.name, &[]));
    let users = host.retire(&["users", guest.path("vda")]).expect(0);
    assert!(users.stdout.contains("another PID namespace"), "{users}");
}

/// Loop devices are the whole machine's: what is attached here is detached here, whatever fails.
struct Loop<'h>(&'h PrivateHost, String);

impl<'h> Loop<'h> {
    fn attach(host: &'h PrivateHost, path: &str) -> Self {
        let name = host.shell(&format!("losetup --find --show {path}"));
        Loop(host, name.trim().to_owned())
    }
}

impl Drop for Loop<'_> {
    fn drop(&mut self) {
        self.0.run(&["losetup", "--detach", &self.1]);
    }
}

#[test]
fn a_loop_device_even_when_the_file_has_another_name_since() {
    let host = host();
    let guest = guest(&host, "loop");
    let device = Loop::attach(&host, guest.path("vda"));
    refused(&host, &guest, "loop", &device.1, "attached to");
    // What sysfs calls the file is a name of yesterday, or of nothing.
    host.shell(&format!(
        "cd {}; ln loop.raw loop.second; rm loop.raw; mv loop.second loop.raw",
        host.images
    ));
    refused(&host, &guest, "loop", &device.1, "attached to");
    // The kernel, asked as well, has no second user to tell of.
    let told = host
        .retire_json(&["users", guest.path("vda")])
        .expect(0)
        .json();
    let users = told["users"].as_array().unwrap();
    let loops = users.iter().filter(|user| user["kind"] == "loop").count();
    assert_eq!(loops, 1, "{told:#}");
    drop(device);
    goes(&host, &guest);
}

#[test]
fn a_mount_of_the_image() {
    let host = host();
    let guest = guest(&host, "mounted");
    let path = guest.path("vda");
    host.shell(&format!(
        "mkfs.ext4 -q -F {path}; mkdir /var/lib/libvirt/m; mount -o loop {path} /var/lib/libvirt/m"
    ));
    refused(&host, &guest, "mount", "/var/lib/libvirt/m", "mounted at");
    host.shell("umount /var/lib/libvirt/m");
    goes(&host, &guest);
}

#[test]
fn a_bind_mount_of_the_file_itself() {
    let host = host();
    let guest = guest(&host, "filebind");
    host.shell(&format!(
        "touch /var/lib/libvirt/boot/point; mount --bind {} /var/lib/libvirt/boot/point",
        guest.path("vda")
    ));
    refused(&host, &guest, "mount", "/boot/point", "mounted at");
    host.shell("umount /var/lib/libvirt/boot/point");
    goes(&host, &guest);
}

#[test]
fn swap() {
    let host = host();
    // Swap space is the whole machine's: another run beside this one must not have the same path.
    let name = format!("{}.swap", std::process::id());
    let guest = GuestBuilder::new("swap")
        .disk(Disk::unmanaged(&name).size_mib(1))
        .define(&host);
    let path = guest.path("vda");
    host.shell(&format!(
        "dd if=/dev/zero of={path} bs=1M count=1 status=none conv=fsync; chmod 600 {path}
        mkswap -q {path} 2>/dev/null"
    ));
    let on = host.run(&["swapon", path]);
    if on.code != 0 {
        // Swap files need a file system that knows them.
        eprintln!("no swap file here: {on}");
        return;
    }
    struct Off<'h>(&'h PrivateHost, &'h str);
    impl Drop for Off<'_> {
        fn drop(&mut self) {
            self.0.run(&["swapoff", self.1]);
        }
    }
    let off = Off(&host, path);
    refused(&host, &guest, "mount", &name, "swap space");
    drop(off);
    goes(&host, &guest);
}

#[test]
fn an_export_over_nbd() {
    let host = host();
    let guest = guest(&host, "nbd");
    host.shell(&format!(
        "qemu-nbd --fork --persistent --socket /run/export --pid-file /run/nbd.pid -f raw {}",
        guest.path("vda")
    ));
    refused(
        &host,
        &guest,
        "process",
        "(qemu-nbd)",
        "exported over NBD by",
    );
    host.shell(
        "pid=$(cat /run/nbd.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.02; done",
    );
    goes(&host, &guest);
}

/// As another user's session starts one; libvirt of the system knows nothing of it.
#[test]
fn a_guest_of_another_user_s_session() {
    let host = host();
    let guest = guest(&host, "session");
    host.shell(&format!(
        "chmod 0666 {0}; setpriv --reuid 1207 --regid 1207 --clear-groups qemu-system-x86_64 \
         -name guest=theirs,debug-threads=on -uuid 3d7b6a5e-1c2f-4a57-9b57-1f6a0a6ad001 -S \
         -machine pc,accel=tcg -m 32 -display none -monitor none -serial none \
         -drive file={0},format=raw,if=virtio >/dev/null 2>&1 & pid=$!; echo $pid >/run/theirs.pid
         until ls -l /proc/$pid/fd | grep -q session.raw; do kill -0 $pid; sleep 0.05; done",
        guest.path("vda")
    ));
    refused(
        &host,
        &guest,
        "process",
        "(qemu-system-x86",
        "guest theirs of user 1207",
    );
    host.shell(
        "pid=$(cat /run/theirs.pid); kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.02; \
         done",
    );
    goes(&host, &guest);
}
