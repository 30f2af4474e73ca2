//! What `doctor` found.

use crate::model::size;

use crate::doctor::{Check, Leftover, Report, Status};

use super::super::safe::{safe, safe_path};

/// What is wrong first; what is well is left out if `quiet`.
pub fn examined(report: &Report, quiet: bool) -> String {
    let mut lines = Vec::new();
    let mut checks: Vec<&Check> = report.checks.iter().collect();
    checks.sort_by_key(|check| std::cmp::Reverse(check.status));
    for check in checks {
        if !quiet || check.status != Status::Ok {
            lines.extend(self::check(check));
        }
    }
    if !report.leftovers.is_empty() {
        lines.push("Left over:".to_owned());
        lines.extend(report.leftovers.iter().flat_map(leftover));
        lines.push(
            "What such a command removes is gone for good; look first: virt-retire users PATH"
                .to_owned(),
        );
    }
    let bytes = report.leftovers.iter().map(|one| one.bytes);
    lines.push(format!(
        "{} checks: {} errors, {} warnings. {} leftovers, {}. Nothing was changed.",
        report.checks.len(),
        report.count(Status::Error),
        report.count(Status::Warning),
        report.leftovers.len(),
        size(bytes.fold(0, u64::saturating_add))
    ));
    lines.join("\n")
}

fn check(check: &Check) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<8} {}: {}",
        check.status.word(),
        check.name,
        safe(&check.message)
    )];
    lines.extend(check.hint.as_deref().map(hint));
    lines
}

fn leftover(one: &Leftover) -> Vec<String> {
    vec![
        format!(
            "  {} {} ({})",
            one.kind,
            safe_path(&one.path),
            size(one.bytes)
        ),
        format!("           {}", safe(&one.message)),
        hint(&one.hint),
    ]
}

fn hint(hint: &str) -> String {
    format!("         → {}", safe(hint))
}
