//! `list`: one line a transaction, the newest first.

use crate::retire;

use super::super::answers;
use super::super::args::FilterArgs;
use super::super::context::Context;
use super::super::error::CliError;

pub fn run(context: &Context, filter: &FilterArgs) -> Result<(), CliError> {
    let listing = retire::listing(context, &filter.filter(), filter.limit)?;
    let expiring = match filter.is_nothing() {
        true => context.expiring(),
        false => Vec::new(),
    };
    answers::list::tell(context, listing, &expiring, filter.is_nothing())
}
