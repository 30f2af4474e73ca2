//! `prove`: one transaction's events as C2SP tlog-proofs.

use crate::model::TransactionId;
use crate::retire;

use super::super::answers;
use super::super::context::Context;
use super::super::error::CliError;

pub fn run(context: &Context, id: TransactionId) -> Result<(), CliError> {
    answers::prove::tell(context, &retire::prove(context, id)?)
}
