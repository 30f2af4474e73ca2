//! What is otherwise than in an earlier plan, in words: whoever has looked at that one wants to
//! know.

use std::collections::HashMap;
use std::path::Path;

use crate::model::{DiskPlan, FileFacts, Plan, Step, User, quoted};

/// Empty where nothing is; `definition_is_same` speaks of what no plan has in it.
pub fn differences(then: &Plan, now: &Plan, definition_is_same: bool) -> Vec<String> {
    let mut told = Vec::new();
    let flags = [
        (then.active, now.active, "it runs now", "it is shut off now"),
        (
            then.persistent,
            now.persistent,
            "it is persistent now",
            "it is transient now",
        ),
    ];
    for (before, after, yes, no) in flags {
        if before != after {
            told.push(if after { yes } else { no }.to_owned());
        }
    }
    if then.domain.name != now.domain.name {
        told.push(format!("it is called {} now", quoted(&now.domain.name)));
    }
    disks(&then.disks, &now.disks, &mut told);
    let is_new = |message: &String| then.refusals.iter().all(|it| it.message != *message);
    let refusals = now.refusals.iter().map(|it| it.message.clone());
    told.extend(refusals.filter(is_new));
    // A refused plan has no steps, and so none that are missing.
    if now.is_executable() {
        files(then, now, &mut told);
    }
    if !definition_is_same {
        told.push("its definition was changed".to_owned());
    }
    if told.is_empty() && !then.is_same_as(now) {
        told.push("the steps are others".to_owned());
    }
    told
}

fn disks(then: &[DiskPlan], now: &[DiskPlan], told: &mut Vec<String>) {
    let is_of = |disk: &DiskPlan, other: &DiskPlan| {
        disk.target == other.target && disk.remembered_by == other.remembered_by
    };
    for disk in then {
        let target = &disk.target;
        let Some(same) = now.iter().find(|it| is_of(it, disk)) else {
            told.push(format!("disk {target} is gone"));
            continue;
        };
        if same.path != disk.path {
            let path = same.path.as_deref().unwrap_or(Path::new("nothing"));
            told.push(format!("disk {target} is {} now", path.display()));
        }
        used(
            &format!("disk {target}"),
            &disk.used_by,
            &same.used_by,
            told,
        );
        let below = |disk: &DiskPlan| {
            disk.chain
                .iter()
                .map(|it| it.path.clone())
                .collect::<Vec<_>>()
        };
        if below(same) != below(disk) {
            told.push(format!("the chain of disk {target} is another one"));
        }
        for (link, now) in disk.chain.iter().zip(&same.chain) {
            if link.path == now.path {
                used(
                    &link.path.display().to_string(),
                    &link.used_by,
                    &now.used_by,
                    told,
                );
            }
        }
    }
    let new = now
        .iter()
        .filter(|disk| then.iter().all(|it| !is_of(it, disk)));
    told.extend(new.map(|disk| format!("disk {} is new", disk.target)));
}

fn used(what: &str, then: &[User], now: &[User], told: &mut Vec<String>) {
    let new = now.iter().filter(|user| !then.contains(user));
    told.extend(new.map(|user| format!("{what} is used by {} now", user.phrase())));
    let gone = then.iter().filter(|user| !now.contains(user));
    told.extend(gone.map(|user| format!("{what} is not used by {} any more", user.phrase())));
}

fn files(then: &Plan, now: &Plan, told: &mut Vec<String>) {
    let facts = |plan: &Plan| -> HashMap<std::path::PathBuf, FileFacts> {
        let moved = plan.steps.iter().filter_map(Step::file);
        moved
            .map(|moved| (moved.path.clone(), moved.facts.clone()))
            .collect()
    };
    let (before, after) = (facts(then), facts(now));
    let mut paths: Vec<&std::path::PathBuf> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let shown = path.display();
        match (before.get(path), after.get(path)) {
            (Some(_), None) => told.push(format!("{shown} would stay")),
            (None, Some(_)) => told.push(format!("{shown} would go, too")),
            (Some(one), Some(other)) if one.identity != other.identity => {
                told.push(format!("{shown} is another file now"));
            }
            (Some(one), Some(other))
                if (one.size, one.modified) != (other.size, other.modified) =>
            {
                told.push(format!("{shown} was written to"));
            }
            (Some(one), Some(other)) if one != other && !(then.active && now.active) => {
                told.push(format!("owner, mode or names of {shown} are others"));
            }
            _ => {}
        }
    }
    let count = |plan: &Plan, kind: &str| {
        let steps = plan.steps.iter().filter(|step| step.kind() == kind);
        steps.map(Step::bytes).collect::<Vec<_>>()
    };
    for (kind, what) in [
        ("save-snapshots", "its snapshots are others"),
        ("save-checkpoints", "its checkpoints are others"),
        ("save-autostart", "whether it is autostarted"),
    ] {
        if count(then, kind) != count(now, kind) {
            told.push(what.to_owned());
        }
    }
}
