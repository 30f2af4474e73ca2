//! `list`: one line a transaction, the newest first.

use std::path::Path;

use crate::model::Summary;
use crate::retire::{self, Listing};

use super::super::args::{FilterArgs, Output};
use super::super::context::Context;
use super::super::error::CliError;
use super::super::safe::safe_path;
use super::super::settings::ROOTS_STATE;
use super::super::text::{Circumstances, Clock};
use super::super::{json, pager, text};

pub fn run(context: &Context, filter: &FilterArgs) -> Result<(), CliError> {
    let Listing {
        transactions: summaries,
        space,
        is_busy,
    } = retire::listing(context, &filter.filter(), filter.limit)?;
    let expiring = match filter.is_nothing() {
        true => context.expiring(),
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
