//! `list`: one line a transaction, the newest first.

use std::path::Path;
use std::time::Duration;

use crate::adapters::libvirt::Libvirt;
use crate::engine;
use crate::model::{Space, Summary};
use crate::ports::JournalReader;
use crate::watch::{self, Expiring};

use super::super::args::{FilterArgs, Output};
use super::super::context::Context;
use super::super::error::CliError;
use super::super::safe::safe_path;
use super::super::settings::ROOTS_STATE;
use super::super::text::{Circumstances, Clock};
use super::super::{json, pager, text};

pub fn run(context: &Context, filter: &FilterArgs) -> Result<(), CliError> {
    let mut is_busy = false;
    let (summaries, space): (Vec<Summary>, Space) = if context.has_journal()? {
        let reader = context.reader("list")?;
        is_busy = reader.is_busy();
        let summaries = reader.select(&filter.filter(), filter.limit)?;
        let space = engine::space(&reader, context.files(), &summaries)?;
        (summaries, space)
    } else {
        Default::default()
    };
    let expiring = match filter.is_nothing() {
        true => expiring(context),
        false => Vec::new(),
    };
    if context.output == Output::Json {
        return json::print(&json::Listed::new(&summaries, &space, &expiring));
    }
    let mut told = Vec::new();
    if summaries.is_empty() {
        told.push(nowhere(context));
    }
    let held = |summary: &Summary| {
        let mut all = space.transactions.iter();
        all.find(|(id, _)| *id == summary.id)
            .map(|(_, held)| held.bytes)
    };
    let rows: Vec<(Summary, Circumstances)> = (summaries.into_iter())
        .map(|summary| {
            let about = Circumstances {
                is_busy,
                is_missing: space.unseen.contains(&summary.id),
                held: held(&summary),
            };
            (summary, about)
        })
        .collect();
    let total = space.total.bytes;
    if !rows.is_empty() {
        told.push(text::list(&rows, total, &Clock::here(), context.look()));
    }
    if !expiring.is_empty() {
        told.push(text::expiring(&expiring));
    }
    pager::show(context, &told.join("\n"))
}

/// An empty answer names where it was looked: another user's journal is elsewhere, and so is
/// root's.
fn nowhere(context: &Context) -> String {
    let mut lines = vec![format!(
        "No transactions in {}.",
        safe_path(context.state_dir())
    )];
    let roots = Path::new(ROOTS_STATE);
    let is_there = std::fs::symlink_metadata(roots).is_ok();
    if is_there && context.state_dir() != roots {
        lines.push(match rustix::process::geteuid().is_root() {
            true => format!(
                "Others may be in {ROOTS_STATE}: virt-retire --state-dir {ROOTS_STATE} list"
            ),
            false => format!("Root's are in {ROOTS_STATE}: sudo virt-retire list"),
        });
    }
    lines.join("\n")
}

/// What libvirt may take to answer: a list of what is retired needs none of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Domains that `watch` will retire. A libvirt that does not answer keeps nobody from reading the
/// list.
fn expiring(context: &Context) -> Vec<Expiring> {
    let uri = context.settings.uri.value.clone();
    let (answer, answered) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let found = Libvirt::connect(uri.as_deref())
            .ok()
            .and_then(|libvirt| watch::expiring(&libvirt).ok());
        let _ = answer.send(found.unwrap_or_default());
    });
    answered.recv_timeout(PATIENCE).unwrap_or_default()
}
