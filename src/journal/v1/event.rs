//! One entry of the event log, with its link in the hash chain.

use serde::Deserialize;

use super::access::{Direction, State};
use super::file::FileFacts;
use super::{DomainRef, Evidence};
use crate::journal::mirror::Load;
use crate::journal::primitive::Index;
use crate::journal::primitive::{Hash, Time};
use crate::model;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub enum EventKind {
    /// The first entry of a transaction, which the model has no need of: it puts the hash of the
    /// Begin record into the chain.
    Began {
        record: Hash,
    },
    Entered {
        state: State,
        cause: Option<String>,
    },
    Intent {
        step: Index,
        direction: Direction,
    },
    Outcome {
        step: Index,
        direction: Direction,
        result: Result<bool, String>,
    },
    Decided {
        verb: String,
        by: Box<Evidence>,
    },
    Held {
        held: bool,
    },
    Noted {
        text: String,
    },
    Renamed {
        domain: DomainRef,
        macs: Vec<(String, String)>,
    },
    Settled {
        files: Vec<(Index, FileFacts)>,
        bytes: u64,
    },
}

impl EventKind {
    /// As the model has it; `None` for what is only the log's own.
    pub fn load(self) -> Option<model::EventKind> {
        use model::EventKind as Model;
        Some(match self {
            Self::Began { record: _ } => return None,
            Self::Entered { state, cause } => Model::Entered {
                state: state.load(),
                cause,
            },
            Self::Intent { step, direction } => Model::Intent {
                step: step.load(),
                direction: direction.load(),
            },
            Self::Outcome {
                step,
                direction,
                result,
            } => Model::Outcome {
                step: step.load(),
                direction: direction.load(),
                result,
            },
            Self::Decided { verb, by } => Model::Decided {
                verb: model::Verb::from_word(verb),
                by: Box::new(by.load()),
            },
            // Nothing of that format could hold anything.
            Self::Held { held: true } => Model::Held {
                name: String::new(),
                reason: String::new(),
                user: String::new(),
            },
            Self::Held { held: false } => Model::Released {
                name: String::new(),
                user: String::new(),
            },
            Self::Noted { text } => Model::Noted { text },
            Self::Renamed { domain, macs } => Model::Renamed(model::Rename {
                domain: domain.load(),
                macs: macs.load(),
            }),
            Self::Settled { files, bytes } => Model::Settled {
                files: files.load(),
                // It did not tell what is allocated.
                bytes,
                size: bytes,
            },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Entry {
    pub sequence: u64,
    pub transaction: u64,
    pub at: Time,
    /// Hash of the whole record before this one; zeros in the first.
    pub previous: Hash,
    pub kind: EventKind,
}
