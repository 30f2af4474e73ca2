//! What a purge would take, and what it took.

use serde::Serialize;

use crate::engine::{self, Fate, Row};
use crate::model::{Space, Summary, size};

use crate::retire::{Changed, Error, Purge, Purged};

use super::super::args::Output;
use super::super::context::Context;
use super::super::control::say;
use super::super::error::{self, CliError};
use super::super::safe::safe;
use super::layout::{align_right, drawn, table, time};
use super::space::SpaceJson;
use super::transactions::TransactionJson;
use super::{out, print};

/// `-n`: the same table, and the same refusals.
pub fn show(context: &Context, purge: &Purge) -> Result<(), CliError> {
    let (rows, space) = (purge.rows(), purge.space()?);
    match context.output {
        Output::Json => print(&Selected::new(rows, &space)),
        Output::Text if rows.is_empty() => out("Nothing to purge."),
        Output::Text => out(&selection(rows, &space)),
    }
}

/// A clock that cannot be believed is no silence.
pub fn doubts(context: &Context, rows: &[Row]) {
    if context.quiet || context.output == Output::Json {
        return;
    }
    for row in rows
        .iter()
        .filter(|row| matches!(row.fate, Fate::Doubted(_)))
    {
        say(&self::rows(std::slice::from_ref(row)));
    }
}

/// Quiet with nothing to do, one line otherwise, and one for each that should have gone and is
/// used.
pub fn tell(context: &Context, purged: Purged) -> Result<(), CliError> {
    let Purged {
        mut decided,
        skipped,
        shortfall,
    } = purged;
    let failed = std::mem::take(&mut decided.failed);
    let done: Vec<Summary> = decided.done.iter().map(|one| one.summary()).collect();
    if failed.is_empty() || !done.is_empty() {
        if context.output == Output::Text {
            skipped.iter().for_each(|row| say(&self::skipped(row)));
        }
        let told = match context.output {
            Output::Json => print(&PurgedDocument::new(&done, &skipped)),
            Output::Text if context.quiet || done.is_empty() => Ok(()),
            Output::Text => out(&self::purged(&done)),
        };
        if let Err(untold) = told {
            // The work is done, and the exit code speaks of the work.
            error::print(&untold, context.output);
        }
    }
    let errors = failed.into_iter().map(|error| {
        let changed = Changed::by_decisions(&decided, &error);
        CliError::from(error).having(changed)
    });
    match (errors.reduce(CliError::and), shortfall) {
        (Some(error), _) => Err(error),
        (None, Some(shortfall)) => Err(Error::Short(shortfall).into()),
        (None, None) => Ok(()),
    }
}

/// The table, and what the selected ones would give back. `space` is theirs.
pub fn selection(rows: &[Row], space: &Space) -> String {
    let mut told = self::rows(rows);
    if rows.iter().any(Row::goes) {
        told.push_str(&format!("\nPurging frees {}", size(space.total.freed())));
        if space.total.shared > 0 {
            told.push_str(&format!(
                ", and at most {} more that other files share",
                size(space.total.shared)
            ));
        }
        told.push('.');
    }
    told
}

/// One line a transaction, with the reason why it goes or stays.
fn rows(rows: &[Row]) -> String {
    let mut table = table(["Id", "Domain", "Space", "Started", "Purge", "Why"]);
    align_right(&mut table, 0);
    align_right(&mut table, 2);
    for row in rows {
        let goes = if row.goes() { "yes" } else { "no" };
        table.add_row([
            row.summary.id.to_string(),
            safe(&row.summary.domain.name),
            size(row.summary.bytes),
            time(row.summary.started_at),
            goes.to_owned(),
            safe(row.fate.why()),
        ]);
    }
    drawn(&table)
}

/// One that was selected and stays.
fn skipped(row: &Row) -> String {
    format!(
        "not purged: {} ({}): {}",
        row.summary.id,
        safe(&row.summary.domain.name),
        safe(row.fate.why())
    )
}

/// One line for all of them: what a timer's mail should say.
fn purged(done: &[Summary]) -> String {
    let freed = done
        .iter()
        .map(|one| one.freed)
        .fold(0, u64::saturating_add);
    let names: Vec<String> = done
        .iter()
        .map(|one| {
            // Of what was not there to be destroyed nobody can say that it is gone.
            let but = match engine::found_all(one) {
                true => "",
                false => ", not all of which was found",
            };
            format!("{} ({}{but})", one.id, safe(&one.domain.name))
        })
        .collect();
    let how = match done.iter().all(engine::found_all) {
        true => "Purged for good",
        false => "Purged",
    };
    let names = names.join(", ");
    let mut lines = vec![format!("{how}: {names}; {} freed.", size(freed))];
    lines.extend(
        done.iter()
            .flat_map(|one| &one.notes)
            .map(|note| format!("Note: {}.", safe(note))),
    );
    lines.join("\n")
}

#[derive(Serialize)]
struct PurgedDocument {
    transactions: Vec<PurgedJson>,
    freed_bytes: u64,
    /// Those that were selected and stay, because somebody uses what waits of them.
    skipped: Vec<SelectedJson>,
}

#[derive(Serialize)]
struct PurgedJson {
    #[serde(flatten)]
    transaction: TransactionJson,
    freed_bytes: u64,
}

impl PurgedDocument {
    fn new(done: &[Summary], skipped: &[Row]) -> Self {
        let freed = done.iter().map(|one| one.freed);
        Self {
            freed_bytes: freed.fold(0, u64::saturating_add),
            skipped: skipped.iter().map(SelectedJson::from).collect(),
            transactions: done
                .iter()
                .map(|one| PurgedJson {
                    transaction: one.into(),
                    freed_bytes: one.freed,
                })
                .collect(),
        }
    }
}

/// Of `purge -n`: nothing was freed. What a real run would list is what this lists.
#[derive(Serialize)]
struct Selected {
    transactions: Vec<SelectedJson>,
    /// Those that were named or fit, and would stay, each with why.
    stays: Vec<SelectedJson>,
    freed_bytes: u64,
    /// What is certain to come back, of what the selected ones hold.
    would_free_bytes: u64,
    space: SpaceJson,
}

#[derive(Serialize)]
struct SelectedJson {
    #[serde(flatten)]
    transaction: TransactionJson,
    purge: bool,
    why: String,
}

impl Selected {
    /// `space` is that of the rows that go.
    fn new(rows: &[Row], space: &Space) -> Self {
        let (go, stay): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.goes());
        Self {
            freed_bytes: 0,
            would_free_bytes: space.total.freed(),
            space: space.into(),
            transactions: go.into_iter().map(SelectedJson::from).collect(),
            stays: stay.into_iter().map(SelectedJson::from).collect(),
        }
    }
}

impl From<&Row> for SelectedJson {
    fn from(row: &Row) -> Self {
        Self {
            transaction: (&row.summary).into(),
            purge: row.goes(),
            why: row.fate.why().to_owned(),
        }
    }
}
