//! Which transactions a purge is about: pure. A transaction must fit every selection; what keeps
//! one, or lets it go, is told in words.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Allocation, State, Summary, Tally, TransactionId, Uptime};

/// What the operator asked for. All of it must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    pub ids: Option<Vec<TransactionId>>,
    pub expired: bool,
    pub older_than: Option<Duration>,
    /// Of each domain name, the newest so many stay.
    pub keep_last: Option<usize>,
    /// Bytes that shall be free on each file system that holds something.
    pub until_free: Option<u64>,
}

impl Selection {
    /// Nothing was asked for, which must never mean everything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// It is its number alone that names it.
    pub fn is_by_id_alone(&self) -> bool {
        let Self {
            ids,
            expired,
            older_than,
            keep_last,
            until_free,
        } = self;
        ids.is_some()
            && !expired
            && older_than.is_none()
            && keep_last.is_none()
            && until_free.is_none()
    }
}

/// One transaction, as far as the selections ask.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub summary: Summary,
    /// When it began, on the clock that nobody sets.
    pub uptime: Option<Uptime>,
    /// See [`crate::model::Transaction::is_imported`].
    pub imported: bool,
    /// What it holds, by the names of its files.
    pub names: Vec<Allocation>,
}

/// What the host says.
#[derive(Debug, Clone)]
pub struct Rules {
    pub now: Timestamp,
    pub uptime: Option<Uptime>,
    /// Younger ones go by their number alone.
    pub minimum_age: Duration,
    /// Bytes that are free on each file system, by device number.
    pub free: HashMap<u64, u64>,
}

/// What becomes of one transaction, and why, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Goes(String),
    Stays(String),
    /// It stays, because the clock cannot be believed: somebody must hear of that.
    Doubted(String),
}

impl Fate {
    pub fn why(&self) -> &str {
        match self {
            Self::Goes(why) | Self::Stays(why) | Self::Doubted(why) => why,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Row {
    pub summary: Summary,
    pub fate: Fate,
}

impl Row {
    pub fn goes(&self) -> bool {
        matches!(self.fate, Fate::Goes(_))
    }
}

/// One row for each candidate that was named or that could go, the oldest first.
pub fn select(candidates: &[Waiting], selection: &Selection, rules: &Rules) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut fitting = Vec::new();
    for one in candidates {
        let is_named = selection
            .ids
            .as_ref()
            .is_none_or(|ids| ids.contains(&one.summary.id));
        let can_go = matches!(one.summary.state, State::Committed | State::Purging);
        if !is_named || (!can_go && selection.ids.is_none()) {
            continue;
        }
        let fate = match fits(one, candidates, selection, rules) {
            Ok(why) => {
                fitting.push((rows.len(), one));
                Fate::Goes(why)
            }
            Err(stays) => stays,
        };
        rows.push(Row {
            summary: one.summary.clone(),
            fate,
        });
    }
    if let Some(wanted) = selection.until_free {
        let mut free = rules.free.clone();
        for (row, one) in fitting {
            rows[row].fate = by_space(one, wanted, &mut free);
        }
    }
    rows
}

/// Whether all but the space lets it go.
fn fits(
    one: &Waiting,
    all: &[Waiting],
    selection: &Selection,
    rules: &Rules,
) -> Result<String, Fate> {
    let stays = |why: String| Err(Fate::Stays(why));
    let summary = &one.summary;
    match summary.state {
        // What was begun is carried on whenever it is asked for, whatever the clock says by now.
        State::Purging => return Ok("its purge was begun".into()),
        State::Committed => {}
        other => return stays(format!("it is {}", other.word())),
    }
    if let Some(hold) = summary.holds.first() {
        return stays(format!("held as '{}': {}", hold.name, hold.reason));
    }
    if selection.is_by_id_alone() {
        return Ok("named".into());
    }
    if one.imported {
        return stays("imported: it goes by its number alone".into());
    }
    let mut why = Vec::new();
    let age = old_enough(one, rules, rules.minimum_age, || {
        "younger than minimum-age".into()
    })?;
    if selection.expired {
        match summary.expires_at {
            None => return stays("never expires".into()),
            Some(at) if at > rules.now => return stays(format!("expires {}", short(at))),
            Some(at) => {
                let kept = span(summary.started_at, at);
                old_enough(one, rules, kept, || format!("expires {}", short(at)))?;
                why.push(format!("expired {}", short(at)));
            }
        }
    }
    if let Some(older) = selection.older_than {
        old_enough(one, rules, older, || format!("only {} old", days(age)))?;
        why.push(format!("{} old", days(age)));
    }
    if let Some(keep) = selection.keep_last {
        let is_newer = |other: &&Waiting| {
            other.summary.domain.name == summary.domain.name
                && other.summary.id > summary.id
                && other.summary.state.is_restorable()
        };
        let newer = all.iter().filter(is_newer).count();
        if newer < keep {
            return stays(format!("among the last {keep} of its domain"));
        }
        why.push(format!("{newer} newer of its domain"));
    }
    if why.is_empty() {
        why.push("fits".into());
    }
    Ok(why.join(", "))
}

/// How old it is, if it is so old by both clocks; where it is too young by either, that it stays.
fn old_enough(
    one: &Waiting,
    rules: &Rules,
    wanted: Duration,
    too_young: impl FnOnce() -> String,
) -> Result<Duration, Fate> {
    let age = span(one.summary.started_at, rules.now);
    if age < wanted {
        return Err(Fate::Stays(too_young()));
    }
    let passed = match (&rules.uptime, &one.uptime) {
        (Some(now), Some(then)) => now.since(then),
        _ => None,
    };
    match passed {
        // Whole seconds are counted.
        Some(passed) if passed + Duration::from_secs(2) < wanted => Err(Fate::Doubted(format!(
            "the clock has jumped: since it was retired only {} have passed; if you are sure, \
             purge it by its number",
            days(passed)
        ))),
        _ => Ok(age),
    }
}

/// Takes it if a file system that it is on is short, and certainly gets something back.
fn by_space(one: &Waiting, wanted: u64, free: &mut HashMap<u64, u64>) -> Fate {
    let mut own = Tally::default();
    own.extend(one.names.iter().cloned());
    let own = own.by_device();
    let short: Vec<u64> = own
        .keys()
        .filter(|on| free.get(on).is_some_and(|free| *free < wanted))
        .copied()
        .collect();
    if short.is_empty() {
        return Fate::Stays("its file systems have room enough".into());
    }
    if short.iter().all(|on| own[on].freed() == 0) {
        return Fate::Stays(
            "others share what it has: purging it frees nothing for certain".into(),
        );
    }
    for (on, held) in own {
        if let Some(free) = free.get_mut(&on) {
            *free = free.saturating_add(held.freed());
        }
    }
    Fate::Goes("its file system is short of space".into())
}

fn span(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

fn short(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn days(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds} seconds"),
        60..3_600 => format!("{} minutes", seconds / 60),
        3_600..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector of one range is taken for a mistake.
    fn at(from: u64, to: u64) -> std::ops::Range<u64> {
        from..to
    }
    use crate::model::{DomainRef, Identity};

    const START: i64 = 1_000_000;

    fn waiting(id: u64, names: Vec<Allocation>) -> Waiting {
        Waiting {
            summary: Summary {
                id: TransactionId(id),
                uuid: uuid::Uuid::nil(),
                domain: DomainRef {
                    name: format!("d{id}"),
                    uuid: uuid::Uuid::nil(),
                },
                state: State::Committed,
                started_at: Timestamp::from_second(START).unwrap(),
                finished_at: None,
                user: "root".into(),
                acted_as: None,
                taken_back_by: None,
                reason: None,
                bytes: 0,
                size: 0,
                holds: Vec::new(),
                expires_at: None,
                freed: 0,
                notes: Vec::new(),
                restored_as: None,
                files_only: false,
                overrides: Vec::new(),
            },
            uptime: None,
            imported: false,
            names,
        }
    }

    fn file(device: u64, inode: u64, allocated: u64) -> Allocation {
        Allocation {
            identity: Identity {
                device,
                inode,
                born: None,
            },
            links: 1,
            allocated,
            shared: Vec::new(),
        }
    }

    fn goes(candidates: &[Waiting], until_free: u64, free: &[(u64, u64)]) -> Vec<bool> {
        let selection = Selection {
            until_free: Some(until_free),
            ..Selection::default()
        };
        let rules = Rules {
            now: Timestamp::from_second(START + 3_600).unwrap(),
            uptime: None,
            minimum_age: Duration::ZERO,
            free: free.iter().copied().collect(),
        };
        let rows = select(candidates, &selection, &rules);
        rows.iter().map(Row::goes).collect()
    }

    #[test]
    fn the_oldest_go_until_what_is_short_is_short_no_more() {
        let all = [
            waiting(1, vec![file(7, 1, 100)]),
            waiting(2, vec![file(8, 1, 500)]),
            waiting(3, vec![file(7, 2, 100), file(8, 2, 1)]),
            waiting(4, vec![file(7, 3, 100)]),
        ];
        let free = [(7, 50), (8, 1_000)];
        assert_eq!(goes(&all, 50, &free), [false; 4]);
        assert_eq!(goes(&all, 250, &free), [true, false, true, false]);
        assert_eq!(goes(&all, 999, &free), [true, false, true, true]);
    }

    #[test]
    fn what_others_share_makes_no_room() {
        let clone = Allocation {
            shared: vec![at(0, 100)],
            ..file(7, 1, 100)
        };
        let named_twice = Allocation {
            links: 2,
            ..file(7, 2, 100)
        };
        let all = [
            waiting(1, vec![clone]),
            waiting(2, vec![named_twice]),
            waiting(3, vec![file(7, 3, 100)]),
        ];
        assert_eq!(goes(&all, 100, &[(7, 0)]), [false, false, true]);
    }
}
