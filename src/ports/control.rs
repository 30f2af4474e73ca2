//! What whoever started the engine hears of it, and may tell it.

use std::path::Path;

use crate::model::{Direction, Step, Transaction};

pub trait Control {
    /// Asked once, right before the first record of a verb. True: from now on a signal is a request
    /// that the engine grants. False: one has come already, and nothing may be changed any more.
    fn may_begin(&self) -> bool;

    /// Called before so many steps of so many transactions are run.
    fn begin_run(&self, transactions: usize, steps: usize);

    /// Called when they have been run, or no more of them are.
    fn end_run(&self);

    /// Called before each step is run, after its intent is durable.
    fn step(&self, transaction: &Transaction, index: usize, step: &Step, direction: Direction);

    /// So many of all bytes of this file have been overwritten; called often.
    fn wiping(&self, path: &Path, done: u64, all: u64);

    /// Asked between steps on the way forward: true makes the engine roll back (Ctrl-C, SIGTERM).
    fn wants_rollback(&self) -> bool;

    /// Asked between steps in both directions: true makes the engine stop where it is and leave
    /// the rest to `recover` (a second signal).
    fn wants_out(&self) -> bool;
}
