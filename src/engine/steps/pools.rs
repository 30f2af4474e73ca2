//! libvirt's own list of a pool's volumes, which a rename behind its back makes untrue.

use crate::ports::{HypervisorError, Moved};

use super::super::World;
use super::super::error::Failure;
use super::Effect;

/// On the way back every file is at its place by now, and a list that libvirt will not make anew
/// (a job runs in the pool) is no reason to take all of it away again: the next refresh, by
/// anyone, makes it true. Noted, and not failed.
pub(super) fn refresh_after(world: &World, pool: &str) -> Result<Effect, Failure> {
    let note = match world.hypervisor.refresh_pool(pool) {
        Ok(()) => None,
        Err(HypervisorError::Refused { cause, .. }) => Some(format!(
            "libvirt's list of volumes of pool '{pool}' is out of date ({cause}); \
             to mend it: virsh pool-refresh '{pool}'"
        )),
        Err(error) => return Err(error.into()),
    };
    Ok(Effect {
        moved: Moved::Now,
        note,
    })
}
