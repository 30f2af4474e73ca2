//! If this fails, a libvirt that lives in a container undefines its domain, and the file that this
//! host has under the same path goes into quarantine.

use crate::support::{Disk, GuestBuilder, PrivateHost};

const THEIRS: &str = "qemu+unix:///system?socket=/run/apart/libvirt-sock";

/// A second libvirtd on the same host and in another mount namespace, with its socket in
/// /run/apart.
fn apart(host: &PrivateHost) {
    host.shell(
        "mkdir -p /run/apart /var/lib/apart/{lib,etc,run,cache}
        cp -r /etc/libvirt/. /var/lib/apart/etc/
        echo 'unix_sock_dir = \"/run/apart\"' >>/var/lib/apart/etc/libvirtd.conf
        mkdir -p /var/lib/apart/lib/images
        cp -r /var/cache/libvirt/. /var/lib/apart/cache/
        unshare --mount bash -euc '
            mount --bind /var/lib/apart/lib /var/lib/libvirt
            mount --bind /var/lib/apart/etc /etc/libvirt
            mount --bind /var/lib/apart/cache /var/cache/libvirt
            mount --bind /var/lib/apart/run /run/libvirt
            exec libvirtd --daemon --pid-file /run/apart/pid'
        until virsh -q -c 'qemu+unix:///system?socket=/run/apart/libvirt-sock' version >/dev/null 2>&1
        do ((SECONDS < 60)); sleep 0.05; done",
    );
}

/// The domain `web` on both sides, with a disk of the same path.
fn twins(host: &PrivateHost) -> String {
    let web = GuestBuilder::new("web")
        .disk(Disk::unmanaged("web.raw"))
        .define(host);
    let path = web.path("vda").to_owned();
    let xml = host.virsh(&["dumpxml", "web"]);
    // The pool that it knows of has a folder there too, or its images would be unseen ones.
    host.shell(&format!(
        "mkdir -p /var/lib/apart/lib/pool; cp {path} /var/lib/apart/lib/images/"
    ));
    host.virsh(&["-c", THEIRS, "define", &host.scratch(&xml)]);
    path
}

#[test]
fn a_libvirt_in_another_mount_namespace_is_refused() {
    let host = PrivateHost::start();
    apart(&host);
    let path = twins(&host);
    let flags = ["--remove-all-storage", "--yes"];
    for verb in ["undefine", "destroy"] {
        let words = [&["-c", THEIRS, verb, "web"][..], &flags].concat();
        let refused = host.retire_json(&words).expect(3);
        let error = &refused.json_error()["error"];
        assert_eq!(error["code"], "remote-files", "{refused}");
        assert!(
            error["hint"].as_str().unwrap().contains("nsenter --target"),
            "{refused}"
        );
    }
    host.retire(&["-c", THEIRS, "plan", "web", "--keep-storage"])
        .expect(3);
    host.retire(&["-c", THEIRS, "users", &path]).expect(3);
    assert!(host.exists(&path));
    let defined = host.virsh(&["-c", THEIRS, "list", "--all", "--name"]);
    assert!(defined.contains("web"), "{defined}");

    // The way that the hint tells.
    let pid = host.shell("cat /run/apart/pid").trim().to_owned();
    let inside = ["nsenter", "--target", &pid, "--mount", "--root"];
    let retire = [
        crate::support::retire::BINARY,
        "--state-dir",
        &host.state,
        "-c",
        THEIRS,
    ];
    let words = [&inside[..], &retire, &["undefine", "web"], &flags].concat();
    host.run(&words).expect(0);
    assert!(host.exists(&path), "the host's own file went");
    assert!(!host.exists("/var/lib/apart/lib/images/web.raw"));
}

/// The socket's name is not what counts.
#[test]
fn the_default_connection_is_asked_too() {
    let host = PrivateHost::start();
    apart(&host);
    let path = twins(&host);
    host.shell(
        "mv /run/libvirt/libvirt-sock /run/libvirt/own && ln -s /run/apart/libvirt-sock \
                /run/libvirt/",
    );
    let words = [
        "--output",
        "json",
        "undefine",
        "web",
        "--remove-all-storage",
        "--yes",
    ];
    let variable = ("LIBVIRT_DEFAULT_URI", THEIRS);
    for refused in [host.retire(&words), host.retire_with(&words, &[variable])] {
        let refused = refused.expect(3);
        assert_eq!(
            refused.json_error()["error"]["code"],
            "remote-files",
            "{refused}"
        );
    }
    assert!(host.exists(&path));
}

/// A rollback too would define there and move here.
#[test]
fn what_was_retired_here_does_not_come_back_there() {
    let host = PrivateHost::start();
    apart(&host);
    let path = twins(&host);
    host.retire(&["undefine", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    host.shell(
        "mv /run/libvirt/libvirt-sock /run/libvirt/own && ln -s /run/apart/libvirt-sock \
                /run/libvirt/",
    );
    host.retire(&["rollback", "1", "--yes"]).expect(3);
    assert!(!host.exists(&path));
    host.shell("mv /run/libvirt/own /run/libvirt/libvirt-sock");
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert!(host.exists(&path));
}

/// What only passes on may lead anywhere.
#[test]
fn a_program_between_is_refused() {
    let host = PrivateHost::start();
    let web = GuestBuilder::new("web")
        .disk(Disk::unmanaged("web.raw"))
        .define(&host);
    let program = host.scratch(
        "import os, select, socket
here = socket.socket(socket.AF_UNIX)
here.bind('/run/between')
here.listen()
while True:
    one = here.accept()[0]
    if os.fork():
        continue
    two = socket.socket(socket.AF_UNIX)
    two.connect('/run/libvirt/libvirt-sock')
    while True:
        for ready in select.select([one, two], [], [])[0]:
            data = ready.recv(65536)
            if not data:
                os._exit(0)
            (two if ready is one else one).sendall(data)
",
    );
    host.shell(&format!(
        "python3 {program} </dev/null >/dev/null 2>&1 &
        until [ -S /run/between ]; do ((SECONDS < 60)); sleep 0.05; done"
    ));
    let uri = |socket: &str| format!("qemu+unix:///system?socket={socket}");
    let between = uri("/run/between");
    assert_eq!(
        host.virsh(&["-c", &between, "list", "--all", "--name"]),
        "web"
    );
    let flags = ["--remove-all-storage", "--yes"];
    let words = [&["-c", &between, "undefine", "web"][..], &flags].concat();
    let refused = host.retire_json(&words).expect(3);
    assert_eq!(
        refused.json_error()["error"]["code"],
        "remote-files",
        "{refused}"
    );
    assert!(refused.stderr.contains("'python3"), "{refused}");
    assert!(host.exists(web.path("vda")));
    // The daemon itself by whatever name of its socket.
    let own = uri("/run/libvirt/libvirt-sock");
    host.retire(&[&["-c", &own, "undefine", "web"][..], &flags].concat())
        .expect(0);
}

/// Who may not look into the daemon's process goes by what the daemon has written on this host, and
/// where it has written nothing here, only libvirt's own socket will do, and has to be accepted.
#[test]
fn who_may_not_look_is_told() {
    let host = PrivateHost::start();
    apart(&host);
    let path = twins(&host);
    let blind = |words: &[&str]| {
        let caps = [
            "setpriv",
            "--bounding-set",
            "-sys_ptrace,-perfmon,-sys_admin",
        ];
        let caps = [&caps[..], &["--inh-caps", "-all", "--reuid", "0"]].concat();
        let retire = [crate::support::retire::BINARY, "--state-dir", &host.state];
        host.run(&[&caps[..], &retire, &["--output", "json"], words].concat())
    };
    let all = "--remove-all-storage";
    blind(&["plan", "web", all]).expect(0);
    let refused = blind(&[
        "-c",
        THEIRS,
        "undefine",
        "web",
        all,
        "--accept-unseen",
        "--yes",
    ])
    .expect(3);
    assert_eq!(
        refused.json_error()["error"]["code"],
        "remote-files",
        "{refused}"
    );

    host.shell(
        "mv /run/libvirt/libvirt-sock /run/libvirt/own && ln -s /run/apart/libvirt-sock \
                /run/libvirt/",
    );
    let plan = blind(&["plan", "web", all]).expect(3).json();
    let refusal = &plan["plans"][0]["refusals"][0];
    assert_eq!(refusal["code"], "unseen-users", "{plan:#}");
    let said = refusal["message"].as_str().unwrap();
    assert!(said.contains("libvirtd"), "{said}");
    // It is root already.
    let hint = refusal["hint"].as_str().unwrap();
    assert!(
        !hint.contains("as root") && hint.contains("--accept-unseen"),
        "{hint}"
    );
    assert!(host.exists(&path));
}
