//! Every setting in force, and where it comes from.

use std::sync::LazyLock;

use clap::Parser;
use serde::Serialize;

use super::super::args::Arguments;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::safe::{lossless, safe};
use super::super::settings::{Key, Retention, Setting, Settings, Source, location};
use super::answer;

/// One setting as it is told: the value in the form in which the file would have it.
#[derive(Serialize)]
struct Told {
    key: &'static str,
    value: serde_json::Value,
    source: String,
}

#[derive(Serialize)]
struct Document {
    settings: Vec<Told>,
}

pub fn tell(context: &Context) -> Result<(), CliError> {
    let settings = Key::ALL.map(|key| told(&context.settings, key));
    let text = lines(&settings);
    answer(
        context,
        || Document {
            settings: settings.into(),
        },
        || text,
    )
}

fn told(settings: &Settings, key: Key) -> Told {
    let (value, source) = found(settings, key);
    Told {
        key: key.name(),
        value,
        source: place(source),
    }
}

/// A setting's value, in the form in which the file would have it.
fn found(settings: &Settings, key: Key) -> (serde_json::Value, &Source) {
    match key {
        Key::Uri => of(&settings.uri, |uri| uri.clone().into()),
        Key::StateDir => of(&settings.state_dir, |folder| {
            lossless(folder.as_os_str()).into()
        }),
        Key::Quarantine => of(&settings.quarantine, |folders| {
            let folders = folders.iter().map(|folder| lossless(folder.as_os_str()));
            folders.collect::<Vec<_>>().into()
        }),
        Key::Wait => of(&settings.wait, |wait| wait.as_secs().into()),
        Key::Retention => of(&settings.retention, |retention| match retention {
            Retention::For(span) => span.to_string().into(),
            Retention::Forever => "never".into(),
        }),
        Key::MinimumAge => of(&settings.minimum_age, |span| span.to_string().into()),
        Key::RequireReason => of(&settings.require_reason, |value| (*value).into()),
        Key::Protect => of(&settings.protect, |globs| {
            globs
                .iter()
                .map(|glob| glob.as_str())
                .collect::<Vec<_>>()
                .into()
        }),
        Key::Digest => of(&settings.digest, |kind| {
            kind.map_or("none", crate::model::DigestKind::word).into()
        }),
    }
}

/// What a file of this text sets, as `config show` tells it, written as a file again: for fuzzing.
///
/// # Errors
/// What a command would say of the file.
pub fn of_file(text: &str) -> Result<String, String> {
    static BARE: LazyLock<Option<Arguments>> =
        LazyLock::new(|| Arguments::try_parse_from(["virt-retire", "list"]).ok());
    let bare = BARE.as_ref().ok_or("no command line")?;
    let settings = Settings::of_text(bare, text).map_err(|error| error.message)?;
    let mut lines = String::new();
    for key in Key::ALL {
        let (value, Source::File(_) | Source::FileAndEnvironment(..)) = found(&settings, key)
        else {
            continue;
        };
        // TOML has JSON's strings, but for this character, and no number as large as ours.
        let value = match value.as_u64() {
            Some(number) => format!("\"{number}\""),
            None => value.to_string().replace('\u{7f}', "\\u007f"),
        };
        lines.push_str(&format!("{} = {value}\n", key.name()));
    }
    Ok(lines)
}

fn of<T>(
    setting: &Setting<T>,
    value: impl Fn(&T) -> serde_json::Value,
) -> (serde_json::Value, &Source) {
    (value(&setting.value), &setting.source)
}

fn place(source: &Source) -> String {
    match source {
        Source::Flag(name) => format!("flag {name}"),
        Source::Environment(name) => format!("environment {name}"),
        Source::File(path) => format!("file {}", lossless(path.as_os_str())),
        Source::FileAndEnvironment(path, name) => {
            format!("file {}, environment {name}", lossless(path.as_os_str()))
        }
        Source::Default => "default".into(),
    }
}

fn lines(settings: &[Told]) -> String {
    let mut lines: Vec<String> = settings
        .iter()
        .map(|one| {
            let value = match &one.value {
                serde_json::Value::Null => "(libvirt's own)".to_owned(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            format!("{:<15} {:<32} {}", one.key, safe(&value), safe(&one.source))
        })
        .collect();
    if let Some(path) = location() {
        let is_there = match path.exists() {
            true => "",
            false => " (not there)",
        };
        lines.push(format!("Configuration file: {}{is_there}", path.display()));
    }
    lines.join("\n")
}
