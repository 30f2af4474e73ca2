//! `commit`: the decision that a prepared transaction stands.

use crate::model::TransactionId;
use crate::retire::{self, Decision};

use super::super::args::Confirmation;
use super::super::batch;
use super::super::context::Context;
use super::super::error::CliError;

pub fn run(
    context: &Context,
    ids: &[TransactionId],
    confirmation: Confirmation,
) -> Result<(), CliError> {
    if !confirmation.yes {
        batch::ask(context, ids, Decision::Commit)?;
    }
    batch::tell(context, &mut retire::commit(context, ids)?)
}
