//! A plan: the disks, the steps, the refusals.

use indicatif::HumanBytes;

use crate::model::{DiskPlan, Fate, Plan, User};

use super::super::safe::{safe, safe_path};
use super::layout::{align_right, drawn, table};
use super::subject;

/// Users in one cell: a base may have hundreds.
const SHOWN: usize = 5;

/// One plan: its disks with fate and reason, its steps, or why it is refused.
pub fn plan(plan: &Plan) -> String {
    let mut lines = vec![format!(
        "Domain {} ({}), {}{}",
        safe(&plan.domain.name),
        plan.domain.uuid,
        if plan.active { "running" } else { "shut off" },
        if plan.persistent { "" } else { ", transient" },
    )];
    if let Some(title) = &plan.title {
        lines.push(format!("Title: {}", safe(title)));
    }
    lines.push(String::new());
    if plan.disks.is_empty() {
        lines.push("It has no disks.".into());
    } else {
        lines.push(disks(&plan.disks));
    }
    for unseen in &plan.unseen {
        lines.push(format!("not looked at: {}", safe(unseen)));
    }
    for what in &plan.unread {
        lines.push(format!("accepted: left unread: {}", safe(what)));
    }
    if let Some(cause) = plan
        .not_redefinable
        .as_ref()
        .filter(|_| plan.is_executable())
    {
        lines.push(format!(
            "accepted: libvirt would not define it again: {}",
            safe(cause)
        ));
    }
    lines.push(String::new());
    if plan.is_executable() {
        lines.push(format!(
            "Steps ({} into quarantine):",
            HumanBytes(plan.bytes())
        ));
        lines.push(steps(plan));
    } else {
        lines.push("Refused:".into());
        for refusal in &plan.refusals {
            lines.push(format!(
                "  {}: {}",
                refusal.code.word(),
                safe(&refusal.message)
            ));
            lines.push(format!("    hint: {}", safe(&refusal.hint)));
        }
    }
    lines.join("\n")
}

fn disks(disks: &[DiskPlan]) -> String {
    let mut table = table(["Disk", "Fate", "Size", "Volume", "Path", "Why"]);
    align_right(&mut table, 2);
    for disk in disks {
        let volume = match (&disk.pooled, &disk.path) {
            (Some(pooled), _) => format!("{}/{}", pooled.pool, pooled.volume),
            (None, Some(path)) if path.is_absolute() => "unmanaged".to_owned(),
            _ => "-".to_owned(),
        };
        let mut path = disk.path.as_ref().map_or("-".to_owned(), safe_path);
        if let Some(spelled) = &disk.spelled {
            path.push_str(&format!(" (as {})", safe(spelled)));
        }
        table.add_row([
            match &disk.remembered_by {
                Some(by) => format!("{} in {}", safe(&disk.target), safe(by)),
                None => safe(&disk.target),
            },
            disk.fate.word().to_owned(),
            HumanBytes(disk.size).to_string(),
            safe(&volume),
            path,
            why(disk.reason.text(), &disk.used_by),
        ]);
        for link in &disk.chain {
            table.add_row([
                "  below".to_owned(),
                link.fate.word().to_owned(),
                String::new(),
                String::new(),
                safe_path(&link.path),
                match (&link.reason, link.fate, link.used_by.is_empty()) {
                    (Some(reason), ..) => why(&safe(reason), &link.used_by),
                    (None, Fate::Keep, false) => why("someone else uses it", &link.used_by),
                    _ => String::new(),
                },
            ]);
        }
    }
    drawn(&table)
}

fn why(reason: &str, users: &[User]) -> String {
    let mut lines = vec![reason.to_owned()];
    lines.extend(users.iter().take(SHOWN).map(user));
    if let Some(more @ 1..) = users.len().checked_sub(SHOWN) {
        lines.push(format!("and {more} more (--output json names all)"));
    }
    lines.join("\n")
}

/// One user as a sentence has it: `disk vda of domain web`.
pub fn user(user: &User) -> String {
    safe(&user.phrase())
}

fn steps(plan: &Plan) -> String {
    let mut table = table(["#", "Step", "Size", "What"]);
    align_right(&mut table, 0);
    align_right(&mut table, 2);
    for (index, step) in plan.steps.iter().enumerate() {
        table.add_row([
            index.to_string(),
            step.kind().to_owned(),
            step.bytes()
                .map_or(String::new(), |bytes| HumanBytes(bytes).to_string()),
            match step.file() {
                Some(_) => format!("{} → quarantine", safe(&subject(plan, step))),
                None => safe(&subject(plan, step)),
            },
        ]);
    }
    drawn(&table)
}
