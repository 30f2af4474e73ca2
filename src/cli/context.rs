//! What most verbs need: libvirt, the files, the journal, each opened when it is first asked for.

use std::path::PathBuf;
use std::time::Duration;

use crate::adapters::clock::SystemClock;
use crate::adapters::files::LocalFiles;
use crate::adapters::libvirt::Libvirt;
use crate::adapters::sled_journal::{Reader, SledJournal, open_reader};
use crate::engine::World;
use crate::model::Evidence;
use crate::ports::Hypervisor;

use super::args::{Arguments, Output};
use super::control::Terminal;
use super::error::{CliError, Exit};
use super::evidence;
use super::safe::safe;

/// The global arguments, and where things are.
pub struct Context {
    pub output: Output,
    pub quiet: bool,
    connect: Option<String>,
    state_dir: PathBuf,
    quarantine: Vec<PathBuf>,
    wait: Duration,
}

/// Everything of the world that is open at once.
pub struct Host {
    pub hypervisor: Libvirt,
    pub storage: LocalFiles,
    clock: SystemClock,
    control: Terminal,
}

impl Context {
    /// # Errors
    /// There is no folder for state (no home, no `--state-dir`).
    pub fn new(arguments: &Arguments) -> Result<Self, CliError> {
        let state_dir = match &arguments.state_dir {
            Some(folder) => std::path::absolute(folder).map_err(|error| {
                CliError::new(
                    Exit::Error,
                    "state-folder",
                    format!("the state folder cannot be named: {error}"),
                    "give an absolute path to --state-dir",
                )
            })?,
            None => default_state_dir()?,
        };
        Ok(Self {
            output: arguments.output,
            quiet: arguments.quiet,
            connect: arguments.connect.clone(),
            state_dir,
            quarantine: arguments.quarantine.clone(),
            wait: Duration::from_secs(arguments.wait),
        })
    }

    pub fn host(&self) -> Result<Host, CliError> {
        self.host_at(None)
    }

    /// Connects; `uri` is what a saved plan or a transaction was made for, unless `--connect` says
    /// otherwise.
    pub fn host_at(&self, uri: Option<&str>) -> Result<Host, CliError> {
        let uri = self.connect.as_deref().or(uri);
        Ok(Host {
            hypervisor: Libvirt::connect(uri)?,
            storage: LocalFiles::new(self.state_dir.join("quarantine"), self.quarantine.clone()),
            clock: SystemClock,
            control: Terminal::new(!self.quiet && self.output == Output::Text)?,
        })
    }

    /// Holds the journal; `purpose` is what another process is told that it waits for.
    pub fn journal(&self, purpose: &str) -> Result<SledJournal, CliError> {
        Ok(SledJournal::open(
            &self.state_dir,
            self.wait,
            purpose,
            &mut |holder| self.tell_waiting(holder),
        )?)
    }

    /// The journal for reading, whoever holds it.
    pub fn reader(&self, purpose: &str) -> Result<Reader, CliError> {
        Ok(open_reader(
            &self.state_dir,
            self.wait,
            purpose,
            &mut |holder| self.tell_waiting(holder),
        )?)
    }

    fn tell_waiting(&self, holder: &str) {
        if !self.quiet {
            eprintln!("waiting for {}", safe(holder));
        }
    }

    pub fn evidence(&self, host: &Host, reason: Option<String>, unseen: Vec<String>) -> Evidence {
        evidence::gather(host.hypervisor.uri(), reason, unseen)
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
            clock: &self.clock,
            control: &self.control,
        }
    }
}

/// The contract's default: `/var/lib/virt-retire` for root, else below the XDG state folder.
fn default_state_dir() -> Result<PathBuf, CliError> {
    if rustix::process::geteuid().is_root() {
        return Ok("/var/lib/virt-retire".into());
    }
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("virt-retire"))
        .ok_or_else(|| {
            CliError::new(
                Exit::Error,
                "state-folder",
                "there is no folder for the journal: neither XDG_STATE_HOME nor HOME is set",
                "name one with --state-dir",
            )
        })
}

/// Diagnostics go to stderr, more with each `-v`.
pub fn trace(arguments: &Arguments) {
    use tracing_subscriber::filter::LevelFilter;
    let level = match (arguments.quiet, arguments.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::ERROR,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .init();
}
