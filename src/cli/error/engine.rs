//! What the engine says.

use crate::engine::EngineError;
use crate::model::{Direction, EventKind, Step, Transaction, quoted};

use super::{CliError, Exit};

/// What an unfinished transaction wants before anything else of it or its domain.
const FINISH_FIRST: &str = "finish it first: virt-retire recover";

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::Journal(error) => error.into(),
            EngineError::Hypervisor(error) => error.into(),
            EngineError::Storage(error) => error.into(),
            EngineError::Refused { refusals } => Self::refused(&refusals),
            EngineError::WrongState { id, state, .. } => Self::unchanged(
                Exit::Error,
                "wrong-state",
                message,
                match state.claim() {
                    crate::model::Claim::Unfinished => FINISH_FIRST.to_owned(),
                    _ => format!("to see what it is: virt-retire show {id}"),
                },
            ),
            EngineError::Gone { id, state, .. } => Self::unchanged(
                Exit::Error,
                "purged",
                message,
                match state {
                    crate::model::State::Purging => {
                        format!("its purge was begun, and goes on with: virt-retire purge {id}")
                    }
                    _ => format!("to see what it was: virt-retire show {id}"),
                },
            ),
            EngineError::Claimed { by, state, .. } => Self::unchanged(
                Exit::Refused,
                "claimed",
                message,
                match state.claim() {
                    crate::model::Claim::Undecided => format!(
                        "decide it first: virt-retire commit {by}, or virt-retire rollback {by}"
                    ),
                    _ => FINISH_FIRST.to_owned(),
                },
            ),
            EngineError::HoldTaken { .. } => Self::unchanged(
                Exit::Error,
                "hold-exists",
                message,
                "give this one another name: --name NAME",
            ),
            EngineError::NoSuchHold { id, names, .. } => Self::unchanged(
                Exit::Error,
                "no-such-hold",
                message,
                match names.is_empty() {
                    true => format!("to see it: virt-retire show {id}"),
                    false => {
                        let names: Vec<String> = names.iter().map(|it| quoted(it)).collect();
                        format!("say which: --name {}", names.join(", or --name "))
                    }
                },
            ),
            EngineError::Xml(_) => Self::unchanged(
                Exit::Error,
                "damaged",
                message,
                "restore by hand: the manifest beside the quarantined files says how",
            ),
            EngineError::UnreadableXml { id, .. } => Self::unchanged(
                Exit::Error,
                "unreadable-xml",
                message,
                format!("begin with the saved one: virt-retire show {id} --security-info"),
            ),
            EngineError::Unlooked(_) => Self::unchanged(
                Exit::Error,
                "last-look",
                message,
                "fix the cause, then try again",
            ),
            EngineError::Interrupted => Self::interrupted(),
            EngineError::PutBack { transaction, .. } => Self::new(
                Exit::PutBack,
                "step-failed",
                message + &stopped(&transaction),
                format!(
                    "fix the cause and try again; for the whole story: virt-retire show {}",
                    transaction.id
                ),
            ),
            EngineError::Stuck { transaction, .. } => Self::new(
                Exit::Unfinished,
                "stuck",
                message,
                format!(
                    "fix one of the two causes, then: virt-retire recover; or say how to go on: \
                     virt-retire rollback {0} --xml FILE (a repaired definition), or --files (the \
                     files alone); for the whole story: virt-retire show {0}",
                    transaction.id
                ),
            ),
            EngineError::Unfinished { .. } => Self::new(
                Exit::Unfinished,
                "unfinished",
                message,
                "fix the cause, then: virt-retire recover",
            ),
        }
    }
}

/// What no rollback gives back.
fn stopped(transaction: &Transaction) -> String {
    // The rollback's own progress says nothing of whether the guest had ended before.
    let stopped = transaction.events.iter().any(|event| match &event.kind {
        EventKind::Outcome {
            step,
            direction: Direction::Forward,
            result: Ok(_),
        } => matches!(transaction.plan.steps.get(*step), Some(Step::Stop { .. })),
        _ => false,
    });
    if !stopped {
        return String::new();
    }
    let typed = transaction.domain().typed();
    let transient = if transaction.plan.persistent {
        ""
    } else {
        "; it was transient, and is defined now so that nothing of it is lost"
    };
    format!(
        ". The guest itself had been stopped and stays shut off{transient}: virsh start {typed}"
    )
}
