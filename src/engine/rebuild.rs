//! What must have happened to a transaction whose events are lost, read off the disk.

use std::path::Path;

use super::decide::decided;
use super::error::EngineError;
use crate::model::{Direction, EventKind, Evidence, State, Step, Transaction};
use crate::ports::{Hypervisor, Storage};

/// A transaction's events as far as the world shows them.
pub struct Inferred {
    pub state: State,
    pub events: Vec<EventKind>,
    /// What could not be known, in words. In the events too.
    pub unknown: Vec<String>,
}

/// Where one file is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Original,
    Quarantine,
    Nowhere,
}

/// Looks where the files are and whether the domain is defined. `hypervisor` is `None` where the
/// transaction's libvirt is out of reach.
///
/// A transaction of which nothing is at its old place was finished; any other is left open for
/// `recover`, which puts it back.
///
/// # Errors
/// Files or libvirt that do not answer.
pub fn infer(
    hypervisor: Option<&dyn Hypervisor>,
    storage: &dyn Storage,
    transaction: &Transaction,
    by: Evidence,
) -> Result<Inferred, EngineError> {
    let mut unknown =
        vec!["who decided what since it began, when, and whether it was held".to_owned()];
    let places = places(storage, transaction, &mut unknown)?;
    let is_at = |place: Place| places.iter().any(|(_, its)| *its == place);
    let defined = match hypervisor {
        Some(hypervisor) => hypervisor
            .status(transaction.domain().uuid)?
            .is_some_and(|status| status.persistent),
        None => {
            unknown.push("whether the domain is defined: libvirt does not answer".into());
            // Files move only after the undefine.
            !is_at(Place::Quarantine) && is_at(Place::Original)
        }
    };
    let is_there = defined && transaction.undefines();
    let is_whole = !is_at(Place::Original) && !is_there;
    let mut events = vec![
        decided("rebuild", by),
        entered(State::Executing, "read off the disk by `rebuild`"),
    ];
    for (index, step) in transaction.plan.steps.iter().enumerate() {
        let is_known = match step {
            Step::Undefine(_) => !defined,
            Step::LinkManagedSave(_) | Step::Quarantine(_) => {
                places.contains(&(index, Place::Quarantine))
            }
            _ => true,
        };
        let direction = Direction::Forward;
        events.push(EventKind::Intent {
            step: index,
            direction,
        });
        if is_known || is_whole {
            events.push(EventKind::Outcome {
                step: index,
                direction,
                result: Ok(true),
            });
        }
    }
    let mut state = State::Executing;
    if is_whole {
        state = State::Prepared;
        events.push(entered(state, "nothing of it is at its old place"));
        if transaction.commit_at_once {
            state = State::Committed;
            events.push(entered(state, "it was to commit by itself"));
        } else {
            unknown.push("whether it had been committed: taken as prepared".into());
        }
    }
    events.extend(unknown.iter().map(|it| EventKind::Noted {
        text: format!("not known after the rebuild: {it}"),
    }));
    Ok(Inferred {
        state,
        events,
        unknown,
    })
}

fn entered(state: State, cause: &str) -> EventKind {
    EventKind::Entered {
        state,
        cause: Some(cause.to_owned()),
    }
}

fn places(
    storage: &dyn Storage,
    transaction: &Transaction,
    unknown: &mut Vec<String>,
) -> Result<Vec<(usize, Place)>, EngineError> {
    let mut places = Vec::new();
    for (index, moved, stored) in transaction.files() {
        let is_at = |path: &Path| -> Result<bool, EngineError> {
            let found = storage.facts(path)?;
            Ok(found.is_some_and(|it| it.identity.is_same_file(&moved.facts.identity)))
        };
        // In quarantine first: a managed save image has both names for a while.
        let place = if is_at(&stored)? {
            Place::Quarantine
        } else if is_at(&moved.path)? {
            Place::Original
        } else {
            unknown.push(format!(
                "where {} is: neither at its place nor at {}",
                moved.path.display(),
                stored.display()
            ));
            Place::Nowhere
        };
        places.push((index, place));
    }
    Ok(places)
}
