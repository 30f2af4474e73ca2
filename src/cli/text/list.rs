//! The table of `list`.

use indicatif::HumanBytes;

use crate::model::Summary;

use super::super::safe::safe;
use super::layout::{align_right, drawn, table, time};

/// `list`: one line a transaction.
pub fn list(summaries: &[Summary]) -> String {
    if summaries.is_empty() {
        return "No transactions yet.".into();
    }
    let mut table = table([
        "Id", "Domain", "State", "Space", "Started", "Expires", "User", "Reason",
    ]);
    align_right(&mut table, 0);
    align_right(&mut table, 3);
    for summary in summaries {
        table.add_row([
            summary.id.to_string(),
            safe(&summary.domain.name),
            state(summary),
            HumanBytes(summary.bytes).to_string(),
            time(summary.started_at),
            match summary.expires_at {
                Some(at) => time(at),
                None => "never".into(),
            },
            safe(&summary.user),
            safe(summary.reason.as_deref().unwrap_or("-")),
        ]);
    }
    drawn(&table)
}

fn state(summary: &Summary) -> String {
    let mut words = summary.state.word().to_owned();
    if summary.files_only {
        words.push_str(", files alone");
    }
    if summary.is_held() {
        words.push_str(", held");
    }
    words
}
