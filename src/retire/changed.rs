//! What a request that did not end well has changed.

use crate::engine::{EngineError, NotRetired};
use crate::model::TransactionId;
use crate::ports::JournalError;

use super::{Decided, Decision, listed};

/// What there is now that was not there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    Nothing,
    /// A step failed, and what was begun was put back.
    PutBack,
    /// The same, and so were these domains of the same command, which were retired before it.
    PutBackToo(Vec<String>),
    /// Other transactions of the same command had been decided before it.
    Before {
        ids: Vec<TransactionId>,
        decision: Decision,
    },
    /// Work is left for `recover`.
    Unfinished,
    /// Of the same command, these domains were put back, and those could not be: each with why.
    Half {
        put_back: Vec<String>,
        half: Vec<(String, String)>,
    },
}

impl Changed {
    pub fn by(error: &EngineError) -> Self {
        match error {
            EngineError::PutBack { .. } => Self::PutBack,
            EngineError::Stuck { .. }
            | EngineError::Unfinished { .. }
            | EngineError::Journal(JournalError::Unwritten { .. }) => Self::Unfinished,
            EngineError::Journal(_)
            | EngineError::Hypervisor(_)
            | EngineError::Storage(_)
            | EngineError::Refused { .. }
            | EngineError::Xml(_)
            | EngineError::UnreadableXml { .. }
            | EngineError::WrongState { .. }
            | EngineError::Gone { .. }
            | EngineError::HoldTaken { .. }
            | EngineError::NoSuchHold { .. }
            | EngineError::Claimed { .. }
            | EngineError::Unlooked(_)
            | EngineError::Interrupted => Self::Nothing,
        }
    }

    pub fn by_batch(failed: &NotRetired) -> Self {
        let put_back = failed.put_back.iter().rev();
        let put_back: Vec<String> = put_back.map(|one| one.domain().name.clone()).collect();
        if !failed.half.is_empty() {
            let half = failed.half.iter();
            return Self::Half {
                put_back,
                half: half
                    .map(|(name, error)| (name.clone(), error.to_string()))
                    .collect(),
            };
        }
        match put_back.is_empty() {
            true => Self::by(&failed.error),
            false => Self::PutBackToo(put_back),
        }
    }

    /// By the error that ended these decisions.
    pub fn by_decisions(decided: &Decided, error: &EngineError) -> Self {
        match Self::by(error) {
            alone if decided.done.is_empty() => alone,
            _ => Self::Before {
                ids: decided.done.iter().map(|one| one.id).collect(),
                decision: decided.decision,
            },
        }
    }

    /// As a sentence, where the error has not said it in its own words.
    pub fn sentence(&self) -> Option<String> {
        let too = |names: &[String]| match names {
            [] => None,
            names => Some(format!("So {} was put back, too.", names.join(", "))),
        };
        match self {
            Self::Nothing => Some("Nothing was changed.".into()),
            Self::PutBack | Self::Unfinished => None,
            Self::PutBackToo(names) => too(names),
            Self::Before { ids, decision } => Some(format!(
                "Before it, transaction {} was {}.",
                listed(ids),
                decision.participle()
            )),
            Self::Half { put_back, half } => {
                let half = half
                    .iter()
                    .map(|(name, why)| format!("Domain {name} could not be put back: {why}."));
                let all: Vec<String> = too(put_back).into_iter().chain(half).collect();
                Some(all.join(" "))
            }
        }
    }
}
