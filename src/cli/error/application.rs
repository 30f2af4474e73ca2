//! What the application says.

use crate::engine::{Finding, Recovered, Recovery};
use crate::model::{Refusal, quoted};
use crate::retire;

use super::{CliError, Exit};

impl From<retire::Error> for CliError {
    fn from(error: retire::Error) -> Self {
        use retire::Error;
        let message = error.to_string();
        let changed = error.changed();
        let unchanged = |exit, code, hint: &str| Self::unchanged(exit, code, message.clone(), hint);
        match error {
            Error::Engine(error) => error.into(),
            Error::Survey(error) => error.into(),
            Error::Lock(error) => error.into(),
            Error::Elsewhere { .. } => unchanged(
                Exit::Error,
                "other-connection",
                "leave --connect out: the connection is recorded",
            ),
            Error::ImportedElsewhere { made_at, .. } => unchanged(
                Exit::Error,
                "other-connection",
                &format!(
                    "if you trust it, say so, with: --connect {}",
                    quoted(&made_at)
                ),
            ),
            Error::Scattered { .. } => unchanged(
                Exit::Error,
                "other-connection",
                "one command for each connection",
            ),
            Error::Rivals { .. } => unchanged(Exit::Error, "rivals", "roll back one of them"),
            Error::ImportedAmongOthers(id) => unchanged(
                Exit::Refused,
                "imported",
                &format!(
                    "look at it, and roll it back by itself: virt-retire show {id}; virt-retire \
                     rollback {id}"
                ),
            ),
            Error::Refused(refused) => {
                let refusals: Vec<Refusal> = refused.refusals().cloned().collect();
                Self::refused(&refusals)
            }
            Error::NotRetired(failed) => Self::from(failed.error).having(changed),
            Error::Open(recoveries) => Self::open(&recoveries, message),
            Error::Unrecorded(findings) => Self::new(
                Exit::Unfinished,
                findings.first().map_or("unfinished", Finding::code),
                message,
                findings.first().map_or_else(String::new, Finding::hint),
            ),
            Error::Short(shortfall) => {
                let hint = "what is left is held, used, too young or not in quarantine; each with \
                            its reason: virt-retire purge --until-free SIZE -n; all that is \
                            there: virt-retire list";
                match shortfall.has_purged {
                    true => Self::new(Exit::Unfinished, "still-short", message, hint),
                    false => unchanged(Exit::Error, "still-short", hint),
                }
            }
            Error::JournalHealthy { .. } => unchanged(
                Exit::Error,
                "journal-healthy",
                "to see them: virt-retire list, virt-retire log; to take in what it lacks: \
                 virt-retire rebuild --add",
            ),
            Error::Unusable(_) => Self::new(
                Exit::Unfinished,
                "records-unusable",
                message,
                "the manifest.json beside each says how to restore by hand",
            ),
            Error::Lost(_) => Self::new(
                Exit::PutBack,
                "file-missing",
                message,
                "restore it from a backup: the domain is defined and names it",
            ),
            Error::ReasonRequired => {
                unchanged(Exit::Refused, "reason-required", "add --reason TEXT")
            }
            Error::OverrideWithoutReason => unchanged(Exit::Usage, "usage", "add --reason TEXT"),
            Error::NotSaved(_) => Self::new(
                Exit::Error,
                "saved-plan",
                message,
                "run `undefine` without a saved plan",
            ),
            Error::NoSavedPlan(_) => {
                unchanged(Exit::Error, "saved-plan", "name a file that does not exist")
            }
            Error::NoJournal(_) => Self::new(
                Exit::Error,
                "no-journal",
                message,
                "the first command that retires something makes it; another folder: --state-dir",
            ),
            Error::Export(_) => Self::new(
                Exit::Error,
                "output",
                message,
                "name a file that does not exist, on a disk with room",
            ),
            Error::PolicyNotKept(domain) => Self::new(
                Exit::Error,
                "policy-not-kept",
                message,
                format!(
                    "to see what it kept: virt-retire policy show {}",
                    domain.typed()
                ),
            ),
            Error::NoSuchFile(_) => Self::new(
                Exit::Error,
                "no-such-file",
                message,
                "give a path, or POOL/VOLUME; to see them: virsh pool-list, virsh vol-list POOL",
            ),
            Error::LogDamaged(_) => Self::new(
                Exit::Error,
                "log-damaged",
                message,
                "for all that is wrong with it: virt-retire verify",
            ),
            Error::Broken => {
                Self::new(Exit::Error, "libvirt-lost", message, "is libvirtd running?")
            }
            Error::Away => Self::new(
                Exit::Error,
                "libvirt-lost",
                message,
                "when libvirtd is back: virt-retire watch --once",
            ),
            Error::GuestsLeft => Self::new(
                Exit::Unfinished,
                "left-over",
                message,
                "fix what was said above, then: virt-retire watch --once",
            ),
        }
    }
}

impl CliError {
    fn open(recoveries: &[Recovery], message: String) -> Self {
        let is_stuck = |it: &&Recovery| matches!(it.result, Recovered::Stuck { .. });
        match recoveries.iter().find(is_stuck) {
            None => Self::new(
                Exit::Unfinished,
                "unfinished",
                message,
                "fix the cause, then: virt-retire recover",
            ),
            Some(stuck) => Self::new(
                Exit::Unfinished,
                "stuck",
                message,
                format!(
                    "fix one of the two causes, then: virt-retire recover; where libvirt does not \
                     take its definition back: virt-retire rollback {0} --xml FILE (a repaired \
                     one), or virt-retire rollback {0} --files (its files alone)",
                    stuck.transaction.id
                ),
            ),
        }
    }
}
