//! `hold` and `release`: what must not be purged, and why.

use crate::engine;
use crate::model::{Transaction, TransactionId};

use super::site::journal_of;
use super::{Error, Site, listed};

/// Which hold is meant, and why it is put or taken away.
pub struct Which<'a> {
    pub name: Option<&'a str>,
    pub reason: Option<&'a str>,
}

/// Holds these transactions back from purge, all of them or none.
///
/// # Errors
/// As [`engine::hold`]; nothing was changed.
pub fn hold(
    site: &dyn Site,
    ids: &[TransactionId],
    which: &Which,
) -> Result<Vec<Transaction>, Error> {
    change(site, ids, "hold", which, &engine::hold)
}

/// Takes one hold away from each of these transactions, or none from any.
///
/// # Errors
/// As [`engine::release`]; nothing was changed.
pub fn release(
    site: &dyn Site,
    ids: &[TransactionId],
    which: &Which,
) -> Result<Vec<Transaction>, Error> {
    change(site, ids, "release", which, &engine::release)
}

type Change = dyn Fn(
    &mut dyn crate::ports::Journal,
    &[TransactionId],
    Option<&str>,
    &crate::model::Evidence,
) -> Result<Vec<Transaction>, engine::EngineError>;

fn change(
    site: &dyn Site,
    ids: &[TransactionId],
    verb: &str,
    which: &Which,
    change: &Change,
) -> Result<Vec<Transaction>, Error> {
    let mut journal = journal_of(site, ids, &format!("{verb} {}", listed(ids)))?;
    let uri = match ids.first() {
        Some(first) => journal.read(*first)?.evidence.uri.clone(),
        None => String::new(),
    };
    site.begin()?;
    let by = site.evidence(&uri, which.reason.map(str::to_owned), Vec::new());
    Ok(change(&mut *journal, ids, which.name, &by)?)
}
