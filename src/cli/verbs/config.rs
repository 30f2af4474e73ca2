//! `config show`: every setting in force, and where it comes from.

use serde::Serialize;

use super::super::args::{ConfigCommand, Output};
use super::super::context::Context;
use super::super::error::CliError;
use super::super::safe::{lossless, safe};
use super::super::settings::{Key, Retention, Setting, Settings, Source, location};
use super::super::{json, text};

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

pub fn run(context: &Context, what: ConfigCommand) -> Result<(), CliError> {
    let ConfigCommand::Show = what;
    let settings = Key::ALL.map(|key| told(&context.settings, key));
    match context.output {
        Output::Json => json::print(&Document {
            settings: settings.into(),
        }),
        Output::Text => text::out(&lines(&settings)),
    }
}

fn told(settings: &Settings, key: Key) -> Told {
    let (value, source) = match key {
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
    };
    Told {
        key: key.name(),
        value,
        source: place(source),
    }
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
