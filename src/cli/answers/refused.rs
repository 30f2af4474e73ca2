//! Why a plan is refused: what wants a decision with the flags that give it, each once, and what no
//! flag decides in words.

use crate::model::{Plan, Refusal, RefusalCode, count};

use super::super::safe::safe;
use super::layout::{Columns, Width};

const ROWS: Columns<2> = Columns {
    right: &[],
    elastic: 0,
    least: 12,
};

/// The lines below the heading.
pub fn refused(plan: &Plan, width: Width) -> String {
    let decisions = decisions(plan);
    let mut lines = ROWS.drawn(&decisions, width);
    for (messages, hint) in others(plan) {
        for message in messages {
            lines.push(format!("  {}", width.wrapped(&safe(message), 2)));
        }
        lines.push(format!("    {}", width.wrapped(&safe(hint), 4)));
    }
    lines.join("\n")
}

/// What a flag decides, and that flag; where there are two ways out, both.
fn decisions(plan: &Plan) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    let undecided: Vec<&str> = (plan.refusals.iter())
        .filter(|it| it.code == RefusalCode::UndecidedDisk)
        .map(|it| it.subject.as_str())
        .collect();
    if !undecided.is_empty() {
        rows.push([
            disks(&undecided),
            "--remove-all-storage  or --keep-storage".to_owned(),
        ]);
    }
    for refusal in &plan.refusals {
        let Some((what, flags)) = decision(refusal) else {
            continue;
        };
        rows.push([what, flags.to_owned()]);
    }
    rows
}

fn decision(refusal: &Refusal) -> Option<(String, &'static str)> {
    // `domain web1 has 2 snapshots (a, b)`: what it has.
    let has = || {
        let what = refusal.message.split_once(" has ").map(|(_, what)| what);
        safe(what.unwrap_or(&refusal.message))
    };
    Some(match refusal.code {
        RefusalCode::SnapshotsExist => (has(), "--snapshots-metadata"),
        RefusalCode::CheckpointsExist => (has(), "--checkpoints-metadata"),
        RefusalCode::ManagedSaveExists => ("managed save".to_owned(), "--managed-save"),
        RefusalCode::NvramUndecided => ("NVRAM".to_owned(), "--nvram  or --keep-nvram"),
        _ => return None,
    })
}

/// `disks vda, vdb`; of many the first, and how many there are.
fn disks(targets: &[&str]) -> String {
    const SHOWN: usize = 4;
    let shown: Vec<String> = targets.iter().take(SHOWN).map(|it| safe(it)).collect();
    let shown = shown.join(", ");
    match targets.len() {
        1 => format!("disk {shown}"),
        0..=SHOWN => format!("disks {shown}"),
        number => format!("{}, {shown} …", count(number, "disk")),
    }
}

/// What has no flag of its own, in words; those with one way out together.
fn others(plan: &Plan) -> Vec<(Vec<&str>, &str)> {
    let mut groups: Vec<(Vec<&str>, &str)> = Vec::new();
    for refusal in &plan.refusals {
        if refusal.code == RefusalCode::UndecidedDisk || decision(refusal).is_some() {
            continue;
        }
        let message = refusal.message.as_str();
        match groups.iter_mut().find(|(_, hint)| *hint == refusal.hint) {
            Some((messages, _)) if messages.contains(&message) => {}
            Some((messages, _)) => messages.push(message),
            None => groups.push((vec![message], &refusal.hint)),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_disks_are_one_row() {
        assert_eq!(disks(&["vda"]), "disk vda");
        assert_eq!(disks(&["vda", "vdb"]), "disks vda, vdb");
        let targets = vec!["vda"; 40];
        assert_eq!(disks(&targets), "40 disks, vda, vda, vda, vda …");
    }
}
