//! What `doctor` found.

use serde::Serialize;

use crate::doctor::{Check, Leftover, Report, Status};
use crate::model::size;

use super::super::context::Context;
use super::super::error::CliError;
use super::super::safe::{safe, safe_path};
use super::{answer, path};

pub fn tell(context: &Context, report: &Report) -> Result<(), CliError> {
    answer(
        context,
        || Examined::from(report),
        || examined(report, context.quiet),
    )
}

/// What is wrong first; what is well is left out if `quiet`.
fn examined(report: &Report, quiet: bool) -> String {
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

#[derive(Serialize)]
struct Examined {
    checks: Vec<CheckJson>,
    leftovers: Vec<LeftoverJson>,
}

#[derive(Serialize)]
struct CheckJson {
    name: &'static str,
    status: &'static str,
    message: String,
    hint: Option<String>,
}

#[derive(Serialize)]
struct LeftoverJson {
    kind: &'static str,
    path: String,
    domain: Option<String>,
    bytes: u64,
    message: String,
    hint: String,
}

impl From<&Report> for Examined {
    fn from(report: &Report) -> Self {
        Self {
            checks: report.checks.iter().map(CheckJson::from).collect(),
            leftovers: report.leftovers.iter().map(LeftoverJson::from).collect(),
        }
    }
}

impl From<&Check> for CheckJson {
    fn from(check: &Check) -> Self {
        Self {
            name: check.name,
            status: check.status.word(),
            message: check.message.clone(),
            hint: check.hint.clone(),
        }
    }
}

impl From<&Leftover> for LeftoverJson {
    fn from(one: &Leftover) -> Self {
        Self {
            kind: one.kind,
            path: path(&one.path),
            domain: one.domain.clone(),
            bytes: one.bytes,
            message: one.message.clone(),
            hint: one.hint.clone(),
        }
    }
}
