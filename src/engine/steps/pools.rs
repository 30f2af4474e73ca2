//! libvirt's own list of a pool's volumes, which a rename behind its back makes untrue.

use crate::model::{FileKind, FileMove, Timestamp, Transaction};
use crate::ports::{HypervisorError, Moved};

use super::super::World;
use super::super::error::Failure;
use super::Effect;

/// On the way back every file is at its place by now, and a list that libvirt will not make anew
/// (a job runs in the pool) is no reason to take all of it away again: the next refresh, by
/// anyone, makes it true. Noted, and not failed.
pub(super) fn refresh_after(
    world: &World,
    transaction: &Transaction,
    pool: &str,
) -> Result<Effect, Failure> {
    let read = last_read(world, transaction, pool);
    let note = match world.hypervisor.refresh_pool(pool) {
        Ok(()) => None,
        Err(HypervisorError::Refused { cause, .. }) => Some(format!(
            "libvirt's list of volumes of pool '{pool}' is out of date ({cause}); \
             to mend it: virsh pool-refresh '{pool}'"
        )),
        Err(error) => return Err(error.into()),
    };
    for (moved, time) in read {
        let kept = world
            .storage
            .set_accessed(&moved.path, &moved.facts.identity, time);
        // Every byte is back; who does not own the file may not set its times.
        if let Err(error) = kept {
            tracing::debug!(%error, "access time not kept");
        }
    }
    Ok(Effect {
        moved: Moved::Now,
        note,
    })
}

/// The files that came back to the pool, with the access time that each brought along: nobody reads
/// what is in quarantine, and libvirt is about to.
fn last_read<'t>(
    world: &World,
    transaction: &'t Transaction,
    pool: &str,
) -> Vec<(&'t FileMove, Timestamp)> {
    transaction
        .files()
        .map(|(_, moved, _)| moved)
        .filter(|moved| moved.facts.kind == FileKind::Regular)
        .filter(|moved| {
            let pooled = moved.pooled.as_ref();
            pooled.is_some_and(|pooled| pooled.pool == pool)
        })
        .filter_map(|moved| Some((moved, world.storage.accessed(&moved.path).ok()??)))
        .collect()
}
