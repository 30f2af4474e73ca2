//! Executing, undoing, deciding and recovering transactions.
//!
//! The engine knows the world through [`crate::ports`] alone. It holds to law 3 in one place,
//! `run`: an intent is durable before its effect starts, and an effect is durable before its
//! outcome is written.
//!
//! # A new kind of step
//!
//! 1. A variant of [`crate::model::Step`], with its word and its bytes. The compiler now lists
//!    what is missing:
//! 2. its stored form in `journal` (a new variant at the end of the stored enum: bincode
//!    numbers variants by position, so the order there is part of the format);
//! 3. its effect and inverse, a file of its own in `engine::steps`, both idempotent: each looks at
//!    the world first and answers [`crate::ports::Moved::Already`] where nothing is left to do;
//! 4. what would stand in the way of its inverse, in `engine::preflight`;
//! 5. where the planner puts it, in `planner::steps`. Before `Undefine` stands what must be saved
//!    first and comes back last; after it, what may only happen once nobody can start the domain.

mod bases;
mod batch;
mod begin;
mod candidates;
mod claims;
mod comparison;
mod costs;
mod course;
mod decide;
mod digest;
mod error;
mod finish;
mod holds;
mod links;
mod look;
mod missing;
mod named;
mod places;
mod preflight;
mod purge;
mod rebuild;
mod recover;
mod restoration;
mod run;
mod shared_state;
mod space;
mod steps;
mod terms;
mod verify;
mod volumes;

pub use batch::{Batch, NotRetired};
pub use begin::Retirement;
pub use candidates::{Candidate, Candidates, Sources, candidates};
pub use comparison::{Comparison, Finding, compare, seal};
pub use decide::wrong_state;
pub use error::{EngineError, Failure, NotAgain};
pub use holds::{hold, release};
pub use missing::missing;
pub use purge::{Fate, Row, Rules, Selection, Waiting, held, select, waiting};
pub use rebuild::{Inferred, Origin, infer};
pub use recover::{Recovered, Recovery, open_transactions};
pub use restoration::brought_back;
pub use space::space;
pub use terms::RollbackRequest;
pub use verify::{Difference, Looked, verify};

use crate::ports::{Census, Clock, Control, Hypervisor, Journal, Quarantine, Storage};

/// Everything outside that an effect may touch.
#[derive(Clone, Copy)]
pub struct World<'a> {
    pub hypervisor: &'a dyn Hypervisor,
    pub storage: &'a dyn Storage,
    pub quarantine: &'a dyn Quarantine,
    pub census: &'a dyn Census,
    pub clock: &'a dyn Clock,
    pub control: &'a dyn Control,
    /// Globs of the domain names that this host refuses to retire.
    pub protect: &'a [glob::Pattern],
}

impl World<'_> {
    /// Returns when all that steps have done is on the medium (law 3).
    fn settle(&self) -> Result<(), Failure> {
        self.storage.settle()?;
        self.hypervisor.settle()?;
        Ok(())
    }
}

/// The engine, while it holds the journal.
pub struct Engine<'a> {
    world: World<'a>,
    journal: &'a mut dyn Journal,
    /// Whether the quarantine has been asked for numbers that must not be given again.
    has_looked_for_numbers: bool,
}

impl<'a> Engine<'a> {
    pub fn new(world: World<'a>, journal: &'a mut dyn Journal) -> Self {
        Self {
            world,
            journal,
            has_looked_for_numbers: false,
        }
    }
}
