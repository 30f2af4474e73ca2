//! `list`: a line a transaction, the newest first.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use crate::model::{Claim, Space, Summary, count, size};
use crate::retire::Listing;
use crate::watch::Expiring;

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::pager;
use super::super::safe::{safe, safe_path};
use super::super::settings::ROOTS_STATE;
use super::layout::{Columns, Width, time};
use super::plan::Look;
use super::print;
use super::space::SpaceJson;
use super::standing::{Circumstances, Clock, held_bytes, standing, user};
use super::transactions::Transactions;

/// `expiring`: domains that `watch` will retire. `is_whole`: no filter has left any out.
pub fn tell(
    context: &Context,
    listing: Listing,
    expiring: &[Expiring],
    is_whole: bool,
) -> Result<(), CliError> {
    let Listing {
        transactions: summaries,
        space,
        is_busy,
    } = listing;
    if context.output == Output::Json {
        return print(&Listed::new(&summaries, &space, expiring));
    }
    let mut told = Vec::new();
    if summaries.is_empty() {
        told.push(match is_whole {
            true => nowhere(context),
            false => "No transaction fits. All there are:  virt-retire list".to_owned(),
        });
    }
    let found: HashMap<_, _> = space
        .transactions
        .iter()
        .map(|(id, it)| (*id, it))
        .collect();
    let held = |summary: &Summary| found.get(&summary.id).map(|held| held.bytes);
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
        told.push(list(&rows, total, &Clock::here(), context.look()));
    }
    if !expiring.is_empty() {
        told.push(self::expiring(expiring));
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

const ROWS: Columns<7> = Columns {
    right: &[0, 4],
    elastic: 3,
    least: 9,
};

/// One line a transaction, and what all of them come to: `total`, bytes.
fn list(rows: &[(Summary, Circumstances)], total: u64, clock: &Clock, look: Look) -> String {
    let heading = ["ID", "When", "Who", "Domain", "Holds", "State", ""];
    let mut cells = vec![heading.map(str::to_owned)];
    if look.whole {
        cells[0][6] = "Expires, reason".to_owned();
    }
    for (summary, about) in rows {
        cells.push([
            summary.id.to_string(),
            clock.moment(summary.started_at),
            user(summary),
            safe(&summary.domain.name),
            match held(summary, about) {
                0 => "-".to_owned(),
                bytes => size(bytes),
            },
            standing(summary, *about, clock),
            match look.whole {
                true => whole(summary),
                false => String::new(),
            },
        ]);
    }
    // What `-v` adds is as long as it is.
    let width = if look.whole { Width(None) } else { look.width };
    let mut lines = ROWS.drawn(&cells, width);
    lines.push(look.width.wrapped(&closing(rows, total), 0));
    lines.join("\n")
}

/// Domains that are there yet, and that their policy has retired.
fn expiring(all: &[Expiring]) -> String {
    let line = |one: &Expiring| {
        format!(
            "{} expires {}: then `virt-retire watch` retires it, {}.",
            safe(&one.domain.name),
            time(one.at),
            match (one.stop, one.active) {
                (true, _) => "and stops it where it runs",
                (false, true) => "once it is shut off (it runs now)",
                (false, false) => "once it is shut off",
            }
        )
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// As it was found, or recorded.
fn held(summary: &Summary, about: &Circumstances) -> u64 {
    about.held.unwrap_or_else(|| held_bytes(summary))
}

fn whole(summary: &Summary) -> String {
    let expires = summary.expires_at.map_or("never".to_owned(), time);
    match &summary.reason {
        None => expires,
        Some(reason) => format!("{expires}, {}", safe(reason)),
    }
}

/// `15 retired, 20 MiB held · undo: virt-retire rollback ID`
fn closing(rows: &[(Summary, Circumstances)], total: u64) -> String {
    let with = |fits: &dyn Fn(&Summary, &Circumstances) -> bool| {
        rows.iter()
            .filter(|(summary, about)| fits(summary, about))
            .count()
    };
    let retired = with(&|summary, _| summary.state.is_restorable());
    let interrupted = with(&|one, about| one.state.claim() == Claim::Unfinished && !about.is_busy);
    let missing = with(&|_, about| about.is_missing);
    let held = size(total);
    let mut parts = vec![format!("{retired} retired, {held} held")];
    if retired > 0 {
        parts.push("undo: virt-retire rollback ID".to_owned());
    }
    if interrupted > 0 {
        parts.push(format!("{interrupted} interrupted: virt-retire recover"));
    }
    if missing > 0 {
        let what = count(missing, "transaction");
        parts.push(format!("files of {what} MISSING: virt-retire verify"));
    }
    parts.join(" · ")
}

/// What `list` answers.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    listed: Transactions,
    /// What those that are listed hold.
    space: SpaceJson,
    /// Domains that `watch` will retire by their policy.
    expiring: Vec<ExpiringJson>,
}

#[derive(Serialize)]
struct ExpiringJson {
    domain: String,
    domain_uuid: String,
    expires_at: String,
    active: bool,
    /// It is stopped for that where it runs then.
    stop: bool,
}

impl Listed {
    pub fn new(summaries: &[Summary], space: &Space, expiring: &[Expiring]) -> Self {
        Self {
            listed: Transactions::new(summaries).lacking(&space.unseen),
            space: space.into(),
            expiring: expiring
                .iter()
                .map(|one| ExpiringJson {
                    domain: one.domain.name.clone(),
                    domain_uuid: one.domain.uuid.to_string(),
                    expires_at: one.at.to_string(),
                    active: one.active,
                    stop: one.stop,
                })
                .collect(),
        }
    }
}
