//! `prove`: one transaction's events as C2SP tlog-proofs.

use serde::Serialize;

use crate::model::TransactionId;
use crate::retire::{self, Proved};

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::{json, text};

#[derive(Serialize)]
struct ProvedJson {
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
    let Proved { checkpoint, proofs } = retire::prove(context, id)?;
    match context.output {
        Output::Json => json::print(&ProvedJson {
            checkpoint: json::CheckpointJson::from(&checkpoint),
            proofs: (proofs.into_iter())
                .map(|(sequence, proof)| ProofJson { sequence, proof })
                .collect(),
        }),
        Output::Text => {
            let proofs: Vec<String> = proofs.into_iter().map(|(_, proof)| proof).collect();
            text::out(proofs.join("\n").trim_end())
        }
    }
}
