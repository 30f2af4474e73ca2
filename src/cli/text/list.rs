//! The table of `list`.

use indicatif::HumanBytes;

use crate::model::Summary;
use crate::watch::Expiring;

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
