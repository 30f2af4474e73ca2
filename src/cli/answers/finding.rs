//! Something that the journal and the quarantine do not agree on.

use serde::Serialize;

use crate::engine::Finding;

use super::super::safe::{safe, safe_path};
use super::path;

/// What it is, where it is, and what to type next.
pub fn finding(finding: &Finding) -> String {
    format!(
        "Note: {} ({}). {}",
        safe(&finding.message()),
        safe_path(finding.folder()),
        safe(&finding.hint())
    )
}

#[derive(Serialize)]
pub struct FindingJson {
    code: &'static str,
    /// The folder in quarantine.
    subject: String,
    message: String,
    hint: String,
}

impl From<&Finding> for FindingJson {
    fn from(finding: &Finding) -> Self {
        Self {
            code: finding.code(),
            subject: path(finding.folder()),
            message: finding.message(),
            hint: finding.hint(),
        }
    }
}
