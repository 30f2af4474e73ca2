//! Where a retirement needed a flag that sets a rule aside. A flag that was given and not needed is
//! in the record of the flags, and no override.

use crate::model::{Override, OverrideFlag, Removal};

use super::Planned;

pub(super) fn of(planned: &Planned, removal: &Removal, reason: Option<&str>) -> Vec<Override> {
    let (facts, plan) = (&planned.facts, &planned.plan);
    let mut all = Vec::new();
    if removal.override_protection && facts.policy.protected {
        let reason = reason.unwrap_or("no reason");
        let what = format!("the domain's protection is overridden: {reason}");
        all.push(Override::new(OverrideFlag::OverrideProtection, what));
    }
    if let Some(cause) = &plan.not_redefinable {
        let what = format!("libvirt would not define the domain again as it is: {cause}");
        all.push(Override::new(OverrideFlag::AcceptNotRedefinable, what));
    }
    if removal.accept_unseen {
        let each = facts
            .unseen
            .iter()
            .map(|what| format!("not looked at: {what}"));
        all.extend(each.map(|what| Override::new(OverrideFlag::AcceptUnseen, what)));
    }
    let unread = plan.unread.iter().map(|what| format!("not read: {what}"));
    all.extend(unread.map(|what| Override::new(OverrideFlag::AcceptBrokenChain, what)));
    all
}
