//! `purge`: what waits in quarantine goes for good.

mod ask;
mod goal;

use crate::adapters::clock::SystemClock;
use crate::adapters::sled_journal::SledJournal;
use crate::engine::{self, Engine, EngineError, Fate, Row, Selection};
use crate::model::{
    DomainRef, Refusal, Space, State, Summary, Topic, Transaction, TransactionId, WipeMethod,
};
use crate::ports::{JournalError, JournalReader};

use super::super::args::{Confirmation, Output, PurgeWhat};
use super::super::confirm::can_ask;
use super::super::context::{Context, Host, note_done};
use super::super::control::say;
use super::super::error::{CliError, Exit};
use super::super::{evidence, ids, json, text};
use crate::retire::{Changed, Decided, Decision, listed};
use goal::Goal;

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
            None => tell(context, &[], &[]),
        };
    }
    let reader = context.reader("purge")?;
    let mut rows = rows(context, &reader, &selection)?;
    refuse_named(context, &rows, &selection)?;
    let goal = Goal::of(context, &reader, &selection)?;
    drop(reader);
    if dry_run {
        let left_out = match going(&rows).is_empty() {
            true => Vec::new(),
            false => look(context, &mut rows, &selection)?.1,
        };
        show(context, &rows)?;
        return match going(&rows).is_empty() && !left_out.is_empty() {
            true => Err(refused(left_out)),
            false => Ok(()),
        };
    }
    if going(&rows).is_empty() {
        // A clock that cannot be believed is no silence.
        if !context.quiet && context.output == Output::Text {
            rows.iter().filter(|row| has_jumped(row)).for_each(|row| {
                let one = std::slice::from_ref(row);
                say(&text::rows(one));
            });
        }
        // Nobody waits in vain for that: where the journal is another's for long, it is left out.
        match context.journal("purge") {
            Ok(mut journal) => note_done(&mut journal, Topic::Purge, "found nothing to do"),
            Err(error) => tracing::warn!(%error, "not in the log"),
        }
        tell(context, &[], &[])?;
        return goal.reached(context, false);
    }
    if !confirmation.yes {
        // What will be refused anyway is refused without a question.
        let (hosts, left_out) = look(context, &mut rows, &selection)?;
        if going(&rows).is_empty() {
            return Err(refused(left_out));
        }
        let all = context.reader("purge")?.outstanding()?;
        say(&text::selection(&rows, &space(context, &rows)?));
        ask::ask(&rows, &all, &hosts)?;
    }
    let going = going(&rows);
    let purpose = format!("purge {}", listed(&going));
    let mut journal = context.journal(&purpose)?;
    // Selected again while nobody of ours can change it: only what was shown, and still fits.
    let mut again = self::rows(context, &journal, &selection)?;
    for row in &mut again {
        if row.goes() && !going.contains(&row.summary.id) {
            row.fate = Fate::Stays("it was not shown".into());
        }
    }
    carry_out(context, &mut journal, again, &selection, &goal, how)
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
    matches!(&row.fate, Fate::Stays(why) if why.contains("the clock has jumped"))
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
fn show(context: &Context, rows: &[Row]) -> Result<(), CliError> {
    let space = space(context, rows)?;
    match context.output {
        Output::Json => json::print(&json::Selected::new(rows, &space)),
        Output::Text if rows.is_empty() => text::out("Nothing to purge."),
        Output::Text => text::out(&text::selection(rows, &space)),
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

/// Connections, each with the transactions that were made there.
type Hosts = Vec<(Host, Vec<TransactionId>)>;

/// Looks at what waits of those that go, and changes nothing. What is named by its number alone is
/// refused where something is in its way; what a selection found is left out, and its row says why.
fn look(
    context: &Context,
    rows: &mut [Row],
    selection: &Selection,
) -> Result<(Hosts, LeftOut), CliError> {
    let mut journal = context.journal("a look before a purge")?;
    let hosts = hosts(context, &read(&journal, &going(rows))?)?;
    let left_out = leave_out(&mut journal, &hosts, rows, selection)?;
    Ok((hosts, left_out))
}

fn leave_out(
    journal: &mut SledJournal,
    hosts: &Hosts,
    rows: &mut [Row],
    selection: &Selection,
) -> Result<LeftOut, CliError> {
    let mut left_out = Vec::new();
    if selection.is_by_id_alone() {
        let going = going(rows);
        for (host, ids) in hosts {
            Engine::new(host.world(), journal).may_purge(ids, &going)?;
        }
        return Ok(left_out);
    }
    // One that stays may stand on one of another connection.
    loop {
        let going = going(rows);
        let mut kept = Vec::new();
        for (host, ids) in hosts {
            let ids: Vec<TransactionId> = ids
                .iter()
                .copied()
                .filter(|id| going.contains(id))
                .collect();
            let engine = Engine::new(host.world(), journal);
            kept.extend(engine.kept_from_purge(&ids, &going)?);
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

/// What a selection found and nobody can take, with the reasons.
type LeftOut = Vec<(TransactionId, Vec<Refusal>)>;

fn refused(left_out: LeftOut) -> CliError {
    let all: Vec<Refusal> = left_out.into_iter().flat_map(|(_, all)| all).collect();
    CliError::refused(&all)
}

/// Without the number, which the row has.
fn told(refusals: &[Refusal]) -> String {
    let messages = refusals.iter().map(|one| {
        let text = one.message.as_str();
        let rest = text
            .strip_prefix("transaction ")
            .and_then(|it| it.split_once(": "));
        rest.map_or(text, |(_, rest)| rest)
    });
    messages.collect::<Vec<_>>().join("; ")
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
    mut rows: Vec<Row>,
    selection: &Selection,
    goal: &Goal,
    how: &How,
) -> Result<(), CliError> {
    let wanted = read(journal, &going(&rows))?;
    let purpose = format!("purge {}", listed(&going(&rows)));
    let hosts = hosts(context, &wanted)?;
    let mut locks = Vec::new();
    for (host, ids) in &hosts {
        let domains: Vec<DomainRef> = wanted
            .iter()
            .filter(|one| ids.contains(&one.id))
            .map(|one| one.domain().clone())
            .collect();
        locks.push(context.lock(&host.world(), &domains, &purpose)?);
    }
    // All are looked at before the first is touched.
    let left_out = leave_out(journal, &hosts, &mut rows, selection)?;
    let going = going(&rows);
    if going.is_empty() {
        return match left_out.is_empty() {
            true => tell(context, &[], &[]),
            false => Err(refused(left_out)),
        };
    }
    let skipped: Vec<&Row> = rows
        .iter()
        .filter(|row| left_out.iter().any(|(id, _)| *id == row.summary.id))
        .collect();
    context.begin()?;
    let mut done: Vec<Transaction> = Vec::new();
    let mut failed = None;
    'all: for (host, ids) in &hosts {
        let mut engine = Engine::new(host.world(), journal);
        for id in ids.iter().filter(|id| going.contains(id)) {
            // More may have come back than was certain to.
            if goal.is_reached_for(context, wanted.iter().find(|one| one.id == *id)) {
                continue;
            }
            let by = evidence::gather(host.uri(), how.reason.clone(), Vec::new());
            match engine.purge(*id, &going, how.wipe, by) {
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
        None => {
            tell(context, &summaries, &skipped)?;
            goal.reached(context, !done.is_empty())
        }
        Some(error) => {
            if !done.is_empty() {
                tell(context, &summaries, &skipped)?;
            }
            let decided = Decided {
                decision: Decision::Purge,
                done,
                failed: Vec::new(),
                started: Vec::new(),
            };
            let changed = Changed::by_decisions(&decided, &error);
            Err(CliError::from(error).having(changed))
        }
    }
}

/// Quiet with nothing to do, one line otherwise, and one for each that should have gone and is
/// used.
fn tell(context: &Context, done: &[Summary], skipped: &[&Row]) -> Result<(), CliError> {
    if context.output == Output::Text {
        skipped.iter().for_each(|row| say(&text::skipped(row)));
    }
    let told = match context.output {
        Output::Json => json::print(&json::Purged::new(done, skipped)),
        Output::Text if context.quiet || done.is_empty() => Ok(()),
        Output::Text => text::out(&text::purged(done)),
    };
    if let Err(untold) = told {
        // The work is done, and the exit code speaks of the work.
        super::super::error::print(&untold, context.output);
    }
    Ok(())
}
