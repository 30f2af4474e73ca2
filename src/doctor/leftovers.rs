//! What other tools left, in words, each with the command that fixes it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::model::{Claim, DomainRef, FileFacts, FileTime, State, TransactionId, quoted};
use crate::ports::{Presence, StorageView};
use crate::survey::{Gone, Leftovers, Nature, Ownerless, Part, StateKind, Unused};

use super::hints::{self, listed};
use super::journal::Known;
use super::{Leftover, Report};

pub(super) fn tell(
    found: &Leftovers,
    known: &Known,
    storage: &dyn StorageView,
    now: Timestamp,
    report: &mut Report,
) {
    let gone = found.gone.iter().map(|one| self::gone(one, known));
    // What an open transaction takes is not left over: what becomes of it is told elsewhere.
    let is_being_taken = |path: &Path| {
        let taken = known.moved.get(path);
        taken.is_some_and(|(_, state)| state.claim() == Claim::Unfinished)
    };
    let is_of = |one: &Ownerless, domain: &DomainRef| {
        one.uuid == Some(domain.uuid) || one.name.as_ref() == Some(&domain.name)
    };
    let saved = found.ownerless.iter().filter(|one| {
        let mut unfinished = known.unfinished.iter();
        !is_being_taken(&one.path) && !unfinished.any(|domain| is_of(one, domain))
    });
    let ownerless = saved.map(|one| self::ownerless(one, found, known, now));
    let unused = found.unused.iter();
    let unused = unused.filter(|one| !is_being_taken(&one.path));
    // What is not where it was put may be one of these.
    let taken = known.taken.iter();
    let astray = taken.filter(|(facts, _, stored)| {
        let found = Presence::at(storage, stored, facts);
        matches!(found, Ok(Presence::Nothing))
    });
    let astray: Vec<_> = astray.collect();
    let unused = unused.map(|one| self::unused(one, known, storage, &astray, now));
    let all = gone.chain(ownerless).chain(unused);
    report.leftovers.extend(all);
}

fn gone(one: &Gone, known: &Known) -> Leftover {
    let (target, domain) = (&one.target, one.domain.typed());
    let shown = one.path.display();
    let (kind, message, hint) = match &one.part {
        Part::Disk if one.is_all => (
            "domain-without-disks",
            format!("domain {domain} is defined, and its disk {target} is gone: {shown}"),
            format!(
                "restore it from a backup, or retire what is left: virt-retire undefine {domain} \
                 --keep-storage --all"
            ),
        ),
        Part::Disk => (
            "half-deleted-domain",
            format!("disk {target} of domain {domain} is gone: {shown}; others are there"),
            format!(
                "restore it from a backup, or: virsh detach-disk {domain} {} --config",
                quoted(target)
            ),
        ),
        Part::Medium => (
            "missing-medium",
            format!("the medium of {target} of domain {domain} is gone: {shown}"),
            format!(
                "virsh change-media {domain} {} --eject --config, or: virsh detach-disk {domain} \
                 {} --config",
                quoted(target),
                quoted(target)
            ),
        ),
        Part::Backing { of } => (
            "missing-backing-file",
            format!(
                "{shown} is gone, and disk {target} of domain {domain} stands on it by way of {}: \
                 the guest cannot read it",
                of.display()
            ),
            format!("restore it from a backup; to see the chain: virt-retire volumes {domain}"),
        ),
    };
    let (message, hint) = match known.moved.get(&one.path) {
        Some((id, State::Committed | State::Prepared)) => (
            format!("{message}; it waits in quarantine, in transaction {id}"),
            format!("virt-retire rollback {id}"),
        ),
        Some((id, _)) => (
            format!("{message}; transaction {id} was interrupted"),
            "virt-retire recover".to_owned(),
        ),
        None if one.active => (
            format!("{message}; the guest runs, and has it as long as it does"),
            format!(
                "copy it before the guest stops: virsh blockcopy {domain} {} FILE --wait --pivot \
                 --transient-job",
                quoted(target)
            ),
        ),
        None => (message, hint),
    };
    Leftover {
        kind,
        path: one.path.clone(),
        domain: Some(one.domain.name.clone()),
        bytes: 0,
        message,
        hint,
    }
}

fn ownerless(one: &Ownerless, all: &Leftovers, known: &Known, now: Timestamp) -> Leftover {
    // A saved state tells a name for its UUID, and so does the journal.
    let retired = one.uuid.and_then(|uuid| known.domains.get(&uuid));
    let by_uuid = || {
        let named = all.ownerless.iter().filter(|it| it.uuid == one.uuid);
        named.filter_map(|it| it.name.clone()).next()
    };
    let name = one.name.clone();
    let name = name.or_else(|| retired.map(|it| it.name.clone()));
    let name = name.or_else(|| one.uuid.and_then(|_| by_uuid()));
    let name = name.or_else(|| one.uuid.map(|uuid| uuid.to_string()));
    let of = name
        .as_deref()
        .map_or(String::new(), |name| format!(" of domain {}", quoted(name)));
    let age = age(one.modified, now);
    let (kind, what, fix) = match one.kind {
        StateKind::Nvram => ("orphaned-nvram", "NVRAM", hints::remove(&one.path)),
        StateKind::Tpm => (
            "orphaned-tpm-state",
            "TPM state",
            hints::remove_folder(&one.path),
        ),
        StateKind::ManagedSave => (
            "orphaned-managed-save",
            "managed save",
            hints::remove(&one.path),
        ),
        StateKind::Snapshots => (
            "orphaned-snapshots",
            "snapshot metadata",
            hints::remove_folder(&one.path),
        ),
        StateKind::Checkpoints => (
            "orphaned-checkpoints",
            "checkpoint metadata",
            hints::remove_folder(&one.path),
        ),
        StateKind::Autostart => (
            "dangling-autostart",
            "autostart link",
            hints::remove(&one.path),
        ),
        StateKind::Definition => (
            "unloaded-definition",
            "definition",
            format!(
                "virsh define {}, or: {}",
                hints::path(&one.path),
                hints::remove(&one.path)
            ),
        ),
    };
    let message = match one.kind {
        StateKind::Definition => format!(
            "the definition{of} in {} is not loaded: libvirt refused it, or it was put there since \
             the daemon started",
            one.path.display()
        ),
        _ => format!("{what}{of}, which libvirt does not have; {age}"),
    };
    let kept = known.kept.get(&one.path).copied();
    // The TPM's state has the domain's UUID for its name, and no plan names it where it stays.
    let kept = kept.or_else(|| retired.filter(|it| it.is_restorable).map(|it| it.id));
    let left = Leftover {
        kind,
        path: one.path.clone(),
        domain: name,
        bytes: one.bytes,
        message,
        hint: fix,
    };
    needed(left, kept)
}

fn unused(
    one: &Unused,
    known: &Known,
    storage: &dyn StorageView,
    astray: &[&(FileFacts, TransactionId, PathBuf)],
    now: Timestamp,
) -> Leftover {
    let (kind, what) = match (&one.nature, &one.pooled) {
        (Nature::Seed, _) => ("orphaned-seed", "a cloud-init seed".to_owned()),
        (Nature::VagrantBox, _) => (
            "base-image",
            "a base image that a vagrant box left,".to_owned(),
        ),
        (Nature::CloudImage { by }, _) => (
            "base-image",
            format!("a base image, a cloud image of {by},"),
        ),
        (Nature::SavedState, _) => ("saved-state", "a guest's saved state".to_owned()),
        (Nature::Medium { label }, Some(_)) => {
            ("orphaned-volume", format!("an ISO ({})", quoted(label)))
        }
        (Nature::Medium { label }, None) => {
            ("orphaned-image", format!("an ISO ({})", quoted(label)))
        }
        (Nature::Disk { format }, Some(_)) => ("orphaned-volume", format!("a {format} volume")),
        (Nature::Disk { format }, None) => ("orphaned-image", format!("a {format} image")),
    };
    let of = match &one.pooled {
        Some(pooled) => format!(" of pool {},", quoted(&pooled.pool)),
        None => String::new(),
    };
    let mut message = format!(
        "{what}{of} which no domain uses; {}",
        age(one.modified, now)
    );
    if !one.needed_by.is_empty() {
        message = format!(
            "{message}; needed by what no domain uses either: {}",
            listed(&one.needed_by)
        );
    }
    let path = hints::path(&one.path);
    let fix = match (&one.pooled, &one.nature) {
        (_, Nature::SavedState) => format!("virsh restore {path}, or: rm {path}"),
        (Some(pooled), _) if one.is_served => format!(
            "virsh vol-delete {} --pool {}",
            quoted(&pooled.volume),
            quoted(&pooled.pool)
        ),
        _ => format!("rm {path}"),
    };
    let kept = known.kept.get(&one.path).copied();
    let found = astray.iter().find(|(facts, _, _)| {
        let found = Presence::at(storage, &one.path, facts);
        found.is_ok_and(|found| found.is_it())
    });
    let (message, fix) = match found {
        None => (message, fix),
        Some((_, id, stored)) => (
            format!("{message}; it is what transaction {id} had in quarantine"),
            format!("mv {path} {}", hints::path(stored)),
        ),
    };
    let mut domains = known.domains.values();
    let left = Leftover {
        kind,
        path: one.path.clone(),
        domain: domains
            .find(|it| Some(it.id) == kept)
            .map(|it| it.name.clone()),
        bytes: one.bytes,
        message,
        hint: fix,
    };
    needed(left, kept)
}

/// What a retirement left in its place is needed to undo it.
fn needed(left: Leftover, kept_by: Option<TransactionId>) -> Leftover {
    match kept_by {
        None => left,
        Some(id) => Leftover {
            message: format!(
                "{}; transaction {id} kept it, and its undo needs it",
                left.message
            ),
            hint: format!(
                "virt-retire rollback {id}; if that is not wanted any more: {}",
                left.hint
            ),
            ..left
        },
    }
}

fn age(modified: FileTime, now: Timestamp) -> String {
    const DAY: i64 = 86_400;
    match now.as_second().saturating_sub(modified.seconds) {
        ..0 => "last written in the future".to_owned(),
        0..DAY => "last written today".to_owned(),
        seconds if seconds < 2 * DAY => "last written a day ago".to_owned(),
        seconds => format!("last written {} days ago", seconds / DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_in_days() {
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        let told = |ago: i64| {
            age(
                FileTime {
                    seconds: 1_000_000_000 - ago,
                    nanoseconds: 0,
                },
                now,
            )
        };
        assert_eq!(told(-5), "last written in the future");
        assert_eq!(told(60), "last written today");
        assert_eq!(told(86_400), "last written a day ago");
        assert_eq!(told(86_400 * 400), "last written 400 days ago");
    }
}
