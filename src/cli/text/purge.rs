//! What a purge would take, and what it took.

use crate::engine::Row;
use crate::model::{Space, Summary, size};

use super::super::safe::safe;
use super::layout::{align_right, drawn, table, time};

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
pub fn rows(rows: &[Row]) -> String {
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
pub fn skipped(row: &Row) -> String {
    format!(
        "not purged: {} ({}): {}",
        row.summary.id,
        safe(&row.summary.domain.name),
        safe(row.fate.why())
    )
}

/// One line for all of them: what a timer's mail should say.
pub fn purged(done: &[Summary]) -> String {
    let freed = done
        .iter()
        .map(|one| one.freed)
        .fold(0, u64::saturating_add);
    let names: Vec<String> = done
        .iter()
        .map(|one| format!("{} ({})", one.id, safe(&one.domain.name)))
        .collect();
    let mut lines = vec![format!(
        "Purged for good: {}; {} freed.",
        names.join(", "),
        size(freed)
    )];
    lines.extend(
        done.iter()
            .flat_map(|one| &one.notes)
            .map(|note| format!("Note: {}.", safe(note))),
    );
    lines.join("\n")
}
