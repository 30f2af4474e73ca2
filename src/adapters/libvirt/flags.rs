//! Flags of libvirt's calls, from the project's own words.

use virt::sys;

use crate::model::UndefineCall;
use crate::ports::Version;

/// `VIR_DOMAIN_UNDEFINE_TPM` and `…_KEEP_TPM`, says libvirt-domain.h.
pub(super) const KEEP_TPM_SINCE: (&str, Version) = ("8.9.0", Version(8_009_000));
/// `VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA`, and all of libvirt-domain-checkpoint.h.
pub(super) const CHECKPOINTS_SINCE: (&str, Version) = ("5.6.0", Version(5_006_000));
/// `virDomainSetAutostartOnce` and its sister.
pub(super) const AUTOSTART_ONCE_SINCE: (&str, Version) = ("11.2.0", Version(11_002_000));

/// Never the flags that delete NVRAM or TPM state: those files are ours to move.
pub(super) fn undefine(call: UndefineCall) -> sys::virDomainUndefineFlagsValues {
    [
        (call.managed_save, sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE),
        (
            call.snapshots_metadata,
            sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
        ),
        (
            call.checkpoints_metadata,
            sys::VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
        ),
        (call.keep_nvram, sys::VIR_DOMAIN_UNDEFINE_KEEP_NVRAM),
        (call.keep_tpm, sys::VIR_DOMAIN_UNDEFINE_KEEP_TPM),
    ]
    .into_iter()
    .filter_map(|(wanted, flag)| wanted.then_some(flag))
    .fold(0, |all, flag| all | flag)
}

/// Neither means "the state the domain is in now", as in virsh.
pub(super) fn impact(live: bool, config: bool) -> u32 {
    let live = if live { sys::VIR_DOMAIN_AFFECT_LIVE } else { 0 };
    let config = if config {
        sys::VIR_DOMAIN_AFFECT_CONFIG
    } else {
        0
    };
    live | config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_call_carries_all_flags() {
        let all = UndefineCall {
            managed_save: true,
            snapshots_metadata: true,
            checkpoints_metadata: true,
            keep_nvram: true,
            keep_tpm: true,
        };
        assert_eq!(undefine(all), 1 | 2 | 8 | 16 | 64);
        assert_eq!(undefine(UndefineCall::default()), 0);
    }
}
