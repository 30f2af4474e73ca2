//! `log`: one line an entry, as text and as CSV (RFC 4180).

use crate::model::{EventKind, LogEntry, Logged};

use super::super::safe::safe;
use super::layout::time;

pub fn logged(entry: &LogEntry) -> String {
    format!("{}  {}  {}", entry.sequence, time(entry.at), message(entry))
}

/// The same without what systemd's journal numbers and dates itself.
pub fn message(entry: &LogEntry) -> String {
    let id = entry.transaction.map(|id| format!("transaction {id}"));
    let domain = entry.domain.as_ref().map(|domain| safe(&domain.name));
    let about = match (id, domain) {
        (Some(id), Some(domain)) => format!("{id} ({domain})"),
        (Some(id), None) => id,
        (None, Some(domain)) => domain,
        (None, None) => "journal".to_owned(),
    };
    let (user, what) = (safe(&entry.user), safe(&words(entry)));
    format!("{about}  {user}: {what}")
}

/// What happened, in words.
fn words(entry: &LogEntry) -> String {
    let mut words = match &entry.what {
        Logged::Begun(by) => match &by.reason {
            Some(why) => format!("begun: {why}"),
            None => "begun".to_owned(),
        },
        Logged::Notice(notice) => format!("{}: {}", notice.topic.word(), notice.text),
        Logged::Event(kind) => event(kind),
    };
    for it in entry.overrides() {
        words.push_str(&format!("; overridden by {}", it.phrase()));
    }
    if let Some(back) = entry.clock_back {
        words.push_str(&format!(
            "; the clock had gone back by {:.1} seconds",
            back.as_secs_f64()
        ));
    }
    words
}

/// As `plan -v` and `show -v` number the steps: from 1.
fn number(step: &usize) -> usize {
    step + 1
}

fn event(kind: &EventKind) -> String {
    match kind {
        EventKind::Entered { state, cause: None } => state.word().to_owned(),
        EventKind::Entered {
            state,
            cause: Some(cause),
        } => format!("{}: {cause}", state.word()),
        EventKind::Intent { step, direction } => {
            format!("{} step {}", direction.word(), number(step))
        }
        EventKind::Withdrawn { step, direction } => {
            format!("{} step {}: not run", direction.word(), number(step))
        }
        EventKind::Outcome {
            step,
            direction,
            result,
        } => {
            let how = match result {
                Ok(false) => "done".to_owned(),
                Ok(true) => "already done".to_owned(),
                Err(error) => format!("failed: {error}"),
            };
            format!("{} step {}: {how}", direction.word(), number(step))
        }
        EventKind::Decided { verb, by } => match &by.reason {
            Some(why) => format!("{} on {}: {why}", verb.word(), by.host),
            None => format!("{} on {}", verb.word(), by.host),
        },
        EventKind::Settled { files, .. } => {
            format!("stopped; {} files looked at again", files.len())
        }
        EventKind::Held { name, reason, .. } => format!("held as '{name}': {reason}"),
        EventKind::Released { name, .. } => format!("hold '{name}' released"),
        EventKind::Wiped { step, wiped } => format!(
            "wipe step {}: {} bytes overwritten; claim: {}",
            number(step),
            wiped.overwritten,
            wiped.claim
        ),
        EventKind::Wiping { method } => format!("overwritten first ({})", method.word()),
        EventKind::Destroying { step } => format!("purge step {}", number(step)),
        EventKind::Destroyed { step, result } => match result {
            Ok(bytes) => format!("purge step {}: {bytes} bytes freed", number(step)),
            Err(error) => format!("purge step {}: failed: {error}", number(step)),
        },
        EventKind::Noted { .. } | EventKind::SetAside { .. } | EventKind::Imported { .. } => {
            kind.note().unwrap_or_default()
        }
        EventKind::Renamed(rename) => {
            format!(
                "restored as {} ({})",
                rename.domain.name, rename.domain.uuid
            )
        }
        EventKind::Amended(_) => "restored with changes".to_owned(),
        EventKind::Digested { step, result } => match result {
            Ok(digest) => format!("digest of step {}: {digest}", number(step)),
            Err(error) => format!("digest of step {}: failed: {error}", number(step)),
        },
    }
}

pub const CSV_HEADER: &str = "sequence,at,transaction,domain,domain_uuid,kind,user,what";

pub fn csv(entry: &LogEntry) -> String {
    let domain = entry.domain.as_ref();
    let fields = [
        entry.sequence.to_string(),
        entry.at.to_string(),
        entry.transaction.map_or(String::new(), |id| id.to_string()),
        domain.map_or(String::new(), |domain| domain.name.clone()),
        domain.map_or(String::new(), |domain| domain.uuid.to_string()),
        entry.what.word().to_owned(),
        entry.user.clone(),
        words(entry),
    ];
    fields.map(|field| quoted(&field)).join(",")
}

/// A spreadsheet takes what begins like a formula for one: a quote before it makes it text again.
fn quoted(field: &str) -> String {
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = match is_formula {
        true => format!("'{field}"),
        false => field.to_owned(),
    };
    if field.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_does_not_leave_its_cell() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"no\""), "\"say \"\"no\"\"\"");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
        assert_eq!(quoted("=HYPERLINK(1)"), "'=HYPERLINK(1)");
    }
}
