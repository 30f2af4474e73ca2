//! A host with one domain, and what it looked like before anyone touched it.

use crate::support::disk::Disk;
use crate::support::filesystem::Filesystem;
use crate::support::guest::GuestBuilder;
use crate::support::heaviest::Heaviest;
use crate::support::host::PrivateHost;
use crate::support::identity::Identity;

/// A host with one domain, and what it looked like before anyone touched it.
pub struct Scene {
    pub host: PrivateHost,
    pub name: String,
    pub medium: Option<Filesystem>,
    before: Identity,
    flags: Vec<&'static str>,
    passing: Option<Passing>,
}

/// What it takes to run a transient guest again.
struct Passing {
    /// A file with its XML.
    xml: String,
    disks: Vec<String>,
}

impl Scene {
    /// Two disks, one of a pool and one of nobody's, with an internal snapshot, and autostart.
    pub fn small() -> Self {
        Self::small_in(PrivateHost::start(), None)
    }

    /// Everything that libvirt can keep of a domain: every kind of step.
    pub fn heaviest() -> Self {
        let host = PrivateHost::start();
        Heaviest::build(&host, "heavy");
        Self::of(host, "heavy", vec!["--remove-all-storage", "--all"], None)
    }

    /// [`Scene::small`] with its disks and the journal on a file system whose power can be cut.
    pub fn small_on(kind: &str) -> Self {
        let (host, medium) = PrivateHost::start_on(kind);
        Self::small_in(host, Some(medium))
    }

    /// The same with libvirt's own files on that file system too.
    pub fn small_with_libvirt_on(kind: &str) -> Self {
        let (host, medium) = PrivateHost::start_on(kind);
        host.kill_libvirtd();
        for (folder, name) in LIBVIRTS {
            let on_medium = medium.path(name);
            host.shell(&format!("mkdir -p {folder}; cp -a {folder} {on_medium}"));
        }
        medium.sync(&host);
        let scene = |host: PrivateHost, medium| {
            bind_libvirts(&host, &medium);
            host.start_libvirtd();
            Self::small_in(host, Some(medium))
        };
        scene(host, medium)
    }

    /// The machine comes up again after a power cut that took the daemon along.
    pub fn boot_with_libvirt(&self) {
        let medium = self.medium.as_ref().unwrap();
        self.host.kill_libvirtd();
        self.end_with_host();
        for (folder, _) in LIBVIRTS {
            self.host.shell(&format!("umount {folder}"));
        }
        medium.remount(&self.host);
        bind_libvirts(&self.host, medium);
        self.host.start_libvirtd();
    }

    /// What a power cut leaves of a guest that ran: neither its process nor what libvirt keeps of
    /// it in /run.
    fn end_with_host(&self) {
        let run = format!("/run/libvirt/qemu/{}", self.name);
        self.host.shell(&format!(
            "[ -e {run}.pid ] || exit 0
            pid=$(cat {run}.pid)
            kill -KILL $pid 2>/dev/null || true
            while kill -0 $pid 2>/dev/null; do sleep 0.01; done
            rm -f {run}.pid {run}.xml"
        ));
    }

    fn small_in(host: PrivateHost, medium: Option<Filesystem>) -> Self {
        let guest = GuestBuilder::new("shop")
            .disk(Disk::pool("system.qcow2"))
            .disk(Disk::unmanaged("data.qcow2"))
            .vnc_password("geheim")
            .autostart()
            .define(&host);
        guest.snapshot_internal("first");
        let paths: Vec<&str> = guest.disks.iter().map(|(_, path)| path.as_str()).collect();
        guest.dress(&paths);
        let flags = vec!["--remove-all-storage", "--snapshots-metadata"];
        Self::of(host, "shop", flags, medium)
    }

    /// A transient guest whose policy gives away both its disks, one of a pool and one of nobody's.
    pub fn transient() -> Self {
        Self::transient_in(PrivateHost::start(), None)
    }

    /// The same with its disks and the journal on a file system whose power can be cut.
    pub fn transient_on(kind: &str) -> Self {
        let (host, medium) = PrivateHost::start_on(kind);
        Self::transient_in(host, Some(medium))
    }

    fn transient_in(host: PrivateHost, medium: Option<Filesystem>) -> Self {
        let guest = GuestBuilder::new("brief")
            .disk(Disk::pool("brief-a.qcow2"))
            .disk(Disk::unmanaged("brief-b.raw"))
            .define(&host);
        for target in ["vda", "vdb"] {
            let policy = ["policy", "set", "brief", target, "remove", "--yes"];
            host.retire(&policy).expect(0);
        }
        let xml = host.virsh(&["dumpxml", "brief", "--inactive", "--security-info"]);
        guest.run_transient(&host);
        host.virsh(&["destroy", "brief"]);
        let disks: Vec<String> = guest.disks.iter().map(|(_, path)| path.clone()).collect();
        let passing = Passing {
            xml: host.scratch(&xml),
            disks,
        };
        if let Some(medium) = &medium {
            medium.sync(&host);
        }
        Scene {
            before: passing.identity(&host),
            name: "brief".into(),
            medium,
            flags: Vec::new(),
            passing: Some(passing),
            host,
        }
    }

    pub fn is_transient(&self) -> bool {
        self.passing.is_some()
    }

    /// Retires another domain, which nobody will miss: two disks and a snapshot.
    pub fn retire_another(&self) -> Result<(), String> {
        let guest = GuestBuilder::new("gone")
            .disk(Disk::pool("gone-a.qcow2"))
            .disk(Disk::unmanaged("gone-b.qcow2"))
            .define(&self.host);
        guest.snapshot_internal("first");
        self.run(&["undefine", "gone", "--remove-all-storage", "--all", "--yes"])
    }

    /// Nothing of the latest transaction is left but its record?
    pub fn purged(&self) -> Result<(), String> {
        match self.latest()? {
            Some((_, state)) if state == "purged" => {}
            other => return Err(format!("it should be purged, and is {other:?}")),
        }
        let find = format!("find {}/quarantine -mindepth 1", self.host.state);
        match self.host.shell(&find) {
            left if left.is_empty() => Ok(()),
            left => Err(format!("purged, and there is still\n{left}")),
        }
    }

    /// Runs the transient guest, whatever became of it before.
    pub fn revive(&self) {
        let passing = self.passing.as_ref().expect("a scene of a transient guest");
        for end in ["destroy", "undefine"] {
            self.host.try_virsh(&[end, &self.name]);
        }
        self.host.virsh(&["create", &passing.xml]);
    }

    pub fn of(
        host: PrivateHost,
        name: &str,
        flags: Vec<&'static str>,
        medium: Option<Filesystem>,
    ) -> Self {
        if let Some(medium) = &medium {
            medium.sync(&host);
        }
        let before = Identity::capture(&host, name, &[]);
        Scene {
            host,
            name: name.into(),
            medium,
            before,
            flags,
            passing: None,
        }
    }

    /// `VERB DOMAIN`, the flags that take all of it, and more of them.
    pub fn removal(&self, verb: &str, more: &[&str]) -> Vec<String> {
        let mut words = vec![verb.to_owned(), self.name.clone()];
        words.extend(self.flags.iter().chain(more).map(|word| (*word).to_owned()));
        words
    }

    /// The latest transaction's number and state.
    pub fn latest(&self) -> Result<Option<(u64, String)>, String> {
        let listed = self.host.retire_json(&["list"]);
        if listed.code != 0 {
            return Err(format!("list does not answer\n{listed}"));
        }
        let listed = listed.json();
        let all = listed["transactions"].as_array();
        let last = all.and_then(|all| all.iter().max_by_key(|it| it["id"].as_u64()));
        Ok(last.map(|it| {
            (
                it["id"].as_u64().unwrap_or(0),
                it["state"].as_str().unwrap_or("?").to_owned(),
            )
        }))
    }

    pub fn is_defined(&self) -> bool {
        self.host.try_virsh(&["domstate", &self.name]).code == 0
    }

    /// Everything as it was before anyone touched it?
    pub fn whole(&self) -> Result<(), String> {
        self.host.refresh_pools();
        let now = match &self.passing {
            None => Identity::capture(&self.host, &self.name, &[]),
            Some(passing) => passing.identity(&self.host),
        };
        let differences = self.before.differences(&now);
        if differences.is_empty() {
            Ok(())
        } else {
            Err(format!("not as it was:\n{}", differences.join("\n")))
        }
    }

    /// The domain is there, whether it still runs or not, and nothing is left for `recover`?
    pub fn rolled_back(&self) -> Result<(), String> {
        match (self.is_defined(), self.latest()?) {
            (true, Some((_, state))) if state == "rolled-back" => Ok(()),
            (is_defined, latest) => Err(format!("put back, and {latest:?}, defined: {is_defined}")),
        }
    }

    /// Not defined, no file at its place, every file in quarantine?
    pub fn retired(&self) -> Result<u64, String> {
        let (id, state) = self.latest()?.ok_or("no transaction, and no domain")?;
        if self.is_defined() {
            return Err("retired, and defined".into());
        }
        if state != "committed" && state != "prepared" {
            return Err(format!("not defined, and transaction {id} is {state}"));
        }
        let shown = self.host.retire_json(&["show", &id.to_string()]);
        if shown.code != 0 {
            return Err(format!("show does not answer\n{shown}"));
        }
        let shown = shown.json();
        let moved = shown["quarantine"].as_array().cloned().unwrap_or_default();
        if moved.is_empty() {
            return Err("retired, and nothing in quarantine".into());
        }
        for file in moved {
            let path = |key: &str| file[key].as_str().unwrap_or("?").to_owned();
            if self.host.exists(&path("original")) {
                return Err(format!("retired, and {} is still there", path("original")));
            }
            if !self.host.exists(&path("stored")) {
                return Err(format!("retired, and {} is lost", path("stored")));
            }
        }
        Ok(id)
    }

    /// The law: either whole, or whole again after a rollback of what is wholly retired. Leaves it
    /// whole.
    pub fn law(&self) -> Result<(), String> {
        // A guest that `destroy` did not get to runs on.
        let runs_on = self.host.is_running(&self.name);
        self.host.try_virsh(&["destroy", &self.name]);
        if self.passing.is_some() && runs_on {
            // As transient as before, and undone is all that was begun.
            return match (self.is_defined(), self.latest()?) {
                (true, _) => Err("it runs on, and is persistent".into()),
                (false, Some((id, state))) if state != "rolled-back" => {
                    Err(format!("it runs on, and transaction {id} is {state}"))
                }
                _ => self.whole(),
            };
        }
        if self.is_defined() {
            if let Some((id, state)) = self.latest()?
                && !["rolled-back", "purged"].contains(&state.as_str())
            {
                return Err(format!("defined, and transaction {id} is {state}"));
            }
            self.whole()
        } else {
            let id = self.retired()?.to_string();
            let back = self.host.retire(&["rollback", &id, "--yes"]);
            if back.code != 0 {
                return Err(format!("it is retired and does not come back\n{back}"));
            }
            self.whole()
        }
    }

    /// A command that must end well.
    pub fn run<S: AsRef<str>>(&self, words: &[S]) -> Result<(), String> {
        let ran = self.host.retire(words);
        match ran.code {
            0 => Ok(()),
            _ => Err(ran.to_string()),
        }
    }
}

impl Passing {
    /// Of its files, which are all that is left of a transient guest; QEMU has read them at every
    /// start.
    fn identity(&self, host: &PrivateHost) -> Identity {
        let disks: Vec<&str> = self.disks.iter().map(String::as_str).collect();
        Identity::of_files(host, &disks).ignoring(&["atime"])
    }
}

/// Where libvirt keeps definitions, and snapshots and checkpoints; and their names on the medium.
const LIBVIRTS: [(&str, &str); 2] = [
    ("/etc/libvirt/qemu", "etc-qemu"),
    ("/var/lib/libvirt/qemu", "lib-qemu"),
];

fn bind_libvirts(host: &PrivateHost, medium: &Filesystem) {
    for (folder, name) in LIBVIRTS {
        host.shell(&format!("mount --bind {} {folder}", medium.path(name)));
    }
}
