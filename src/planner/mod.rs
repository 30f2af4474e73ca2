//! From facts and flags to a plan, or to the reasons why there is none. Pure: the same input gives
//! the same plan, which is how `apply` and the second look before executing know that nothing has
//! changed.

mod artefacts;
mod batch;
mod detached;
mod disks;
mod fate;
mod kept;
mod obstacles;
mod policy;
mod steps;

pub use batch::batch;
pub use fate::by_policy_alone;
pub use policy::{stranger as policy_of_stranger, unreadable as policy_unreadable};

use crate::model::{DomainFacts, Plan, Refusal, RefusalCode, Removal};

/// Makes the plan for one domain. Every rule that refuses is heard, so that the operator reads all
/// reasons at once.
pub fn plan(facts: &DomainFacts, removal: &Removal) -> Plan {
    let mut refusals = Vec::new();
    refusals.extend(policy::host_protection(facts));
    refusals.extend(policy::protection(facts, removal));
    refusals.extend(policy::problems(facts));
    refusals.extend(transient(facts, removal));
    refusals.extend(unsupported(facts));
    refusals.extend(not_redefinable(facts, removal));
    let decided = disks::decide(facts, removal, &mut refusals);
    let kept_files = kept::files(facts, decided.iter().map(|disk| disk.plan.fate));
    let disks_go = decided.iter().any(|disk| disk.moves());
    let artefacts = artefacts::decide(facts, removal, disks_go, &kept_files, &mut refusals);
    let removes_files = disks_go || !artefacts.moves.is_empty();
    refusals.extend(running(facts, removal, removes_files));
    refusals.extend(deaf(facts, removal));
    refusals.extend(unseen(facts, removal, removes_files));

    let steps = if refusals.is_empty() {
        steps::list(facts, removal, &decided, &artefacts)
    } else {
        Vec::new()
    };
    let unread = unread(facts, &decided);
    Plan {
        domain: facts.domain.clone(),
        title: facts.title.clone(),
        active: facts.active,
        paused: facts.paused,
        persistent: facts.persistent,
        refusals,
        disks: (decided.into_iter().map(|disk| disk.plan))
            .chain(detached::told(facts))
            .collect(),
        steps,
        unseen: facts.unseen.clone(),
        kept: Some(artefacts.kept),
        not_redefinable: facts.not_redefinable.clone(),
        unread,
    }
}

/// What of the disks that go could not be read: refused without the flag that accepts it.
fn unread(facts: &DomainFacts, decided: &[disks::Decided]) -> Vec<String> {
    let goes = facts.disks.iter().zip(decided).filter(|(_, it)| it.moves());
    goes.flat_map(|(disk, _)| {
        let stops = disk.unreadable.iter();
        stops.map(|stop| format!("disk {}: {stop}", disk.target))
    })
    .collect()
}

fn transient(facts: &DomainFacts, removal: &Removal) -> Option<Refusal> {
    (!facts.persistent && !removal.stop_first).then(|| Refusal {
        code: RefusalCode::ActiveDomain,
        subject: facts.domain.name.clone(),
        message: format!(
            "domain {} is transient: it has no definition to remove and ends when it stops",
            facts.domain.name
        ),
        hint: format!(
            "to stop it and retire its storage: virt-retire destroy {} with the same flags",
            facts.domain.typed()
        ),
    })
}

fn running(facts: &DomainFacts, removal: &Removal, removes_files: bool) -> Option<Refusal> {
    let refused = facts.active
        && !removal.stop_first
        && facts.persistent
        && (removal.storage.removes() || removes_files);
    // With --keep-storage alone it goes on, but for disks that its policy removes all the same.
    let policy = obstacles::policy_first(facts, &facts.disks);
    let policy = policy.map_or(String::new(), |commands| format!("{commands}; and then: "));
    refused.then(|| Refusal {
        code: RefusalCode::ActiveDomain,
        subject: facts.domain.name.clone(),
        message: format!(
            "domain {} is {}, and its storage cannot be removed under it",
            facts.domain.name,
            match facts.paused {
                true => "paused",
                false => "running",
            }
        ),
        hint: format!(
            "to stop it first: virt-retire destroy {0} with the same flags; to undefine it and \
             let it run on: {policy}virt-retire undefine {0} --keep-storage",
            facts.domain.typed()
        ),
    })
}

/// A guest whose processors stand still hears of no request to switch itself off.
fn deaf(facts: &DomainFacts, removal: &Removal) -> Option<Refusal> {
    let is_asked = removal.stop_first && removal.graceful.is_some();
    (facts.paused && is_asked).then(|| Refusal {
        code: RefusalCode::ActiveDomain,
        subject: facts.domain.name.clone(),
        message: format!(
            "domain {} is paused: it would not hear that it is asked to switch itself off",
            facts.domain.name
        ),
        hint: format!(
            "let it run first: virsh resume {}; or leave --graceful out, and it is switched off",
            facts.domain.typed()
        ),
    })
}

/// What libvirt would not take back is not taken from it without a word: no rollback could be
/// whole.
fn not_redefinable(facts: &DomainFacts, removal: &Removal) -> Option<Refusal> {
    let cause = facts.not_redefinable.as_ref()?;
    (!removal.accept_not_redefinable).then(|| Refusal {
        code: RefusalCode::NotRedefinable,
        subject: facts.domain.name.clone(),
        message: format!(
            "libvirt would not define domain {} again as it is: {cause}",
            facts.domain.name
        ),
        hint: format!(
            "repair its definition first (virsh edit {}), or go on with --accept-not-redefinable: \
             a later rollback then needs a repaired definition (virt-retire rollback ID --xml \
             FILE) or brings back the files alone (virt-retire rollback ID --files)",
            facts.domain.typed()
        ),
    })
}

fn unsupported(facts: &DomainFacts) -> Vec<Refusal> {
    facts
        .unsupported
        .iter()
        .map(|what| Refusal {
            code: RefusalCode::Unsupported,
            subject: facts.domain.name.clone(),
            message: format!(
                "domain {} could not be brought back whole: {what}",
                facts.domain.name
            ),
            hint: "change that first, or retire the domain by hand".into(),
        })
        .collect()
}

fn unseen(facts: &DomainFacts, removal: &Removal, removes_files: bool) -> Option<Refusal> {
    let refused = removes_files && !facts.unseen.is_empty() && !removal.accept_unseen;
    refused.then(|| Refusal {
        code: RefusalCode::Unseen,
        subject: facts.domain.name.clone(),
        message: format!(
            "not everyone who may use these disks could be looked for: {}",
            obstacles::some_of(facts.unseen.iter().cloned(), "; ")
        ),
        hint: match facts.seen_by_root {
            false => {
                "run as root, or accept the risk with --accept-unseen (the journal records it)"
            }
            true => {
                "make it readable or end it, or accept the risk with --accept-unseen (the journal \
                 records it)"
            }
        }
        .into(),
    })
}

#[cfg(test)]
mod tests;
