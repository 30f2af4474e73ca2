//! Which transactions, or which entries of the log, a reader asks for.

use std::path::PathBuf;

use clap::Args;

use super::super::settings::Span;
use crate::model::{Filter, State};

#[derive(Debug, Clone, Args)]
pub struct FilterArgs {
    /// Only domains whose name matches
    #[arg(long, value_name = "GLOB", value_parser = pattern)]
    pub domain: Option<glob::Pattern>,
    /// Only the domain of this UUID
    #[arg(long, value_name = "UUID")]
    pub uuid: Option<uuid::Uuid>,
    /// Only what this user did: who logged in where that is known
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Only transactions in this state; may be repeated
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = state)]
    pub state: Vec<State>,
    /// Only transactions that are about this file, or about one below this folder
    #[arg(long, value_name = "PATH")]
    pub touched: Option<PathBuf>,
    /// From then on: RFC 3339, a date, or a span back from now such as 7d
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<jiff::Timestamp>,
    /// Before then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<jiff::Timestamp>,
    /// Only transactions that are held
    #[arg(long)]
    pub held: bool,
    /// Only transactions that `rollback` could bring back
    #[arg(long)]
    pub restorable: bool,
    /// Only where a rule was set aside (--accept-unseen, --override-protection …)
    #[arg(long)]
    pub overridden: bool,
    /// At most so many, the newest
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

impl FilterArgs {
    /// Whether all are asked for.
    pub fn is_nothing(&self) -> bool {
        self.limit.is_none() && self.filter() == Filter::default()
    }

    pub fn filter(&self) -> Filter {
        Filter {
            domain: self.domain.clone(),
            uuid: self.uuid,
            user: self.user.clone(),
            states: self.state.clone(),
            // As it is typed in this folder; what was retired is not there to be resolved.
            touched: self
                .touched
                .as_ref()
                .map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            since: self.since,
            until: self.until,
            held: self.held,
            restorable: self.restorable,
            overridden: self.overridden,
            kinds: Vec::new(),
        }
    }
}

fn pattern(text: &str) -> Result<glob::Pattern, String> {
    glob::Pattern::new(text).map_err(|error| format!("'{text}' is not a glob: {error}"))
}

fn state(text: &str) -> Result<State, String> {
    State::from_word(text).ok_or_else(|| {
        let words: Vec<&str> = State::ALL.iter().map(|state| state.word()).collect();
        format!("'{text}' is not a state; there are {}", words.join(", "))
    })
}

/// RFC 3339; a date, which begins at midnight in UTC; or a span back from now.
fn moment(text: &str) -> Result<jiff::Timestamp, String> {
    point(text, "back from now", |now, span| now.checked_sub(span))
}

/// The same with a span that begins now.
pub fn to_come(text: &str) -> Result<jiff::Timestamp, String> {
    point(text, "from now", |now, span| now.checked_add(span))
}

fn point(
    text: &str,
    direction: &str,
    at: impl Fn(jiff::Timestamp, std::time::Duration) -> Result<jiff::Timestamp, jiff::Error>,
) -> Result<jiff::Timestamp, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time);
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        return date
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map(|midnight| midnight.timestamp())
            .map_err(|error| error.to_string());
    }
    let wrong = || {
        format!(
            "'{text}' is not a moment: RFC 3339 (2026-03-01T12:00:00Z), a date (2026-03-01), or a \
             span {direction} (7d)"
        )
    };
    let span: Span = text.parse().map_err(|_| wrong())?;
    at(crate::adapters::clock::now(), span.duration()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_three_ways() {
        let time = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        assert_eq!(moment("2026-03-01"), Ok(time("2026-03-01T00:00:00Z")));
        assert_eq!(
            moment("2026-03-01T12:00:00+02:00"),
            Ok(time("2026-03-01T10:00:00Z"))
        );
        let week = moment("7d").unwrap();
        let ago = crate::adapters::clock::now().as_second() - week.as_second();
        assert!((604_799..604_802).contains(&ago), "{ago}");
        for wrong in ["", "yesterday", "7", "-7d", "2026-13-01", "99999999999w"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
