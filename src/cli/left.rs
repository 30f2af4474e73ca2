//! What a recovery could not finish, as the error it is.

use crate::engine::{Recovered, Recovery};

use super::error::{CliError, Exit};

/// # Errors
/// One of them is still open: exit 5.
pub fn refuse(recoveries: &[Recovery]) -> Result<(), CliError> {
    let open: Vec<String> = recoveries.iter().filter_map(still_open).collect();
    if open.is_empty() {
        return Ok(());
    }
    let is_stuck = |recovery: &Recovery| matches!(recovery.result, Recovered::Stuck { .. });
    Err(CliError::new(
        Exit::Unfinished,
        if recoveries.iter().any(is_stuck) {
            "stuck"
        } else {
            "unfinished"
        },
        open.join("; "),
        "mend the cause (one of the two, of what is stuck), then: virt-retire recover; what is stuck because \
         libvirt does not take its definition back comes back with virt-retire rollback ID --xml FILE, or its \
         files alone with virt-retire rollback ID --files",
    ))
}

fn still_open(recovery: &Recovery) -> Option<String> {
    let id = recovery.transaction.id;
    match &recovery.result {
        Recovered::Undone | Recovered::Finished { .. } => None,
        Recovered::Stuck { forward, back } => Some(format!(
            "transaction {id} is stuck: back: {back}; forward: {forward}"
        )),
        Recovered::Left { because } => Some(format!(
            "transaction {id} is still {}, and nothing is lost: {because}",
            recovery.transaction.state().word()
        )),
    }
}
