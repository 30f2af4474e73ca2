//! `rollback`: everything back where it was.

use std::path::Path;

use crate::engine::{NotAgain, RollbackRequest};
use crate::model::{SecretXml, Transaction, TransactionId};
use crate::retire::{self, Decided};

use super::super::args::{Confirmation, Departure, Identity, Output};
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::safe::safe;
use super::super::{answers, batch};

/// A domain's XML is some kilobytes; snapshots' trees are not in it.
const LARGEST_XML: u64 = 16 << 20;

/// # Errors
/// The file with the repaired definition cannot be read: exit 1, nothing was changed.
pub fn request(identity: Identity, departure: Departure) -> Result<RollbackRequest, CliError> {
    let xml = departure.xml.as_deref().map(read).transpose()?;
    Ok(identity.request(departure, xml.map(SecretXml::new)))
}

fn read(file: &Path) -> Result<String, CliError> {
    let bytes = retire::read_at_most(file, LARGEST_XML);
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other));
    text.map_err(|error| {
        CliError::unchanged(
            Exit::Error,
            "unreadable-xml",
            format!(
                "the definition cannot be read from {}: {error}",
                file.display()
            ),
            "name a file with the domain's XML",
        )
    })
}

pub fn run(
    context: &Context,
    ids: &[TransactionId],
    request: &RollbackRequest,
    start: bool,
    confirmation: Confirmation,
) -> Result<(), CliError> {
    if ids.len() > 1 && request.is_for_one() {
        return Err(CliError::unchanged(
            Exit::Usage,
            "usage",
            "--as-name, --new-uuid, --new-macs and --xml are for one transaction",
            "roll back one at a time",
        ));
    }
    if !confirmation.yes {
        batch::ask_rollback(context, ids, request)?;
    }
    let mut decided = retire::rollback(context, ids, request, start)?;
    batch::tell(context, &mut decided)?;
    if context.output == Output::Text && !context.quiet {
        tell_of_guests(&decided, start);
    }
    refuse_not_started(&decided)
}

fn tell_of_guests(decided: &Decided, start: bool) {
    for transaction in &decided.done {
        answers::transactions::say(answers::rollback::came_back(transaction));
        let is_defined = transaction.amendment().is_none_or(|it| !it.files_only);
        if !start && is_defined && transaction.stopped_guest() {
            answers::transactions::say(offer_start(transaction));
        }
    }
    for (domain, started) in &decided.started {
        if started.is_ok() {
            answers::transactions::say(format!("  domain {} runs again", safe(&domain.name)));
        }
    }
}

/// # Errors
/// Every transaction was rolled back, so that neither "nothing was changed" (1) nor "left for
/// `recover`" (5) would be true of a domain that does not start. What is true is 4: a step failed,
/// and everything was rolled back.
fn refuse_not_started(decided: &Decided) -> Result<(), CliError> {
    let mut told = Vec::new();
    let mut next = Vec::new();
    for (domain, started) in &decided.started {
        let Err(error) = started else { continue };
        told.push(format!(
            "domain {} is back with its storage, and {error}",
            domain.name
        ));
        next.push(match error {
            NotAgain::Started(_) => format!("virsh start {}", domain.typed()),
            NotAgain::Transient(_) => format!(
                "virsh undefine {} with the flags that keep NVRAM and TPM",
                domain.typed()
            ),
        });
    }
    if told.is_empty() {
        return Ok(());
    }
    Err(CliError::new(
        Exit::PutBack,
        "not-started",
        format!("{}. Nothing is left for recover.", told.join("; ")),
        format!("fix the cause, then: {}", next.join("; ")),
    ))
}

/// What was running is not by itself: a guest is started when somebody wants it to.
fn offer_start(transaction: &Transaction) -> String {
    let name = safe(&transaction.domain_now().name);
    let typed = safe(&transaction.domain_now().typed());
    if transaction.plan.persistent {
        format!("{name} was running when it was retired, and is shut off now: virsh start {typed}")
    } else {
        format!(
            "{name} was a running transient domain. So that nothing of it is lost it is defined \
             now, and shut off. To run it as before: virsh start {typed}, then virsh undefine \
             {typed} with the flags that keep NVRAM and TPM; `rollback --start` does both"
        )
    }
}
