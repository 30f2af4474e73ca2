//! What stands in the way of removing a disk, in words: a name that is none, no decision, law 5 and
//! 6.

use crate::model::{
    DiskFacts, DomainFacts, Fate, FileKind, FileRef, JobFacts, Reason, Refusal, RefusalCode,
    Removal, SourceKind, StorageFlags, User, UserKind, quoted,
};

use super::fate;
use super::kept::{self, KeptFile};

/// The commands after which --keep-storage keeps these disks: the policy's word stands above every
/// flag but --storage. `None` where it says nothing against it.
pub fn policy_first<'a>(
    facts: &DomainFacts,
    disks: impl IntoIterator<Item = &'a DiskFacts>,
) -> Option<String> {
    let keep = StorageFlags {
        keep: true,
        ..StorageFlags::default()
    };
    let default = facts.policy.default;
    let goes = |disk: &&DiskFacts| fate::of(disk, default, &keep).0 == Fate::Quarantine;
    let commands: Vec<String> = disks
        .into_iter()
        .filter(goes)
        .map(|disk| {
            format!(
                "virt-retire policy set {} {} keep",
                facts.domain.typed(),
                quoted(&disk.target)
            )
        })
        .collect();
    (!commands.is_empty()).then(|| commands.join("; "))
}

/// How the domain is retired without this disk.
fn leave_out(facts: &DomainFacts, disk: &DiskFacts) -> String {
    match policy_first(facts, [disk]) {
        Some(command) => {
            format!("its policy has it removed: name the others with --storage, or say: {command}")
        }
        None => "leave it out with --storage or --keep-storage".to_owned(),
    }
}

pub fn misnamed(facts: &DomainFacts, flags: &StorageFlags) -> Vec<Refusal> {
    let targets: Vec<&str> = facts
        .disks
        .iter()
        .map(|disk| disk.target.as_str())
        .collect();
    flags
        .named
        .iter()
        .flatten()
        .filter(|word| !facts.disks.iter().any(|disk| disk.is_named(word)))
        .map(|word| Refusal {
            code: RefusalCode::NoSuchDisk,
            subject: word.clone(),
            message: format!(
                "domain {} has no disk with the target or source '{word}'",
                facts.domain.name
            ),
            hint: format!("its targets are: {}", targets.join(", ")),
        })
        .collect()
}

pub fn undecided(disk: &DiskFacts) -> Refusal {
    Refusal {
        code: RefusalCode::UndecidedDisk,
        subject: disk.target.clone(),
        message: format!(
            "disk {} ({}) is read-write, and nothing says whether to remove it",
            disk.target,
            disk.source.as_deref().unwrap_or("no source"),
        ),
        hint: format!(
            "remove it with --remove-all-storage or --storage {}, or leave it with --keep-storage",
            disk.target
        ),
    }
}

/// Why a disk that the rules would remove must not be (law 5 and 6).
pub fn obstacle(
    facts: &DomainFacts,
    removal: &Removal,
    disk: &DiskFacts,
    kept: &[KeptFile],
) -> Option<(Reason, Refusal)> {
    // Before anything is said of its chain: what must not be touched is not a matter of headers.
    no_file(facts, disk)
        .or_else(|| untouchable(facts, disk))
        .or_else(|| unreadable(facts, disk, removal))
        .or_else(|| in_use(facts, disk, kept))
}

fn refuse(
    disk: &DiskFacts,
    reason: Reason,
    code: RefusalCode,
    message: String,
    hint: &str,
) -> Option<(Reason, Refusal)> {
    let refusal = Refusal {
        code,
        subject: disk.target.clone(),
        message,
        hint: hint.to_owned(),
    };
    Some((reason, refusal))
}

fn no_file(facts: &DomainFacts, disk: &DiskFacts) -> Option<(Reason, Refusal)> {
    let target = &disk.target;
    let what = match &disk.kind {
        SourceKind::Network(protocol) => {
            let message = format!("disk {target} is on the network ({protocol})");
            let code = RefusalCode::RemoteFiles;
            return refuse(
                disk,
                Reason::Unsupported,
                code,
                message,
                &leave_out(facts, disk),
            );
        }
        SourceKind::Block => "a block device",
        SourceKind::Foreign(what) => what,
        SourceKind::Empty | SourceKind::File | SourceKind::Volume | SourceKind::Dir => return None,
    };
    let message = format!("disk {target} is {what}, which cannot be moved into quarantine yet");
    let code = RefusalCode::Unsupported;
    refuse(
        disk,
        Reason::Unsupported,
        code,
        message,
        &leave_out(facts, disk),
    )
}

fn untouchable(facts: &DomainFacts, disk: &DiskFacts) -> Option<(Reason, Refusal)> {
    let file = disk.file.as_ref()?;
    let (expected, word) = match disk.kind {
        SourceKind::Dir => (FileKind::Directory, "folder"),
        _ => (FileKind::Regular, "regular file"),
    };
    let (path, why) = if file.facts.kind == expected {
        let mut files = disk.links.iter().chain([file]);
        let (path, why) = files.find_map(|file| Some((&file.path, file.protected.as_ref()?)))?;
        (path, format!(": {why}"))
    } else {
        (&file.path, format!(", which is not a {word}"))
    };
    let message = format!("disk {} is {}{why}", disk.target, path.display());
    let code = RefusalCode::ProtectedPath;
    refuse(
        disk,
        Reason::Protected,
        code,
        message,
        &leave_out(facts, disk),
    )
}

fn unreadable(
    facts: &DomainFacts,
    disk: &DiskFacts,
    removal: &Removal,
) -> Option<(Reason, Refusal)> {
    let unreadable = disk.unreadable.first()?;
    // Of a disk whose own image is not there, nothing is certain.
    let has_top = disk.file.is_some();
    if has_top && removal.accept_broken_chain {
        return None;
    }
    let message = format!(
        "the chain of disk {} cannot be read to its end: {}: {}",
        disk.target,
        unreadable.path.display(),
        unreadable.cause
    );
    // Of what is denied or broken a mount is not the cause.
    let absent = ["no such file", "No such file", "is gone"];
    let hint = match absent.iter().any(|words| unreadable.cause.contains(words)) {
        true => "is a file system not mounted? Make it readable, ",
        false => "make it readable, ",
    };
    let hint = match has_top {
        true => format!(
            "{hint}{}, or take of it what can be read with --accept-broken-chain (the rest stays, \
             and the plan names it)",
            leave_out(facts, disk)
        ),
        false => format!("{hint}or {}", leave_out(facts, disk)),
    };
    let code = RefusalCode::UnreadableChain;
    refuse(disk, Reason::Unreadable, code, message, &hint)
}

fn in_use(facts: &DomainFacts, disk: &DiskFacts, kept: &[KeptFile]) -> Option<(Reason, Refusal)> {
    let file = disk.file.as_ref()?;
    // A symlink to the image goes with it, so whoever uses the link stands in the way too.
    let files = disk.links.iter().chain([file]);
    let mut users: Vec<User> = files
        .flat_map(|file| all_users(facts, file, kept))
        .collect();
    users.sort();
    users.dedup();
    if users.is_empty() {
        return None;
    }
    let mut message = format!(
        "disk {} ({}) is in use: {}",
        disk.target,
        file.path.display(),
        names_of(&users)
    );
    let mut end = "end that use first".to_owned();
    // The guest's own doing, which ends by a command.
    let is_by = |job: &&JobFacts| {
        let name = job.file.display().to_string();
        users
            .iter()
            .any(|user| user.kind == UserKind::Image && user.name == name)
    };
    if let Some(job) = facts.jobs.iter().find(is_by) {
        message.push_str(&format!(
            "; {} is {} of this guest, which runs",
            job.file.display(),
            job.what
        ));
        end = format!("end that job first: {}", job.end);
    }
    let leave = leave_out(facts, disk);
    let hint = format!("no flag overrides this: {leave}, or {end}");
    refuse(disk, Reason::InUse, RefusalCode::InUse, message, &hint)
}

pub fn all_users(facts: &DomainFacts, file: &FileRef, kept: &[KeptFile]) -> Vec<User> {
    let mut users = file.users.clone();
    users.extend(kept::users(facts, file, kept));
    users
}

/// Users as a sentence lists them: a base may have hundreds, and the whole list is in the plan.
pub fn names_of(users: &[User]) -> String {
    some_of(users.iter().map(User::phrase), ", ")
}

/// The first few, and how many there are besides.
pub fn some_of(all: impl Iterator<Item = String>, between: &str) -> String {
    const SHOWN: usize = 5;
    let all: Vec<String> = all.collect();
    match all.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{}{between}and {more} more", all[..SHOWN].join(between)),
        _ => all.join(between),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_a_few_and_counts_the_rest() {
        let all = |count: usize| some_of((0..count).map(|one| one.to_string()), ", ");
        assert_eq!(all(5), "0, 1, 2, 3, 4");
        assert_eq!(all(600), "0, 1, 2, 3, 4, and 595 more");
        assert_eq!(all(0), "");
    }
}
