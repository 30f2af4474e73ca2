//! `commit`: the decision that a prepared transaction stands.

use crate::model::TransactionId;
use crate::retire;

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
        batch::ask_commit(context, ids)?;
    }
    batch::tell(context, &mut retire::commit(context, ids)?)
}
