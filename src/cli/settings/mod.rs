//! The settings in force: each resolved once, from the flag, the environment, the configuration
//! file or the default, in this order, and kept with where it came from.

mod file;
mod key;
mod size;
mod units;

use std::path::PathBuf;
use std::time::Duration;

use super::args::Arguments;
use super::environment::variable;
use super::error::{CliError, Exit};
use crate::model::DigestKind;

use file::Configuration;
pub use file::location;
pub use key::Key;
pub use size::Size;
pub use units::Span;

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Flag(&'static str),
    Environment(&'static str),
    File(PathBuf),
    /// The file, and more of it from the environment.
    FileAndEnvironment(PathBuf, &'static str),
    Default,
}

/// One setting in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    pub value: T,
    pub source: Source,
}

/// How long a retired domain is kept, at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    For(Span),
    /// Until an operator decides.
    Forever,
}

impl Retention {
    /// `None`: for ever.
    pub fn duration(self) -> Option<Duration> {
        match self {
            Retention::For(span) => Some(span.duration()),
            Retention::Forever => None,
        }
    }
}

impl std::fmt::Display for Retention {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Retention::For(span) => span.fmt(f),
            Retention::Forever => f.write_str("never"),
        }
    }
}

impl std::str::FromStr for Retention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "never" => Ok(Retention::Forever),
            span => span.parse().map(Retention::For),
        }
    }
}

/// All of them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `None` leaves the choice to libvirt.
    pub uri: Setting<Option<String>>,
    pub state_dir: Setting<PathBuf>,
    pub quarantine: Setting<Vec<PathBuf>>,
    pub wait: Setting<Duration>,
    pub retention: Setting<Retention>,
    pub minimum_age: Setting<Span>,
    pub require_reason: Setting<bool>,
    /// Globs of domain names that this host refuses to retire.
    pub protect: Setting<Vec<glob::Pattern>>,
    /// `None`: nothing is read for it.
    pub digest: Setting<Option<DigestKind>>,
}

impl Settings {
    /// # Errors
    /// The configuration file cannot be read, may be written by others, has a key that is not
    /// known or a value that is not one; likewise a variable. Exit 1, nothing changed.
    pub fn resolve(arguments: &Arguments) -> Result<Self, CliError> {
        Self::with(arguments, &file::read()?)
    }

    /// With a file of this text. For fuzzing: what the environment says is in force all the same.
    ///
    /// # Errors
    /// As [`Settings::resolve`].
    pub fn of_text(arguments: &Arguments, text: &str) -> Result<Self, CliError> {
        Self::with(arguments, &file::parse(PathBuf::from("config.toml"), text)?)
    }

    fn with(arguments: &Arguments, file: &Configuration) -> Result<Self, CliError> {
        let from = |key: Key| Given {
            key,
            file: file.value(key),
        };
        Ok(Self {
            uri: uri(arguments, &from(Key::Uri))?,
            state_dir: state_dir(arguments, &from(Key::StateDir))?,
            quarantine: match arguments.quarantine.is_empty() {
                false => flag("--quarantine", arguments.quarantine.clone()),
                true => from(Key::Quarantine).or(Vec::new, key::folders)?,
            },
            wait: match arguments.wait {
                Some(seconds) => flag("--wait", Duration::from_secs(seconds)),
                None => from(Key::Wait).or(|| Duration::from_secs(60), key::seconds)?,
            },
            retention: from(Key::Retention).or(|| Retention::Forever, key::retention)?,
            minimum_age: from(Key::MinimumAge).or(|| Span::HOUR, key::span)?,
            require_reason: from(Key::RequireReason).or(|| false, key::yes_or_no)?,
            protect: protect(&from(Key::Protect))?,
            digest: from(Key::Digest).or(|| None, key::digest)?,
        })
    }
}

fn flag<T>(name: &'static str, value: T) -> Setting<T> {
    Setting {
        value,
        source: Source::Flag(name),
    }
}

/// What is said of one key outside the command line.
struct Given<'a> {
    key: Key,
    file: Option<(&'a PathBuf, &'a toml::Value)>,
}

impl Given<'_> {
    /// The environment's word, else the file's, else the default.
    fn or<T>(
        &self,
        default: impl FnOnce() -> T,
        read: impl Fn(&toml::Value) -> Result<T, String>,
    ) -> Result<Setting<T>, CliError> {
        if let Some((name, value)) = self.environment()? {
            return Ok(Setting {
                value: read(&value).map_err(|cause| unusable(name, &cause))?,
                source: Source::Environment(name),
            });
        }
        if let Some((path, value)) = self.file {
            let name = format!("{} in {}", self.key.name(), path.display());
            return Ok(Setting {
                value: read(value).map_err(|cause| unusable(&name, &cause))?,
                source: Source::File(path.clone()),
            });
        }
        Ok(Setting {
            value: default(),
            source: Source::Default,
        })
    }

    fn environment(&self) -> Result<Option<(&'static str, toml::Value)>, CliError> {
        let name = self.key.variable();
        let Some(value) = variable(name) else {
            return Ok(None);
        };
        let text = value
            .into_string()
            .map_err(|_| unusable(name, "it is not UTF-8"))?;
        Ok(Some((name, toml::Value::String(text))))
    }
}

fn unusable(name: &str, cause: &str) -> CliError {
    CliError::unchanged(
        Exit::Error,
        "setting",
        format!("{name} is not usable: {cause}"),
        "to see what is in force and where it comes from: virt-retire config show",
    )
}

/// virsh's variable counts as ours does, after it.
fn uri(arguments: &Arguments, given: &Given<'_>) -> Result<Setting<Option<String>>, CliError> {
    if let Some(uri) = &arguments.connect {
        return Ok(flag("--connect", Some(uri.clone())));
    }
    const LIBVIRT: &str = "LIBVIRT_DEFAULT_URI";
    let ours = given.environment()?.is_some();
    if let (false, Some(uri)) = (ours, variable(LIBVIRT)) {
        return Ok(Setting {
            value: Some(uri.to_string_lossy().into_owned()),
            source: Source::Environment(LIBVIRT),
        });
    }
    given.or(|| None, |value| key::text(value).map(Some))
}

fn state_dir(arguments: &Arguments, given: &Given<'_>) -> Result<Setting<PathBuf>, CliError> {
    let named = match &arguments.state_dir {
        Some(folder) => Some(flag("--state-dir", folder.clone())),
        None => {
            let given = given.or(|| None, |value| key::text(value).map(|it| Some(it.into())))?;
            let Setting { value, source } = given;
            value.map(|value| Setting { value, source })
        }
    };
    let Some(Setting { value, source }) = named else {
        return Ok(Setting {
            value: default_state_dir()?,
            source: Source::Default,
        });
    };
    let value = std::path::absolute(value).map_err(|error| {
        CliError::new(
            Exit::Error,
            "state-folder",
            format!("the state folder cannot be named: {error}"),
            "give an absolute path to --state-dir",
        )
    })?;
    Ok(Setting { value, source })
}

/// The environment can add to what this host protects, and takes nothing away: only who edits the
/// file lifts a protection.
fn protect(given: &Given<'_>) -> Result<Setting<Vec<glob::Pattern>>, CliError> {
    let file = given.file.map(|(path, value)| {
        let read = key::globs(value);
        let name = format!("{} in {}", given.key.name(), path.display());
        read.map(|globs| (path.clone(), globs))
            .map_err(|cause| unusable(&name, &cause))
    });
    let all = given.or(Vec::new, key::globs)?;
    match (file.transpose()?, all.source) {
        (Some((path, mut globs)), Source::Environment(name)) => {
            globs.extend(all.value);
            Ok(Setting {
                value: globs,
                source: Source::FileAndEnvironment(path, name),
            })
        }
        (_, source) => Ok(Setting {
            value: all.value,
            source,
        }),
    }
}

/// Root's state folder, where nobody says another.
pub const ROOTS_STATE: &str = "/var/lib/virt-retire";

/// The contract's default: `/var/lib/virt-retire` for root, else below the XDG state folder.
pub fn default_state_dir() -> Result<PathBuf, CliError> {
    if rustix::process::geteuid().is_root() {
        return Ok(ROOTS_STATE.into());
    }
    file::personal("XDG_STATE_HOME", ".local/state").ok_or_else(|| {
        CliError::new(
            Exit::Error,
            "state-folder",
            "there is no folder for the journal: neither XDG_STATE_HOME nor HOME is set",
            "name one with --state-dir",
        )
    })
}
