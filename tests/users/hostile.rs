//! An unprivileged user may define a guest whose disk is `/etc/shadow`, and wait for root to tidy
//! up. One test per way of naming what is not a guest's: each is refused, nothing has changed, and
//! no command hangs on a pipe or takes a message out of the kernel's log.

use std::time::{Duration, Instant};

use crate::support::{Disk, GuestBuilder, Identity, PrivateHost, assert_same};

fn define(host: &PrivateHost, name: &str, kind: &str, source: &str, format: &str) {
    let attribute = match kind {
        "block" => "dev",
        "dir" => "dir",
        _ => "file",
    };
    let readonly = if kind == "dir" { "<readonly/>" } else { "" };
    let xml = format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><os>\
         <type arch='x86_64' machine='pc'>hvm</type></os><devices><disk type='{kind}'>\
         <driver name='qemu' type='{format}'/><source {attribute}='{source}'/>\
         <target dev='vda' bus='virtio'/>{readonly}</disk></devices></domain>"
    );
    host.virsh(&["define", &host.scratch(&xml)]);
}

#[test]
fn what_is_not_a_guest_s_is_refused_by_every_name() {
    let host = PrivateHost::start();
    host.shell(
        "mkdir -p /var/lib/libvirt/h; cd /var/lib/libvirt/h
        ln -s /boot boot; touch /etc/libvirt/victim; ln -s /etc/libvirt/victim link
        mkfifo pipe; mkdir folder; python3 -c 'import socket
s=socket.socket(socket.AF_UNIX); s.bind(\"socket\")'
        mkdir -m 1777 sticky; truncate -s 1M real.img; ln -s ../real.img sticky/planted
        chown -h 1207:1207 sticky/planted
        mkdir -p /var/lib/libvirt/qemu/snapshot/s; touch /var/lib/libvirt/qemu/snapshot/s/s1.xml
        mkdir -p /etc/libvirt/qemu; touch /etc/libvirt/qemu/s.xml
        mkdir -p other/journal other/quarantine/1-x; touch other/journal.head other/journal/db
        touch other/quarantine/1-x/{record.bin,manifest.json,000}
        mkdir mnt; mount -t tmpfs none mnt; touch mnt/f; touch point; mount --bind mnt/f point",
    );
    // A second name for one of the system's own files, on the file system that both are on.
    let folder = host.shell(
        "d=$(mktemp -d /opt/virt-retire-XXXXXX); first=/usr/share/.${d#/opt/}; touch $first; \
        ln $first $d/second; echo $d $first",
    );
    let (folder, first) = folder.trim().split_once(' ').unwrap();
    struct Remove(String, String);
    impl Drop for Remove {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
            let _ = std::fs::remove_file(&self.1);
        }
    }
    let _remove = Remove(folder.into(), first.into());

    let protected = "protected-path";
    let h = "/var/lib/libvirt/h";
    let cases: Vec<(&str, String, &str, &str)> = vec![
        ("file", "/etc/shadow".into(), "raw", protected),
        ("file", "/etc/shadow".into(), "qcow2", protected),
        (
            "file",
            format!("{h}/../../../../etc/shadow"),
            "raw",
            protected,
        ),
        ("file", format!("{h}/link"), "raw", protected),
        (
            "file",
            "/etc/libvirt/../libvirt/victim".into(),
            "raw",
            protected,
        ),
        ("file", format!("{folder}/second"), "raw", protected),
        ("file", format!("{h}/pipe"), "raw", protected),
        ("file", format!("{h}/pipe"), "qcow2", protected),
        ("file", format!("{h}/socket"), "qcow2", protected),
        ("file", format!("{h}/folder"), "raw", protected),
        ("file", format!("{h}/sticky/planted"), "raw", protected),
        ("file", format!("{h}/mnt"), "raw", protected),
        ("file", format!("{h}/point"), "raw", protected),
        (
            "file",
            "/var/lib/libvirt/qemu/snapshot/s/s1.xml".into(),
            "raw",
            protected,
        ),
        ("file", "/etc/libvirt/qemu/s.xml".into(), "raw", protected),
        ("file", format!("{h}/other/journal/db"), "raw", protected),
        (
            "file",
            format!("{h}/other/quarantine/1-x/000"),
            "raw",
            protected,
        ),
        ("file", "/".into(), "raw", protected),
        ("file", "/dev/null".into(), "raw", protected),
        ("file", "/dev/zero".into(), "qcow2", protected),
        ("file", "/dev/loop0".into(), "raw", protected),
        ("file", "/proc/kmsg".into(), "qcow2", protected),
        ("file", "/proc/self/mem".into(), "raw", protected),
        ("file", "/sys/kernel/profiling".into(), "qcow2", protected),
        ("file", "/var/lib/virt-retire/lock".into(), "raw", protected),
        ("block", "/dev/loop0".into(), "raw", "unsupported"),
    ];
    host.shell(
        "mkdir -p -m 0700 /var/lib/virt-retire; touch /var/lib/virt-retire/lock; chmod 600 \
                /var/lib/virt-retire/lock",
    );
    for (kind, source, format, code) in cases {
        // There are machines without the one or the other.
        if !host.exists(&source) && !source.contains("/../") && !source.starts_with("/proc") {
            eprintln!("no {source} here");
            continue;
        }
        define(&host, "hostile", kind, &source, format);
        // The program itself writes into its lock whom it works for.
        let is_lock = source.ends_with("/lock");
        let facts = if is_lock {
            "%i %h %a"
        } else {
            "%i %s %Y %h %a"
        };
        let before = host.shell(&format!("stat -c '{facts}' '{source}'"));
        let begun = Instant::now();
        let outcome = host.retire_json(&["undefine", "hostile", "--remove-all-storage", "--yes"]);
        assert_eq!(outcome.code, 3, "{source} as {format}: {outcome}");
        assert_eq!(
            outcome.json_error()["error"]["code"],
            code,
            "{source}: {outcome}"
        );
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{source} took {:?}",
            begun.elapsed()
        );
        let after = host.shell(&format!("stat -c '{facts}' '{source}'"));
        assert!(source.starts_with("/proc") || before == after, "{source}");
        assert_eq!(host.domains(), ["hostile"]);
        // The questions don't hang on it either.
        host.retire(&["volumes", "hostile"]).expect(0);
        host.retire(&["users", &source]);
        // And who has such a neighbour is retired like anyone else.
        host.virsh(&["undefine", "hostile"]);
    }
    host.shell("umount /var/lib/libvirt/h/point /var/lib/libvirt/h/mnt");
}

#[test]
fn a_hostile_neighbour_stops_nobody() {
    let host = PrivateHost::start();
    host.shell(
        "mkfifo /var/lib/libvirt/images/pipe; ln -s loop /var/lib/libvirt/images/loop; \
        ln -s nowhere /var/lib/libvirt/pool/dangling; head -c 104 /dev/urandom \
        >/var/lib/libvirt/pool/odd.qcow2; printf 'QFI\\xfb\\0\\0\\0\\3' \
        >/var/lib/libvirt/pool/cut.qcow2; mkfifo /var/lib/libvirt/pool/pipe",
    );
    // Nobody can read an image out of a folder, and it makes no user of everything below.
    host.shell("qemu-img create -q -f qcow2 -u -b / -F raw /var/lib/libvirt/pool/root.qcow2 8M");
    for (name, source) in [
        ("n1", "/var/lib/libvirt/images/pipe"),
        ("n2", "/var/lib/libvirt/images/loop"),
        ("n3", "/"),
        ("n4", "/proc/kmsg"),
        ("n5", "/no/such/file"),
    ] {
        define(&host, name, "file", source, "qcow2");
    }
    let guest = GuestBuilder::new("good")
        .disk(Disk::pool("good.qcow2"))
        .define(&host);
    host.retire(&["undefine", "good", "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(!host.exists(guest.path("vda")));
}

/// The removed file's real path is what the operator is shown before the question.
#[test]
fn an_unmanaged_file_is_shown_by_its_real_path_before_the_question() {
    let host = PrivateHost::start();
    host.shell(
        "mkdir /var/lib/libvirt/real; truncate -s 1M /var/lib/libvirt/real/disk.img
        ln -s ../real /var/lib/libvirt/boot/way",
    );
    define(
        &host,
        "shown",
        "file",
        "/var/lib/libvirt/boot/way/disk.img",
        "raw",
    );
    let before = Identity::capture(&host, "shown", &["/var/lib/libvirt/real/disk.img"]);
    let asked = host.retire_on_terminal(&["undefine", "shown", "--remove-all-storage"], "n\n");
    let question = asked.stdout.find("[y/N]").expect("a question");
    let shown = asked
        .stdout
        .find("/var/lib/libvirt/real/disk.img")
        .expect("its real path");
    assert!(shown < question, "{asked}");
    assert_same(
        &before,
        &Identity::capture(&host, "shown", &["/var/lib/libvirt/real/disk.img"]),
    );
}
