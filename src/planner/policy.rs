//! What a domain's policy forbids, and what is wrong with it (never ignored: half a policy may
//! remove what its author meant to keep).

use crate::model::{DomainFacts, DomainRef, Refusal, RefusalCode, Removal, quoted};

pub fn protection(facts: &DomainFacts, removal: &Removal) -> Option<Refusal> {
    let name = &facts.domain.name;
    (facts.policy.protected && !removal.override_protection).then(|| Refusal {
        code: RefusalCode::Protected,
        subject: name.clone(),
        message: format!("domain {name} is protected by its policy"),
        hint: format!(
            "to lift that for good: virt-retire policy clear {} --protected; for this once: \
             --override-protection --reason TEXT",
            facts.domain.typed()
        ),
    })
}

/// No flag and no reason lifts it: only who edits the host's configuration does.
pub fn host_protection(facts: &DomainFacts) -> Option<Refusal> {
    let name = &facts.domain.name;
    facts.protected_by_host.as_ref().map(|glob| Refusal {
        code: RefusalCode::Protected,
        subject: name.clone(),
        message: format!("this host's configuration protects domain {name} (protect = \"{glob}\")"),
        hint: "only who edits the configuration lifts that; to see where it is: virt-retire \
               config show"
            .into(),
    })
}

pub fn problems(facts: &DomainFacts) -> Vec<Refusal> {
    let domain = &facts.domain;
    let unread = facts.policy_problems.iter();
    let unread = unread.map(|problem| unreadable(domain, problem));
    let targets: Vec<&str> = facts
        .disks
        .iter()
        .map(|disk| disk.target.as_str())
        .collect();
    let strange = facts.policy.disks.iter();
    let strange = strange.filter(|(target, _)| !targets.contains(&target.as_str()));
    unread
        .chain(strange.map(|(target, _)| stranger(domain, target, &targets)))
        .collect()
}

/// The refusal of a policy that cannot be read; `problem` in words.
pub fn unreadable(domain: &DomainRef, problem: &str) -> Refusal {
    let name = &domain.name;
    Refusal {
        code: RefusalCode::PolicyInvalid,
        subject: name.clone(),
        message: format!("the policy of domain {name} is not valid: {problem}"),
        hint: format!(
            "write it anew: virt-retire policy clear {}, then policy set",
            domain.typed()
        ),
    }
}

/// The refusal of a policy that names a target which no disk has; `targets` are those that there
/// are.
pub fn stranger(domain: &DomainRef, target: &str, targets: &[&str]) -> Refusal {
    Refusal {
        code: RefusalCode::PolicyInvalid,
        subject: target.to_owned(),
        message: format!(
            "the policy of domain {} names '{target}', which is not a disk of it",
            domain.name
        ),
        hint: format!(
            "take that away: virt-retire policy clear {} {}; its targets are: {}",
            domain.typed(),
            quoted(target),
            targets.join(", ")
        ),
    }
}
