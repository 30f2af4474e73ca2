//! `commit`: the decision that a prepared transaction stands.

use crate::engine::Engine;
use crate::model::{DomainRef, State, Transaction, TransactionId};
use crate::ports::JournalReader;

use super::super::args::Sure;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::{batch, evidence, report};

pub fn run(context: &Context, ids: &[TransactionId], sure: Sure) -> Result<(), CliError> {
    let ids = batch::unique(ids);
    if !sure.yes {
        batch::ask(context, &ids, "Commit", "committed", |state| {
            state == State::Prepared
        })?;
    }
    let purpose = format!("commit {}", report::named(&ids));
    let mut journal = context.journal_of(&ids, &purpose)?;
    let wanted = ids
        .iter()
        .map(|id| journal.read(*id))
        .collect::<Result<Vec<_>, _>>()?;
    batch::refuse_wrong(&wanted, "committed", |state| state == State::Prepared)?;
    let host = context.host_of(batch::made_at(&wanted)?)?;
    let domains: Vec<DomainRef> = wanted.iter().map(|one| one.domain().clone()).collect();
    let _locks = context.lock(&host, &domains, &purpose)?;
    let mut engine = Engine::new(host.world(), &mut journal);
    for id in &ids {
        engine.may_commit(*id)?;
    }
    context.begin()?;
    let mut done: Vec<Transaction> = Vec::new();
    let mut failed = None;
    for id in ids {
        let by = evidence::gather(host.uri(), None, Vec::new());
        match engine.commit(id, by) {
            Ok(transaction) => done.push(transaction),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    let mut touched: Vec<_> = done.iter().map(Transaction::summary).collect();
    if let Some(error) = failed {
        touched.extend(report::left_behind(&error).map(Transaction::summary));
        report::transactions(context, &touched);
        return Err(batch::after(&done, "committed", error));
    }
    report::transactions(context, &touched);
    Ok(())
}
