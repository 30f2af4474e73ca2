//! `prove`: one transaction's events as C2SP tlog-proofs.

use serde::Serialize;

use crate::journal::merkle::Wanted;
use crate::model::TransactionId;
use crate::ports::JournalError;

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::{json, text};

#[derive(Serialize)]
struct Proved {
    checkpoint: json::CheckpointJson,
    proofs: Vec<ProofJson>,
}

#[derive(Serialize)]
struct ProofJson {
    sequence: u64,
    /// A whole tlog-proof.
    proof: String,
}

/// One proof after the other in text, each a whole tlog-proof that begins with the format's own
/// line.
pub fn run(context: &Context, id: TransactionId) -> Result<(), CliError> {
    if !context.has_journal()? {
        return Err(JournalError::NoSuchTransaction(id).into());
    }
    let journal = context.journal(&format!("prove {id}"))?;
    let records = journal.records(id)?;
    let indices = records
        .iter()
        .map(|(sequence, _)| sequence.saturating_sub(1));
    let wanted: Vec<Wanted> = indices.map(Wanted::Inclusion).collect();
    let checked = journal.check(&wanted, &mut |_, _| {})?;
    if let Some(finding) = checked.findings.first() {
        return Err(CliError::new(
            Exit::Error,
            "log-damaged",
            format!("the log is not whole, and nothing of it can be proved: {finding}"),
            "for all that is wrong with it: virt-retire verify",
        ));
    }
    let checkpoint = journal.checkpoint();
    let mut proofs = Vec::new();
    for (sequence, record) in records {
        let index = sequence.saturating_sub(1);
        let path = checked.tree.inclusion(index);
        proofs.push(ProofJson {
            sequence,
            proof: checkpoint.proof(index, &record, &path.unwrap_or_default()),
        });
    }
    match context.output {
        Output::Json => json::print(&Proved {
            checkpoint: json::CheckpointJson::from(&checkpoint),
            proofs,
        }),
        Output::Text => {
            let proofs: Vec<String> = proofs.into_iter().map(|it| it.proof).collect();
            text::out(proofs.join("\n").trim_end())
        }
    }
}
