//! What became of transactions: the answer of every verb that changes some.

use std::collections::HashSet;

use serde::Serialize;

use crate::model::{Hold, Overridden, Override, State, Summary, TransactionId, size};

use super::super::args::Output;
use super::super::context::Context;
use super::super::error;
use super::super::safe::safe;
use super::layout::{Columns, Width};
use super::standing::held_bytes;
use super::{out, print};

/// One line, or one JSON object, a transaction.
///
/// By now the work is done, and the exit code speaks of the work: an answer that cannot be written
/// (a full disk behind `>`) is told on stderr and changes nothing.
pub fn tell(context: &Context, touched: &[Summary]) {
    let told = match context.output {
        Output::Json => print(&Transactions::new(touched)),
        Output::Text if context.quiet => Ok(()),
        Output::Text if touched.is_empty() => Ok(()),
        Output::Text => out(&done(touched)),
    };
    if let Err(untold) = told {
        error::print(&untold, context.output);
    }
}

/// A line of text after the work is done.
pub fn say(line: String) {
    if let Err(untold) = out(&line) {
        error::print(&untold, Output::Text);
    }
}

/// Until when it is kept. A date alone: what matters is whether there is time to look at it.
pub(super) fn until(summary: &Summary) -> String {
    match (summary.is_held(), summary.expires_at) {
        (true, _) => "until its holds are released".into(),
        (false, Some(at)) => format!("until {}", at.strftime("%Y-%m-%d %H:%M UTC")),
        (false, None) => "until it is purged".into(),
    }
}

/// After a verb that changed transactions: what became of each, and what to type next.
fn done(touched: &[Summary]) -> String {
    match touched {
        [one] => single(one),
        all => several(all),
    }
}

fn single(summary: &Summary) -> String {
    let id = summary.id;
    let name = safe(&summary.domain.name);
    let held = match held_bytes(summary) {
        0 => String::new(),
        bytes => format!(
            ", {} held in quarantine and not freed, {}",
            size(bytes),
            until(summary)
        ),
    };
    let mut lines = vec![format!("{id} {name} {}", became(summary))];
    let next = match summary.state {
        State::Prepared => Some(format!(
            "Decide:  virt-retire commit {id}  or virt-retire rollback {id}"
        )),
        State::Committed if summary.bytes > 0 && summary.holds.is_empty() => Some(format!(
            "Undo:  virt-retire rollback {id}  · free the space:  virt-retire purge {id}"
        )),
        State::Committed => Some(format!("Undo:  virt-retire rollback {id}")),
        State::RolledBack | State::Purged => None,
        _ => Some(format!("See:  virt-retire show {id}")),
    };
    if matches!(summary.state, State::Prepared | State::Committed) {
        lines[0].push_str(&held);
    }
    lines[0].push('.');
    lines.extend(remarks(summary));
    lines.extend(next);
    lines.join("\n")
}

/// What became of it, as a sentence goes on after its name.
fn became(summary: &Summary) -> String {
    match (summary.state, &summary.restored_as) {
        (State::Committed, _) => "is retired".to_owned(),
        (State::Prepared, _) => "is prepared".to_owned(),
        (State::RolledBack, _) if summary.files_only => {
            "stays undefined, and its files are back".to_owned()
        }
        (State::RolledBack, Some(domain)) => {
            format!("is back as {}, {}", safe(&domain.name), domain.uuid)
        }
        (State::RolledBack, None) if summary.notes.is_empty() => "is back as it was".to_owned(),
        (State::RolledBack, None) => "is back".to_owned(),
        (state, _) => format!("is {}", state.word()),
    }
}

fn remarks(summary: &Summary) -> impl Iterator<Item = String> + '_ {
    let notes = summary.notes.iter();
    let notes = notes.map(|note| format!("Note: {}.", safe(note)));
    notes.chain(summary.holds.iter().map(|hold| {
        format!(
            "Held as '{}' by {}: {}",
            safe(&hold.name),
            safe(&hold.user),
            safe(&hold.reason)
        )
    }))
}

const ROWS: Columns<4> = Columns {
    right: &[0, 3],
    elastic: 1,
    least: 12,
};

/// A row for each, and one line for all of them.
fn several(touched: &[Summary]) -> String {
    let rows: Vec<[String; 4]> = (touched.iter())
        .map(|summary| {
            [
                summary.id.to_string(),
                safe(&summary.domain.name),
                became(summary),
                match held_bytes(summary) {
                    0 => String::new(),
                    bytes => size(bytes),
                },
            ]
        })
        .collect();
    let drawn = ROWS.drawn(&rows, Width::of_screen());
    let mut lines = Vec::new();
    for (row, summary) in drawn.into_iter().zip(touched) {
        lines.push(row);
        lines.extend(remarks(summary));
    }
    lines.extend(undo_all(touched));
    lines.join("\n")
}

fn undo_all(touched: &[Summary]) -> Option<String> {
    let retired = touched.iter().filter(|one| one.state.is_restorable());
    let retired: Vec<&Summary> = retired.collect();
    if retired.is_empty() {
        return None;
    }
    let bytes = retired.iter().map(|one| held_bytes(one));
    let held = size(bytes.fold(0, u64::saturating_add));
    let ids: Vec<TransactionId> = retired.iter().map(|one| one.id).collect();
    let ids = ranges(&ids);
    let number = retired.len();
    Some(
        match retired.iter().all(|one| one.state == State::Prepared) {
            true => format!(
                "{number} prepared, {held} held in quarantine and not freed.\n\
             Decide:  virt-retire commit {ids}  or virt-retire rollback {ids}"
            ),
            false => format!(
                "{number} retired, {held} held in quarantine and not freed.\n\
             Undo all:  virt-retire rollback {ids}"
            ),
        },
    )
}

/// `2-16`, or `2-4 7`, as every verb takes them.
pub fn ranges(ids: &[TransactionId]) -> String {
    let mut sorted: Vec<u64> = ids.iter().map(|id| id.0).collect();
    sorted.sort_unstable();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for id in sorted {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 >= id => *last = id,
            _ => runs.push((id, id)),
        }
    }
    let words: Vec<String> = (runs.into_iter())
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    words.join(" ")
}

#[derive(Serialize)]
pub(super) struct Transactions {
    transactions: Vec<TransactionJson>,
}

impl Transactions {
    pub fn new<'a>(summaries: impl IntoIterator<Item = &'a Summary>) -> Self {
        Self {
            transactions: summaries.into_iter().map(TransactionJson::from).collect(),
        }
    }

    /// Files of these are missing: as they are, nothing brings them back.
    pub fn lacking(self, missing: &[TransactionId]) -> Self {
        let missing: HashSet<u64> = missing.iter().map(|id| id.0).collect();
        let all = self.transactions.into_iter().map(|one| {
            let is_missing = missing.contains(&one.id);
            one.lacking(is_missing)
        });
        Self {
            transactions: all.collect(),
        }
    }
}

impl TransactionJson {
    /// The same of one.
    pub fn lacking(mut self, is_missing: bool) -> Self {
        self.restorable &= !is_missing;
        self
    }
}

#[derive(Serialize)]
pub(super) struct TransactionJson {
    id: u64,
    uuid: String,
    domain: String,
    domain_uuid: String,
    state: &'static str,
    started_at: String,
    finished_at: Option<String>,
    user: String,
    /// As whom that user ran the program, where it was another one.
    acted_as: Option<String>,
    reason: Option<String>,
    /// Allocated, each inode once.
    bytes: u64,
    /// Apparent.
    size_bytes: u64,
    held: bool,
    holds: Vec<HoldJson>,
    expires_at: Option<String>,
    restorable: bool,
    notes: Vec<String>,
    restored_as: Option<RestoredJson>,
    /// Its files are back and the domain is not defined: `rollback --files`.
    files_only: bool,
    overrides: Vec<OverriddenJson>,
}

/// A rule that was set aside.
#[derive(Serialize)]
pub(super) struct OverrideJson {
    /// Without its dashes.
    flag: &'static str,
    what: String,
}

impl From<&Override> for OverrideJson {
    fn from(it: &Override) -> Self {
        Self {
            flag: it.flag.word(),
            what: it.what.clone(),
        }
    }
}

#[derive(Serialize)]
struct OverriddenJson {
    #[serde(flatten)]
    by: OverrideJson,
    user: String,
    at: String,
}

impl From<&Overridden> for OverriddenJson {
    fn from(it: &Overridden) -> Self {
        Self {
            by: (&it.by).into(),
            user: it.user.clone(),
            at: it.at.to_string(),
        }
    }
}

#[derive(Serialize)]
struct HoldJson {
    name: String,
    reason: String,
    user: String,
    at: String,
}

impl From<&Hold> for HoldJson {
    fn from(hold: &Hold) -> Self {
        Self {
            name: hold.name.clone(),
            reason: hold.reason.clone(),
            user: hold.user.clone(),
            at: hold.at.to_string(),
        }
    }
}

#[derive(Serialize)]
struct RestoredJson {
    name: String,
    uuid: String,
}

impl From<&Summary> for TransactionJson {
    fn from(summary: &Summary) -> Self {
        Self {
            id: summary.id.0,
            uuid: summary.uuid.to_string(),
            domain: summary.domain.name.clone(),
            domain_uuid: summary.domain.uuid.to_string(),
            state: summary.state.word(),
            started_at: summary.started_at.to_string(),
            finished_at: summary.finished_at.map(|at| at.to_string()),
            user: summary.user.clone(),
            acted_as: summary.acted_as.clone(),
            reason: summary.reason.clone(),
            bytes: summary.bytes,
            size_bytes: summary.size,
            held: summary.is_held(),
            holds: summary.holds.iter().map(HoldJson::from).collect(),
            expires_at: summary.expires_at.map(|at| at.to_string()),
            restorable: summary.state.is_restorable(),
            notes: summary.notes.clone(),
            restored_as: summary.restored_as.as_ref().map(|domain| RestoredJson {
                name: domain.name.clone(),
                uuid: domain.uuid.to_string(),
            }),
            files_only: summary.files_only,
            overrides: summary.overrides.iter().map(OverriddenJson::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_one_after_the_other_are_a_range() {
        let ranges = |ids: &[u64]| {
            let ids: Vec<TransactionId> = ids.iter().copied().map(TransactionId).collect();
            super::ranges(&ids)
        };
        assert_eq!(ranges(&[7]), "7");
        assert_eq!(ranges(&[4, 2, 3, 7, 9, 8]), "2-4 7-9");
    }
}
