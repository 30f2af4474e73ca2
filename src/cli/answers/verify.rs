//! What `verify` found.

use serde::Serialize;

use crate::engine::Difference;
use crate::model::size;
use crate::retire::Verified;

use super::super::context::Context;
use super::super::error::CliError;
use super::answer;

pub fn tell(context: &Context, verified: &Verified) -> Result<(), CliError> {
    answer(context, || VerifiedJson::from(verified), || words(verified))
}

fn words(verified: &Verified) -> String {
    let Verified { checkpoint, looked } = verified;
    let mut lines: Vec<String> = (looked.differences.iter())
        .map(|it| format!("{}: {}: {}\n  {}", it.code, it.subject, it.message, it.hint))
        .collect();
    lines.push(format!(
        "{} log entries, root {}; {} files in quarantine, {}.",
        checkpoint.size,
        checkpoint.root.base64(),
        looked.files,
        size(looked.bytes)
    ));
    if looked.proved > 0 {
        lines.push(format!(
            "{} files hold the bytes that were put there, by their digest.",
            looked.proved
        ));
    }
    if looked.unproved > 0 {
        lines.push(format!(
            "{} files could be read, and have no digest: whether their bytes are the same, nobody \
             can tell (the setting `digest` takes one of what is retired from then on).",
            looked.unproved
        ));
    }
    if verified.is_whole() {
        lines.push("Everything is as it was left.".to_owned());
    }
    lines.join("\n")
}

#[derive(Serialize)]
struct VerifiedJson<'a> {
    ok: bool,
    /// Of the log.
    entries: u64,
    root: String,
    files: u64,
    bytes: u64,
    /// With --deep: files that are what their digest says.
    proved: u64,
    /// With --deep: files that were read, and have no digest to be held against.
    unproved: u64,
    findings: Vec<DifferenceJson<'a>>,
}

#[derive(Serialize)]
struct DifferenceJson<'a> {
    code: &'static str,
    subject: &'a str,
    message: &'a str,
    hint: &'a str,
}

impl<'a> From<&'a Difference> for DifferenceJson<'a> {
    fn from(found: &'a Difference) -> Self {
        Self {
            code: found.code,
            subject: &found.subject,
            message: &found.message,
            hint: &found.hint,
        }
    }
}

impl<'a> From<&'a Verified> for VerifiedJson<'a> {
    fn from(verified: &'a Verified) -> Self {
        let Verified { checkpoint, looked } = verified;
        Self {
            ok: verified.is_whole(),
            entries: checkpoint.size,
            root: checkpoint.root.base64(),
            files: looked.files,
            bytes: looked.bytes,
            proved: looked.proved,
            unproved: looked.unproved,
            findings: looked.differences.iter().map(Into::into).collect(),
        }
    }
}
