//! What libvirt, the files, the journal, the locks or the survey say.

use crate::journal::CURRENT;
use crate::journal::lines::Wrong;
use crate::model::quoted;
use crate::ports::{HypervisorError, JournalError, LockError, StorageError};
use crate::survey::SurveyError;

use super::{CliError, Exit};

impl From<HypervisorError> for CliError {
    fn from(error: HypervisorError) -> Self {
        let (code, hint) = match &error {
            HypervisorError::Ambiguous {
                taken_as,
                taken,
                named,
                ..
            } => {
                let first = match *taken_as {
                    "UUID" => taken.typed(),
                    _ => taken.uuid.to_string(),
                };
                return Self::unchanged(
                    Exit::Refused,
                    "ambiguous-domain",
                    error.to_string(),
                    format!("type {first} for the one, or {} for the other", named.uuid),
                );
            }
            HypervisorError::Unreachable { .. } => (
                "libvirt-unreachable",
                "is libvirtd running, and is the URI right? To see: virsh -c URI version",
            ),
            HypervisorError::NoSuchDomain(_) => (
                "no-such-domain",
                "to see the domains there are: virsh list --all; those retired: virt-retire list",
            ),
            HypervisorError::NoSuchVolume { .. } => (
                "no-such-volume",
                "to see a pool's volumes: virsh vol-list POOL",
            ),
            HypervisorError::Lost { .. } => (
                "libvirt-lost",
                "when libvirtd is back, type: virt-retire recover",
            ),
            HypervisorError::Refused { .. } => ("libvirt-refused", "libvirt's log says more"),
            HypervisorError::TooOld { .. } => {
                ("libvirt-too-old", "upgrade libvirt, or leave that flag out")
            }
            HypervisorError::Xml { .. } => {
                ("libvirt-xml", "please report this XML; nothing was changed")
            }
        };
        let mut told = Self::new(Exit::Error, code, error.to_string(), hint);
        match error {
            HypervisorError::NoSuchDomain(name) => told.more.no_such_domain = Some(name),
            // libvirt says so in words alone.
            HypervisorError::Unreachable { cause, .. } => {
                let denies = ["Permission denied", "authentication", "access denied"];
                told.more.is_denied = denies.iter().any(|word| cause.contains(word));
            }
            _ => {}
        }
        told
    }
}

impl From<StorageError> for CliError {
    fn from(error: StorageError) -> Self {
        let is_denied = matches!(
            &error,
            StorageError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied
        );
        Self::new(
            Exit::Error,
            "storage",
            error.to_string(),
            "nothing was changed; fix the cause and try again",
        )
        .denied(is_denied)
    }
}

impl From<JournalError> for CliError {
    fn from(error: JournalError) -> Self {
        let (exit, code, hint) = match &error {
            JournalError::Held { .. } => (
                Exit::Held,
                "journal-held",
                "try again later, or wait longer with --wait SECONDS".to_owned(),
            ),
            // What is wrong says what to type; this is the other way out.
            JournalError::Folder { .. } => (
                Exit::Error,
                "state-folder",
                "fix that, or name another folder with --state-dir".to_owned(),
            ),
            JournalError::Io { .. } => (
                Exit::Error,
                "journal-io",
                "is the disk full or read-only? To see: df -h".to_owned(),
            ),
            JournalError::Unwritten { .. } => (
                Exit::Unfinished,
                "journal-io",
                "is the disk full or read-only? To see: df -h. Then: virt-retire recover"
                    .to_owned(),
            ),
            JournalError::Newer { .. } => (
                Exit::Error,
                "journal-newer",
                "use the version of virt-retire that wrote it, or a newer one".to_owned(),
            ),
            JournalError::Damaged { path, .. } => (
                Exit::Error,
                "journal-damaged",
                format!(
                    "nothing in quarantine is touched. Restore '{}' from a backup, or make a new \
                     journal from the manifests in quarantine: virt-retire rebuild",
                    path.display()
                ),
            ),
            JournalError::Export { wrong, .. } => match wrong {
                Wrong::Damaged(_) => (
                    Exit::Error,
                    "export-damaged",
                    "nothing was changed. Make the export again, where its journal is: \
                     virt-retire journal export FILE"
                        .to_owned(),
                ),
                Wrong::Unreadable(_) => (
                    Exit::Error,
                    "input",
                    "nothing was changed; name what `journal export` wrote".to_owned(),
                ),
                Wrong::Format { found } if *found > CURRENT => (
                    Exit::Error,
                    "export-newer",
                    "nothing was changed; import it with the version of virt-retire that wrote \
                     it, or a newer one"
                        .to_owned(),
                ),
                Wrong::Format { .. } => (
                    Exit::Error,
                    "export-older",
                    "nothing was changed. Import it with the version of virt-retire that wrote \
                     it; then bring that journal to the format of this one: virt-retire journal \
                     upgrade"
                        .to_owned(),
                ),
            },
            JournalError::Clock { .. } => (
                Exit::Error,
                "clock",
                "nothing was changed. Set the clock: timedatectl set-time, or date --set"
                    .to_owned(),
            ),
            JournalError::NoSuchTransaction(_) => (
                Exit::Error,
                "no-such-transaction",
                "to see them all: virt-retire list".to_owned(),
            ),
        };
        Self::new(exit, code, error.to_string(), hint)
    }
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        let message = error.to_string();
        match error {
            LockError::Held { .. } => Self::unchanged(
                Exit::Held,
                "domain-held",
                message,
                "try again later, or wait longer with --wait SECONDS",
            ),
            LockError::Unusable { path, .. } => Self::unchanged(
                Exit::Error,
                "domain-lock",
                message,
                format!("to see it: ls -ld {}", quoted(&path.to_string_lossy())),
            ),
            LockError::Hypervisor(error) => error.into(),
        }
    }
}

impl From<SurveyError> for CliError {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Hypervisor(error) => error.into(),
            SurveyError::Storage(error) => error.into(),
            SurveyError::Refused(refusal) => Self::refused(&[*refusal]),
        }
    }
}
