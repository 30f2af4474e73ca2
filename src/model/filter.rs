//! Which transactions, or which entries of the log, are asked for. Every condition must hold.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{DomainRef, LogEntry, State, Summary, Transaction};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of the domain's name, or of the one that it came back with.
    pub domain: Option<glob::Pattern>,
    /// Of the domain, before or after.
    pub uuid: Option<uuid::Uuid>,
    /// Who began it.
    pub user: Option<String>,
    /// Any of them; all where there are none.
    pub states: Vec<State>,
    /// A file, or all below a folder, that it took, keeps or left where it was.
    pub touched: Option<PathBuf>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    pub held: bool,
    /// Whether `rollback` could bring it back.
    pub restorable: bool,
    /// Where a rule was set aside.
    pub overridden: bool,
    /// Entries of the log of these kinds alone; all where there are none.
    pub kinds: Vec<&'static str>,
}

impl Filter {
    /// As far as a summary tells.
    pub fn takes(&self, summary: &Summary) -> bool {
        self.is_about([Some(&summary.domain), summary.restored_as.as_ref()])
            && self.user.as_ref().is_none_or(|user| *user == summary.user)
            && (self.states.is_empty() || self.states.contains(&summary.state))
            && self.is_within(summary.started_at)
            && (!self.held || summary.is_held())
            && (!self.restorable || summary.state.is_restorable())
            && (!self.overridden || !summary.overrides.is_empty())
    }

    /// Whether the transaction itself is needed to tell.
    pub fn needs_whole(&self) -> bool {
        self.touched.is_some()
    }

    /// What a summary does not tell.
    pub fn takes_whole(&self, transaction: &Transaction) -> bool {
        self.touched
            .as_ref()
            .is_none_or(|path| touches(transaction, path))
    }

    /// Whether entries of a transaction depend on more than the entry itself.
    pub fn needs_transactions(&self) -> bool {
        self.needs_whole() || self.held || self.restorable || !self.states.is_empty()
    }

    /// As far as an entry of the log tells: its own moment, and who did that.
    pub fn takes_entry(&self, entry: &LogEntry) -> bool {
        self.is_about([entry.domain.as_ref(), entry.restored_as.as_ref()])
            && self.user.as_ref().is_none_or(|user| *user == entry.user)
            && (!self.overridden || !entry.overrides().is_empty())
            && (self.kinds.is_empty() || self.kinds.contains(&entry.what.word()))
            && self.is_within(entry.at)
    }

    /// The same without what speaks of single entries: for the transactions that entries belong to.
    pub fn of_transactions(&self) -> Self {
        Self {
            states: self.states.clone(),
            touched: self.touched.clone(),
            held: self.held,
            restorable: self.restorable,
            ..Self::default()
        }
    }

    /// The domain as it was, and as it came back.
    fn is_about(&self, domains: [Option<&DomainRef>; 2]) -> bool {
        let any = |is_it: &dyn Fn(&DomainRef) -> bool| domains.into_iter().flatten().any(is_it);
        let name = self.domain.as_ref();
        name.is_none_or(|glob| any(&|domain| glob.matches(&domain.name)))
            && self
                .uuid
                .is_none_or(|uuid| any(&|domain| domain.uuid == uuid))
    }

    fn is_within(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }
}

/// Whether a path, or anything below it, is one that the transaction's plan speaks of.
fn touches(transaction: &Transaction, path: &Path) -> bool {
    let plan = &transaction.plan;
    let is_below = |it: &Path| it.starts_with(path);
    let disks = plan.disks.iter();
    let mut spelled = disks.clone().flat_map(|disk| {
        let chain = disk.chain.iter().map(|link| link.path.as_path());
        let own = disk.path.as_deref();
        own.into_iter()
            .chain(disk.spelled.as_deref().map(Path::new))
            .chain(chain)
    });
    let mut moved = transaction.taken();
    let mut copied = transaction.copies();
    spelled.any(is_below)
        || moved.any(|(_, taken, stored)| is_below(taken.path()) || is_below(&stored))
        || copied.any(|(_, file, _)| is_below(&file.path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TransactionId;

    fn summary() -> Summary {
        Summary {
            id: TransactionId(4),
            uuid: uuid::Uuid::nil(),
            domain: DomainRef {
                name: "web01".into(),
                uuid: uuid::Uuid::from_u128(1),
            },
            state: State::Committed,
            started_at: "2026-03-01T12:00:00Z".parse().unwrap(),
            finished_at: None,
            user: "mira".into(),
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
        }
    }

    #[test]
    fn every_condition_must_hold() {
        let all = Filter {
            domain: Some(glob::Pattern::new("web*").unwrap()),
            uuid: Some(uuid::Uuid::from_u128(1)),
            user: Some("mira".into()),
            states: vec![State::Prepared, State::Committed],
            since: Some("2026-03-01T12:00:00Z".parse().unwrap()),
            until: Some("2026-03-01T12:00:01Z".parse().unwrap()),
            restorable: true,
            ..Filter::default()
        };
        assert!(Filter::default().takes(&summary()));
        assert!(all.takes(&summary()));
        let not = |change: &dyn Fn(&mut Filter)| {
            let mut filter = all.clone();
            change(&mut filter);
            assert!(!filter.takes(&summary()), "{filter:?}");
        };
        not(&|filter| filter.domain = Some(glob::Pattern::new("db*").unwrap()));
        not(&|filter| filter.uuid = Some(uuid::Uuid::nil()));
        not(&|filter| filter.user = Some("root".into()));
        not(&|filter| filter.states = vec![State::Purged]);
        not(&|filter| filter.since = filter.until);
        not(&|filter| filter.until = filter.since);
        not(&|filter| filter.held = true);
    }

    #[test]
    fn what_is_purged_is_not_restorable() {
        let filter = Filter {
            restorable: true,
            ..Filter::default()
        };
        let mut purged = summary();
        purged.state = State::Purged;
        assert!(!filter.takes(&purged));
    }
}
