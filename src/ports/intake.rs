//! A journal that takes in transactions which it has not seen happen.

use std::path::PathBuf;

use uuid::Uuid;

use crate::model::{EventKind, Transaction, TransactionId};

use super::JournalError;

pub trait Intake {
    /// Those that it has already.
    ///
    /// # Errors
    /// It cannot be read.
    fn known(&self) -> Result<Vec<(TransactionId, Uuid)>, JournalError>;

    /// Takes one in under the number that it has, which is free, with what is known to have
    /// happened: all in one append, for one that was taken in without its events would look as if
    /// it had never begun. There may be gaps between numbers.
    ///
    /// # Errors
    /// [`JournalError::Io`]; nothing was taken in.
    fn take_in(
        &mut self,
        transaction: &Transaction,
        events: &[EventKind],
    ) -> Result<(), JournalError>;

    /// Puts a new journal into its place. Gives the folder with what was there before, if there was
    /// anything.
    ///
    /// # Errors
    /// [`JournalError::Io`]; a second rebuild goes on from there.
    fn finish(self: Box<Self>) -> Result<Option<PathBuf>, JournalError>;
}
