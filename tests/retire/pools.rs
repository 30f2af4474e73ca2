//! If this fails, what libvirt shows of a pool decides whether a domain can be retired, or a
//! retirement stops a pool and with it every other guest that has a disk in there.

use std::process::Child;

use super::support::{Disk, GuestBuilder, PrivateHost};

/// A clone that takes longer than the test.
fn clone_for_long(host: &PrivateHost) -> Child {
    host.shell(&format!("truncate -s 400G {}/big.raw", host.pool));
    host.virsh(&["pool-refresh", "default"]);
    let words = ["-q", "vol-clone", "big.raw", "clone.raw", "default"];
    let job = host.command("virsh").args(words).spawn().unwrap();
    host.wait_for("the clone", || is_busy(host));
    job
}

fn is_busy(host: &PrivateHost) -> bool {
    let refreshed = host.try_virsh(&["pool-refresh", "default"]);
    refreshed.code != 0 && refreshed.stderr.contains("asynchronous jobs")
}

fn volumes(host: &PrivateHost, pool: &str) -> String {
    host.virsh(&["vol-list", pool])
}

fn is_active(host: &PrivateHost, pool: &str) -> bool {
    let active = host.virsh(&["pool-list", "--name"]);
    active.lines().any(|name| name.trim() == pool)
}

/// An image whose copy was cut off: the one header over which libvirt stops a pool.
fn cut_off(host: &PrivateHost, path: &str) {
    host.shell(&format!(
        "qemu-img create -q -f qcow2 {path}.whole 1M; head -c 50 {path}.whole > {path}; rm \
         {path}.whole"
    ));
}

#[test]
fn a_job_in_the_pool_undoes_nothing() {
    let host = PrivateHost::start();
    let web = GuestBuilder::new("web")
        .disk(Disk::volume("web.qcow2"))
        .define(&host);
    let db = GuestBuilder::new("db")
        .disk(Disk::pool("db.qcow2"))
        .define(&host);
    db.start();
    let mut job = clone_for_long(&host);

    let all = "--remove-all-storage";
    host.retire(&["undefine", "web", all, "--yes"]).expect(0);
    assert!(!host.exists(web.path("vda")));
    host.retire(&["destroy", "db", all, "--yes"]).expect(0);
    assert!(!host.exists(db.path("vda")));
    assert!(
        is_busy(&host),
        "the job has ended, and the test proves nothing"
    );
    // libvirt lets a volume that has gone be taken off the list while a job runs.
    let listed = volumes(&host, "default");
    assert!(
        !listed.contains("web.qcow2") && !listed.contains("db.qcow2"),
        "{listed}"
    );

    let back = host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert!(host.exists(web.path("vda")));
    assert!(
        is_busy(&host),
        "the job has ended, and the test proves nothing"
    );
    // It cannot be put on it: then it is told, with the command that does it later.
    assert!(back.stdout.contains("virsh pool-refresh default"), "{back}");
    let _ = job.kill();
    let _ = job.wait();
}

#[test]
fn a_cut_off_neighbour_stops_no_pool() {
    let host = PrivateHost::start();
    let other = GuestBuilder::new("other")
        .disk(Disk::volume("other.qcow2"))
        .define(&host);
    let web = GuestBuilder::new("web")
        .disk(Disk::volume("web.qcow2"))
        .disk(Disk::pool("web-2.raw"))
        .define(&host);
    host.refresh_pools();
    let half = format!("{}/half.qcow2", host.pool);
    cut_off(&host, &half);

    host.retire(&["undefine", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(is_active(&host, "default"), "the pool was stopped");
    let listed = volumes(&host, "default");
    assert!(!listed.contains("web"), "{listed}");
    assert!(listed.contains("other.qcow2"), "{listed}");
    other.start();

    let back = host.retire(&["rollback", "1", "--yes"]).expect(0);
    assert!(is_active(&host, "default"), "the pool was stopped");
    assert!(host.exists(web.path("vda")) && host.exists(web.path("vdb")));
    // The one that stands in the way is named, and what to do about it.
    assert!(back.stdout.contains(&half), "{back}");
    assert!(back.stdout.contains("virsh pool-refresh default"), "{back}");
    assert_eq!(
        host.retire_json(&["show", "1"]).json()["state"],
        "rolled-back"
    );
    // A second way round, by the recorded note's own advice.
    host.shell(&format!("mv {half} {}", host.images));
    host.virsh(&["pool-refresh", "default"]);
    assert!(volumes(&host, "default").contains("web-2.raw"));
    web.start();
}

/// Behind a symlink too: libvirt follows it.
#[test]
fn a_cut_off_image_behind_a_symlink_counts() {
    let host = PrivateHost::start();
    GuestBuilder::new("web")
        .disk(Disk::pool("web.qcow2"))
        .define(&host);
    host.refresh_pools();
    let half = format!("{}/half.qcow2", host.images);
    cut_off(&host, &half);
    host.shell(&format!("ln -s {half} {}/link.qcow2", host.pool));
    let flags = ["--remove-all-storage", "--yes"];
    host.retire(&[&["undefine", "web"][..], &flags].concat())
        .expect(0);
    assert!(is_active(&host, "default"), "the pool was stopped");
    assert!(!volumes(&host, "default").contains("web.qcow2"));
}

#[test]
fn every_pool_on_the_folder_is_told() {
    let host = PrivateHost::start();
    host.shell(&format!("ln -s {} /var/lib/libvirt/alias", host.pool));
    GuestBuilder::new("web")
        .disk(Disk::volume("web.qcow2"))
        .define(&host);
    // libvirt takes two pools on one folder where their targets are spelled otherwise.
    host.start_pool("beside", "/var/lib/libvirt/alias");
    for pool in ["default", "beside"] {
        assert!(volumes(&host, pool).contains("web.qcow2"), "{pool}");
    }
    host.retire(&["undefine", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    for pool in ["default", "beside"] {
        assert!(!volumes(&host, pool).contains("web.qcow2"), "{pool}");
    }
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    for pool in ["default", "beside"] {
        assert!(volumes(&host, pool).contains("web.qcow2"), "{pool}");
    }
}

/// What holds the name for a moment gets the set-group-id bit of such a pool, and must not stay for
/// it.
#[test]
fn a_pool_that_hands_its_group_on_is_left_without_a_trace() {
    let host = PrivateHost::start();
    let web = GuestBuilder::new("web")
        .disk(Disk::volume("web.qcow2"))
        .define(&host);
    host.shell(&format!("chmod 2755 {}", host.pool));
    host.refresh_pools();
    host.retire(&["undefine", "web", "--remove-all-storage", "--yes"])
        .expect(0);
    assert!(!host.exists(web.path("vda")), "something is in its place");
    assert!(!volumes(&host, "default").contains("web.qcow2"));
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    web.start();
}

/// libvirt removes the file of a volume that it is told to forget: whose name is taken again by
/// then must not be forgotten.
#[test]
fn a_file_that_took_the_name_meanwhile_is_left() {
    let host = PrivateHost::start();
    let web = GuestBuilder::new("web")
        .disk(Disk::volume("web.qcow2"))
        .define(&host);
    host.refresh_pools();
    cut_off(&host, &format!("{}/half.qcow2", host.pool));
    let disk = web.path("vda");
    // Somebody who waits for the name to be free, and is there long before the list's turn has
    // come.
    let mut taker = host
        .command("bash")
        .args([
            "-c",
            &format!("while [ -e {disk} ]; do :; done; echo mine > {disk}"),
        ])
        .spawn()
        .unwrap();
    let flags = ["--remove-all-storage", "--yes"];
    host.retire(&[&["undefine", "web"][..], &flags].concat())
        .expect(0);
    assert!(taker.wait().unwrap().success());
    assert_eq!(host.shell(&format!("cat {disk}")).trim(), "mine");
    assert!(is_active(&host, "default"), "the pool was stopped");
}

/// By the pool's path a user who owns the folder could send that call to any other: libvirt would
/// remove what has the name there.
#[test]
fn where_a_user_can_swap_the_folder_no_volume_is_forgotten() {
    let host = PrivateHost::start();
    let (home, vault) = ("/var/lib/libvirt/u", "/var/lib/libvirt/vault");
    let pool = format!("{home}/pool");
    host.shell(&format!(
        "mkdir -p {pool}; mkdir -m 700 {vault}; echo precious >{vault}/web.qcow2"
    ));
    host.start_pool("users", &pool);
    let disk = format!("{pool}/web.qcow2");
    GuestBuilder::new("web")
        .disk(Disk::unmanaged(&disk))
        .define(&host);
    host.virsh(&["pool-refresh", "users"]);
    cut_off(&host, &format!("{pool}/half.qcow2"));
    host.shell(&format!("chown -R 1207:1207 {home}"));
    // libvirt's call is held for two seconds, and as soon as it has begun the folder is another
    // one.
    let script = format!(
        "daemon=$(cat /run/libvirt/libvirtd.pid)
        strace -f -p $daemon -e trace=unlink,rmdir -e inject=unlink,rmdir:delay_enter=2000000 \
            -o {home}/trace & tracer=$!
        until ! grep -h TracerPid /proc/$daemon/task/*/status | grep -qw 0; do sleep 0.05; done
        touch {home}/ready
        until grep -q '\"{disk}' {home}/trace || [ -e {home}/done ]; do sleep 0.05; done
        mv {pool} {home}/away; ln -s {vault} {pool}
        until [ -e {home}/done ]; do sleep 0.05; done; kill $tracer; wait $tracer; true"
    );
    let mut user = host.command("bash").args(["-c", &script]).spawn().unwrap();
    host.wait_for("the tracer", || host.exists(&format!("{home}/ready")));
    let told = host.retire(&["undefine", "web", "--remove-all-storage", "--yes"]);
    host.shell(&format!("touch {home}/done"));
    assert!(user.wait().unwrap().success());
    told.clone().expect(0);
    assert_eq!(
        host.shell(&format!("cat {vault}/web.qcow2")).trim(),
        "precious"
    );
    // The list is told to be out of date, and how to make it true.
    assert!(told.stdout.contains("virsh pool-refresh users"), "{told}");
}
