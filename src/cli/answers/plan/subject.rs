//! What a step is about: the one text that the JSON has too.

use crate::model::{Plan, Step};

use crate::cli::safe::lossless;

/// What a step is about, in a word or a path.
pub fn subject(plan: &Plan, step: &Step) -> String {
    match step {
        Step::SaveDefinition { .. }
        | Step::MakePersistent
        | Step::Stop { graceful: None }
        | Step::Undefine(_)
        | Step::ConfirmInactive => plan.domain.name.clone(),
        Step::Stop {
            graceful: Some(seconds),
        } => format!("{}, within {seconds} seconds", plan.domain.name),
        Step::SaveAutostart { always, once } => match (always, once) {
            (true, true) => "always and once".into(),
            (false, true) => "once".into(),
            _ => "always".into(),
        },
        Step::SaveSnapshots { names, .. } | Step::SaveCheckpoints { names, .. } => names.join(", "),
        Step::LinkManagedSave(saved) => lossless(saved.image.path.as_os_str()),
        Step::Quarantine(item) => lossless(item.taken().path().as_os_str()),
        Step::CopyState(moved) => lossless(moved.path.as_os_str()),
        Step::RefreshPool { pool } => pool.clone(),
    }
}
