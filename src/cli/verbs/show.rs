//! `show`: one transaction, whole.

use crate::model::TransactionId;
use crate::retire;

use super::super::answers;
use super::super::context::Context;
use super::super::error::CliError;

pub fn run(context: &Context, id: TransactionId, security_info: bool) -> Result<(), CliError> {
    let whole = retire::whole(context, id)?;
    answers::show::tell(context, &whole, security_info)
}
