//! A plan becomes a transaction, and its steps are run to `prepared`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{
    Definition, DigestKind, Direction, Draft, EventKind, Evidence, Override, OverrideFlag, Plan,
    QuarantineFolder, Reason, Removal, State, Step, Transaction, TransactionId,
};
use crate::ports::Root;

use super::course::StepFailure;
use super::error::{EngineError, Failure};
use super::run::{OnSignal, Stop, Unwritten};
use super::{Engine, digest, volumes};

/// All that is known of a retirement before it has a number and a place to put files in.
pub struct Retirement {
    pub plan: Plan,
    pub definition: Definition,
    pub removal: Removal,
    pub evidence: Evidence,
    pub commit_at_once: bool,
    /// From its beginning on, until it expires; `None`: never.
    pub retention: Option<Duration>,
    /// Read what was moved, to its end, and write down what it was.
    pub digest: Option<DigestKind>,
}

impl Engine<'_> {
    /// Runs every step of an executable plan. It is not `prepared` before one more look was taken,
    /// which a batch takes once for all ([`Engine::retire`]).
    ///
    /// # Errors
    /// Before the transaction is begun: nothing was changed. After: [`EngineError::PutBack`]
    /// where a step failed and rollback worked, [`EngineError::Stuck`] where it did not.
    pub(super) fn execute(
        &mut self,
        retirement: Retirement,
    ) -> Result<(Transaction, Unwritten), EngineError> {
        if !retirement.plan.is_executable() {
            return Err(EngineError::Refused {
                refusals: retirement.plan.refusals,
            });
        }
        self.close_unbegun()?;
        self.refuse_claimed(&retirement.plan, None)?;
        let left_out = self.leave_out_numbers()?;
        let digest = retirement.digest;
        let mut transaction = self.begin(retirement)?;
        let cause = told(&transaction.evidence.overrides);
        self.enter(&mut transaction, Unwritten::none(), State::Executing, cause)?;
        // After the state: entering it ends the notes of earlier runs.
        let mut unwritten = Unwritten::none();
        let told = left_out.into_iter().chain(left(&transaction.plan));
        unwritten.extend(told.map(|text| EventKind::Noted { text }));
        let run = self.run(
            &mut transaction,
            Direction::Forward,
            OnSignal::TurnBack,
            unwritten,
        );
        let run = run.map(|mut unwritten| {
            unwritten.extend(digest::of_files(&self.world, &transaction, digest));
            unwritten
        });
        match run {
            // A signal during the last step.
            Ok(unwritten) if OnSignal::TurnBack.turns_back(&self.world) => Err(self.give_up(
                transaction,
                unwritten,
                "prepared".into(),
                Failure::Interrupted,
            )),
            Ok(unwritten) => Ok((transaction, unwritten)),
            Err(Stop::Unfinished(error)) => Err(error),
            Err(Stop::Failed(StepFailure { step, cause, .. })) => {
                Err(self.give_up(transaction, Unwritten::none(), step, cause))
            }
        }
    }

    /// The record that comes before every effect. Where files can wait is found by trying, for which
    /// an empty folder of ours may have to be made: that alone comes before it, and goes again
    /// where nothing is begun.
    fn begin(&mut self, retirement: Retirement) -> Result<Transaction, EngineError> {
        let mut made = Vec::new();
        let drafted = self.draft(retirement, &mut made);
        let begun = drafted.and_then(|draft| match self.world.control.may_begin() {
            true => Ok(self.journal.begin(draft)?),
            false => Err(EngineError::Interrupted),
        });
        if begun.is_err() {
            for root in made {
                // The cause is worth more than what the clean-up says.
                let _ = self.world.storage.unmake(&root);
            }
        }
        begun
    }

    /// `made`: the quarantine roots that were not there before.
    fn draft(&self, retirement: Retirement, made: &mut Vec<PathBuf>) -> Result<Draft, EngineError> {
        let Retirement {
            plan,
            definition,
            removal,
            mut evidence,
            commit_at_once,
            retention,
            digest: _,
        } = retirement;
        let hypervisor = self.world.hypervisor;
        evidence.circumstances.libvirt = Some(hypervisor.version().to_string());
        evidence.circumstances.qemu = hypervisor.emulator_version().map(|it| it.to_string());
        let volumes = volumes::described(&self.world, &plan)?;
        let id = self.journal.next_id()?;
        let uuid = uuid::Uuid::new_v4();
        let mut folder = |root: Root| {
            let folder = root.folder.join(folder_name(id, uuid));
            made.extend(root.made.then_some(root.folder));
            folder
        };
        let avoid: Vec<PathBuf> = self
            .world
            .hypervisor
            .pools()?
            .into_iter()
            .filter_map(|pool| pool.target)
            .collect();
        let mut places: Vec<QuarantineFolder> = Vec::new();
        for moved in plan.steps.iter().filter_map(Step::file) {
            let source = moved.path.parent().unwrap_or(Path::new("/"));
            if places.iter().all(|place| place.source != source) {
                places.push(QuarantineFolder {
                    source: source.to_owned(),
                    folder: folder(self.world.storage.place(source, &avoid)?),
                });
            }
        }
        let started_at = self.world.clock.now();
        Ok(Draft {
            uuid,
            evidence,
            removal,
            plan,
            definition,
            volumes,
            home: folder(self.world.storage.home()?),
            places,
            commit_at_once,
            started_at,
            uptime: self.world.clock.uptime(),
            // Beyond the calendar's end is as good as never.
            expires_at: retention.and_then(|span| started_at.checked_add(span).ok()),
        })
    }
}

/// For the event log as well as for the record: who reads the one sees it.
fn told(overrides: &[Override]) -> Option<String> {
    let each = overrides.iter().map(|it| match it.flag {
        OverrideFlag::OverrideProtection => it.what.clone(),
        _ => format!("accepted: {}", it.what),
    });
    let all: Vec<String> = each.collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// What stays although the domain goes, and that nobody would look for.
fn left(plan: &Plan) -> impl Iterator<Item = String> {
    let targets = plan.disks.iter().filter_map(|disk| {
        let becomes = match disk.reason {
            Reason::JobTarget => "which stays as it is",
            Reason::BackupTarget => "which libvirt deletes where it was not finished",
            _ => return None,
        };
        Some(format!(
            "{} of disk {} ends with the guest; it wrote {}, {becomes}",
            disk.remembered_by.as_deref().unwrap_or("a job"),
            disk.target,
            disk.path.as_ref()?.display()
        ))
    });
    let unread = plan.unread.iter();
    targets.chain(unread.map(|what| format!("left as it is, since it could not be read: {what}")))
}

/// The number for people, the UUID because two journals may share a quarantine.
fn folder_name(id: TransactionId, uuid: uuid::Uuid) -> String {
    format!("{id}-{uuid}")
}
