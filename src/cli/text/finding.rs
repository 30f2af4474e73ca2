//! Something that the journal and the quarantine do not agree on.

use crate::engine::Finding;

use super::super::safe::{safe, safe_path};

/// What it is, where it is, and what to type next.
pub fn finding(finding: &Finding) -> String {
    format!(
        "Note: {} ({}). {}",
        safe(&finding.message()),
        safe_path(finding.folder()),
        safe(&finding.hint())
    )
}
