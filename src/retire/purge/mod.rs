//! `purge`: what waits in quarantine goes for good. Selected, shown to whoever decides, selected
//! again while nobody of ours can change it, and destroyed.

mod goal;
mod hosts;

use crate::engine::{self, Engine, EngineError, Fate, Row, Selection};
use crate::model::{Refusal, Space, State, Topic, Transaction, TransactionId, WipeMethod};
use crate::ports::{Journal, JournalError, JournalReader};

use super::decide::read;
use super::site::{Site, note_done};
use super::{Decided, Decision, Error};
use goal::Goal;
pub use goal::Shortfall;
use hosts::Hosts;

/// What is asked for.
pub struct PurgeRequest {
    pub selection: Selection,
    /// How what goes is overwritten first; `None`: as its retirement asked for.
    pub wipe: Option<WipeMethod>,
    pub reason: Option<String>,
}

/// A purge that has not begun.
pub struct Purge<'a> {
    site: &'a dyn Site,
    request: PurgeRequest,
    /// Every transaction that was named or could go, with what becomes of it and why.
    rows: Vec<Row>,
    goal: Goal,
    has_journal: bool,
}

/// What became of it.
pub struct Purged {
    pub decided: Decided,
    /// Those that a selection found and that stay, because somebody uses what waits of them.
    pub skipped: Vec<Row>,
    pub shortfall: Option<Shortfall>,
}

impl Purged {
    fn of(done: Vec<Transaction>, failed: Vec<EngineError>) -> Self {
        Self {
            decided: Decided {
                decision: Decision::Purge,
                done,
                failed,
                started: Vec::new(),
            },
            skipped: Vec::new(),
            shortfall: None,
        }
    }
}

impl<'a> Purge<'a> {
    /// Selects; nobody is kept waiting afterwards.
    ///
    /// # Errors
    /// What was named is held, in a state that a purge is not for, or not there.
    pub fn new(site: &'a dyn Site, request: PurgeRequest) -> Result<Self, Error> {
        let mut purge = Self {
            site,
            request,
            rows: Vec::new(),
            goal: Goal::default(),
            has_journal: site.has_journal()?,
        };
        let selection = &purge.request.selection;
        if !purge.has_journal {
            return match selection.ids.as_ref().and_then(|ids| ids.first()) {
                Some(first) => Err(JournalError::NoSuchTransaction(*first).into()),
                None => Ok(purge),
            };
        }
        let reader = site.reader("purge")?;
        let rows = select(site, &*reader, selection)?;
        if selection.ids.is_some() {
            refuse_named(&*reader, &rows)?;
        }
        purge.goal = Goal::of(site, &*reader, selection)?;
        purge.rows = rows;
        Ok(purge)
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub fn finds_nothing(&self) -> bool {
        going(&self.rows).is_empty()
    }

    /// What the rows that go hold.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn space(&self) -> Result<Space, Error> {
        if self.finds_nothing() {
            return Ok(Space::default());
        }
        let going = self.rows.iter().filter(|row| row.goes());
        let going = going.map(|row| &row.summary);
        let reader = self.site.reader("purge")?;
        Ok(engine::space(&*reader, self.site.storage(), going)?)
    }

    /// Looks at what waits of those that go, and changes nothing. What is named by its number alone
    /// is refused where something is in its way; what a selection found is left out, and its row
    /// says why. Gives the names of the domains that would have nothing left: neither defined nor
    /// in another transaction that stays.
    ///
    /// # Errors
    /// All are refused, or libvirt does not answer.
    pub fn look(&mut self) -> Result<Vec<String>, Error> {
        if self.finds_nothing() {
            return Ok(Vec::new());
        }
        let mut journal = self.site.journal("a look before a purge")?;
        let hosts = Hosts::of(self.site, &read(&*journal, &going(&self.rows))?)?;
        let left_out = leave_out(
            &mut *journal,
            &hosts,
            &mut self.rows,
            &self.request.selection,
        )?;
        if self.finds_nothing() {
            return Err(refused(left_out));
        }
        hosts.domains_with_nothing_left(&journal.outstanding()?, &going(&self.rows))
    }

    /// Nothing goes; that somebody asked is in the log all the same. Nobody waits in vain for that:
    /// where the journal is another's for long, it is left out.
    fn leave_be(&self) -> Purged {
        if self.has_journal {
            match self.site.journal("purge") {
                Ok(mut journal) => {
                    note_done(
                        self.site,
                        &mut *journal,
                        Topic::Purge,
                        "found nothing to do",
                    );
                }
                Err(error) => tracing::warn!(%error, "not in the log"),
            }
        }
        Purged {
            shortfall: self.goal.missed(self.site.storage(), false),
            ..Purged::of(Vec::new(), Vec::new())
        }
    }

    /// # Errors
    /// Nothing was changed: all are refused, held by another process, or their libvirt is out of
    /// reach.
    pub fn carry_out(self) -> Result<Purged, Error> {
        if self.finds_nothing() {
            return Ok(self.leave_be());
        }
        let (site, selection) = (self.site, &self.request.selection);
        let shown = going(&self.rows);
        let mut journal = site.journal(&Decision::Purge.purpose(&shown))?;
        // Selected again while nobody of ours can change it: only what was shown, and still fits.
        let mut rows = select(site, &*journal, selection)?;
        for row in &mut rows {
            if row.goes() && !shown.contains(&row.summary.id) {
                row.fate = Fate::Stays("it was not shown".into());
            }
        }
        let wanted = read(&*journal, &going(&rows))?;
        let hosts = Hosts::of(site, &wanted)?;
        let purpose = Decision::Purge.purpose(&going(&rows));
        let _locks = hosts.lock(site, &wanted, &purpose)?;
        // All are looked at before the first is touched.
        let left_out = leave_out(&mut *journal, &hosts, &mut rows, selection)?;
        if going(&rows).is_empty() {
            return match left_out.is_empty() {
                true => Ok(Purged::of(Vec::new(), Vec::new())),
                false => Err(refused(left_out)),
            };
        }
        site.begin()?;
        let (done, failed) = self.each(&mut *journal, &hosts, &wanted, &going(&rows));
        rows.retain(|row| left_out.iter().any(|(id, _)| *id == row.summary.id));
        let shortfall = match failed.is_empty() {
            true => self.goal.missed(site.storage(), !done.is_empty()),
            false => None,
        };
        Ok(Purged {
            skipped: rows,
            shortfall,
            ..Purged::of(done, failed)
        })
    }

    /// One after the other. What was named is purged until one fails; of a selection, which nobody
    /// reads again before the timer's next turn, one that cannot be destroyed keeps no other.
    fn each(
        &self,
        journal: &mut dyn Journal,
        hosts: &Hosts,
        wanted: &[Transaction],
        going: &[TransactionId],
    ) -> (Vec<Transaction>, Vec<EngineError>) {
        let mut done = Vec::new();
        let mut failed = Vec::new();
        let mut going = going.to_vec();
        for (world, ids) in hosts.worlds() {
            let mut engine = Engine::new(world, &mut *journal);
            for id in ids {
                if !going.contains(id) {
                    continue;
                }
                // More may have come back than was certain to.
                let it = wanted.iter().find(|one| one.id == *id);
                if self.goal.is_reached_for(self.site.storage(), it) {
                    continue;
                }
                let uri = world.hypervisor.uri();
                let by = (self.site).evidence(uri, self.request.reason.clone(), Vec::new());
                match engine.purge(*id, &going, self.request.wipe, by) {
                    Ok(transaction) => done.push(transaction),
                    // A signal, after an error that says more.
                    Err(EngineError::Interrupted) if !failed.is_empty() => return (done, failed),
                    Err(error) => {
                        let goes_on = !self.request.selection.is_by_id_alone()
                            && engine.is_that_ones_alone(*id, &error);
                        failed.push(error);
                        if !goes_on {
                            return (done, failed);
                        }
                        // It stays, so that what it stands on does.
                        going.retain(|one| one != id);
                    }
                }
            }
        }
        (done, failed)
    }
}

fn select(
    site: &dyn Site,
    journal: &dyn JournalReader,
    selection: &Selection,
) -> Result<Vec<Row>, Error> {
    let named = selection.ids.as_deref().unwrap_or_default();
    for id in named {
        journal.read(*id)?;
    }
    let (waiting, rules) = engine::waiting(
        journal,
        site.storage(),
        site.clock(),
        site.minimum_age(),
        named,
    )?;
    Ok(engine::select(&waiting, selection, &rules))
}

fn going(rows: &[Row]) -> Vec<TransactionId> {
    let going = rows.iter().filter(|row| row.goes());
    going.map(|row| row.summary.id).collect()
}

/// What was named and can never go is refused, whatever else was said.
///
/// # Errors
/// One of them is held, or in a state that a purge is not for.
fn refuse_named(reader: &dyn JournalReader, rows: &[Row]) -> Result<(), Error> {
    for row in rows {
        let transaction = reader.read(row.summary.id)?;
        Decision::Purge.refuse_wrong(std::slice::from_ref(&transaction))?;
        let held = engine::held(&transaction);
        if let (Some(held), State::Committed) = (held, transaction.state()) {
            return Err(held.into());
        }
    }
    Ok(())
}

/// What a selection found and nobody can take, with the reasons.
type LeftOut = Vec<(TransactionId, Vec<Refusal>)>;

fn leave_out(
    journal: &mut dyn Journal,
    hosts: &Hosts,
    rows: &mut [Row],
    selection: &Selection,
) -> Result<LeftOut, Error> {
    let mut left_out = Vec::new();
    if selection.is_by_id_alone() {
        let going = going(rows);
        for (world, ids) in hosts.worlds() {
            Engine::new(world, journal).may_purge(ids, &going)?;
        }
        return Ok(left_out);
    }
    // One that stays may stand on one of another connection.
    loop {
        let going = going(rows);
        let mut kept = Vec::new();
        for (world, ids) in hosts.worlds() {
            let ids: Vec<TransactionId> =
                (ids.iter().copied().filter(|id| going.contains(id))).collect();
            kept.extend(Engine::new(world, journal).kept_from_purge(&ids, &going)?);
        }
        if kept.is_empty() {
            return Ok(left_out);
        }
        for (id, refusals) in kept {
            for row in rows.iter_mut().filter(|row| row.summary.id == id) {
                row.fate = Fate::Stays(told(&refusals));
            }
            left_out.push((id, refusals));
        }
    }
}

fn refused(left_out: LeftOut) -> Error {
    let named = |(id, all): (TransactionId, Vec<Refusal>)| {
        all.into_iter().map(move |one| engine::named(id, one))
    };
    EngineError::Refused {
        refusals: left_out.into_iter().flat_map(named).collect(),
    }
    .into()
}

fn told(refusals: &[Refusal]) -> String {
    let messages = refusals.iter().map(|one| one.message.as_str());
    messages.collect::<Vec<_>>().join("; ")
}
