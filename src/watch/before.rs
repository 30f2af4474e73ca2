//! What an earlier run of the watch has left of a guest's retirement: it was killed, or a step
//! failed.
//!
//! `recover` puts such a guest back as a defined domain that is shut off, so that nothing of it is
//! lost. It has died all the same, and its policy stands: the watch goes on with it, unless an
//! operator's `rollback` wanted it back.

use crate::engine::{Engine, open_transactions};
use crate::model::{State, Summary, Transaction, Watched};
use crate::ports::{Journal, JournalError, JournalReader};
use crate::retire::{Connected, Error, Site, refuse_open};

/// The watch's own latest transaction of this guest, if it was not to the end and nobody wanted
/// that.
pub(super) fn unfinished(
    journal: &dyn JournalReader,
    watched: &Watched,
) -> Result<Option<Transaction>, JournalError> {
    let latest = journal.latest(&|summary| {
        summary.domain.uuid == watched.domain.uuid && summary.started_at >= watched.since
    })?;
    let Some(latest) = latest else {
        return Ok(None);
    };
    let transaction = journal.read(latest.id)?;
    let is_over = matches!(
        transaction.state(),
        State::Committed | State::Purging | State::Purged
    );
    let is_ours = transaction.plan.is_of_departed() && !transaction.was_asked_back();
    Ok((is_ours && !is_over).then_some(transaction))
}

/// Undoes what an earlier run has left open, as `recover` would.
///
/// # Errors
/// It is stuck, or libvirt is out of reach: exit 5.
pub(super) fn undo(
    site: &dyn Site,
    host: &dyn Connected,
    journal: &mut dyn Journal,
    left: &Transaction,
    touched: &mut Vec<Summary>,
) -> Result<(), Error> {
    let is_open = open_transactions(journal)?
        .iter()
        .any(|open| open.id == left.id);
    if !is_open {
        return Ok(());
    }
    let by = site.evidence(host.world().hypervisor.uri(), None, Vec::new());
    let recovery = Engine::new(host.world(), journal).recover(left.id, &by)?;
    touched.push(recovery.transaction.summary());
    refuse_open(vec![recovery])
}
