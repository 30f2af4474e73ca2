//! `show`: one transaction, whole.

use crate::model::TransactionId;
use crate::retire;

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::text::Asked;
use super::super::{json, pager, text};

pub fn run(context: &Context, id: TransactionId, security_info: bool) -> Result<(), CliError> {
    let whole = retire::whole(context, id)?;
    match context.output {
        Output::Json => json::print(&json::Shown::new(&whole, security_info)),
        Output::Text => {
            let asked = Asked {
                secrets: security_info,
                look: context.look(),
            };
            pager::show(context, &text::show(&whole, asked))
        }
    }
}
