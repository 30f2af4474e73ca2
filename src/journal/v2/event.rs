//! One entry of the event log.

use serde::{Deserialize, Serialize};

use super::access::{Direction, State};
use super::file::FileFacts;
use super::wipe::{WipeMethod, Wiped};
use super::{DomainRef, Evidence, Notice};
use crate::journal::mirror::{Load, Mirror, mirror};
use crate::journal::primitive::{Bytes, Hash, Index, Time, Xml};
use crate::model;

mirror!(enum DigestKind = model::DigestKind { Sha256, Blake3 });

mirror!(struct Digest = model::Digest {
    kind: DigestKind,
    hex: String,
});

mirror!(struct Amendment = model::Amendment {
    xml: Option<Xml>,
    files_only: bool,
    paths: Vec<(Bytes, Bytes)>,
});

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// The first entry of a transaction, which the model has no need of: it puts the hash of the
    /// Begin record into the log. SHA-256; in a record of format 1 blake3.
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
        name: String,
        reason: String,
        user: String,
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
        size: u64,
    },
    Released {
        name: String,
        user: String,
    },
    Wiped {
        step: Index,
        wiped: Box<Wiped>,
    },
    Destroying {
        step: Index,
    },
    Destroyed {
        step: Index,
        result: Result<u64, String>,
    },
    Amended(Amendment),
    /// Of no transaction; the model of a transaction never sees it.
    Noticed(Box<Notice>),
    Wiping {
        method: WipeMethod,
    },
    SetAside {
        step: Index,
        why: String,
        waits_at: Option<Bytes>,
    },
    Imported {
        from: Bytes,
    },
    Digested {
        step: Index,
        result: Result<Digest, String>,
    },
    Withdrawn {
        step: Index,
        direction: Direction,
    },
}

impl From<&model::EventKind> for EventKind {
    fn from(kind: &model::EventKind) -> Self {
        use model::EventKind as Model;
        match kind {
            Model::Entered { state, cause } => Self::Entered {
                state: Mirror::store(state),
                cause: cause.clone(),
            },
            Model::Intent { step, direction } => Self::Intent {
                step: Mirror::store(step),
                direction: Mirror::store(direction),
            },
            Model::Withdrawn { step, direction } => Self::Withdrawn {
                step: Mirror::store(step),
                direction: Mirror::store(direction),
            },
            Model::Outcome {
                step,
                direction,
                result,
            } => Self::Outcome {
                step: Mirror::store(step),
                direction: Mirror::store(direction),
                result: result.clone(),
            },
            Model::Decided { verb, by } => Self::Decided {
                verb: verb.word().to_owned(),
                by: Box::new(Mirror::store(by.as_ref())),
            },
            Model::Held { name, reason, user } => Self::Held {
                name: name.clone(),
                reason: reason.clone(),
                user: user.clone(),
            },
            Model::Released { name, user } => Self::Released {
                name: name.clone(),
                user: user.clone(),
            },
            Model::Wiped { step, wiped } => Self::Wiped {
                step: Mirror::store(step),
                wiped: Box::new(Mirror::store(wiped.as_ref())),
            },
            Model::Destroying { step } => Self::Destroying {
                step: Mirror::store(step),
            },
            Model::Destroyed { step, result } => Self::Destroyed {
                step: Mirror::store(step),
                result: result.clone(),
            },
            Model::Wiping { method } => Self::Wiping {
                method: Mirror::store(method),
            },
            Model::SetAside {
                step,
                why,
                waits_at,
            } => Self::SetAside {
                step: Mirror::store(step),
                why: why.clone(),
                waits_at: Mirror::store(waits_at),
            },
            Model::Imported { from } => Self::Imported {
                from: Mirror::store(from),
            },
            Model::Noted { text } => Self::Noted { text: text.clone() },
            Model::Renamed(model::Rename { domain, macs }) => Self::Renamed {
                domain: Mirror::store(domain),
                macs: Mirror::store(macs),
            },
            Model::Amended(amendment) => Self::Amended(Mirror::store(amendment)),
            Model::Digested { step, result } => Self::Digested {
                step: Mirror::store(step),
                result: Mirror::store(result),
            },
            Model::Settled { files, bytes, size } => Self::Settled {
                files: Mirror::store(files),
                bytes: *bytes,
                size: *size,
            },
        }
    }
}

impl EventKind {
    /// As the model has it; `None` for what is only the log's own.
    pub fn load(self) -> Option<model::EventKind> {
        use model::EventKind as Model;
        Some(match self {
            Self::Began { record: _ } | Self::Noticed(_) => return None,
            Self::Entered { state, cause } => Model::Entered {
                state: state.load(),
                cause,
            },
            Self::Intent { step, direction } => Model::Intent {
                step: step.load(),
                direction: direction.load(),
            },
            Self::Withdrawn { step, direction } => Model::Withdrawn {
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
            Self::Held { name, reason, user } => Model::Held { name, reason, user },
            Self::Released { name, user } => Model::Released { name, user },
            Self::Wiped { step, wiped } => Model::Wiped {
                step: step.load(),
                wiped: Box::new(wiped.load()),
            },
            Self::Destroying { step } => Model::Destroying { step: step.load() },
            Self::Destroyed { step, result } => Model::Destroyed {
                step: step.load(),
                result,
            },
            Self::Wiping { method } => Model::Wiping {
                method: method.load(),
            },
            Self::SetAside {
                step,
                why,
                waits_at,
            } => Model::SetAside {
                step: step.load(),
                why,
                waits_at: waits_at.load(),
            },
            Self::Imported { from } => Model::Imported { from: from.load() },
            Self::Noted { text } => Model::Noted { text },
            Self::Renamed { domain, macs } => Model::Renamed(model::Rename {
                domain: domain.load(),
                macs: macs.load(),
            }),
            Self::Amended(amendment) => Model::Amended(amendment.load()),
            Self::Digested { step, result } => Model::Digested {
                step: step.load(),
                result: result.load(),
            },
            Self::Settled { files, bytes, size } => Model::Settled {
                files: files.load(),
                bytes,
                size,
            },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub sequence: u64,
    /// 0 of what belongs to no transaction.
    pub transaction: u64,
    pub at: Time,
    /// Milliseconds by which the clock had gone back since the entry before this one.
    pub clock_back: Option<u64>,
    pub kind: EventKind,
}

impl Entry {
    /// As the model has it; `None` for what is only the log's own.
    pub fn event(self) -> Option<model::Event> {
        Some(model::Event {
            sequence: self.sequence,
            at: self.at.load(),
            kind: self.kind.load()?,
        })
    }
}
