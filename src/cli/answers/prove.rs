//! One transaction's events as C2SP tlog-proofs.

use serde::Serialize;

use crate::retire::Proved;

use super::super::context::Context;
use super::super::error::CliError;
use super::answer;
use super::log::CheckpointJson;

/// One proof after the other in text, each a whole tlog-proof that begins with the format's own
/// line.
pub fn tell(context: &Context, proved: &Proved) -> Result<(), CliError> {
    answer(
        context,
        || document(proved),
        || {
            let proofs = proved.proofs.iter().map(|(_, proof)| proof.as_str());
            proofs.collect::<Vec<_>>().join("\n").trim_end().to_owned()
        },
    )
}

fn document(proved: &Proved) -> ProvedJson<'_> {
    let proofs = proved.proofs.iter();
    let proofs = proofs.map(|(sequence, proof)| ProofJson {
        sequence: *sequence,
        proof,
    });
    ProvedJson {
        checkpoint: CheckpointJson::from(&proved.checkpoint),
        proofs: proofs.collect(),
    }
}

#[derive(Serialize)]
struct ProvedJson<'a> {
    checkpoint: CheckpointJson,
    proofs: Vec<ProofJson<'a>>,
}

#[derive(Serialize)]
struct ProofJson<'a> {
    sequence: u64,
    /// A whole tlog-proof.
    proof: &'a str,
}
