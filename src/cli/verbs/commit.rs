//! `commit`: the decision that a prepared transaction stands.

use crate::engine::Engine;
use crate::model::TransactionId;

use super::super::args::Sure;
use super::super::confirm::confirm;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::evidence;
use super::report;

pub fn run(context: &Context, ids: &[TransactionId], sure: Sure) -> Result<(), CliError> {
    if !sure.yes {
        confirm(&format!("Commit {}?", report::named(ids)))?;
    }
    let host = context.host()?;
    let mut journal = context.journal(&format!("commit {}", report::named(ids)))?;
    let mut engine = Engine::new(host.world(), &mut journal);
    let mut touched = Vec::new();
    for id in ids {
        match engine.commit(*id, evidence::gather(host.uri(), None, Vec::new())) {
            Ok(transaction) => touched.push(transaction.summary()),
            Err(error) => return Err(report::fail(context, touched, error)),
        }
    }
    report::transactions(context, &touched)
}
