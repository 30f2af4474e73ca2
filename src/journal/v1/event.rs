//! One entry of the event log, with its link in the hash chain.

use serde::{Deserialize, Serialize};

use super::access::{Direction, State};
use super::file::FileFacts;
use super::{DomainRef, Evidence, Hash, Time, malformed};
use crate::journal::envelope::Kind;
use crate::journal::{DecodeError, Record};
use crate::model;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        step: u64,
        direction: Direction,
    },
    Outcome {
        step: u64,
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
        files: Vec<(u64, FileFacts)>,
        bytes: u64,
    },
}

impl From<&model::EventKind> for EventKind {
    fn from(kind: &model::EventKind) -> Self {
        use model::EventKind as Model;
        match kind {
            Model::Entered { state, cause } => Self::Entered {
                state: (*state).into(),
                cause: cause.clone(),
            },
            Model::Intent { step, direction } => Self::Intent {
                step: *step as u64,
                direction: (*direction).into(),
            },
            Model::Outcome {
                step,
                direction,
                result,
            } => Self::Outcome {
                step: *step as u64,
                direction: (*direction).into(),
                result: result.clone(),
            },
            Model::Decided { verb, by } => Self::Decided {
                verb: verb.clone(),
                by: Box::new(by.as_ref().into()),
            },
            Model::Held { held } => Self::Held { held: *held },
            Model::Noted { text } => Self::Noted { text: text.clone() },
            Model::Renamed(model::Rename { domain, macs }) => Self::Renamed {
                domain: domain.into(),
                macs: macs.clone(),
            },
            Model::Settled { files, bytes } => Self::Settled {
                bytes: *bytes,
                files: files
                    .iter()
                    .map(|(step, facts)| (*step as u64, facts.into()))
                    .collect(),
            },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub sequence: u64,
    pub transaction: u64,
    pub at: Time,
    /// Hash of the whole record before this one; zeros in the first.
    pub previous: Hash,
    pub kind: EventKind,
}

impl Record for Entry {
    const KIND: Kind = Kind::Event;
    const VERSION: u16 = 1;
}

impl Entry {
    /// As the model has it; `None` for what is only the log's own.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] where a number does not fit this machine or a time is out of
    /// range.
    pub fn event(self) -> Result<Option<model::Event>, DecodeError> {
        use model::EventKind as Model;
        let kind = match self.kind {
            EventKind::Began { record: _ } => return Ok(None),
            EventKind::Entered { state, cause } => Model::Entered {
                state: state.into(),
                cause,
            },
            EventKind::Intent { step, direction } => Model::Intent {
                step: index(step)?,
                direction: direction.into(),
            },
            EventKind::Outcome {
                step,
                direction,
                result,
            } => Model::Outcome {
                step: index(step)?,
                direction: direction.into(),
                result,
            },
            EventKind::Decided { verb, by } => Model::Decided {
                verb,
                by: Box::new((*by).into()),
            },
            EventKind::Held { held } => Model::Held { held },
            EventKind::Noted { text } => Model::Noted { text },
            EventKind::Renamed { domain, macs } => Model::Renamed(model::Rename {
                domain: domain.into(),
                macs,
            }),
            EventKind::Settled { files, bytes } => Model::Settled {
                bytes,
                files: files
                    .into_iter()
                    .map(|(step, facts)| Ok((index(step)?, facts.into())))
                    .collect::<Result<_, DecodeError>>()?,
            },
        };
        Ok(Some(model::Event {
            sequence: self.sequence,
            at: self.at.try_into()?,
            kind,
        }))
    }
}

fn index(step: u64) -> Result<usize, DecodeError> {
    usize::try_from(step).map_err(|_| malformed("a step's number out of range"))
}
