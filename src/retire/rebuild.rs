//! `rebuild`: a new journal from the manifests in quarantine, when the old one is lost; or what the
//! journal lacks.

use std::path::PathBuf;

use crate::engine::{self, Candidate, Candidates, Inferred, Origin, Sources};
use crate::model::{State, Topic, Transaction, TransactionId};
use crate::ports::{HypervisorView, Intake};

use super::site::note_done;
use super::{Error, Site};

/// A rebuild that has not begun. The journal is held, so that nobody else writes to it meanwhile.
pub struct Rebuild<'a> {
    site: &'a dyn Site,
    intake: Box<dyn Intake>,
    /// Into the journal that is there.
    adds: bool,
    damage: Option<String>,
    candidates: Candidates,
}

/// What came of it.
pub struct Rebuilt {
    pub transactions: Vec<TakenIn>,
    /// Into the journal that was there.
    pub added: bool,
    /// Where the old journal was put.
    pub aside: Option<PathBuf>,
    /// Why it was not good any more.
    pub damage: Option<String>,
    /// Records that cannot be used, each with its reason.
    pub unusable: Vec<String>,
    /// Records that nothing proves ours, each with the folder it names as its home.
    pub others: Vec<String>,
}

/// One transaction that the journal has now.
pub struct TakenIn {
    pub transaction: Transaction,
    pub state: State,
    /// What its record does not tell, in words.
    pub unknown: Vec<String>,
    /// The number in its record, where another transaction has that.
    pub number_before: Option<TransactionId>,
    pub imported_from: Option<PathBuf>,
}

impl Rebuilt {
    /// # Errors
    /// [`Error::Unusable`].
    pub fn refuse_unusable(self) -> Result<(), Error> {
        match self.unusable.is_empty() {
            true => Ok(()),
            false => Err(Error::Unusable(self.unusable)),
        }
    }

    /// In a sentence for the log.
    fn words(&self) -> String {
        let count = self.transactions.len();
        let mut words = match self.added {
            true => format!("{count} transactions taken in"),
            false => format!("made anew of {count} transactions"),
        };
        let imported = self.transactions.iter();
        let imported = imported.filter(|it| it.imported_from.is_some()).count();
        if imported > 0 {
            words.push_str(&format!(", {imported} of them imported"));
        }
        if let Some(aside) = &self.aside {
            words.push_str(&format!("; the old journal is in {}", aside.display()));
        }
        if let Some(damage) = &self.damage {
            words.push_str(&format!("; it was not good any more: {damage}"));
        }
        words
    }
}

impl<'a> Rebuild<'a> {
    /// Looks at what there is: in the state folder's own quarantine, in the pools' folders, and in
    /// those folders that the operator named.
    ///
    /// # Errors
    /// [`Error::JournalHealthy`]; a folder cannot be read.
    pub fn new(site: &'a dyn Site, from: &[PathBuf], adds: bool) -> Result<Self, Error> {
        let quarantine = site.quarantine();
        // Before the journal is opened, which makes a key.
        let is_keyless = !quarantine.has_key()?;
        let (intake, damage) = match adds {
            true => (site.intake("rebuild --add")?, None),
            false => site.new_journal("rebuild")?,
        };
        let known = intake.known()?;
        let mut own = quarantine.own()?;
        let beside = quarantine.beside(&pools(site));
        own.folders.extend(beside.folders);
        let sources = Sources {
            own,
            chosen: quarantine.chosen(from),
            is_keyless,
        };
        let candidates = engine::candidates(quarantine, site.storage(), sources, &known)?;
        Ok(Self {
            site,
            intake,
            adds,
            damage,
            candidates,
        })
    }

    pub fn adds(&self) -> bool {
        self.adds
    }

    pub fn found(&self) -> &[Candidate] {
        &self.candidates.transactions
    }

    /// The journal that is there has all of it.
    pub fn changes_nothing(&self) -> bool {
        self.adds && self.found().is_empty()
    }

    /// # Errors
    /// A signal has come before; the journal cannot be written. A second rebuild goes on.
    pub fn carry_out(self) -> Result<Rebuilt, Error> {
        let changes_nothing = self.changes_nothing();
        let Self {
            site,
            mut intake,
            adds,
            damage,
            candidates,
        } = self;
        site.begin()?;
        let mut transactions = Vec::new();
        for candidate in candidates.transactions {
            let Inferred {
                state,
                events,
                unknown,
            } = infer(site, &candidate)?;
            intake.take_in(&candidate.transaction, &events)?;
            transactions.push(TakenIn {
                transaction: candidate.transaction,
                state,
                unknown,
                number_before: candidate.number_before,
                imported_from: candidate.imported_from,
            });
        }
        let rebuilt = Rebuilt {
            transactions,
            added: adds,
            aside: intake.finish()?,
            damage,
            unusable: candidates.unusable,
            others: candidates.others,
        };
        // What an older version wrote gets its proof now that a journal speaks for it; where that
        // does not work, the next `recover` does it.
        if let Ok(mut journal) = site.journal("rebuild") {
            let _ = site.compare(&*journal);
            if !changes_nothing {
                note_done(site, &mut *journal, Topic::Rebuild, rebuilt.words());
            }
        }
        Ok(rebuilt)
    }
}

/// Without libvirt the pools' folders are not known; the roots that were used are.
fn pools(site: &dyn Site) -> Vec<PathBuf> {
    let pools = site
        .connect()
        .and_then(|host| Ok(host.world().hypervisor.pools()?));
    let pools = pools.unwrap_or_default().into_iter();
    pools.filter_map(|pool| pool.target).collect()
}

fn infer(site: &dyn Site, candidate: &Candidate) -> Result<Inferred, Error> {
    let transaction = &candidate.transaction;
    let uri = &transaction.evidence.uri;
    let (origin, host) = match &candidate.imported_from {
        Some(from) => (Origin::Imported { from }, site.connect_if_at(uri)),
        None => (Origin::Ours, site.connect_to(uri)),
    };
    let host = host.ok();
    let world = host.as_ref().map(|host| host.world());
    let hypervisor = world.map(|world| world.hypervisor as &dyn HypervisorView);
    Ok(engine::infer(
        hypervisor,
        site.storage(),
        transaction,
        origin,
        site.evidence(uri, None, Vec::new()),
    )?)
}
