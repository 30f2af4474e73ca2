//! A transaction's states and the ways between them (contract, "States").

/// See the contract for the diagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    Planned,
    Executing,
    Prepared,
    Committed,
    RollingBack,
    RolledBack,
    Stuck,
    Purging,
    Purged,
}

/// What an unfinished or undecided transaction withholds from other commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Its domain and paths belong to it until `recover` has been run.
    Unfinished,
    /// Waits for a decision: `commit` or `rollback`.
    Undecided,
    Nothing,
}

impl State {
    pub const ALL: [State; 9] = [
        State::Planned,
        State::Executing,
        State::Prepared,
        State::Committed,
        State::RollingBack,
        State::RolledBack,
        State::Stuck,
        State::Purging,
        State::Purged,
    ];

    pub fn word(self) -> &'static str {
        match self {
            State::Planned => "planned",
            State::Executing => "executing",
            State::Prepared => "prepared",
            State::Committed => "committed",
            State::RollingBack => "rolling-back",
            State::RolledBack => "rolled-back",
            State::Stuck => "stuck",
            State::Purging => "purging",
            State::Purged => "purged",
        }
    }

    /// Steps are run from here on: what an earlier run had to say is no longer news.
    pub fn begins_a_run(self) -> bool {
        matches!(self, State::Executing | State::RollingBack)
    }

    /// After a rollback began, these states say that it failed and was itself undone.
    pub fn ends_a_rollback_in_vain(self) -> bool {
        matches!(self, State::Prepared | State::Committed)
    }

    /// Whether the contract's diagram has an arrow from here to `next`.
    ///
    /// `rolling-back → prepared|committed` is the one arrow we add: a rollback whose step failed
    /// and whose undone steps were done again is back where it began, never half way.
    pub fn may_become(self, next: State) -> bool {
        use State::*;
        matches!(
            (self, next),
            (Planned, Executing)
                | (Planned, RollingBack)
                | (Executing, Prepared)
                | (Executing, RollingBack)
                | (Prepared, Committed)
                | (Prepared, RollingBack)
                | (Committed, RollingBack)
                | (Committed, Purging)
                | (Purging, Purged)
                | (RollingBack, RolledBack)
                | (RollingBack, Prepared)
                | (RollingBack, Committed)
                | (RollingBack, Stuck)
                | (Stuck, RollingBack)
        )
    }

    /// No further event changes what lies on disk, short of `purge`.
    pub fn is_finished(self) -> bool {
        matches!(self, State::Committed | State::RolledBack | State::Purged)
    }

    /// Whether an operator's `rollback` brings the domain back from here.
    pub fn is_restorable(self) -> bool {
        matches!(self, State::Prepared | State::Committed)
    }

    /// Nothing leads out of it, and nothing of it waits in quarantine.
    pub fn is_closed(self) -> bool {
        matches!(self, State::RolledBack | State::Purged)
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    pub fn claim(self) -> Claim {
        match self {
            State::Planned
            | State::Executing
            | State::RollingBack
            | State::Stuck
            | State::Purging => Claim::Unfinished,
            State::Prepared => Claim::Undecided,
            State::Committed | State::RolledBack | State::Purged => Claim::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_purged_or_rolled_back() {
        for next in State::ALL {
            assert!(!State::Purged.may_become(next));
            assert!(!State::RolledBack.may_become(next));
        }
    }

    #[test]
    fn every_unfinished_state_has_a_way_out() {
        for state in State::ALL {
            let ways = State::ALL
                .iter()
                .filter(|next| state.may_become(**next))
                .count();
            assert_eq!(
                ways == 0,
                matches!(state, State::Purged | State::RolledBack),
                "{}",
                state.word()
            );
        }
    }
}
