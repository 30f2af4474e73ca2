//! `list`: one line a transaction, the newest first.

use std::time::Duration;

use crate::adapters::libvirt::Libvirt;
use crate::engine;
use crate::model::{Space, Summary};
use crate::ports::JournalReader;
use crate::watch::{self, Expiring};

use super::super::args::{FilterArgs, Output};
use super::super::context::Context;
use super::super::error::CliError;
use super::super::{json, text};

pub fn run(context: &Context, filter: &FilterArgs) -> Result<(), CliError> {
    let (summaries, space): (Vec<Summary>, Space) = if context.has_journal()? {
        let reader = context.reader("list")?;
        let summaries = reader.select(&filter.filter(), filter.limit)?;
        let space = engine::space(&reader, &context.files(), &summaries)?;
        (summaries, space)
    } else {
        Default::default()
    };
    let expiring = match filter.is_nothing() {
        true => expiring(context),
        false => Vec::new(),
    };
    match context.output {
        Output::Json => json::print(&json::Listed::new(&summaries, &space, &expiring)),
        Output::Text => {
            text::out(&text::list(&summaries))?;
            match expiring.is_empty() {
                true => Ok(()),
                false => text::out(&text::expiring(&expiring)),
            }
        }
    }
}

/// What libvirt may take to answer: a list of what is retired needs none of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Domains that `watch` will retire. A libvirt that does not answer keeps nobody from reading the list.
fn expiring(context: &Context) -> Vec<Expiring> {
    let uri = context.settings.uri.value.clone();
    let (answer, answered) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let found = Libvirt::connect(uri.as_deref())
            .ok()
            .and_then(|libvirt| watch::expiring(&libvirt).ok());
        let _ = answer.send(found.unwrap_or_default());
    });
    answered.recv_timeout(PATIENCE).unwrap_or_default()
}
