//! The log itself: what its damage means, and whether it still contains a checkpoint that was kept.

use uuid::Uuid;

use super::Difference;
use crate::journal::checkpoint::Checkpoint;
use crate::journal::merkle::Gathering;

/// What was found wrong with the log, and what to do about it.
pub fn log_is_damaged(finding: &str) -> Difference {
    Difference {
        code: "log",
        subject: "journal".to_owned(),
        message: finding.to_owned(),
        hint: "restore the state folder from a backup, or make a new journal from the manifests: \
               virt-retire rebuild"
            .to_owned(),
    }
}

/// How the log of this journal, whose entries are in `tree`, does not contain a checkpoint that was
/// kept.
pub fn lacks_checkpoint(journal: Uuid, tree: &Gathering, kept: &Checkpoint) -> Option<Difference> {
    let size = tree.unbroken();
    let message = if kept.journal != journal {
        format!("the checkpoint is of another journal than {journal}")
    } else if kept.size > size {
        format!(
            "the log had {} entries and has {size}: from entry {} on they are missing",
            kept.size,
            size + 1
        )
    } else if tree.root(kept.size) != Some(kept.root) {
        format!(
            "the first {} entries are not those of the checkpoint: one of them was changed",
            kept.size
        )
    } else {
        return None;
    };
    Some(Difference {
        code: "checkpoint",
        subject: kept.origin(),
        message,
        hint: "somebody has rewritten the log, or put an older copy in its place: what it says of \
               before then is not proved, and an undo follows it all the same. Look for a copy of \
               the state folder that holds the checkpoint"
            .to_owned(),
    })
}
