//! Live completion: the shell asks the program what could stand where the cursor is
//! (`clap_complete`'s dynamic engine). Read-only, without the journal's lock, and with a time
//! limit: whoever presses a key must not wait for a libvirtd that hangs.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use clap::CommandFactory;
use clap_complete::env::CompleteEnv;
use clap_complete::{ArgValueCompleter, CompletionCandidate};

use super::args::Arguments;
use super::error::Exit;
use super::leave::leave;
use super::safe::safe;
use super::settings::Settings;
use crate::adapters::libvirt::{Libvirt, Names};
use crate::adapters::sled_journal::ViewReader;

/// How long the shell waits at most. What is not known by then is not offered.
const LIMIT: Duration = Duration::from_secs(1);

/// Whether it is bash that asks: clap takes the variable that says so away before it asks us.
static IS_BASH: OnceLock<bool> = OnceLock::new();

/// Answers a shell that asks, and ends the process then; returns where none does.
pub fn answer() {
    let shell = std::env::var_os("COMPLETE");
    IS_BASH.get_or_init(|| shell.is_some_and(|shell| shell == "bash"));
    let folder = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(Arguments::command)
        .try_complete(std::env::args_os(), folder.as_deref());
    match asked {
        Ok(false) => {}
        Ok(true) => leave(Exit::Done),
        Err(error) => error.exit(),
    }
}

pub fn domains() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| from_libvirt(typed, Names::domains))
}

/// A list of targets: what stands before the last comma is kept.
pub fn targets() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let Some(typed) = typed.to_str() else {
            return Vec::new();
        };
        let (before, last) = match typed.rsplit_once(',') {
            Some((before, last)) => (format!("{before},"), last),
            None => (String::new(), typed),
        };
        let line = Line::typed();
        let targets = ask(line.uri, move |names| {
            let words = line.words.iter();
            words.flat_map(|word| names.targets(word)).collect()
        });
        let fits = targets
            .into_iter()
            .filter(|target| target.starts_with(last));
        fits.map(|target| CompletionCandidate::new(format!("{before}{target}")))
            .collect()
    })
}

pub fn volumes() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| from_libvirt(typed, Names::volumes))
}

/// Ids, each with the domain that it is about.
pub fn ids() -> ArgValueCompleter {
    ArgValueCompleter::new(|typed: &OsStr| {
        let typed = typed.to_string_lossy().into_owned();
        let Some(state_dir) = Line::typed().state_dir() else {
            return Vec::new();
        };
        let read = within_limit(move || {
            let view = ViewReader::open(&state_dir).ok().flatten();
            view.map(|view| view.latest()).unwrap_or_default()
        });
        let newest_first = read.into_iter();
        newest_first
            .filter(|summary| summary.id.to_string().starts_with(&typed))
            .map(|summary| {
                let help = format!("{}, {}", safe(&summary.domain.name), summary.state.word());
                CompletionCandidate::new(summary.id.to_string()).help(Some(help.into()))
            })
            .collect()
    })
}

fn from_libvirt(typed: &OsStr, list: fn(&Names) -> Vec<String>) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else {
        return Vec::new();
    };
    let is_bash = *IS_BASH.get().unwrap_or(&false);
    let typed = match is_bash {
        true => without_backslashes(typed),
        false => typed.to_owned(),
    };
    let names = ask(Line::typed().uri, list);
    let fits = names.into_iter().filter(|name| name.starts_with(&typed));
    // A name with a control character is other people's, and would reach the terminal as it is.
    let harmless = fits.filter(|name| safe(name) == *name);
    harmless
        .map(|name| match is_bash {
            true => with_backslashes(&name),
            false => name,
        })
        .map(CompletionCandidate::new)
        .collect()
}

/// bash puts a candidate into the line as it is, and then a name with a blank is two: other
/// domains, maybe. The other shells quote what they insert.
fn with_backslashes(name: &str) -> String {
    let mut escaped = String::new();
    for character in name.chars() {
        let is_plain = character.is_alphanumeric() || "-_./:@%+,=".contains(character);
        if !is_plain {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A word as it was typed, without what it is escaped by.
fn without_backslashes(typed: &str) -> String {
    let mut plain = String::new();
    let mut characters = typed.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            _ => plain.push(character),
        }
    }
    plain
}

fn ask(
    uri: Option<String>,
    list: impl FnOnce(&Names) -> Vec<String> + Send + 'static,
) -> Vec<String> {
    within_limit(move || {
        let names = Libvirt::names(uri.as_deref());
        names.map(|names| list(&names)).unwrap_or_default()
    })
}

/// What the work brings, or nothing after the limit; its thread ends with the process.
fn within_limit<T: Default + Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(LIMIT).unwrap_or_default()
}

/// The line to be completed, as far as it says where to look.
struct Line {
    uri: Option<String>,
    state_dir: Option<PathBuf>,
    /// All that is no option: the command, domains.
    words: Vec<String>,
}

impl Line {
    /// The shell hands it over after a `--`.
    fn typed() -> Self {
        let arguments = std::env::args_os().skip_while(|word| word != "--").skip(2);
        let mut arguments = arguments.map(|word| word.to_string_lossy().into_owned());
        let mut line = Self {
            uri: None,
            state_dir: None,
            words: Vec::new(),
        };
        while let Some(word) = arguments.next() {
            match word.split_once('=') {
                Some(("--connect", uri)) => line.uri = Some(uri.to_owned()),
                Some(("--state-dir", folder)) => line.state_dir = Some(folder.into()),
                _ if word == "-c" || word == "--connect" => line.uri = arguments.next(),
                _ if word == "--state-dir" => line.state_dir = arguments.next().map(Into::into),
                _ if word.starts_with('-') => {}
                _ => line.words.push(word),
            }
        }
        if line.uri.is_none() {
            line.uri = settings().and_then(|settings| settings.uri.value);
        }
        line
    }

    fn state_dir(self) -> Option<PathBuf> {
        let named = self.state_dir;
        named.or_else(|| Some(settings()?.state_dir.value))
    }
}

/// Of a command line that says nothing itself.
fn settings() -> Option<Settings> {
    use clap::Parser;
    let bare = Arguments::try_parse_from(["virt-retire", "list"]).ok()?;
    Settings::resolve(&bare).ok()
}
