//! The small worlds that are tried, each with the verb that is run in it, and the driver: what the
//! command line does with the engine, without its words.

use std::path::{Path, PathBuf};

use uuid::Uuid;
use virt_retire::engine::{
    Engine, EngineError, Retirement, RollbackRequest, World, open_transactions,
};
use virt_retire::model::{
    Autostart, Definition, Evidence, Plan, Removal, SecretXml, Snapshot, State, Step, StorageFlags,
    Transaction, TransactionId, Verdict,
};
use virt_retire::planner;
use virt_retire::ports::HypervisorView;
use virt_retire::survey::{CachedStorage, Survey};

use super::disk::{Content, Inode};
use super::host::{Host, Mutant, Script, Shared};
use super::journal::Log;
use super::libvirt::{Libvirt, save_of};
use super::storage::{Files, QUARANTINE};
use super::surroundings::Surroundings;

pub const WEB: Uuid = Uuid::from_u128(1);
pub const DB: Uuid = Uuid::from_u128(2);
pub const DISK: &str = "/images/web/disk.qcow2";
const DB_DISK: &str = "/images/db.qcow2";
const BASE: &str = "/images/base.qcow2";
const NVRAM: &str = "/nvram/web_VARS.fd";

#[derive(Debug, Clone)]
pub enum Verb {
    Undefine {
        plans: Vec<(Plan, Definition)>,
        removal: Removal,
        prepare: bool,
    },
    Commit,
    Rollback,
    Purge,
}

/// A file of a domain, as it was at first.
#[derive(Debug, Clone)]
pub struct Original {
    pub path: PathBuf,
    pub inode: Inode,
    pub content: Content,
    /// The plan copies it and leaves it where it is: libvirt may remove it later.
    pub is_copied: bool,
}

#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub start: Host,
    pub verb: Verb,
    pub originals: Vec<Original>,
}

/// How a verb ended, as its exit code would tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// 0.
    Done,
    /// 4.
    PutBack,
    /// 1 or 3: nothing was changed.
    Refused(String),
    /// 5.
    Open(String),
}

fn evidence() -> Evidence {
    Evidence {
        uid: 0,
        user: "root".into(),
        login: None,
        host: "host".into(),
        from: None,
        reason: None,
        command: vec!["virt-retire".into()],
        pid: 1,
        version: "0".into(),
        uri: "qemu:///system".into(),
        accepted_unseen: Vec::new(),
        overrides: Vec::new(),
        circumstances: Default::default(),
    }
}

/// The ports of one host, to make an engine of.
pub struct Ports {
    pub hypervisor: Libvirt,
    pub storage: Files,
    pub around: Surroundings,
    pub journal: Log,
}

impl Ports {
    pub fn of(shared: &Shared) -> Self {
        Self {
            hypervisor: Libvirt::new(shared),
            storage: Files::new(shared),
            around: Surroundings(shared.clone()),
            journal: Log(shared.clone()),
        }
    }

    fn engine(&mut self) -> Engine<'_> {
        let world = World {
            hypervisor: &self.hypervisor,
            storage: &self.storage,
            quarantine: &self.storage,
            census: &self.around,
            clock: &self.around,
            control: &self.around,
            protect: &[],
        };
        Engine::new(world, &mut self.journal)
    }
}

fn xml(name: &str, uuid: Uuid, disk: &str, os: &str) -> String {
    format!(
        "<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><title>{name}</title>\
         <os><type>hvm</type>{os}</os><devices><disk type='file' device='disk'>\
         <driver name='qemu' type='qcow2'/><source file='{disk}'/><target dev='vda'/></disk>\
         </devices></domain>"
    )
}

/// What is in a small world, besides a domain with a disk.
#[derive(Clone, Copy, Default)]
struct Small {
    base: bool,
    /// NVRAM and autostart.
    firmware: bool,
    saved: bool,
    snapshot: bool,
    two: bool,
    running: bool,
    transient: bool,
    /// A job runs in the pool: libvirt makes no new list of it.
    busy: bool,
    keep: bool,
}

fn host(small: &Small) -> Host {
    let mut host = Host::new();
    for folder in ["/images", "/images/web", "/nvram", "/saves", QUARANTINE] {
        host.disk.make_folder(Path::new(folder));
    }
    let os = match small.firmware {
        true => format!("<nvram>{NVRAM}</nvram>"),
        false => String::new(),
    };
    host.web = xml("web", WEB, DISK, &os);
    let top = match small.base {
        true => Content::over("web's disk", BASE),
        false => Content::of("web's disk"),
    };
    host.original = Some(host.disk.create(Path::new(DISK), top));
    if small.base {
        host.disk.create(Path::new(BASE), Content::of("web's base"));
    }
    host.libvirt.define(&host.web.clone());
    if small.firmware {
        host.disk
            .create(Path::new(NVRAM), Content::of("web's NVRAM"));
        if let Some((_, definition)) = host.libvirt.defined.get_mut(&WEB) {
            definition.autostart = Autostart {
                always: true,
                once: false,
            };
        }
    }
    if small.saved {
        let memory = Content::of("web's memory");
        host.disk.create(&save_of("web"), memory);
    }
    if small.snapshot
        && let Some((_, definition)) = host.libvirt.defined.get_mut(&WEB)
    {
        let xml = "<domainsnapshot><name>clean</name></domainsnapshot>";
        definition.snapshots.push(Snapshot {
            name: "clean".into(),
            parent: None,
            xml: SecretXml::new(xml.into()),
        });
        definition.current_snapshot = Some("clean".into());
    }
    if small.running {
        assert!(host.start(WEB));
    }
    if small.transient {
        host.libvirt.defined.remove(&WEB);
    }
    host.libvirt.is_busy = small.busy;
    if small.two {
        host.disk
            .create(Path::new(DB_DISK), Content::of("db's disk"));
        host.libvirt.define(&xml("db", DB, DB_DISK, ""));
    }
    host.disk.sync_all();
    host.libvirt.sync_all();
    host.with_pool()
}

fn removal(small: &Small) -> Removal {
    Removal {
        storage: StorageFlags {
            all: !small.keep,
            keep: small.keep,
            ..StorageFlags::default()
        },
        stop_first: small.running && !small.keep,
        managed_save: small.saved,
        snapshots_metadata: small.snapshot,
        nvram: (small.firmware && !small.keep).then_some(Verdict::Remove),
        ..Removal::default()
    }
}

fn undefine(name: &'static str, small: &Small, prepare: bool) -> Scenario {
    let start = host(small);
    let shared = Shared::new(start.clone());
    let ports = Ports::of(&shared);
    let removal = removal(small);
    let cached = CachedStorage::new(&ports.storage);
    let survey = Survey::new(&ports.hypervisor, &cached, &ports.around).unwrap();
    let mut plans = Vec::new();
    let mut originals: Vec<Original> = Vec::new();
    let domains = if small.two {
        &["web", "db"][..]
    } else {
        &["web"]
    };
    for domain in domains {
        let domain = ports.hypervisor.find(domain).unwrap();
        let facts = survey.domain(&domain).unwrap();
        let plan = planner::plan(&facts, &survey.meant(&removal, &facts.disks));
        assert!(plan.is_executable(), "{name}: {:?}", plan.refusals);
        let copied = plan.steps.iter().filter_map(|step| match step {
            Step::CopyState(copied) => Some(copied),
            _ => None,
        });
        for moved in plan.steps.iter().filter_map(Step::file).chain(copied) {
            let inode = moved.facts.identity.inode;
            originals.push(Original {
                path: moved.path.clone(),
                inode,
                content: start.disk.content(inode).unwrap().clone(),
                is_copied: !plan
                    .steps
                    .iter()
                    .filter_map(Step::file)
                    .any(|it| it == moved),
            });
        }
        plans.push((plan, facts.definition));
    }
    Scenario {
        name,
        start,
        verb: Verb::Undefine {
            plans,
            removal,
            prepare,
        },
        originals,
    }
}

/// The world after that verb, undisturbed, and another verb in it.
fn then(before: Scenario, name: &'static str, verb: Verb) -> Scenario {
    let shared = Shared::new(before.start.clone());
    let report = before.run_verb(&shared);
    assert_eq!(report, Report::Done, "{}", before.name);
    let mut start = shared.get().clone();
    start.is_purged = matches!(verb, Verb::Purge);
    Scenario {
        name,
        start,
        verb,
        ..before
    }
}

pub fn all() -> Vec<Scenario> {
    let one = Small::default();
    let base = Small { base: true, ..one };
    let firmware = Small {
        firmware: true,
        saved: true,
        ..one
    };
    let two = Small { two: true, ..one };
    let running = Small {
        running: true,
        firmware: true,
        ..one
    };
    let transient = Small {
        transient: true,
        ..running
    };
    let snapshot = Small {
        snapshot: true,
        ..one
    };
    let busy = Small { busy: true, ..base };
    let keep = Small {
        keep: true,
        ..running
    };
    vec![
        undefine("one disk", &one, false),
        undefine("disk and base", &base, false),
        undefine("NVRAM and managed save", &firmware, false),
        undefine("two domains", &two, false),
        undefine("prepare", &one, true),
        undefine("prepare two domains", &two, true),
        undefine("a snapshot", &snapshot, false),
        undefine("while a job runs in the pool", &busy, false),
        undefine("destroy", &running, false),
        undefine("destroy a transient guest", &transient, false),
        undefine("keep the storage of a running guest", &keep, false),
        then(undefine("prepare", &one, true), "commit", Verb::Commit),
        then(
            undefine("prepare", &base, true),
            "rollback of what is prepared",
            Verb::Rollback,
        ),
        then(
            undefine("undefine", &one, false),
            "rollback",
            Verb::Rollback,
        ),
        then(
            undefine("undefine", &firmware, false),
            "rollback with NVRAM and managed save",
            Verb::Rollback,
        ),
        then(undefine("undefine", &base, false), "purge", Verb::Purge),
        then(
            undefine("undefine", &firmware, false),
            "purge with NVRAM and managed save",
            Verb::Purge,
        ),
        then(
            undefine("undefine", &snapshot, false),
            "purge with a snapshot",
            Verb::Purge,
        ),
        then(
            undefine("destroy", &running, false),
            "purge of what was running",
            Verb::Purge,
        ),
    ]
}

impl Scenario {
    /// The world, as it begins under this script.
    pub fn world(&self, script: &Script, mutant: Mutant, traced: bool) -> Shared {
        Shared::new(self.start.clone().begin(script.clone(), mutant, traced))
    }

    pub fn run_verb(&self, shared: &Shared) -> Report {
        let mut ports = Ports::of(shared);
        match &self.verb {
            Verb::Undefine {
                plans,
                removal,
                prepare,
            } => retire(&mut ports, plans, removal, *prepare),
            Verb::Commit => report(ports.engine().commit(TransactionId(1), evidence())),
            Verb::Rollback => roll_back(&mut ports),
            Verb::Purge => {
                let id = TransactionId(1);
                report(ports.engine().purge(id, &[id], None, evidence()))
            }
        }
    }
}

pub fn roll_back(ports: &mut Ports) -> Report {
    let mut engine = ports.engine();
    report(engine.rollback(TransactionId(1), &RollbackRequest::default(), &evidence()))
}

fn report<T>(result: Result<T, EngineError>) -> Report {
    match result {
        Ok(_) => Report::Done,
        Err(error) => told(&error),
    }
}

fn told(error: &EngineError) -> Report {
    match error {
        EngineError::PutBack { .. } => Report::PutBack,
        EngineError::Stuck { .. } | EngineError::Unfinished { .. } => {
            Report::Open(error.to_string())
        }
        _ => Report::Refused(error.to_string()),
    }
}

/// `undefine`, as the command line carries it out.
fn retire(
    ports: &mut Ports,
    plans: &[(Plan, Definition)],
    removal: &Removal,
    prepare: bool,
) -> Report {
    let retirements = plans.iter().map(|(plan, definition)| Retirement {
        plan: plan.clone(),
        definition: definition.clone(),
        removal: removal.clone(),
        evidence: evidence(),
        commit_at_once: !prepare,
        retention: None,
        digest: None,
    });
    let batch = ports.engine().retire(retirements.collect());
    let Some(failed) = batch.failed else {
        return Report::Done;
    };
    match told(&failed.error) {
        Report::Open(why) => Report::Open(why),
        cause if !failed.half.is_empty() => Report::Open(format!("half of it: {cause:?}")),
        cause if failed.put_back.is_empty() => cause,
        _ => Report::PutBack,
    }
}

/// `recover --yes`: every open transaction, the latest first.
pub fn recover(shared: &Shared) {
    let mut ports = Ports::of(shared);
    for transaction in open_transactions(&ports.journal).unwrap() {
        let state = transaction.state();
        let result = ports.engine().recover(transaction.id, &evidence());
        let after = result.map_or(transaction, |recovery| recovery.transaction);
        let now = after.state();
        let id = after.id;
        if is_open(&after) {
            let mut host = shared.edit();
            host.left_in_doubt = host.in_doubt();
        }
        shared
            .edit()
            .tell(|| format!("=== recover {id}: {} → {}", state.word(), now.word()));
    }
}

pub fn is_open(transaction: &Transaction) -> bool {
    let waits = transaction.state() == State::Prepared && !transaction.commit_at_once;
    !waits && !transaction.state().is_finished()
}
