//! The table of `list`.

use crate::model::{Claim, Summary, count, size};
use crate::watch::Expiring;

use super::super::safe::safe;
use super::layout::{Columns, Width, time};
use super::plan::Look;
use super::standing::{Circumstances, Clock, held_bytes, standing, user};

const ROWS: Columns<7> = Columns {
    right: &[0, 4],
    elastic: 3,
    least: 9,
};

/// `list`: one line a transaction, and what all of them come to: `total`, bytes.
pub fn list(rows: &[(Summary, Circumstances)], total: u64, clock: &Clock, look: Look) -> String {
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
pub fn expiring(all: &[Expiring]) -> String {
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
