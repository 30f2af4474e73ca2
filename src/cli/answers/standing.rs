//! How a transaction stands, as a person says it: what was undone has not failed, and what a crash
//! has left is not being executed.

use std::io::IsTerminal;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::adapters::clock::now;
use crate::model::{Claim, State, Summary, Verb};

use super::super::safe::safe;

/// What the summary alone does not tell.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances {
    /// Another process holds the journal, and may be at work on it.
    pub is_busy: bool,
    /// Files of it are not in quarantine, where they should be.
    pub is_missing: bool,
    /// Bytes in quarantine, as they were found there; `None` where it was not looked.
    pub held: Option<u64>,
}

/// Now, where the operator is.
#[derive(Debug, Clone)]
pub struct Clock {
    pub now: Timestamp,
    /// `None` where nobody sits at a screen: a file is read on another day, and elsewhere.
    pub zone: Option<TimeZone>,
}

impl Clock {
    pub fn here() -> Self {
        Self {
            now: now(),
            zone: std::io::stdout().is_terminal().then(TimeZone::system),
        }
    }

    /// `today 18:37`, `24 Nov 18:37`, `2025-11-24`; off a terminal `2025-11-24 18:37 UTC`.
    pub fn moment(&self, at: Timestamp) -> String {
        let Some(zone) = &self.zone else {
            return at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        };
        let (then, now) = (at.to_zoned(zone.clone()), self.now.to_zoned(zone.clone()));
        if then.date() == now.date() {
            return then.strftime("today %H:%M").to_string();
        }
        if then.date().tomorrow().is_ok_and(|next| next == now.date()) {
            return then.strftime("yesterday %H:%M").to_string();
        }
        // Further away from now than that, the year counts and the hour does not.
        const HALF_A_YEAR: i64 = 183 * 86_400;
        match (self.now.as_second() - at.as_second()).abs() < HALF_A_YEAR {
            true => then.strftime("%-d %b %H:%M").to_string(),
            false => then.strftime("%Y-%m-%d").to_string(),
        }
    }
}

/// `retired`, `undone today 18:37`, `INTERRUPTED → virt-retire recover`.
pub fn standing(summary: &Summary, about: Circumstances, clock: &Clock) -> String {
    let finished = summary.finished_at.map(|at| clock.moment(at));
    let at = finished.map_or(String::new(), |at| format!(" {at}"));
    let mut words = match (summary.state, summary.state.claim()) {
        (State::Committed, _) => "retired".to_owned(),
        (State::Prepared, _) => "prepared → commit or rollback".to_owned(),
        (State::Purged, _) => format!("purged{at}"),
        (State::RolledBack, _) => match summary.taken_back_by {
            None => "FAILED, put back".to_owned(),
            Some(Verb::Recover) => format!("undone{at} by recover"),
            Some(_) => format!("undone{at}"),
        },
        (State::Stuck, _) => "STUCK → virt-retire recover".to_owned(),
        (_, Claim::Unfinished) if about.is_busy => "in progress".to_owned(),
        (State::Purging, _) => "PURGE INTERRUPTED → virt-retire recover".to_owned(),
        _ => "INTERRUPTED → virt-retire recover".to_owned(),
    };
    if let Some(domain) = &summary.restored_as {
        words.push_str(&format!(" as {}", safe(&domain.name)));
    }
    if summary.files_only {
        words.push_str(", files alone");
    }
    if summary.is_held() {
        words.push_str(", held");
    }
    if about.is_missing {
        words.push_str(", MISSING files → virt-retire verify");
    }
    words
}

/// `op1 (sudo)`: the user who logged in, and as whom that user worked.
pub fn user(summary: &Summary) -> String {
    let user = safe(&summary.user);
    match summary.acted_as.as_deref() {
        None => user,
        Some("root") => format!("{user} (sudo)"),
        Some(other) => format!("{user} (as {})", safe(other)),
    }
}

/// What it holds in quarantine: bytes, allocated.
pub fn held_bytes(summary: &Summary) -> u64 {
    match summary.state {
        State::RolledBack | State::Purged | State::Planned => 0,
        _ => summary.bytes.saturating_sub(summary.freed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_as_far_as_it_is_away() {
        let clock = Clock {
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
            zone: Some(TimeZone::UTC),
        };
        for (at, told) in [
            ("2026-03-01T00:07:59Z", "today 00:07"),
            ("2026-02-28T23:59:00Z", "yesterday 23:59"),
            ("2026-02-03T18:37:00Z", "3 Feb 18:37"),
            ("2024-02-03T18:37:00Z", "2024-02-03"),
            // A clock that was wrong.
            ("2031-02-03T18:37:00Z", "2031-02-03"),
        ] {
            assert_eq!(clock.moment(at.parse().unwrap()), told);
        }
    }
}
