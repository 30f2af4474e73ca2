//! `watch`: storage cleanup on death. A transient guest that ends by itself takes along what its
//! policy says, by the same transaction as any other.
//!
//! What a transient guest's end throws away is kept beforehand in a list beside the journal. The list
//! also says who was watched when nobody looked: at every connection those on it that run no more
//! are treated as if their end had just been heard of, and libvirt's log of the guest says how
//! it ended. The journal is held only while a transaction runs.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::adapters::watchlist::WatchFiles;
use crate::model::{Ended, FileFacts, Plan, Removal, State, Step, StorageFlags, Verdict, Watched};
use crate::planner;
use crate::ports::{Hypervisor, HypervisorError, JournalReader, LifeEvent, Storage, Watchlist};
use crate::survey::{Memo, Survey};
use crate::xml::{DomainXml, Source, read_policy};

use super::super::args::{How, Output, Sure};
use super::super::context::{Context, Host};
use super::super::control::say;
use super::super::error::{CliError, Exit};
use super::super::safe::safe;
use super::plan::Planned;
use super::undefine;

/// How long nothing is looked at but events: signals and a broken connection are noticed then.
const TICK: Duration = Duration::from_millis(200);
/// How often a guest is tried again whose disks somebody uses, or while the journal is held.
const AGAIN: Duration = Duration::from_secs(15);
/// Everything is looked at again without an event: a block job changes a disk and tells nobody.
const LOOK: Duration = Duration::from_secs(30);
/// The longest wait between two tries to reach libvirtd.
const BACK_OFF: Duration = Duration::from_secs(5);

pub fn run(context: &Context, once: bool) -> Result<(), CliError> {
    // Makes the state folder, or says what is wrong with it; nobody is kept waiting after this.
    drop(context.journal("watch")?);
    let files = context.files();
    let list = WatchFiles::open(&files, context.state_dir())?;
    context.begin()?;
    // The first connection must work: a wrong URI is no libvirtd that is being restarted.
    let mut host = context.host()?;
    let mut watch = Watch {
        context,
        list,
        guests: HashMap::new(),
        deaths: HashMap::new(),
        said: HashMap::new(),
    };
    loop {
        let result = watch.follow(&host, once);
        match result {
            Ok(()) => return Ok(()),
            Err(error) if host.hypervisor.is_alive() => return Err(error),
            Err(_) if once => {
                return Err(CliError::new(
                    Exit::Error,
                    "libvirt-lost",
                    "libvirt went away",
                    "when libvirtd is back: virt-retire watch --once",
                ));
            }
            Err(_) => {}
        }
        watch.tell("libvirt went away; waiting for it".into());
        match reconnect(context, &host) {
            Some(again) => host = again,
            None => return Ok(()),
        }
    }
}

/// `None` if a signal came first.
fn reconnect(context: &Context, lost: &Host) -> Option<Host> {
    let mut pause = TICK;
    loop {
        if lost.world().control.wants_rollback() {
            return None;
        }
        if let Ok(host) = context.host() {
            return Some(host);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(BACK_OFF);
    }
}

struct Watch<'a> {
    context: &'a Context,
    list: WatchFiles<'a>,
    guests: HashMap<Uuid, Watched>,
    /// Guests that have ended and are to be retired, with when to try.
    deaths: HashMap<Uuid, (Ended, Instant)>,
    /// What was said last of each, so that it is said once.
    said: HashMap<Uuid, String>,
}

impl Watch<'_> {
    /// One connection, until it breaks (an error) or a signal comes.
    fn follow(&mut self, host: &Host, once: bool) -> Result<(), CliError> {
        // Before anything is looked at, so that nothing is missed in between.
        let events = host.hypervisor.events()?;
        self.catch_up(host)?;
        self.retire_dead(host)?;
        if once {
            return self.end_once();
        }
        self.tell(format!("watching {} guests", self.guests.len()));
        let mut looked = Instant::now();
        loop {
            self.hear(host, &events)?;
            if host.world().control.wants_rollback() {
                return Ok(());
            }
            if !host.hypervisor.is_alive() {
                return Err(lost());
            }
            if looked.elapsed() > LOOK {
                self.look_at_all(host)?;
                looked = Instant::now();
            }
            self.retire_dead(host)?;
        }
    }

    /// Whoever was dead and could not be retired stays on the list, and that is no success.
    fn end_once(&self) -> Result<(), CliError> {
        if self.deaths.is_empty() {
            return Ok(());
        }
        Err(CliError::new(
            Exit::Unfinished,
            "left-over",
            "the storage of some guests that ended could not be retired",
            "mend what was said above, then: virt-retire watch --once",
        ))
    }

    fn hear(&mut self, host: &Host, events: &Receiver<LifeEvent>) -> Result<(), CliError> {
        let mut wait = TICK;
        loop {
            match events.recv_timeout(wait) {
                Ok(LifeEvent::Ended { domain, how }) => self.ended(domain, how)?,
                Ok(LifeEvent::Changed { domain }) => self.look_at(host, domain)?,
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(lost()),
            }
            wait = Duration::ZERO;
        }
    }

    fn ended(&mut self, domain: Uuid, how: Ended) -> Result<(), CliError> {
        let Some(watched) = self.guests.get(&domain) else {
            return Ok(());
        };
        let name = safe(&watched.domain.name);
        if how.is_death() {
            self.deaths.insert(domain, (how, Instant::now()));
            return Ok(());
        }
        self.tell(match how {
            Ended::Unknown => format!(
                "{name} runs no more and nobody can say how it ended; its storage is left alone"
            ),
            _ => format!("{name} has not died ({}); its storage stays", how.word()),
        });
        self.forget(domain)
    }

    /// What happened while nobody looked, and who is there now.
    fn catch_up(&mut self, host: &Host) -> Result<(), CliError> {
        for watched in self.list.list()? {
            if watched.uri == host.uri() {
                self.guests.insert(watched.domain.uuid, watched);
            }
        }
        let known: Vec<Uuid> = self.guests.keys().copied().collect();
        for uuid in known {
            if self.deaths.contains_key(&uuid) || host.hypervisor.status(uuid)?.is_some() {
                continue;
            }
            let how = self
                .guests
                .get(&uuid)
                .and_then(|watched| host.hypervisor.last_end(&watched.domain))
                .unwrap_or(Ended::Unknown);
            self.ended(uuid, how)?;
        }
        self.look_at_all(host)
    }

    fn look_at_all(&mut self, host: &Host) -> Result<(), CliError> {
        for described in host.hypervisor.domains()? {
            let status = described.status;
            let uuid = status.domain.uuid;
            if self.guests.contains_key(&uuid) || status.active && !status.persistent {
                self.look_at(host, uuid)?;
            }
        }
        Ok(())
    }

    /// Puts a guest on the list, brings its record up to date, or takes it off.
    /// What goes wrong with one guest keeps no other from being watched.
    fn look_at(&mut self, host: &Host, uuid: Uuid) -> Result<(), CliError> {
        if self.deaths.contains_key(&uuid) {
            return Ok(());
        }
        match self.take_note(host, uuid) {
            Err(error) if host.hypervisor.is_alive() => {
                self.say_once(
                    uuid,
                    format!("{uuid} cannot be looked at: {}", safe(&error.message)),
                );
                Ok(())
            }
            other => other,
        }
    }

    fn take_note(&mut self, host: &Host, uuid: Uuid) -> Result<(), CliError> {
        // The end has an event of its own.
        let Some(status) = host.hypervisor.status(uuid)? else {
            return Ok(());
        };
        if status.persistent {
            return self.forget(uuid);
        }
        let definition = match host.hypervisor.definition(uuid) {
            // It ended just now.
            Err(HypervisorError::NoSuchDomain(_)) => return Ok(()),
            other => other?,
        };
        let xml =
            DomainXml::read(definition.xml.reveal()).map_err(|error| HypervisorError::Xml {
                subject: status.domain.name.clone(),
                cause: error.to_string(),
            })?;
        let policy = match read_policy(&xml) {
            Ok(policy) => policy,
            Err(problem) => {
                let name = safe(&status.domain.name);
                self.say_once(
                    uuid,
                    format!("{name} is not watched: its policy is not valid: {problem}"),
                );
                return self.forget(uuid);
            }
        };
        if !policy.removes() || policy.protected {
            return self.forget(uuid);
        }
        let files = disk_files(host, &xml)?;
        let watched = Watched {
            uri: host.uri().to_owned(),
            domain: status.domain,
            definition,
            files,
            since: self
                .guests
                .get(&uuid)
                .map_or_else(|| host.world().clock.now(), |known| known.since),
        };
        let is_known = self.guests.get(&uuid).is_some_and(|known| {
            known.definition == watched.definition
                && known.files.len() == watched.files.len()
                && known.files.iter().zip(&watched.files).all(|(old, new)| {
                    old.0 == new.0 && old.1.identity.is_same_file(&new.1.identity)
                })
        });
        if !is_known {
            self.list.put(&watched)?;
            self.guests.insert(uuid, watched);
        }
        Ok(())
    }

    fn forget(&mut self, uuid: Uuid) -> Result<(), CliError> {
        self.deaths.remove(&uuid);
        if self.guests.remove(&uuid).is_some() {
            self.list.remove(uuid)?;
        }
        Ok(())
    }

    fn retire_dead(&mut self, host: &Host) -> Result<(), CliError> {
        let due: Vec<(Uuid, Ended)> = self
            .deaths
            .iter()
            .filter(|(_, (_, when))| *when <= Instant::now())
            .map(|(uuid, (how, _))| (*uuid, *how))
            .collect();
        for (uuid, how) in due {
            if host.world().control.wants_rollback() {
                return Ok(());
            }
            let Some(watched) = self.guests.get(&uuid).cloned() else {
                self.deaths.remove(&uuid);
                continue;
            };
            match self.retire(host, &watched, how) {
                Ok(()) => {
                    self.forget(uuid)?;
                    // Who was started again meanwhile was not looked at while he counted as dead.
                    self.look_at(host, uuid)?;
                }
                // A connection that broke, and a signal, leave it for the next time.
                Err(error) if !host.hypervisor.is_alive() => return Err(error),
                Err(_) if host.world().control.wants_rollback() => return Ok(()),
                Err(error) if error.exit == Exit::PutBack => {
                    self.say_once(uuid, given_up(&watched, &error));
                    self.forget(uuid)?;
                }
                Err(error) => {
                    self.say_once(uuid, given_up(&watched, &error));
                    self.deaths.insert(uuid, (how, Instant::now() + AGAIN));
                }
            }
        }
        Ok(())
    }

    /// The transaction. `Ok` also where nothing is left to do: the guest is back, somebody else
    /// has retired it, its storage is gone.
    fn retire(&self, host: &Host, watched: &Watched, how: Ended) -> Result<(), CliError> {
        let name = &watched.domain.name;
        let journal = self.context.journal(&format!("watch: end of {name}"))?;
        // Looked at while the journal is held: nobody of ours changes it now.
        if host.hypervisor.status(watched.domain.uuid)?.is_some() {
            return Ok(());
        }
        let is_retired = journal.summaries()?.iter().any(|summary| {
            summary.domain.uuid == watched.domain.uuid
                && summary.started_at >= watched.since
                && !matches!(summary.state, State::RolledBack)
        });
        if is_retired {
            return Ok(());
        }
        let memo = Memo::new(&host.storage);
        let survey = Survey::new(&host.hypervisor, &memo, &host.census)?;
        let facts = survey.departed(&watched.domain, watched.definition.clone())?;
        let removal = removal();
        let plan = planner::plan(&facts, &removal);
        if plan.is_executable() && !takes_storage(&plan) {
            return Ok(());
        }
        self.refuse_strangers(host, watched, &plan)?;
        let how = How {
            prepare: false,
            reason: Some(format!("watch: guest ended ({})", how.word())),
            sure: Sure { yes: true },
        };
        let planned = vec![Planned { facts, plan }];
        undefine::execute(self.context, host, journal, planned, &removal, &how)
    }

    /// # Errors
    /// The file under a disk's name is not the one that the guest had: exit 3, nothing changed.
    fn refuse_strangers(
        &self,
        host: &Host,
        watched: &Watched,
        plan: &Plan,
    ) -> Result<(), CliError> {
        for moved in plan.steps.iter().filter_map(Step::file) {
            let known = watched.files.iter().find(|(path, _)| *path == moved.path);
            let Some((path, then)) = known else { continue };
            let is_same = host
                .storage
                .facts(path)?
                .is_some_and(|now| now.identity.is_same_file(&then.identity));
            if !is_same {
                return Err(CliError::refused(&[undefine::changed(&watched.domain)]));
            }
        }
        Ok(())
    }

    fn say_once(&mut self, uuid: Uuid, text: String) {
        if self.said.get(&uuid) != Some(&text) {
            say(&text);
            self.said.insert(uuid, text);
        }
    }

    fn tell(&self, text: String) {
        if !self.context.quiet && self.context.output == Output::Text {
            say(&text);
        }
    }
}

/// The disks' own files. One that cannot be looked at now is left out: it is looked at again
/// when it is to be moved.
fn disk_files(host: &Host, xml: &DomainXml) -> Result<Vec<(PathBuf, FileFacts)>, CliError> {
    let mut files = Vec::new();
    for disk in &xml.disks {
        let path = match &disk.source {
            Source::File(path) => path.clone(),
            Source::Volume { pool, volume } => match host.hypervisor.volume(pool, volume) {
                Ok(volume) => volume.path,
                Err(error) if host.hypervisor.is_alive() => {
                    tracing::info!(%error, "a volume was not found");
                    continue;
                }
                Err(error) => return Err(error.into()),
            },
            _ => continue,
        };
        let found = host.storage.resolve(&path).and_then(|resolved| {
            let facts = host.storage.facts(&resolved.real)?;
            Ok(facts.map(|facts| (resolved.real, facts)))
        });
        files.extend(found.ok().flatten());
    }
    Ok(files)
}

fn lost() -> CliError {
    CliError::new(
        Exit::Error,
        "libvirt-lost",
        "the connection to libvirt broke",
        "is libvirtd running?",
    )
}

fn given_up(watched: &Watched, error: &CliError) -> String {
    format!(
        "{} has ended, and its storage could not be retired: {} ({})",
        safe(&watched.domain.name),
        safe(&error.message),
        safe(&error.hint)
    )
}

/// Only what the policy says goes: a disk without a word stays, and so do NVRAM and TPM state,
/// which a policy does not speak of.
fn removal() -> Removal {
    Removal {
        storage: StorageFlags {
            keep: true,
            ..StorageFlags::default()
        },
        // Their metadata ended with the guest; saved, it comes back with a rollback.
        snapshots_metadata: true,
        checkpoints_metadata: true,
        nvram: Some(Verdict::Keep),
        tpm: Some(Verdict::Keep),
        stop_first: true,
        ..Removal::default()
    }
}

fn takes_storage(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| step.file().is_some())
}
