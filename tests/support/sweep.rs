//! One fault at every change that a verb makes, and after each of them: is the domain whole?
//!
//! A sweep runs the verb once to count its changes, then again for each of them with the fault there. By
//! itself (`make test`) it tries one change of every class: step, call, kind of file. With
//! `VIRT_RETIRE_SWEEP=full` (`make sweep`) it tries all. `VIRT_RETIRE_POINT=57` tries that one alone.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Instant;

use super::disk::Disk;
use super::filesystem::Filesystem;
use super::guest::GuestBuilder;
use super::heaviest::Heaviest;
use super::host::PrivateHost;
use super::identity::Identity;
use super::tracer::{After, Point, Traced};

/// A host with one domain, and what it looked like before anyone touched it.
pub struct Scene {
    pub host: PrivateHost,
    pub name: String,
    pub medium: Option<Filesystem>,
    before: Identity,
    flags: Vec<&'static str>,
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
        for (folder, _) in LIBVIRTS {
            self.host.shell(&format!("umount {folder}"));
        }
        medium.remount(&self.host);
        bind_libvirts(&self.host, medium);
        self.host.start_libvirtd();
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
        }
    }

    pub fn undefine(&self, more: &[&str]) -> Vec<String> {
        let mut words = vec!["undefine".to_owned(), self.name.clone(), "--yes".into()];
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
        let last = listed["transactions"].as_array().and_then(|all| all.last());
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
        let differences = self
            .before
            .differences(&Identity::capture(&self.host, &self.name, &[]));
        if differences.is_empty() {
            Ok(())
        } else {
            Err(format!("not as it was:\n{}", differences.join("\n")))
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

    /// The law: either whole, or whole again after a rollback of what is wholly retired. Leaves it whole.
    pub fn law(&self) -> Result<&'static str, String> {
        // A guest that `destroy` did not get to runs on.
        self.host.try_virsh(&["destroy", &self.name]);
        if self.is_defined() {
            if let Some((id, state)) = self.latest()?
                && state != "rolled-back"
            {
                return Err(format!("defined, and transaction {id} is {state}"));
            }
            self.whole().map(|()| "whole")
        } else {
            let id = self.retired()?.to_string();
            let back = self.host.retire(&["rollback", &id, "--yes"]);
            if back.code != 0 {
                return Err(format!("it is retired and does not come back\n{back}"));
            }
            self.whole().map(|()| "retired")
        }
    }

    pub fn recover(&self) -> Result<(), String> {
        let recovered = self.host.retire(&["recover", "--yes"]);
        match recovered.code {
            0 => Ok(()),
            _ => Err(format!("recover does not recover\n{recovered}")),
        }
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

/// Is every point to be tried (`make sweep`)?
pub fn is_full() -> bool {
    std::env::var("VIRT_RETIRE_SWEEP").is_ok_and(|it| it == "full")
}

/// What is swept. A new verb that changes something belongs into this list and the two below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Undefine,
    /// Of a guest that runs.
    Destroy,
    Rollback,
    Commit,
    /// On an undefine that was killed when half its files had moved.
    Recover,
    /// After the journal's own files were lost.
    Rebuild,
}

impl Verb {
    pub fn word(self) -> &'static str {
        match self {
            Verb::Undefine => "undefine",
            Verb::Destroy => "destroy",
            Verb::Rollback => "rollback",
            Verb::Commit => "commit",
            Verb::Recover => "recover",
            Verb::Rebuild => "rebuild",
        }
    }

    /// Brings a whole domain to where the verb begins, and gives its arguments.
    pub fn arguments(self, scene: &Scene) -> Result<Vec<String>, String> {
        let run = |words: Vec<String>| {
            let ran = scene.host.retire(&words);
            match ran.code {
                0 => Ok(()),
                _ => Err(format!("the way to the verb failed\n{ran}")),
            }
        };
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let latest = || Ok::<_, String>(scene.latest()?.map_or(0, |(id, _)| id).to_string());
        match self {
            Verb::Undefine => Ok(scene.undefine(&[])),
            Verb::Destroy => {
                scene.host.virsh(&["start", &scene.name]);
                let mut words = scene.undefine(&[]);
                words[0] = "destroy".into();
                Ok(words)
            }
            Verb::Rollback => {
                run(scene.undefine(&[]))?;
                Ok(words(&["rollback", &latest()?, "--yes"]))
            }
            Verb::Commit => {
                run(scene.undefine(&["--prepare"]))?;
                Ok(words(&["commit", &latest()?, "--yes"]))
            }
            Verb::Recover => {
                let mut moves = 0;
                let killed = scene.host.traced(&scene.undefine(&[]), &mut |point| {
                    let is_move = point.call == "renameat2" && point.step.contains("quarantine");
                    moves += usize::from(is_move);
                    if moves == 2 { After::Kill } else { After::GoOn }
                });
                match killed.code {
                    137 => Ok(words(&["recover", "--yes"])),
                    _ => Err(format!("the undefine was not killed\n{killed}")),
                }
            }
            Verb::Rebuild => {
                run(scene.undefine(&[]))?;
                let journal = scene.host.path(&scene.host.state).join("journal");
                fs::write(journal.join("db"), b"not what it was").unwrap();
                Ok(words(&["rebuild", "--yes"]))
            }
        }
    }

    /// Judges a run that was not killed: the exit code must tell the truth, and what it leaves must be
    /// mended by one `recover`, if there is anything to mend.
    pub fn judge(self, scene: &Scene, ran: &Traced) -> Result<&'static str, String> {
        // Before the verb the domain was there; or it was retired; or neither (half, or unknown).
        let is_there_before = match self {
            Verb::Undefine | Verb::Destroy => Some(true),
            Verb::Rollback | Verb::Commit => Some(false),
            Verb::Recover | Verb::Rebuild => None,
        };
        let is_there_after = match self {
            Verb::Undefine | Verb::Destroy | Verb::Commit | Verb::Rebuild => false,
            Verb::Rollback | Verb::Recover => true,
        };
        let must_be = |there: bool| {
            if there {
                scene.whole()
            } else {
                scene.retired().map(|_| ())
            }
        };
        match (ran.code, is_there_before) {
            // What cannot go back goes forward.
            (0, _) if self == Verb::Recover => {}
            (0, _) => must_be(is_there_after)?,
            (1 | 3 | 4, Some(there)) => must_be(there)?,
            (1 | 3 | 5, _) => {}
            (code, _) => return Err(format!("exit code {code}")),
        }
        self.mend(scene)?;
        scene.law()
    }

    /// What an operator types after a fault. It must work at the first time, and do nothing at the second.
    pub fn mend(self, scene: &Scene) -> Result<(), String> {
        if self == Verb::Rebuild {
            let again = scene.host.retire_json(&["rebuild", "--yes"]);
            let is_healthy =
                || again.code == 1 && again.json_error()["error"]["code"] == "journal-healthy";
            if again.code != 0 && !is_healthy() {
                return Err(format!("rebuild does not rebuild\n{again}"));
            }
        }
        scene.recover()?;
        scene.recover()
    }
}

pub struct Sweep<'s> {
    /// The test file and the kind of fault, for the table.
    pub test: &'s str,
    pub fault: &'s str,
    pub verb: Verb,
    pub scene: &'s dyn Fn() -> Scene,
    /// Which changes are tried at all.
    pub filter: &'s dyn Fn(&Point) -> bool,
    /// How many points the bounded run may try.
    pub at_most: usize,
    /// At the chosen change.
    pub strike: &'s dyn Fn(&Scene, &Point) -> After,
    /// What came of it: leaves the domain whole, or says what was lost.
    pub judge: &'s dyn Fn(&Scene, &Traced) -> Result<&'static str, String>,
}

impl Sweep<'_> {
    /// # Panics
    /// Anything was lost; says where, and what to type to see it again.
    #[track_caller]
    pub fn run(&self) {
        let started = Instant::now();
        let mut scene = (self.scene)();
        // Twice: the first run makes the journal and the folders, which later ones find.
        let counted = self
            .count(&scene)
            .and_then(|_| self.count(&scene))
            .unwrap_or_else(|error| panic!("{} without a fault: {error}", self.verb.word()));
        let chosen = self.choose(&counted);
        let (mut tried, mut recovered, mut lost) = (0, 0, Vec::new());
        for number in chosen {
            let mut struck = None;
            let result = self.attempt(&scene, number, &mut struck);
            let Some(point) = struck else {
                // This run made fewer changes than the one that counted.
                if let Err(error) = result {
                    lost.push(format!("before change {number}: {error}"));
                    scene = (self.scene)();
                }
                continue;
            };
            tried += 1;
            match result {
                Ok(_) => recovered += 1,
                Err(error) => {
                    let told = format!(
                        "{} at change {number} of {}, `{} {}` in '{}':\n{error}\nto see it again: \
                         VIRT_RETIRE_POINT={number} cargo test --test {} {}\n",
                        self.fault,
                        self.verb.word(),
                        point.call,
                        point.target,
                        point.step,
                        self.test,
                        std::thread::current().name().unwrap_or_default(),
                    );
                    eprintln!("{told}");
                    lost.push(told);
                    scene = (self.scene)();
                }
            }
        }
        self.report(counted.len(), tried, recovered, lost.len(), started);
        assert!(
            lost.is_empty(),
            "{} of {tried} lost:\n{}",
            lost.len(),
            lost.join("\n")
        );
        assert!(tried > 0, "nothing was tried");
    }

    /// One run without a fault; it must end well.
    fn count(&self, scene: &Scene) -> Result<Vec<Point>, String> {
        let arguments = self.verb.arguments(scene)?;
        let ran = scene.host.traced(&arguments, &mut |_| After::GoOn);
        if ran.code != 0 {
            return Err(ran.to_string());
        }
        scene.law()?;
        Ok(ran.points)
    }

    fn choose(&self, points: &[Point]) -> Vec<usize> {
        if let Ok(one) = std::env::var("VIRT_RETIRE_POINT") {
            return vec![one.parse().expect("VIRT_RETIRE_POINT should be a number")];
        }
        let mut seen = HashSet::new();
        let chosen: Vec<&Point> = points
            .iter()
            .filter(|point| (self.filter)(point))
            .filter(|point| is_full() || seen.insert(point.class()))
            .collect();
        if is_full() || chosen.len() <= self.at_most {
            return chosen.iter().map(|point| point.number).collect();
        }
        // The effect of every kind of step first, and the rest evenly from the first to the last.
        let mut steps = HashSet::new();
        let (effects, rest): (Vec<&Point>, Vec<&Point>) = chosen
            .into_iter()
            .partition(|point| !point.is_record() && steps.insert(point.step_kind()));
        let room = self.at_most.saturating_sub(effects.len()).min(rest.len());
        let evenly = (0..room).map(|index| rest[index * rest.len() / room].number);
        let mut numbers: Vec<usize> = effects.iter().map(|point| point.number).collect();
        numbers.extend(evenly);
        numbers.sort_unstable();
        numbers
    }

    fn attempt(
        &self,
        scene: &Scene,
        number: usize,
        struck: &mut Option<Point>,
    ) -> Result<&'static str, String> {
        let arguments = self.verb.arguments(scene)?;
        let ran = scene.host.traced(&arguments, &mut |point| {
            if point.number == number {
                *struck = Some(point.clone());
                (self.strike)(scene, point)
            } else {
                After::GoOn
            }
        });
        if struck.is_none() {
            return scene.law();
        }
        (self.judge)(scene, &ran)
            .map_err(|error| format!("{error}\nthe run that was struck: {ran}"))
    }

    /// A line for the table that `make sweep` prints.
    fn report(&self, all: usize, tried: usize, recovered: usize, lost: usize, since: Instant) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sweep");
        fs::create_dir_all(&folder).unwrap();
        let name = format!("{}-{}", self.fault, self.verb.word()).replace([' ', '/'], "-");
        let line = format!(
            "{}\t{}\t{all}\t{tried}\t{recovered}\t{lost}\t{}\n",
            self.fault,
            self.verb.word(),
            since.elapsed().as_secs()
        );
        eprint!("{line}");
        fs::write(folder.join(name), line).unwrap();
    }
}
