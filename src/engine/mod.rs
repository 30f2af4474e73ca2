//! Executing, undoing, deciding and recovering transactions.
//!
//! The engine knows the world through [`crate::ports`] alone. It holds to law 3 in one place,
//! `run`: an intent is durable before its effect starts, and an effect is durable before its
//! outcome is written.
//!
//! # How a transaction is run
//!
//! A `course` is one transaction on its way in one direction: it hands out what it intends next,
//! runs it, and takes down what came of it. The driver in `run` runs one course or two hundred,
//! stage by stage: what must be saved, what libvirt is told, what is moved, and at last, once for
//! all of them, the pools' lists. It alone writes the journal, and it settles what a stage has done
//! (files, folders, libvirt's own folders, each synced once) before anything is said of it and
//! before the next stage begins.
//!
//! # How often the disk is waited for
//!
//! Each of these is one durable write of the journal, for one transaction as for a batch:
//!
//! | | says | why it cannot be left out |
//! |---|---|---|
//! | 1 | begun, and what is saved is intended | laws 3 and 7: evidence and intent before the first effect |
//! | 2 | it is saved; all the rest is intended | nothing is intended of the domain while it is being saved: a recovery would take somebody else's define or undefine since the crash for ours (law 5), and has nothing to ask libvirt as it is |
//! | (2a) | a guest was stopped, and what its files are now | `destroy` alone, once for each guest: a recovery that must go forward would take files that their guest wrote to until its end for somebody else's (law 6) |
//! | 3 | it is done; prepared, and committed where that is not to wait | the decision; a batch has one, so that there is no moment at which some are committed (law 1) |
//!
//! A rollback has two, of one or of two hundred that do not stand on one another: begun, with all
//! that is intended; done. So have an undo after a failed step, whose outcomes and whose withdrawn
//! intents go with the first, and, with one more for what it decides, `recover`. Recovery looks at
//! the world for each step, never at the outcome alone, so one record may carry the intents of a
//! whole run of steps.
//!
//! Between them the effects are settled: after what is saved (a file moved into a folder that does
//! not last would be lost with it; a managed save that libvirt is to delete needs its second name
//! to last), after libvirt was told (a host that comes up after a power cut must not start a domain
//! with half its disks), and after the moves. On the way back: before the domain is defined again,
//! and before its quarantine folder goes.
//!
//! Counted with `strace -f -c -e fdatasync,fsync,syncfs`, pool and state folder on one ext4, before
//! this and after: one domain with a disk 42, now 28; 20 of them in one command 650, now 161, seven
//! for each domain (the four files of its record, its disk, its quarantine folder for either). The
//! journal's own are 16 and 263, now 7 and 7, of which some come with opening it.
//! `tests/retire/syncs.rs` keeps it so.
//!
//! # To add a storage kind
//!
//! Something else than a file that leaves: a volume renamed in its pool, an image in its cluster's
//! trash. All that lists, counts, judges, moves, restores and destroys asks [`crate::model::Taken`]
//! and its keeper, and needs no change. The first place is yours; the compiler names those after
//! it, but for the last.
//!
//! 1. [`crate::model::StorageItem`] and [`crate::model::Taken`], in one file: a variant each, and a
//!    struct with what the plan records of it.
//! 2. `journal::v2::step`: its stored form, a new variant at the end of the stored enum (bincode
//!    numbers variants by position, so the order there is part of the format). Format 1 stays as it
//!    is.
//! 3. `engine::keepers`: who finds it, who keeps it, who holds it open; the keeper itself.
//! 4. `engine::purge`: with what it is overwritten, if it can be.
//! 5. `survey::recheck`: by which inode a newcomer is found who names it.
//! 6. `journal::manifest`: what a person needs to bring it back by hand.
//! 7. A method of a port in [`crate::ports`], if none can rename it yet, which brings
//! 8. the adapter and
//! 9. the world in memory in `tests/simulation`.
//! 10. `planner::steps`, the one that nobody names: where a plan has it instead of a refusal.
//!
//! # A new kind of step
//!
//! An effect that is not to take something (that is the above). A variant of [`crate::model::Step`]
//! with its words; the compiler then names its stored form, its stage in `course`, its effect and
//! inverse in `engine::steps`
//! (both idempotent: each looks at the world first and answers [`crate::ports::Moved::Already`]
//! where nothing is left to do) and what it is about in `cli::answers::plan`. What would stand in
//! the way of its inverse belongs into `engine::preflight`, and its place in the order into
//! `planner::steps`: before `Undefine` stands what must be saved first and comes back last; after
//! it, what may only happen once nobody can start the domain.

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
mod keepers;
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
mod undo_order;
mod verify;
mod volumes;

pub use batch::{Batch, NotRetired};
pub use begin::Retirement;
pub use candidates::{Candidate, Candidates, Sources, candidates};
pub use comparison::{Comparison, Finding, compare, seal};
pub use decide::{RolledBack, wrong_state};
pub use error::{EngineError, Failure, NotAgain};
pub use holds::{hold, release};
pub use missing::missing;
pub use purge::{Fate, Row, Rules, Selection, Waiting, found_all, held, named, select, waiting};
pub use rebuild::{Inferred, Origin, infer};
pub use recover::{Recovered, Recovery, open_transactions};
pub use restoration::brought_back;
pub use space::space;
pub use terms::RollbackRequest;
pub use undo_order::order_back;
pub use verify::{Difference, Looked, lacks_checkpoint, log_is_damaged, verify, verify_all};

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
