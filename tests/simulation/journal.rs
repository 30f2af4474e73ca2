//! The journal in memory. An append is there whole or not at all, and durable when it returns.

use virt_retire::model::{
    Claim, Draft, Event, EventKind, LogEntry, Notice, Order, State, Summary, Transaction,
    TransactionId,
};
use virt_retire::ports::{Journal, JournalError, JournalReader};

use super::host::{self, Host, Mutant, Shared};

pub struct Log(pub Shared);

fn index_of(id: TransactionId) -> usize {
    (id.0 as usize).wrapping_sub(1)
}

impl Host {
    fn record(&mut self, index: usize, kinds: Vec<EventKind>) -> Vec<Event> {
        let mut events = Vec::new();
        for kind in kinds {
            self.sequence += 1;
            self.seconds += 1;
            if matches!(
                kind,
                EventKind::Entered {
                    state: State::Prepared | State::Committed | State::Purging,
                    ..
                }
            ) {
                self.decided_after = self.last.clone();
                self.listed_before_purge = self.last_listed.clone();
                self.is_decided = true;
            }
            events.push(Event {
                sequence: self.sequence,
                at: jiff::Timestamp::from_second(self.seconds).unwrap(),
                kind,
            });
        }
        self.journal[index].extend(events.clone());
        events
    }

    /// What was held back is durable with the next record.
    fn let_go(&mut self) {
        for (index, held) in std::mem::take(&mut self.held) {
            self.record(index, held);
        }
    }

    fn append(&mut self, index: usize, mut kinds: Vec<EventKind>) -> Vec<Event> {
        self.must_have_lasted(&kinds);
        if self.mutant != Mutant::EffectBeforeIntent {
            return self.record(index, kinds);
        }
        let is_intent = |kind: &EventKind| matches!(kind, EventKind::Intent { .. });
        let first = kinds.iter().position(is_intent).unwrap_or(kinds.len());
        let held = kinds.split_off(first);
        let mut events = self.record(index, kinds);
        // The writer is told what it wants to hear.
        events.extend(held.iter().map(|kind| Event {
            sequence: 0,
            at: jiff::Timestamp::from_second(self.seconds).unwrap(),
            kind: kind.clone(),
        }));
        if !held.is_empty() {
            self.held.push((index, held));
        }
        events
    }
}

impl JournalReader for Log {
    fn read(&self, id: TransactionId) -> Result<Transaction, JournalError> {
        let host = self.0.get();
        let found = host.journal.get(index_of(id)).cloned();
        let mut transaction = found.ok_or(JournalError::NoSuchTransaction(id))?;
        if host.mutant == Mutant::OutcomeIsTrusted {
            let events = transaction.events.clone();
            let is_outcome = |kind: &EventKind, step: usize| matches!(kind, EventKind::Outcome { step: it, result: Ok(_), .. } if *it == step);
            let has_outcome = |at: usize, step: usize| {
                let mut later = events[at..].iter();
                later.any(|event| is_outcome(&event.kind, step))
            };
            let mut at = 0;
            transaction.events.retain(|event| {
                at += 1;
                match event.kind {
                    EventKind::Intent { step, .. } => has_outcome(at, step),
                    _ => true,
                }
            });
        }
        Ok(transaction)
    }

    /// The engine is to cost what is open and what waits, however long the history is.
    fn summaries(&self) -> Result<Vec<Summary>, JournalError> {
        panic!("the engine reads the whole history")
    }

    fn outstanding(&self) -> Result<Vec<Summary>, JournalError> {
        let host = self.0.get();
        let is_open = |it: &&Transaction| !it.state().is_closed();
        let outstanding = host.journal.iter().filter(is_open);
        Ok(outstanding.map(Transaction::summary).collect())
    }

    fn claiming(&self) -> Result<Vec<TransactionId>, JournalError> {
        let host = self.0.get();
        let is_claiming = |it: &&Transaction| it.state().claim() != Claim::Nothing;
        let claiming = host.journal.iter().filter(is_claiming);
        Ok(claiming.map(|transaction| transaction.id).collect())
    }

    fn log(
        &self,
        _: Order,
        _: &mut dyn FnMut(LogEntry) -> Result<bool, JournalError>,
    ) -> Result<(), JournalError> {
        // The engine acts on transactions, never on the log as such.
        Ok(())
    }
}

impl Journal for Log {
    /// No law of the simulated world looks at it.
    fn notice(&mut self, _: Notice) -> Result<(), JournalError> {
        self.0.change("notice", "").map_err(host::journal)
    }

    fn next_id(&self) -> Result<TransactionId, JournalError> {
        Ok(TransactionId(self.0.get().journal.len() as u64 + 1))
    }

    fn leave_out(&mut self, _: TransactionId) {
        panic!("the quarantine here has nothing that the journal lacks");
    }

    fn begin_all(
        &mut self,
        drafts: Vec<(Draft, Vec<EventKind>)>,
    ) -> Result<Vec<Transaction>, JournalError> {
        self.0.change("begin", "").map_err(host::journal)?;
        let mut host = self.0.edit();
        host.let_go();
        let mut begun = Vec::new();
        for (draft, kinds) in drafts {
            let index = host.journal.len();
            let mut transaction = Transaction {
                id: TransactionId(index as u64 + 1),
                draft,
                events: Vec::new(),
            };
            host.journal.push(transaction.clone());
            transaction.extend(host.append(index, kinds));
            begun.push(transaction);
        }
        Ok(begun)
    }

    fn append_all(
        &mut self,
        additions: Vec<(TransactionId, Vec<EventKind>)>,
    ) -> Result<Vec<Vec<Event>>, JournalError> {
        let words = |(id, kinds): &(TransactionId, Vec<EventKind>)| {
            let kinds: Vec<String> = kinds.iter().map(word).collect();
            format!("{id}: {}", kinds.join(", "))
        };
        let traced = self.0.get().trace.is_some();
        let what: Vec<String> = match traced {
            true => additions.iter().map(words).collect(),
            false => Vec::new(),
        };
        self.0
            .change("append", what.join("; "))
            .map_err(host::journal)?;
        let mut host = self.0.edit();
        host.let_go();
        let mut events = Vec::new();
        for (id, kinds) in additions {
            events.push(host.append(index_of(id), kinds));
        }
        Ok(events)
    }
}

fn word(kind: &EventKind) -> String {
    match kind {
        EventKind::Entered { state, cause } => {
            let cause = cause.as_ref().map(|cause| format!(" ({cause})"));
            format!("entered {}{}", state.word(), cause.unwrap_or_default())
        }
        EventKind::Intent { step, direction } => format!("intent {} {step}", direction.word()),
        EventKind::Withdrawn { step, direction } => {
            format!("withdrawn {} {step}", direction.word())
        }
        EventKind::Outcome {
            step,
            direction,
            result,
        } => format!("outcome {} {step} {result:?}", direction.word()),
        EventKind::Noted { text } => format!("note: {text}"),
        EventKind::Decided { verb, .. } => format!("decided {}", verb.word()),
        other => format!("{other:?}").chars().take(60).collect(),
    }
}
