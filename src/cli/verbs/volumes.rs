//! `volumes`: every piece of storage a domain uses, with pool and volume, the chain included.

use crate::retire;

use super::super::answers;
use super::super::context::Context;
use super::super::error::CliError;

pub fn run(context: &Context, domain: &str) -> Result<(), CliError> {
    answers::volumes::tell(context, &retire::volumes(context, domain)?)
}
