//! One plan on a screen: each disk with its fate, where it is and why; what else goes; the steps
//! for who asks.

use std::collections::HashMap;
use std::path::Path;

use crate::cli::safe::{safe, safe_path};
use crate::model::{
    ChainLink, DiskPlan, Fate, FileMove, FileRole, Plan, Pooled, Reason, Step, User, count, size,
};

use super::super::layout::{Columns, Width, align_right, drawn, table};
use super::super::user::user;
use super::{Look, subject};

/// Users of one file: a base may have hundreds.
const SHOWN: usize = 5;

const ROWS: Columns<5> = Columns {
    right: &[2],
    elastic: 3,
    least: 16,
};

/// One plan: its domain, each disk with its fate, what else goes, and what of the risks was
/// accepted.
pub fn plan(plan: &Plan, look: Look) -> String {
    let mut lines = vec![heading(plan)];
    if look.whole {
        lines.push(format!("  UUID {}", plan.domain.uuid));
    }
    lines.extend(disks(plan, look));
    lines.extend(besides(plan).map(|(verb, what)| {
        let what = look.width.wrapped(&what, 10);
        format!("  {verb:<6}  {what}")
    }));
    for unseen in &plan.unseen {
        lines.push(format!("  not looked at: {}", safe(unseen)));
    }
    for what in &plan.unread {
        lines.push(format!("  accepted: left unread: {}", safe(what)));
    }
    if let (Some(cause), true) = (&plan.not_redefinable, plan.is_executable()) {
        lines.push(format!(
            "  accepted: libvirt would not define it again: {}",
            safe(cause)
        ));
    }
    if look.whole && plan.is_executable() {
        lines.push("Steps:".to_owned());
        lines.push(steps(plan));
    }
    lines.join("\n")
}

/// `web1 · shut off · 2 disks go, 1 stays`
fn heading(plan: &Plan) -> String {
    let mut parts = vec![safe(&plan.domain.name)];
    parts.extend(plan.title.as_deref().map(safe));
    parts.push(power(plan).to_owned());
    parts.push(outcome(plan));
    parts.join(" · ")
}

pub(super) fn power(plan: &Plan) -> &'static str {
    match (plan.active, plan.paused, plan.persistent) {
        (true, true, true) => "paused",
        (true, true, false) => "paused, transient",
        (true, false, true) => "running",
        (true, false, false) => "running, transient",
        (false, _, true) => "shut off",
        (false, _, false) => "ended, transient",
    }
}

/// What becomes of its disks, counted.
pub(super) fn outcome(plan: &Plan) -> String {
    let with = |fate: Fate| plan.disks.iter().filter(|disk| disk.fate == fate).count();
    if plan.disks.is_empty() {
        return "no disks".to_owned();
    }
    let go = with(Fate::Quarantine);
    let stay = with(Fate::Keep);
    let refused = with(Fate::Refuse);
    let mut parts = Vec::new();
    if go > 0 || stay + refused == 0 {
        let verb = if go == 1 { "goes" } else { "go" };
        parts.push(format!("{} {verb}", count(go, "disk")));
    }
    if stay > 0 {
        let what = match parts.is_empty() {
            true => count(stay, "disk"),
            false => stay.to_string(),
        };
        parts.push(format!(
            "{what} {}",
            if stay == 1 { "stays" } else { "stay" }
        ));
    }
    if refused > 0 {
        let what = match parts.is_empty() {
            true => count(refused, "disk"),
            false => refused.to_string(),
        };
        parts.push(format!("{what} cannot go as asked"));
    }
    parts.join(", ")
}

fn disks(plan: &Plan, look: Look) -> Vec<String> {
    let moved: HashMap<&Path, &FileMove> = (plan.steps.iter())
        .filter_map(Step::file)
        .map(|moved| (moved.path.as_path(), moved))
        .collect();
    let mut rows = Vec::new();
    // After which row the users of its file are told.
    let mut users: Vec<(usize, Vec<String>)> = Vec::new();
    for disk in &plan.disks {
        rows.push([
            verb(disk.fate).to_owned(),
            safe(&disk.target),
            disk.path
                .as_ref()
                .map_or(String::new(), |_| size(disk.allocated)),
            place(disk, look),
            why(disk),
        ]);
        users.push((rows.len(), told(&disk.used_by)));
        for link in &disk.chain {
            let facts = moved.get(link.path.as_path()).map(|moved| &moved.facts);
            let facts = facts.or(link.facts.as_ref());
            rows.push([
                verb(link.fate).to_owned(),
                String::new(),
                facts.map_or(String::new(), |facts| size(facts.allocated)),
                safe_path(&link.path),
                below(disk, link),
            ]);
            users.push((rows.len(), told(&link.used_by)));
        }
    }
    let mut lines = Vec::new();
    let width = if look.whole { Width(None) } else { look.width };
    for (index, row) in ROWS.drawn(&rows, width).into_iter().enumerate() {
        lines.push(row);
        let used = users.iter().filter(|(after, _)| *after == index + 1);
        lines.extend(used.flat_map(|(_, lines)| lines.clone()));
    }
    lines
}

fn verb(fate: Fate) -> &'static str {
    match fate {
        Fate::Quarantine => "remove",
        Fate::Keep => "keep",
        Fate::Refuse => "refuse",
    }
}

fn place(disk: &DiskPlan, look: Look) -> String {
    let path = disk.path.as_ref().map_or("-".to_owned(), safe_path);
    match &disk.spelled {
        Some(spelled) if look.whole => format!("{path} (as {})", safe(spelled)),
        _ => path,
    }
}

/// The rule that decided, where the flags do not say it themselves, and the pool.
fn why(disk: &DiskPlan) -> String {
    let mut parts = Vec::new();
    parts.extend(rule(&disk.reason).map(str::to_owned));
    let by = disk.remembered_by.as_ref();
    parts.extend(by.map(|by| format!("{} in {}", safe(&disk.target), safe(by))));
    // Of what is refused, the reason counts and not the pool.
    let pooled = disk.pooled.as_ref().filter(|_| disk.fate != Fate::Refuse);
    parts.extend(pooled.map(|pooled| pool(pooled, disk.path.as_deref())));
    parts.join(", ")
}

fn pool(pooled: &Pooled, path: Option<&Path>) -> String {
    let file = path
        .and_then(Path::file_name)
        .and_then(|name| name.to_str());
    match file == Some(&pooled.volume) {
        true => format!("pool {}", safe(&pooled.pool)),
        false => format!("{}/{}", safe(&pooled.pool), safe(&pooled.volume)),
    }
}

/// A rule in a word or two; of the flags that remove nothing needs to be said.
fn rule(reason: &Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Named | Reason::RemoveAll | Reason::RemoveManaged | Reason::RemoveUnmanaged => {
            return None;
        }
        Reason::NotNamed => "not named",
        Reason::PolicyRemove | Reason::PolicyKeep => "policy",
        Reason::EmptyDrive => "empty drive",
        Reason::OnlyManaged => "in no pool",
        Reason::OnlyUnmanaged => "in a pool",
        Reason::Undecided => "undecided",
        Reason::InUse => "in use",
        Reason::Unreadable => "unreadable",
        Reason::Protected => "protected",
        Reason::Detached => "detached since",
        Reason::JobTarget => "written by a job",
        Reason::BackupTarget => "written by a backup",
        Reason::Unsupported => "not supported",
        Reason::ReadOnly
        | Reason::Shareable
        | Reason::Cdrom
        | Reason::Floppy
        | Reason::KeepStorage => reason.text(),
    })
}

fn below(disk: &DiskPlan, link: &ChainLink) -> String {
    let mut text = format!("below {}", safe(&disk.target));
    match (&link.reason, link.fate, link.used_by.is_empty()) {
        (Some(reason), ..) => text.push_str(&format!(": {}", safe(reason))),
        (None, Fate::Keep, false) => text.push_str(", in use"),
        _ => {}
    }
    text
}

fn told(users: &[User]) -> Vec<String> {
    const INDENT: &str = "          ";
    let shown = users.iter().take(SHOWN);
    let mut lines: Vec<String> = shown.map(|one| format!("{INDENT}{}", user(one))).collect();
    if let Some(more @ 1..) = users.len().checked_sub(SHOWN) {
        lines.push(format!("{INDENT}and {more} more (--output json names all)"));
    }
    lines
}

/// What goes and stays beside the disks, and what happens to the guest.
fn besides(plan: &Plan) -> impl Iterator<Item = (&'static str, String)> {
    let goes = extras(plan);
    let kept = plan
        .kept_nvram()
        .is_some_and(|mut kept| kept.next().is_some());
    let copied: Vec<&str> = (plan.steps.iter())
        .filter_map(|step| match step {
            Step::CopyState(copied) if copied.role == FileRole::TpmState => Some("TPM state"),
            Step::CopyState(_) => Some("NVRAM"),
            _ => None,
        })
        .collect();
    let stop = plan.steps.iter().find_map(|step| match step {
        Step::Stop { graceful } => Some(*graceful),
        _ => None,
    });
    let runs_on = plan.active && stop.is_none();
    let lines = [
        (!goes.is_empty()).then(|| ("remove", goes.join(", "))),
        kept.then(|| ("keep", "NVRAM".to_owned())),
        (!copied.is_empty()).then(|| {
            let what = format!("{}: the guest goes on using them", copied.join(", "));
            ("copy", what)
        }),
        stop.map(|graceful| match graceful {
            None => (
                "stop",
                "switched off at once, its unsaved memory is lost".to_owned(),
            ),
            Some(seconds) => (
                "stop",
                format!("asked to switch itself off, within {seconds} s"),
            ),
        }),
        runs_on.then(|| {
            (
                "runs",
                "on, without a definition, until it stops".to_owned(),
            )
        }),
    ];
    lines.into_iter().flatten()
}

/// NVRAM, TPM state, managed save, snapshots and checkpoints that go.
pub(super) fn extras(plan: &Plan) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut add = |part: String| {
        if !parts.contains(&part) {
            parts.push(part);
        }
    };
    for step in &plan.steps {
        match step {
            Step::SaveSnapshots { names, .. } => add(count(names.len(), "snapshot")),
            Step::SaveCheckpoints { names, .. } => add(count(names.len(), "checkpoint")),
            Step::LinkManagedSave(saved) => add(format!(
                "managed save ({})",
                size(saved.image.facts.allocated)
            )),
            Step::Quarantine(item) => match item.taken().role() {
                FileRole::Nvram => add("NVRAM".to_owned()),
                FileRole::TpmState => add("TPM state".to_owned()),
                FileRole::SnapshotMemory { snapshot } => add(format!(
                    "memory of snapshot {} ({})",
                    safe(snapshot),
                    size(item.taken().allocated())
                )),
                _ => {}
            },
            _ => {}
        }
    }
    parts
}

/// What all of it comes to, and that nothing is freed by it.
pub fn total(plans: &[&Plan]) -> String {
    let go = || plans.iter().filter(|plan| plan.is_executable());
    let bytes = go().map(|plan| plan.allocated());
    let into = match bytes.fold(0, u64::saturating_add) {
        0 => "Nothing but the definition goes into quarantine".to_owned(),
        bytes => format!(
            "{} into quarantine (the space is not freed before purge)",
            size(bytes)
        ),
    };
    match plans.len() {
        1 => format!("{into}."),
        _ => {
            let number = go().count();
            let verb = if number == 1 { "goes" } else { "go" };
            format!("{} {verb}, {into}.", count(number, "domain"))
        }
    }
}

/// Numbered as the progress is.
fn steps(plan: &Plan) -> String {
    let mut table = table(["#", "Step", "Size", "What"]);
    align_right(&mut table, 0);
    align_right(&mut table, 2);
    for (index, step) in plan.steps.iter().enumerate() {
        let moved = step.file();
        table.add_row([
            (index + 1).to_string(),
            step.kind().to_owned(),
            match moved {
                Some(moved) => size(moved.facts.allocated),
                None => step.bytes().map_or(String::new(), size),
            },
            match moved {
                Some(_) => format!("{} → quarantine", safe(&subject(plan, step))),
                None => safe(&subject(plan, step)),
            },
        ]);
    }
    drawn(&table)
}
