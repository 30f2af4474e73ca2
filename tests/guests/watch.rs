//! If this fails, a transient guest that dies leaves its disks for ever though its owner said they
//! go with it, or, worse, one that only moved to another host finds them gone.

use std::fs::{self, File};
use std::io::Read;
use std::process::{Child, Stdio};

use crate::support::tracer::After;
use crate::support::{Disk, Guest, GuestBuilder, Identity, PrivateHost, assert_same};

/// A transient running guest whose policy removes vda and keeps vdb.
fn brief<'h>(host: &'h PrivateHost, name: &str) -> Guest<'h> {
    let guest = GuestBuilder::new(name)
        .disk(Disk::unmanaged(&format!("{name}-a.raw")))
        .disk(Disk::pool(&format!("{name}-b.qcow2")))
        .define(host);
    host.make_obedient(guest.path("vda"));
    for word in [["vda", "remove"], ["vdb", "keep"]] {
        host.retire(&["policy", "set", name, word[0], word[1], "--yes"])
            .expect(0);
    }
    guest.run_transient(host);
    guest
}

struct Watching<'h> {
    host: &'h PrivateHost,
    child: Child,
    /// The file of what it says.
    said: String,
}

impl<'h> Watching<'h> {
    /// It looks as often as it can, so that its looks get in the way of events wherever they can.
    fn start(host: &'h PrivateHost) -> Self {
        let said = host.scratch("");
        let child = host
            .retire_command(&["watch", "--interval", "1"])
            .stderr(File::create(&said).unwrap())
            .spawn()
            .unwrap();
        Watching { host, child, said }
    }

    fn wait_until_it_says(&self, what: &[&str]) {
        self.host.wait_for(&format!("it says {what:?}"), || {
            let said = fs::read_to_string(&self.said).unwrap();
            what.iter().all(|word| said.contains(word))
        });
    }

    fn wait_for(&self, guest: &Guest) {
        let record = record(self.host, guest);
        self.host
            .wait_for("the guest is on the list", || self.host.exists(&record));
    }

    /// SIGTERM; what it said on its way.
    #[track_caller]
    fn end(mut self) -> String {
        self.host.shell(&format!(
            "kill -TERM $(cat {}/watched/lock)",
            self.host.state
        ));
        let status = self.child.wait().unwrap();
        let said = fs::read_to_string(&self.said).unwrap();
        assert!(status.success(), "{status}: {said}");
        said
    }
}

fn record(host: &PrivateHost, guest: &Guest) -> String {
    format!("{}/watched/{}", host.state, guest.uuid)
}

fn reasons(host: &PrivateHost) -> Vec<String> {
    let list = host.retire_json(&["list"]).expect(0).json();
    let mut reasons: Vec<String> = list["transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |field: &str| one[field].as_str().unwrap_or("-").to_owned();
            format!("{}: {}, {}", text("domain"), text("state"), text("reason"))
        })
        .collect();
    reasons.sort();
    reasons
}

fn gone(host: &PrivateHost, guest: &Guest) {
    host.wait_for("vda is retired", || !host.exists(guest.path("vda")));
    host.wait_for("it is off the list", || !host.exists(&record(host, guest)));
    assert!(host.exists(guest.path("vdb")), "its policy keeps vdb");
}

/// Issue item 7: each way to die, and each way not to.
#[test]
fn a_death_takes_along_what_the_policy_says_and_nothing_else_does() {
    let host = PrivateHost::start();
    let [obeys, killed, destroyed, saved] =
        ["obeys", "killed", "destroyed", "saved"].map(|name| brief(&host, name));
    let plain = GuestBuilder::new("plain")
        .disk(Disk::unmanaged("plain.raw"))
        .define(&host);
    plain.run_transient(&host);
    let watching = Watching::start(&host);
    for guest in [&obeys, &killed, &destroyed, &saved] {
        watching.wait_for(guest);
    }
    assert!(!host.exists(&record(&host, &plain)), "it has no policy");
    // Nobody waits for one that only watches; there is only one of them.
    host.retire(&["list", "--wait", "0"]).expect(0);
    host.retire(&["watch", "--wait", "0"]).expect(6);

    let before = Identity::of_files(&host, &[destroyed.path("vda"), destroyed.path("vdb")]);
    host.virsh(&["destroy", "destroyed"]);
    gone(&host, &destroyed);
    host.kill_guest("killed");
    gone(&host, &killed);
    host.wait_until_it_listens("obeys");
    host.virsh(&["shutdown", "obeys", "--mode", "acpi"]);
    gone(&host, &obeys);
    host.virsh(&["save", "saved", "/var/lib/libvirt/images/saved.state"]);
    host.wait_for("it is off the list", || {
        !host.exists(&record(&host, &saved))
    });
    assert!(host.exists(saved.path("vda")), "it has not died");
    host.virsh(&["destroy", "plain"]);

    // One that comes back is watched again, and a policy that is changed counts at once.
    host.virsh(&["restore", "/var/lib/libvirt/images/saved.state"]);
    watching.wait_for(&saved);
    host.retire(&["policy", "set", "saved", "vda", "keep", "--yes"])
        .expect(0);
    host.wait_for("it is off the list", || {
        !host.exists(&record(&host, &saved))
    });
    host.virsh(&["destroy", "saved"]);

    let said = watching.end();
    assert!(host.exists(saved.path("vda")) && host.exists(plain.path("vda")));
    assert_eq!(
        reasons(&host),
        [
            "destroyed: committed, watch: guest ended (destroyed)",
            "killed: committed, watch: guest ended (failed)",
            "obeys: committed, watch: guest ended (shutdown)",
        ],
        "{said}"
    );
    // The first to go: a transaction like any other.
    host.retire(&["rollback", "1", "--start", "--yes"])
        .expect(0);
    assert!(host.is_running("destroyed") && !host.is_persistent("destroyed"));
    host.virsh(&["destroy", "destroyed"]);
    assert_same(
        &before,
        &Identity::of_files(&host, &[destroyed.path("vda"), destroyed.path("vdb")]),
    );
}

/// Deaths while libvirtd was down, and while nobody watched.
#[test]
fn no_death_is_missed() {
    let host = PrivateHost::start();
    let [first, second, moved] = ["first", "second", "moved"].map(|name| brief(&host, name));
    let watching = Watching::start(&host);
    for guest in [&first, &second, &moved] {
        watching.wait_for(guest);
    }
    host.kill_libvirtd();
    host.kill_guest("first");
    host.start_libvirtd();
    gone(&host, &first);
    // Still the same watcher.
    watching.end();

    host.virsh(&["destroy", "second"]);
    host.virsh(&["save", "moved", "/var/lib/libvirt/images/moved.state"]);
    assert!(host.exists(second.path("vda")));
    let told = host.retire_json(&["watch", "--once"]).expect(0).json();
    assert_eq!(told["transactions"][0]["domain"], "second", "{told}");
    gone(&host, &second);
    assert!(host.exists(moved.path("vda")), "it was saved, not ended");
    assert!(!host.exists(&record(&host, &moved)));
    // Nothing is left to do, and nothing is done twice.
    let told = host.retire_json(&["watch", "--once"]).expect(0).json();
    assert_eq!(told["transactions"], serde_json::json!([]));
    assert_eq!(reasons(&host).len(), 2);
}

/// libvirtd was restarted, and a guest dies while it is taken up again: its QEMU stands still, so
/// that libvirtd waits for its answer. It has no event then, and libvirt's log says that the daemon
/// gave it up, no more.
#[test]
fn an_end_without_an_event_is_noticed() {
    let host = PrivateHost::start();
    let guest = brief(&host, "silent");
    let watching = Watching::start(&host);
    watching.wait_for(&guest);
    host.kill_libvirtd();
    host.shell("kill -STOP $(cat /run/libvirt/qemu/silent.pid)");
    host.start_libvirtd();
    watching.wait_until_it_says(&["libvirt is back"]);
    host.kill_guest("silent");
    watching.wait_until_it_says(&["silent runs no more and nobody can say how it ended"]);
    host.wait_for("it is off the list", || {
        !host.exists(&record(&host, &guest))
    });
    watching.end();
    assert!(host.exists(guest.path("vda")) && reasons(&host).is_empty());
}

/// A guest comes from another host and does not arrive: it runs on over there, with the same disks.
/// While it is on its way nobody else is kept waiting.
#[test]
fn one_that_does_not_arrive_has_not_died() {
    let [there, here] = [(); 2].map(|()| PrivateHost::start());
    let guest = brief(&there, "moves");
    for target in ["vda", "vdb"] {
        let path = guest.path(target);
        fs::copy(there.path(path), here.path(path)).unwrap();
    }
    // libvirt knows two hosts apart by their names and UUIDs.
    there.kill_libvirtd();
    there.shell(
        "echo 'host_uuid = \"8f3b1c1e-52a5-4f44-9d0e-1c5ff0a7a001\"' >>/etc/libvirt/libvirtd.conf
        unshare --uts bash -c 'hostname there; libvirtd --daemon --pid-file /run/libvirt/libvirtd.pid'
        until virsh -q version >/dev/null 2>&1; do ((SECONDS < 60)); sleep 0.02; done",
    );
    let watching = Watching::start(&here);

    // Where its memory is to go, nobody takes up the connection, so that it stays on its way.
    let mut nobody = there
        .command("python3")
        .args(["-c", NOBODY, "49152"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    let says = nobody.stdout.as_mut().unwrap();
    says.read_exact(&mut ready).unwrap();
    let socket = here.folder.join("run/libvirt/libvirt-sock");
    let migration = there
        .command("virsh")
        .args(["migrate", "--live", "--unsafe", "moves"])
        .arg(format!("qemu+unix:///system?socket={}", socket.display()))
        .args(["--migrateuri", "tcp://127.0.0.1:49152"])
        .args(["--listen-address", "127.0.0.1"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    here.wait_for("it is on its way", || {
        let state = here.try_virsh(&["domstate", "moves", "--reason"]);
        state.stdout.trim() == "paused (migrating)"
    });
    // It hears of one thing after the other.
    let later = brief(&here, "later");
    watching.wait_for(&later);
    drop(nobody.stdin.take());
    nobody.wait().unwrap();
    let told = migration.wait_with_output().unwrap();
    assert!(!told.status.success(), "{told:?}");
    assert!(there.is_running("moves") && here.domains() == ["later"]);
    here.virsh(&["destroy", "later"]);
    gone(&here, &later);
    let said = watching.end();
    assert!(!said.contains("cannot be looked at"), "{said}");
    for target in ["vda", "vdb"] {
        assert!(here.exists(guest.path(target)), "{said}");
    }
    assert_eq!(reasons(&here).len(), 1, "{said}");
}

/// Listens, and is already spoken to by somebody it does not answer: to everybody else it is
/// silent.
const NOBODY: &str = "
import socket, sys
port = int(sys.argv[1])
listener = socket.create_server(('127.0.0.1', port), backlog=0)
callers = [socket.socket() for _ in range(4)]
for caller in callers:
    caller.setblocking(False)
    caller.connect_ex(('127.0.0.1', port))
print('ready', flush=True)
sys.stdin.read()
";

/// The state of a TPM is gone before anybody hears of the end. That is said while there is time to
/// choose, and recorded; what libvirt itself was told to keep is there again after a rollback.
#[test]
fn a_tpm_that_ends_with_its_guest_is_told_and_one_that_is_kept_comes_back() {
    let host = PrivateHost::start();
    let tpm = |name: &str, kept: &str| {
        let guest = GuestBuilder::new(name)
            .disk(Disk::unmanaged(&format!("{name}-a.raw")))
            .disk(Disk::pool(&format!("{name}-b.qcow2")))
            .device_xml(&format!(
                "<tpm model='tpm-tis'><backend type='emulator' version='2.0'{kept}/></tpm>"
            ))
            .define(&host);
        for word in [["vda", "remove"], ["vdb", "keep"]] {
            host.retire(&["policy", "set", name, word[0], word[1], "--yes"])
                .expect(0);
        }
        // The TPM's state is compared: nobody writes it between the look and the end.
        guest.run_transient_paused(&host);
        guest
    };
    let forgets = tpm("forgets", "");
    let keeps = tpm("keeps", " persistent_state='yes'");
    let folder = |guest: &Guest| format!("/var/lib/libvirt/swtpm/{}", guest.uuid);
    let watching = Watching::start(&host);
    for guest in [&forgets, &keeps] {
        watching.wait_for(guest);
    }
    let state = Identity::of_files(&host, &[&folder(&keeps)]);
    for guest in [&forgets, &keeps] {
        host.kill_guest(&guest.name);
        gone(&host, guest);
    }
    let said = watching.end();
    let told = |name: &str| {
        let line = format!("{name}: libvirt will delete the state of its TPM");
        said.contains(&line)
    };
    assert!(told("forgets") && !told("keeps"), "{said}");
    let end = "committed, watch: guest ended (failed)";
    assert_eq!(
        reasons(&host),
        [
            format!("forgets: {end}; libvirt deleted the state of its TPM"),
            format!("keeps: {end}"),
        ]
    );
    assert!(!host.exists(&folder(&forgets)));
    for id in ["1", "2"] {
        host.retire(&["rollback", id, "--yes"]).expect(0);
    }
    let ignored = ["atime", "mtime"];
    assert_same(
        &state.ignoring(&ignored),
        &Identity::of_files(&host, &[&folder(&keeps)]).ignoring(&ignored),
    );
    keeps.start();
    keeps.stop();
}

/// Law 5, protection and our own `destroy` beside it.
#[test]
fn what_others_use_stays_and_nothing_is_retired_twice() {
    let host = PrivateHost::start();
    let [shared, vault, ours] = ["shared", "vault", "ours"].map(|name| brief(&host, name));
    GuestBuilder::new("other")
        .disk(Disk::unmanaged("shared-a.raw").existing().shareable())
        .define(&host);
    host.retire(&["policy", "set", "vault", "--protected", "--yes"])
        .expect(0);
    let watching = Watching::start(&host);
    watching.wait_for(&shared);
    watching.wait_for(&ours);
    host.virsh(&["destroy", "vault"]);
    host.virsh(&["destroy", "shared"]);
    watching.wait_until_it_says(&["shared has ended", "domain other"]);
    host.retire(&["destroy", "ours", "--yes"]).expect(0);
    gone(&host, &ours);
    watching.end();
    assert!(host.exists(shared.path("vda")) && host.exists(vault.path("vda")));
    assert_eq!(reasons(&host), ["ours: committed, -"]);
    // It is not forgotten either.
    host.retire(&["watch", "--once"]).expect(5);
    host.virsh(&["undefine", "other"]);
    host.retire(&["watch", "--once"]).expect(0);
    gone(&host, &shared);
}

/// `recover` brings a guest back whose retirement was cut short, defined and shut off. Its policy
/// still stands, unless somebody has taken it up since. That the watch goes on after a kill at any
/// instant is in the sweep of kills.
#[test]
fn a_retirement_that_was_cut_short_goes_on_unless_somebody_wants_the_guest() {
    let host = PrivateHost::start();
    let [dead, wanted] = ["dead", "wanted"].map(|name| brief(&host, name));
    host.retire(&["watch", "--once"]).expect(0);
    for guest in [&dead, &wanted] {
        host.virsh(&["destroy", &guest.name]);
        let killed = host.traced(
            &["watch", "--once"],
            &mut |point| match point.call == "renameat2" && point.target.ends_with("-a.raw") {
                true => After::Kill,
                false => After::GoOn,
            },
        );
        assert_eq!(killed.code, 137, "{killed}");
        host.retire(&["recover", "--yes"]).expect(0);
        assert!(host.is_persistent(&guest.name) && host.exists(guest.path("vda")));
        if guest.name == "wanted" {
            guest.start();
        }
        host.retire(&["watch", "--once"]).expect(0);
        assert!(!host.exists(&record(&host, guest)), "it is dealt with");
    }
    gone(&host, &dead);
    wanted.stop();
    host.retire(&["watch", "--once"]).expect(0);
    assert!(host.exists(wanted.path("vda")) && host.is_persistent("wanted"));
    // The one that was retired is a transient one, even so.
    let last = host.retire_json(&["list"]).expect(0).json()["transactions"].clone();
    let committed = last
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["state"] == "committed")
        .unwrap()["id"]
        .to_string();
    host.retire(&["rollback", &committed, "--start", "--yes"])
        .expect(0);
    assert!(host.is_running("dead") && !host.is_persistent("dead"));
}

/// A guest with a time to live that never ends fills the host; one that runs and is taken is an
/// outage.
#[test]
fn what_expires_by_its_policy_is_retired_once_it_is_shut_off() {
    let host = PrivateHost::start();
    let due = GuestBuilder::new("due")
        .disk(Disk::unmanaged("due.raw"))
        .define(&host);
    let later = GuestBuilder::new("later")
        .disk(Disk::unmanaged("later.raw"))
        .define(&host);
    let set = |words: &[&str]| host.retire(&[&["policy", "set"], words, &["--yes"]].concat());
    set(&["due", "--default", "remove", "--expires", "2026-01-01"]).expect(0);
    set(&["later", "--expires", "30d", "--stop"]).expect(0);
    set(&["due", "--expires", "soon"]).expect(2);
    set(&["due", "--stop"]).expect(2);
    let shown = host
        .retire_json(&["policy", "show", "due"])
        .expect(0)
        .json();
    assert_eq!(shown["policy"]["expires_at"], "2026-01-01T00:00:00Z");
    // Announced beforehand, to people and programs, and by no list of something else.
    let listed = host.retire_json(&["list"]).expect(0).json();
    let expiring = listed["expiring"].as_array().unwrap();
    assert_eq!(expiring[0]["domain"], "due", "{listed}");
    assert_eq!(expiring[1]["stop"], true, "{listed}");
    let told = host.retire(&["list"]).expect(0);
    assert!(told.stdout.contains("due expires 2026-01-01"), "{told}");
    let told = host.retire(&["list", "--held"]).expect(0);
    assert!(!told.stdout.contains("expires 2026"), "{told}");
    // It runs, and its policy does not have it stopped.
    host.virsh(&["start", "due"]);
    let told = host.retire(&["watch", "--once"]).expect(0);
    assert!(
        told.stderr
            .contains("due has expired by its policy and runs"),
        "{told}"
    );
    assert!(host.exists(due.path("vda")) && host.is_running("due"));
    host.virsh(&["destroy", "due"]);
    host.retire(&["watch", "--once"]).expect(0);
    assert!(!host.exists(due.path("vda")));
    assert!(host.exists(later.path("vda")));
    assert_eq!(host.domains(), ["later"]);
    assert_eq!(reasons(&host).len(), 1);
    assert!(
        reasons(&host)[0].contains("expired 2026-01-01"),
        "{:?}",
        reasons(&host)
    );
    // What an operator has brought back is not taken behind his back.
    host.retire(&["rollback", "1", "--yes"]).expect(0);
    host.retire(&["watch", "--once"]).expect(0);
    assert!(host.exists(due.path("vda")));
    // One whose policy says so is stopped. One that is protected is left alone.
    host.virsh(&["start", "later"]);
    let past = ["--default", "remove", "--expires", "2026-01-01", "--stop"];
    set(&[&["later"][..], &past].concat()).expect(0);
    set(&["due", "--protected", "--expires", "2026-01-02"]).expect(0);
    host.retire(&["watch", "--once"]).expect(0);
    assert_eq!(host.domains(), ["due"]);
    assert!(!host.exists(later.path("vda")));
}
