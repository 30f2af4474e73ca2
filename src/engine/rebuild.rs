//! What must have happened to a transaction whose events are lost, read off the disk.

use std::path::Path;

use super::decide::decided;
use super::error::EngineError;
use super::keepers::finder;
use crate::model::{
    Direction, EventKind, Evidence, Override, OverrideFlag, State, Trace, Transaction, Verb,
};
use crate::ports::{HypervisorView, Place, StorageView};

/// A transaction's events as far as the world shows them.
pub struct Inferred {
    pub state: State,
    pub events: Vec<EventKind>,
    /// What could not be known, in words. In the events too.
    pub unknown: Vec<String>,
}

/// Who says that a record is a transaction of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// This program does: it wrote the record.
    Ours,
    /// The operator does, who named the folder. Nothing proves it, so `recover` must never act on
    /// it: an operator's `rollback` does.
    Imported { from: &'a Path },
}

/// Looks where the files are and whether the domain is defined. `hypervisor` is `None` where the
/// transaction's libvirt is out of reach.
///
/// A transaction of which nothing is at its old place was finished; any other is left open for
/// `recover`, which puts it back. One that was imported is committed, whatever is where.
///
/// # Errors
/// Files or libvirt that do not answer.
pub fn infer(
    hypervisor: Option<&dyn HypervisorView>,
    storage: &dyn StorageView,
    transaction: &Transaction,
    origin: Origin,
    mut by: Evidence,
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
            !is_at(Place::Quarantine) && is_at(Place::Home)
        }
    };
    let is_there = defined && transaction.undefines();
    let is_whole = !is_at(Place::Home) && !is_there;
    if let Origin::Imported { from } = origin {
        let what = format!(
            "taken in from {}: nothing proves that this program wrote it",
            from.display()
        );
        by.overrides.push(Override::new(OverrideFlag::From, what));
    }
    let mut events = vec![
        decided(Verb::Rebuild, by),
        entered(State::Executing, "read off the disk by `rebuild`"),
    ];
    if let Origin::Imported { from } = origin {
        events.push(EventKind::Imported {
            from: from.to_owned(),
        });
    }
    for (index, step) in transaction.plan.steps.iter().enumerate() {
        let is_known = match step.trace() {
            Trace::Undefined => !defined,
            Trace::Taken => places.contains(&(index, Place::Quarantine)),
            Trace::Nothing => true,
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
                // By us, as far as anybody knows: nothing shows that somebody else was first.
                result: Ok(false),
            });
        }
    }
    let mut state = State::Executing;
    let is_imported = matches!(origin, Origin::Imported { .. });
    if is_whole || is_imported {
        state = State::Prepared;
        let why = match is_whole {
            true => "nothing of it is at its old place",
            false => "imported: only an operator's rollback acts on it",
        };
        events.push(entered(state, why));
        if transaction.commit_at_once || is_imported {
            state = State::Committed;
            let why = match is_imported {
                true => "imported",
                false => "it was to commit by itself",
            };
            events.push(entered(state, why));
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
    storage: &dyn StorageView,
    transaction: &Transaction,
    unknown: &mut Vec<String>,
) -> Result<Vec<(usize, Place)>, EngineError> {
    let mut places = Vec::new();
    for (index, taken, stored) in transaction.taken() {
        let finder = finder(storage, taken, taken.path(), &stored);
        let place = finder.whereabouts()?.place();
        match place {
            // A managed save image has both names until its domain is undefined.
            Place::Both | Place::Quarantine => places.push((index, Place::Quarantine)),
            Place::Home => places.push((index, place)),
            Place::Neither | Place::Stranger => {
                unknown.push(format!(
                    "where {} is: neither at its place nor at {}",
                    taken.path().display(),
                    stored.display()
                ));
                places.push((index, place));
            }
        }
    }
    Ok(places)
}
