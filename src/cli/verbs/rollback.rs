//! `rollback`: everything back where it was.

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
        confirm(&format!("Roll back {}?", report::named(ids)))?;
    }
    let host = context.host()?;
    let mut journal = context.journal(&format!("rollback {}", report::named(ids)))?;
    let mut engine = Engine::new(host.world(), &mut journal);
    let mut touched = Vec::new();
    for id in ids {
        match engine.rollback(*id, evidence::gather(host.uri(), None, Vec::new())) {
            Ok(transaction) => touched.push(transaction.summary()),
            Err(error) => return Err(report::fail(context, touched, error)),
        }
    }
    report::transactions(context, &touched)
}
