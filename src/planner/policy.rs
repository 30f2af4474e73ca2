//! What a domain's policy forbids, and what is wrong with it (never ignored: half a policy may
//! remove what its author meant to keep).

use crate::model::{DomainFacts, Refusal, RefusalCode, Removal, quoted};

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
    let name = &facts.domain.name;
    let refusal = |subject: &str, message: String, hint: String| Refusal {
        code: RefusalCode::PolicyInvalid,
        subject: subject.to_owned(),
        message,
        hint,
    };
    let unread = facts.policy_problems.iter().map(|problem| {
        refusal(
            name,
            format!("the policy of domain {name} is not valid: {problem}"),
            format!(
                "write it anew: virt-retire policy clear {}, then policy set",
                facts.domain.typed()
            ),
        )
    });
    let targets: Vec<&str> = facts
        .disks
        .iter()
        .map(|disk| disk.target.as_str())
        .collect();
    let strange = facts
        .policy
        .disks
        .iter()
        .filter(|(target, _)| !targets.contains(&target.as_str()))
        .map(|(target, _)| {
            refusal(
                target,
                format!("the policy of domain {name} names '{target}', which is not a disk of it"),
                format!(
                    "take that away: virt-retire policy clear {} {}; its targets are: {}",
                    facts.domain.typed(),
                    quoted(target),
                    targets.join(", ")
                ),
            )
        });
    unread.chain(strange).collect()
}
