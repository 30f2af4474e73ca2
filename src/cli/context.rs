//! What most verbs need: libvirt, the files, the journal, each opened when it is first asked for.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use crate::adapters::census::HostCensus;
use crate::adapters::clock::SystemClock;
use crate::adapters::domain_lock::{DomainLocks, Waiting};
use crate::adapters::files::LocalFiles;
use crate::adapters::libvirt::Libvirt;
use crate::adapters::sled_journal::{Found, Reader, Rebuilding, SledJournal, Spares, open_reader};
use crate::adapters::survey_cache::SurveyCache;
use crate::engine::{self, Comparison, EngineError, Finding, World};
use crate::model::{DomainRef, Notice, Topic};
use crate::ports::{Control, HypervisorView, Journal, JournalReader, Log, Migrated, Quarantine};
use crate::retire::Error;
use crate::survey::{self, SurveyError};

use super::announce;
use super::args::{Arguments, Form, How, Output};
use super::commands;
use super::control::{Terminal, say};
use super::environment::variable;
use super::error::CliError;
use super::evidence;
use super::own_folders;
use super::running::Tells;
use super::safe::{safe, visible};
use super::settings::Settings;

/// The global arguments, and where things are.
pub struct Context {
    pub output: Output,
    /// `--output csv`, which `log` alone has.
    pub csv: bool,
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    pub settings: Settings,
    /// Options of every verb that a line to be typed needs too.
    pub globals: Vec<String>,
    /// `--connect`: unlike a setting, it is this command's own word on where to go.
    connect: Option<String>,
    control: Terminal,
    census: HostCensus,
    files: LocalFiles,
}

/// Everything of the world that is open at once.
pub struct Host {
    pub hypervisor: Libvirt,
    pub storage: LocalFiles,
    pub census: HostCensus,
    clock: SystemClock,
    control: Terminal,
    protect: Vec<glob::Pattern>,
    cache: Arc<SurveyCache>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.cache.keep();
    }
}

fn files(settings: &Settings) -> LocalFiles {
    LocalFiles::new(
        settings.state_dir.value.join("quarantine"),
        settings.quarantine.value.clone(),
    )
}

impl Context {
    /// # Errors
    /// A setting is not usable; there is no folder for state (no home, no `--state-dir`).
    pub fn new(arguments: &Arguments) -> Result<Self, CliError> {
        let settings = Settings::resolve(arguments)?;
        let files = files(&settings);
        own_folders::refuse_planted(&files, &settings)?;
        Ok(Self {
            files,
            output: arguments.output.into(),
            csv: arguments.output == Form::Csv,
            quiet: arguments.quiet,
            verbose: arguments.verbose,
            globals: commands::globals(arguments, &settings),
            settings,
            connect: arguments.connect.clone(),
            census: HostCensus::default(),
            control: Terminal::new(
                arguments.output.into(),
                match Output::from(arguments.output) {
                    Output::Text if arguments.quiet => Tells::Nothing,
                    Output::Text if arguments.verbose > 0 || std::io::stderr().is_terminal() => {
                        Tells::Steps
                    }
                    Output::Text => Tells::Batches,
                    Output::Json => Tells::Nothing,
                },
            )?,
        })
    }

    /// For a verb that asks for a file's users in any case, before it opens anything.
    pub fn look_ahead(&self) {
        self.census.look_ahead();
    }

    pub fn host(&self) -> Result<Host, Error> {
        self.host_at(self.settings.uri.value.as_deref())
    }

    /// Connects to where a saved plan or a transaction was made.
    ///
    /// # Errors
    /// `--connect` names another place: what is there by the same name is something else.
    pub fn host_of(&self, made_at: &str) -> Result<Host, Error> {
        let host = self.host_at(Some(self.connect.as_deref().unwrap_or(made_at)))?;
        if host.hypervisor.is_at(made_at) {
            return Ok(host);
        }
        Err(Error::Elsewhere {
            made_at: made_at.to_owned(),
            connected: host.uri().to_owned(),
        })
    }

    /// Connects as without a transaction, and takes it only if the transaction was made there:
    /// where nothing proves who wrote that, its URI is not followed.
    ///
    /// # Errors
    /// It was made elsewhere.
    pub fn host_if_at(&self, made_at: &str) -> Result<Host, Error> {
        let host = self.host()?;
        if host.hypervisor.is_at(made_at) {
            return Ok(host);
        }
        Err(Error::ImportedElsewhere {
            made_at: made_at.to_owned(),
            connected: host.uri().to_owned(),
        })
    }

    /// Whether somebody who is not root asks for what is root's: the system's libvirt, and its
    /// files.
    pub fn wants_roots(&self) -> bool {
        let uri = self.settings.uri.value.as_deref().unwrap_or_default();
        let path = uri.split('?').next().unwrap_or_default();
        !rustix::process::geteuid().is_root() && path.ends_with("/system")
    }

    fn host_at(&self, uri: Option<&str>) -> Result<Host, Error> {
        refuse_elsewhere(uri)?;
        let hypervisor = Libvirt::connect(uri)?;
        // Again with what only the connection tells.
        if let Some(refusal) = survey::out_of_reach(hypervisor.uri(), &hypervisor.files()) {
            return Err(SurveyError::Refused(Box::new(refusal)).into());
        }
        let cache = Arc::new(SurveyCache::below(self.state_dir()));
        Ok(Host {
            hypervisor: hypervisor.caching(Arc::clone(&cache)),
            storage: files(&self.settings).caching(Arc::clone(&cache)),
            census: self.census.clone(),
            clock: SystemClock,
            control: self.control.clone(),
            protect: self.settings.protect.value.clone(),
            cache,
        })
    }

    /// How long what is retired is kept: as it is asked for, else as this host has it; `None`: for
    /// ever.
    pub fn retention(&self, how: &How) -> Option<Duration> {
        let asked = how.expires.unwrap_or(self.settings.retention.value);
        asked.duration()
    }

    /// This host's files; no connection is needed to look at them.
    pub fn files(&self) -> &LocalFiles {
        &self.files
    }

    /// Holds the journal's place to put a new one there.
    pub fn rebuilding(&self, purpose: &str) -> Result<Found, Error> {
        Ok(Rebuilding::start(
            self.state_dir(),
            self.settings.wait.value,
            purpose,
            Spares::Transactions,
            &mut |holder| self.tell_waiting(holder),
        )?)
    }

    pub fn state_dir(&self) -> &std::path::Path {
        &self.settings.state_dir.value
    }

    /// From here on a signal no longer ends the process at once.
    ///
    /// # Errors
    /// A signal has come already: exit 1.
    pub fn begin(&self) -> Result<(), Error> {
        if self.control.may_begin() {
            Ok(())
        } else {
            Err(EngineError::Interrupted.into())
        }
    }

    /// Holds the journal; `purpose` is what another process is told that it waits for.
    pub fn journal(&self, purpose: &str) -> Result<SledJournal, Error> {
        let mut journal = SledJournal::open(
            self.state_dir(),
            self.settings.wait.value,
            purpose,
            &mut |holder| self.tell_waiting(holder),
        )?
        .telling(announce::audience());
        if let Some(migrated) = journal.migrated().cloned() {
            let text = self.tell_migrated(&migrated);
            journal.notice(notice(Topic::Migration, text, None))?;
        }
        let files = self.files();
        // As new as can be, or an older version's.
        if !files.has_key()? {
            self.compare(&journal)?;
            files.make_key()?;
        }
        Ok(journal)
    }

    /// What waits in quarantine and is not in the journal; the journal's own that an older version
    /// wrote get their proofs.
    pub fn compare(&self, journal: &dyn JournalReader) -> Result<Vec<Finding>, Error> {
        let files = self.files();
        let Comparison { findings, unsealed } = engine::compare(files, journal)?;
        engine::seal(files, journal, unsealed)?;
        Ok(findings)
    }

    /// Holds these domains, whatever journal another command writes to; after the journal, never
    /// before it.
    pub fn lock(
        &self,
        world: &World,
        domains: &[DomainRef],
        purpose: &str,
    ) -> Result<DomainLocks, Error> {
        let mut waiting = Waiting {
            wait: self.settings.wait.value,
            purpose,
            on_wait: &mut |holder| self.tell_waiting(holder),
        };
        Ok(DomainLocks::take(
            world.hypervisor,
            world.storage,
            domains,
            &mut waiting,
        )?)
    }

    /// Whether somebody looks on at a terminal while it works.
    pub fn has_watcher(&self) -> bool {
        self.output == Output::Text && !self.quiet && std::io::stderr().is_terminal()
    }

    /// Whether there is a journal. Where there is none there are no transactions, and a command
    /// that only asks for them makes none.
    ///
    /// # Errors
    /// The state folder is not ours alone.
    pub fn has_journal(&self) -> Result<bool, Error> {
        Ok(SledJournal::is_there(self.state_dir())?)
    }

    /// The journal for reading, whoever holds it.
    pub fn reader(&self, purpose: &str) -> Result<Reader, Error> {
        let mut reader = open_reader(
            self.state_dir(),
            self.settings.wait.value,
            purpose,
            &mut |holder| self.tell_waiting(holder),
        )?;
        if let Some(journal) = reader.held_mut()
            && let Some(migrated) = journal.migrated().cloned()
        {
            let text = self.tell_migrated(&migrated);
            journal.notice(notice(Topic::Migration, text, None))?;
        }
        Ok(reader)
    }

    fn tell_migrated(&self, migrated: &Migrated) -> String {
        let text = format!(
            "the journal had format {}, and has format {} now; the old files are in {}",
            migrated.from,
            migrated.to,
            migrated.kept.display()
        );
        if !self.quiet && self.output == Output::Text {
            say(&safe(&text));
        }
        text
    }

    fn tell_waiting(&self, holder: &str) {
        // In JSON the one document on stderr is the error, which names the holder too.
        if !self.quiet && self.output == Output::Text {
            say(&format!("waiting for {}", safe(holder)));
        }
    }
}

impl Host {
    pub fn uri(&self) -> &str {
        self.hypervisor.uri()
    }

    pub fn world(&self) -> World<'_> {
        World {
            hypervisor: &self.hypervisor,
            storage: &self.storage,
            quarantine: &self.storage,
            census: &self.census,
            clock: &self.clock,
            control: &self.control,
            protect: &self.protect,
        }
    }
}

/// What is to be in the log and belongs to no transaction: by whoever runs this, now.
pub fn notice(topic: Topic, text: impl Into<String>, domain: Option<&DomainRef>) -> Notice {
    Notice {
        topic,
        text: text.into(),
        domain: domain.cloned(),
        by: evidence::gather("", None, Vec::new()),
    }
}

/// Files of another host are out of reach whatever libvirt there says: nobody is asked for a
/// password first.
fn refuse_elsewhere(uri: Option<&str>) -> Result<(), Error> {
    let uri = Libvirt::without_password(uri.unwrap_or_default());
    match Libvirt::files_of(&uri).and_then(|files| survey::out_of_reach(&uri, &files)) {
        Some(refusal) => Err(SurveyError::Refused(Box::new(refusal)).into()),
        None => Ok(()),
    }
}

/// What is told of other people's names goes through [`visible`] here too; each event comes whole.
struct Visible<W>(W);

impl<W: std::io::Write> std::io::Write for Visible<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = visible(&String::from_utf8_lossy(bytes));
        self.0.write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Diagnostics go to stderr, more with each `-v`; the first one tells the steps and what went
/// wrong.
pub fn trace(arguments: &Arguments) {
    use tracing_subscriber::filter::LevelFilter;
    let level = match (arguments.quiet, arguments.verbose) {
        (true, _) | (false, 0) => LevelFilter::ERROR,
        (false, 1) => LevelFilter::WARN,
        (false, 2) => LevelFilter::INFO,
        (false, 3) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(std::io::stderr().is_terminal() && variable("NO_COLOR").is_none())
        .with_writer(|| Visible(std::io::stderr()))
        // It would report a closed stderr there, and panic.
        .log_internal_errors(false)
        .init();
}
