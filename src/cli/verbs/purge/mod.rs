//! `purge`: what waits in quarantine goes for good.

mod ask;

use crate::adapters::clock::SystemClock;
use crate::adapters::sled_journal::SledJournal;
use crate::engine::{self, Engine, EngineError, Row, Selection};
use crate::model::{DomainRef, Space, State, Summary, Transaction, TransactionId, WipeMethod};
use crate::ports::{JournalError, JournalReader};

use super::super::args::{Confirmation, Output, PurgeWhat};
use super::super::confirm::can_ask;
use super::super::context::{Context, Host};
use super::super::error::{CliError, Exit};
use super::super::{evidence, ids, json, text};
use crate::retire::{Changed, Decided, Decision, listed};

/// How it is done.
pub struct How {
    pub wipe: Option<WipeMethod>,
    pub dry_run: bool,
    pub reason: Option<String>,
    pub confirmation: Confirmation,
}

pub fn run(context: &Context, what: &PurgeWhat, how: &How) -> Result<(), CliError> {
    let How {
        dry_run,
        confirmation,
        ..
    } = *how;
    let selection = selection(context, what)?;
    if selection.is_empty() {
        return Err(CliError::unchanged(
            Exit::Usage,
            "usage",
            "nothing says which transactions, and that never means all",
            "name them, or say --expired, --older-than, --keep-last or --until-free",
        ));
    }
    if !confirmation.yes && !dry_run {
        can_ask()?;
    }
    if !context.has_journal()? {
        return match selection.ids.as_ref().and_then(|ids| ids.first()) {
            Some(first) => Err(JournalError::NoSuchTransaction(*first).into()),
            None => tell(context, &[]),
        };
    }
    let rows = rows(context, &context.reader("purge")?, &selection)?;
    refuse_named(context, &rows, &selection)?;
    let going = going(&rows);
    if dry_run {
        return show(context, &rows, &going);
    }
    if going.is_empty() {
        // A clock that cannot be believed is no silence.
        if !context.quiet && context.output == Output::Text {
            rows.iter().filter(|row| has_jumped(row)).for_each(|row| {
                let one = std::slice::from_ref(row);
                super::super::control::say(&text::rows(one));
            });
        }
        return tell(context, &[]);
    }
    if !confirmation.yes {
        // What will be refused anyway is refused without a question.
        let hosts = look(context, &going)?;
        let all = context.reader("purge")?.summaries()?;
        super::super::control::say(&text::selection(&rows, &space(context, &rows)?));
        ask::ask(&rows, &all, &hosts)?;
    }
    let purpose = format!("purge {}", listed(&going));
    let mut journal = context.journal(&purpose)?;
    // Selected again while nobody of ours can change it: only what was shown, and still fits.
    let again = self::rows(context, &journal, &selection)?;
    let still = self::going(&again);
    let going: Vec<TransactionId> = going.into_iter().filter(|id| still.contains(id)).collect();
    carry_out(context, &mut journal, &going, how)
}

fn selection(context: &Context, what: &PurgeWhat) -> Result<Selection, CliError> {
    Ok(Selection {
        ids: match what.ids.is_empty() {
            true => None,
            false => Some(ids::meant(context, &what.ids)?),
        },
        expired: what.expired,
        older_than: what.older_than.map(|span| span.duration()),
        keep_last: what.keep_last,
        until_free: what.until_free.map(|size| size.0),
    })
}

fn rows(
    context: &Context,
    journal: &dyn JournalReader,
    selection: &Selection,
) -> Result<Vec<Row>, CliError> {
    let named = selection.ids.clone().unwrap_or_default();
    for id in &named {
        journal.read(*id)?;
    }
    let (waiting, rules) = engine::waiting(
        journal,
        &context.files(),
        &SystemClock,
        context.settings.minimum_age.value.duration(),
        &named,
    )?;
    Ok(engine::select(&waiting, selection, &rules))
}

fn going(rows: &[Row]) -> Vec<TransactionId> {
    let going = rows.iter().filter(|row| row.goes());
    going.map(|row| row.summary.id).collect()
}

fn has_jumped(row: &Row) -> bool {
    matches!(&row.fate, engine::Fate::Stays(why) if why.contains("the clock has jumped"))
}

/// What was named and can never go is refused, whatever else was said.
///
/// # Errors
/// One of them is held (exit 3), or in a state that a purge is not for (exit 1).
fn refuse_named(context: &Context, rows: &[Row], selection: &Selection) -> Result<(), CliError> {
    if selection.ids.is_none() {
        return Ok(());
    }
    let reader = context.reader("purge")?;
    for row in rows {
        let summary = &row.summary;
        if !matches!(summary.state, State::Committed | State::Purging) {
            let transaction = reader.read(summary.id)?;
            return Err(engine::wrong_state(&transaction, "purged").into());
        }
        if summary.is_held() && summary.state == State::Committed {
            let transaction = reader.read(summary.id)?;
            let refusals = engine::held(&transaction).into_iter().collect();
            return Err(EngineError::Refused { refusals }.into());
        }
    }
    Ok(())
}

/// `-n`: the same table, and the same refusals.
fn show(context: &Context, rows: &[Row], going: &[TransactionId]) -> Result<(), CliError> {
    let space = space(context, rows)?;
    match context.output {
        Output::Json => json::print(&json::Selected::new(rows, &space))?,
        Output::Text if rows.is_empty() => text::out("Nothing to purge.")?,
        Output::Text => text::out(&text::selection(rows, &space))?,
    }
    match going.is_empty() {
        true => Ok(()),
        false => look(context, going).map(|_| ()),
    }
}

/// What the rows that go hold.
fn space(context: &Context, rows: &[Row]) -> Result<Space, CliError> {
    let going = rows.iter().filter(|row| row.goes()).map(|row| &row.summary);
    Ok(engine::space(
        &context.reader("purge")?,
        &context.files(),
        going,
    )?)
}

/// Looks at what waits of these, and changes nothing.
fn look(
    context: &Context,
    going: &[TransactionId],
) -> Result<Vec<(Host, Vec<TransactionId>)>, CliError> {
    let mut journal = context.journal("a look before a purge")?;
    let hosts = hosts(context, &read(&journal, going)?)?;
    for (host, ids) in &hosts {
        Engine::new(host.world(), &mut journal).may_purge(ids, going)?;
    }
    Ok(hosts)
}

fn read(reader: &dyn JournalReader, ids: &[TransactionId]) -> Result<Vec<Transaction>, CliError> {
    let read = ids.iter().map(|id| reader.read(*id));
    Ok(read.collect::<Result<_, _>>()?)
}

/// The connections that these were made at, each with its transactions.
fn hosts(
    context: &Context,
    wanted: &[Transaction],
) -> Result<Vec<(Host, Vec<TransactionId>)>, CliError> {
    let mut hosts: Vec<(String, Host, Vec<TransactionId>)> = Vec::new();
    for transaction in wanted {
        let uri = &transaction.evidence.uri;
        match hosts.iter_mut().find(|(its, ..)| its == uri) {
            Some((.., ids)) => ids.push(transaction.id),
            None => {
                let host = match transaction.is_imported() {
                    true => context.host_if_at(uri)?,
                    false => context.host_of(uri)?,
                };
                hosts.push((uri.clone(), host, vec![transaction.id]));
            }
        }
    }
    Ok(hosts
        .into_iter()
        .map(|(_, host, ids)| (host, ids))
        .collect())
}

fn carry_out(
    context: &Context,
    journal: &mut SledJournal,
    going: &[TransactionId],
    how: &How,
) -> Result<(), CliError> {
    let wanted = read(journal, going)?;
    let purpose = format!("purge {}", listed(going));
    let hosts = hosts(context, &wanted)?;
    let mut locks = Vec::new();
    for (host, ids) in &hosts {
        let domains: Vec<DomainRef> = wanted
            .iter()
            .filter(|one| ids.contains(&one.id))
            .map(|one| one.domain().clone())
            .collect();
        locks.push(context.lock(&host.world(), &domains, &purpose)?);
        // All are looked at before the first is touched.
        Engine::new(host.world(), journal).may_purge(ids, going)?;
    }
    context.begin()?;
    let mut done: Vec<Transaction> = Vec::new();
    let mut failed = None;
    'all: for (host, ids) in &hosts {
        let mut engine = Engine::new(host.world(), journal);
        for id in ids {
            let by = evidence::gather(host.uri(), how.reason.clone(), Vec::new());
            match engine.purge(*id, going, how.wipe, by) {
                Ok(transaction) => done.push(transaction),
                Err(error) => {
                    failed = Some(error);
                    break 'all;
                }
            }
        }
    }
    let summaries: Vec<Summary> = done.iter().map(Transaction::summary).collect();
    match failed {
        None => tell(context, &summaries),
        Some(error) => {
            if !done.is_empty() {
                tell(context, &summaries)?;
            }
            let decided = Decided {
                decision: Decision::Purge,
                done,
                failed: None,
                started: Vec::new(),
            };
            let changed = Changed::by_decisions(&decided, &error);
            Err(CliError::from(error).having(changed))
        }
    }
}

/// Quiet with nothing to do, one line otherwise.
fn tell(context: &Context, done: &[Summary]) -> Result<(), CliError> {
    let told = match context.output {
        Output::Json => json::print(&json::Purged::new(done)),
        Output::Text if context.quiet || done.is_empty() => Ok(()),
        Output::Text => text::out(&text::purged(done)),
    };
    if let Err(untold) = told {
        // The work is done, and the exit code speaks of the work.
        super::super::error::print(&untold, context.output);
    }
    Ok(())
}
