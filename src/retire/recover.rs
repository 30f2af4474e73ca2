//! `recover`: what a crash left open is finished or undone.

use crate::engine::{Engine, Finding, Recovered, Recovery, open_transactions};
use crate::model::{Topic, Transaction};
use crate::ports::Journal;

use super::site::note_done;
use super::{Error, Site};

const PURPOSE: &str = "recover";

/// What was left open, and the journal held so that nobody else treats it meanwhile.
pub struct LeftOpen {
    /// `None` where there is no journal.
    journal: Option<Box<dyn Journal>>,
    open: Vec<Transaction>,
    findings: Vec<Finding>,
}

/// What `recover` did.
pub struct RecoveryReport {
    pub recoveries: Vec<Recovery>,
    /// What waits in quarantine and is not in the journal.
    pub findings: Vec<Finding>,
}

impl RecoveryReport {
    /// # Errors
    /// [`Error::Open`], [`Error::Unrecorded`]: something is left. [`Error::Lost`].
    pub fn refuse_open(self) -> Result<(), Error> {
        let lost = self.recoveries.iter().flat_map(|it| match &it.result {
            Recovered::Undone { missing } => {
                let id = it.transaction.id;
                missing.iter().map(|path| (id, path.clone())).collect()
            }
            _ => Vec::new(),
        });
        let lost: Vec<_> = lost.collect();
        refuse_open(self.recoveries)?;
        let is_ours = |finding: &Finding| matches!(finding, Finding::Unrecorded { .. });
        let unrecorded: Vec<Finding> = self.findings.into_iter().filter(is_ours).collect();
        if !unrecorded.is_empty() {
            return Err(Error::Unrecorded(unrecorded));
        }
        match lost.is_empty() {
            true => Ok(()),
            false => Err(Error::Lost(lost)),
        }
    }
}

/// # Errors
/// [`Error::Open`].
pub fn refuse_open(recoveries: Vec<Recovery>) -> Result<(), Error> {
    match recoveries.iter().any(Recovery::is_open) {
        true => Err(Error::Open(recoveries)),
        false => Ok(()),
    }
}

/// # Errors
/// The journal or the quarantine cannot be read.
pub fn left_open(site: &dyn Site) -> Result<LeftOpen, Error> {
    if !site.has_journal()? {
        return Ok(LeftOpen {
            journal: None,
            open: Vec::new(),
            findings: Vec::new(),
        });
    }
    let journal = site.journal(PURPOSE)?;
    let findings = site.compare(&*journal)?;
    Ok(LeftOpen {
        open: open_transactions(&*journal)?,
        journal: Some(journal),
        findings,
    })
}

impl LeftOpen {
    pub fn open(&self) -> &[Transaction] {
        &self.open
    }

    /// Finishes or undoes each at the libvirt it was on. One that is out of reach keeps no other
    /// waiting. Where nothing is open no libvirt is needed.
    ///
    /// # Errors
    /// A signal has come before; the journal cannot be read.
    pub fn recover(self, site: &dyn Site) -> Result<RecoveryReport, Error> {
        let mut recoveries = Vec::new();
        if let Some(mut journal) = self.journal {
            if !self.open.is_empty() {
                site.begin()?;
            }
            for transaction in self.open {
                recoveries.push(one(site, &mut *journal, transaction)?);
            }
            if !(recoveries.is_empty() && self.findings.is_empty()) {
                let text = told(&recoveries, &self.findings);
                note_done(site, &mut *journal, Topic::Recovery, text);
            }
        }
        Ok(RecoveryReport {
            recoveries,
            findings: self.findings,
        })
    }
}

/// One whose domain another command holds, with a journal of its own, is left to the next recovery.
fn one(
    site: &dyn Site,
    journal: &mut dyn Journal,
    transaction: Transaction,
) -> Result<Recovery, Error> {
    let left = |transaction, error: Error| Recovery {
        transaction,
        result: Recovered::Left {
            because: error.to_string(),
        },
    };
    let host = match site.connect_to(&transaction.evidence.uri) {
        Ok(host) => host,
        Err(error) => return Ok(left(transaction, error)),
    };
    let world = host.world();
    let domains = [transaction.domain().clone()];
    let _locks = match site.lock(&world, &domains, PURPOSE) {
        Ok(locks) => locks,
        Err(error) => return Ok(left(transaction, error)),
    };
    let by = site.evidence(world.hypervisor.uri(), None, Vec::new());
    Ok(Engine::new(world, journal).recover(transaction.id, &by)?)
}

/// What came of it, in a sentence for the log. Each transaction's own events say more.
fn told(recoveries: &[Recovery], findings: &[Finding]) -> String {
    let each = recoveries.iter().map(|it| {
        let word = match &it.result {
            Recovered::Undone { .. } => "undone",
            Recovered::Purged => "purged",
            Recovered::Finished { .. } => "finished",
            Recovered::Stuck { .. } => "stuck",
            Recovered::Left { .. } => "left open",
        };
        format!("transaction {} {word}", it.transaction.id)
    });
    let found = findings.iter().map(Finding::message);
    each.chain(found).collect::<Vec<_>>().join("; ")
}
