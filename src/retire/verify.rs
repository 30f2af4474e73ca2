//! `verify` and `prove`: the log's integrity, the quarantine against the journal, a checkpoint that
//! was kept, and one transaction's events for a stranger who checks them offline.

use crate::engine::{self, Difference, Looked};
use crate::journal::checkpoint::Checkpoint;
use crate::journal::merkle::Wanted;
use crate::model::{Topic, TransactionId};
use crate::ports::JournalError;

use super::site::note_done;
use super::{Error, Site};

/// How far a verification has come.
pub enum Read {
    Transactions {
        done: u64,
        all: u64,
    },
    /// So many more of what waits in quarantine.
    Bytes(u64),
}

/// What was looked at.
pub struct Verified {
    pub checkpoint: Checkpoint,
    /// With what is wrong with the log before what is wrong with the quarantine.
    pub looked: Looked,
}

impl Verified {
    pub fn is_whole(&self) -> bool {
        self.looked.differences.is_empty()
    }
}

/// The quarantine of `ids` alone where there are any; the log is always looked at whole. `deep`:
/// every quarantined file is read to its end.
///
/// # Errors
/// The journal cannot be opened; one of `ids` is not there.
pub fn verify(
    site: &dyn Site,
    ids: &[TransactionId],
    deep: bool,
    kept: Option<&Checkpoint>,
    progress: &mut dyn FnMut(Read),
) -> Result<Verified, Error> {
    let mut log = site.log("verify")?;
    let wanted = kept.map(|kept| Wanted::Root(kept.size));
    let checked = log.check(wanted.as_slice(), &mut |done, all| {
        progress(Read::Transactions { done, all });
    })?;
    let is_log_whole = checked.findings.is_empty();
    let found = checked.findings.iter();
    let mut differences: Vec<Difference> = found.map(|it| engine::log_is_damaged(it)).collect();
    let journal = log.checkpoint().journal;
    differences
        .extend(kept.and_then(|kept| engine::lacks_checkpoint(journal, &checked.tree, kept)));
    let mut tell = |bytes| progress(Read::Bytes(bytes));
    let read: Option<&mut dyn FnMut(u64)> = match deep {
        true => Some(&mut tell),
        false => None,
    };
    let mut looked = engine::verify_all(site.storage(), site.quarantine(), &*log, ids, read)?;
    differences.append(&mut looked.differences);
    if ids.is_empty() && is_log_whole {
        differences.extend(site.compare(&*log)?.iter().map(Difference::from));
    }
    // A log that is damaged is not written to.
    if let (Some(first), true) = (differences.first(), is_log_whole) {
        let text = format!("{} findings: {}", differences.len(), first.message);
        note_done(site, &mut *log, Topic::Verification, text);
    }
    looked.differences = differences;
    Ok(Verified {
        checkpoint: log.checkpoint(),
        looked,
    })
}

/// Proofs of one transaction's events.
pub struct Proved {
    pub checkpoint: Checkpoint,
    /// Sequences, each with a whole tlog-proof.
    pub proofs: Vec<(u64, String)>,
}

/// # Errors
/// There is no such transaction; [`Error::LogDamaged`].
pub fn prove(site: &dyn Site, id: TransactionId) -> Result<Proved, Error> {
    if !site.has_journal()? {
        return Err(JournalError::NoSuchTransaction(id).into());
    }
    let log = site.log(&format!("prove {id}"))?;
    let records = log.records(id)?;
    let index = |sequence: u64| sequence.saturating_sub(1);
    let indices = records.iter().map(|(sequence, _)| index(*sequence));
    let wanted: Vec<Wanted> = indices.map(Wanted::Inclusion).collect();
    let checked = log.check(&wanted, &mut |_, _| {})?;
    if let Some(finding) = checked.findings.into_iter().next() {
        return Err(Error::LogDamaged(finding));
    }
    let checkpoint = log.checkpoint();
    let prove = |(sequence, record): (u64, Vec<u8>)| {
        let path = checked.tree.inclusion(index(sequence)).unwrap_or_default();
        (sequence, checkpoint.proof(index(sequence), &record, &path))
    };
    Ok(Proved {
        proofs: records.into_iter().map(prove).collect(),
        checkpoint,
    })
}
