//! The document of `doctor`.

use serde::Serialize;

use crate::doctor::{Check, Leftover, Report};

use super::path;

#[derive(Serialize)]
pub struct Examined {
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
