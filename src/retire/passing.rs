//! From plans that are refused to the flags with which they would not be: an operator who has read
//! why should have one line to type. It is planned again with them before it is offered.

use crate::model::{Fate, Plan, Refusal, RefusalCode, Removal, Verdict};
use crate::planner;

use super::Planned;

/// Plans that are refused, and what would pass.
#[derive(Debug, Clone)]
pub struct Refused {
    pub plans: Vec<Plan>,
    /// The flags with which all of them would be executed. No risk is accepted by them that was not
    /// accepted before, and nothing is removed that would not have been.
    pub passing: Option<Removal>,
}

impl Refused {
    pub fn new(planned: &[Planned]) -> Self {
        let plans = planned.iter().map(|one| one.plan.clone());
        Self {
            plans: plans.collect(),
            passing: passing(planned),
        }
    }

    pub fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.plans.iter().flat_map(|plan| &plan.refusals)
    }
}

/// One refusal may hide another: a guest that runs on keeps its snapshots, one that is stopped does
/// not.
const ROUNDS: usize = 4;

fn passing(planned: &[Planned]) -> Option<Removal> {
    let mut removal = planned.first()?.removal.clone();
    let mut plans: Vec<Plan> = planned.iter().map(|one| one.plan.clone()).collect();
    for _ in 0..ROUNDS {
        removal = answered(&removal, &plans)?;
        let all: Vec<_> = planned.iter().map(|one| (&one.facts, &removal)).collect();
        plans = planner::batch(&all)
            .into_iter()
            .map(|(_, plan)| plan)
            .collect();
        if plans.iter().all(Plan::is_executable) {
            return Some(removal);
        }
    }
    None
}

/// The flags that answer what is asked for now; `None` where a refusal is no question of flags, or
/// only of a risk.
fn answered(removal: &Removal, plans: &[Plan]) -> Option<Removal> {
    let mut answered = removal.clone();
    let mut asked: Vec<RefusalCode> = Vec::new();
    let mut left_out = false;
    for refusal in plans.iter().flat_map(|plan| &plan.refusals) {
        match refusal.code {
            RefusalCode::UndecidedDisk => answered.storage.all = true,
            RefusalCode::SnapshotsExist => answered.snapshots_metadata = true,
            RefusalCode::CheckpointsExist => answered.checkpoints_metadata = true,
            RefusalCode::ManagedSaveExists => answered.managed_save = true,
            RefusalCode::NvramUndecided => answered.nvram = Some(Verdict::Remove),
            // A paused guest that was to switch itself off; else one that runs.
            RefusalCode::ActiveDomain if answered.stop_first => answered.graceful = None,
            RefusalCode::ActiveDomain => answered.stop_first = true,
            RefusalCode::InUse
            | RefusalCode::Unsupported
            | RefusalCode::RemoteFiles
            | RefusalCode::ProtectedPath
            | RefusalCode::UnreadableChain => left_out = true,
            _ => return None,
        }
        if is_metadata(refusal.code) && !asked.contains(&refusal.code) {
            asked.push(refusal.code);
        }
    }
    if asked.len() > 1 {
        answered.managed_save = true;
        answered.snapshots_metadata = true;
        answered.checkpoints_metadata = true;
        answered.nvram.get_or_insert(Verdict::Remove);
        answered.tpm.get_or_insert(Verdict::Remove);
    }
    if left_out {
        // Targets of one domain say nothing of another's.
        let [plan] = plans else { return None };
        leave_out(&mut answered, plan)?;
    }
    Some(answered)
}

fn is_metadata(code: RefusalCode) -> bool {
    matches!(
        code,
        RefusalCode::SnapshotsExist
            | RefusalCode::CheckpointsExist
            | RefusalCode::ManagedSaveExists
            | RefusalCode::NvramUndecided
    )
}

/// The disks that can go, by name, and the others not. `None` where it is no disk that stands in
/// the way.
fn leave_out(removal: &mut Removal, plan: &Plan) -> Option<()> {
    let stands_in_the_way = |target: &str| {
        let mut refusals = plan.refusals.iter();
        refusals.any(|it| it.code != RefusalCode::UndecidedDisk && it.subject == target)
    };
    let mut found = false;
    let mut go = Vec::new();
    for disk in &plan.disks {
        match disk.fate {
            Fate::Refuse if stands_in_the_way(&disk.target) => found = true,
            Fate::Refuse | Fate::Quarantine => go.push(disk.target.clone()),
            Fate::Keep => {}
        }
    }
    if !found {
        return None;
    }
    let storage = &mut removal.storage;
    *storage = crate::model::StorageFlags::default();
    match go.is_empty() {
        true => {
            storage.keep = true;
            // Of what stays nothing is accepted.
            removal.accept_broken_chain = false;
        }
        false => storage.named = Some(go),
    }
    Some(())
}
