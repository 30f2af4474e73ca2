//! Digests of what waits in quarantine, where the setting asks for them: then, and only then, every
//! byte is read.

use std::collections::BTreeMap;

use crate::model::{Digest, DigestKind, EventKind, FileKind, Progress, Transaction};

use super::World;

/// What each regular file that was moved is now, each inode read once. One that cannot be read is
/// written down as that: its guest is to go nevertheless. Ends early where a signal asks for the
/// way back.
pub(super) fn of_files(
    world: &World,
    transaction: &Transaction,
    kind: Option<DigestKind>,
) -> Vec<EventKind> {
    let Some(kind) = kind else {
        return Vec::new();
    };
    let progress = transaction.progress();
    let mut known: BTreeMap<(u64, u64), Result<Digest, String>> = BTreeMap::new();
    let mut events = Vec::new();
    for (index, moved, stored) in transaction.files() {
        let is_there = matches!(progress.get(index), Some(Progress::Doing | Progress::Done));
        if !is_there || moved.facts.kind != FileKind::Regular {
            continue;
        }
        let identity = &moved.facts.identity;
        let result = match known.get(&identity.key()) {
            Some(result) => result.clone(),
            None => {
                let mut go_on = |_| !world.control.wants_rollback();
                match world.storage.digest(&stored, identity, kind, &mut go_on) {
                    Ok(Some(digest)) => Ok(digest),
                    Ok(None) => break,
                    Err(error) => Err(error.to_string()),
                }
            }
        };
        known.insert(identity.key(), result.clone());
        events.push(EventKind::Digested {
            step: index,
            result,
        });
    }
    events
}
