//! Plans become transactions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::{
    Definition, DigestKind, Direction, Draft, EventKind, Evidence, Override, OverrideFlag, Plan,
    QuarantineFolder, Reason, Removal, State, Step, Transaction, TransactionId,
};
use crate::ports::{Root, Storage};

use super::course::intended_at_once;
use super::error::EngineError;
use super::{Engine, volumes};

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

/// A transaction whose first steps are intended.
pub(super) struct Begun {
    pub transaction: Transaction,
    /// How many of its steps that is.
    pub intended: usize,
    /// See [`Retirement::digest`].
    pub digest: Option<DigestKind>,
}

impl Engine<'_> {
    /// Begins executable plans in one durable record: all of them or none.
    ///
    /// That record comes before every effect. Where files can wait is found by trying, for which an
    /// empty folder of ours may have to be made: that alone comes before it, and goes again where
    /// nothing is begun.
    ///
    /// # Errors
    /// Nothing was changed.
    pub(super) fn begin_all(
        &mut self,
        retirements: Vec<Retirement>,
    ) -> Result<Vec<Begun>, EngineError> {
        for retirement in &retirements {
            if !retirement.plan.is_executable() {
                return Err(EngineError::Refused {
                    refusals: retirement.plan.refusals.clone(),
                });
            }
        }
        self.close_unbegun()?;
        for retirement in &retirements {
            self.refuse_claimed(&retirement.plan, None)?;
        }
        let left_out = self.leave_out_numbers()?;
        let digests: Vec<_> = retirements.iter().map(|it| it.digest).collect();
        let mut made = Vec::new();
        let drafted = self.draft_all(retirements, &mut made);
        let begun = drafted.and_then(|drafts| match self.world.control.may_begin() {
            true => self.record(drafts, &digests, left_out),
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

    fn record(
        &mut self,
        drafts: Vec<Draft>,
        digests: &[Option<DigestKind>],
        left_out: Option<String>,
    ) -> Result<Vec<Begun>, EngineError> {
        let mut left_out = left_out.into_iter();
        let mut intended = Vec::new();
        let begin = |draft: Draft| {
            let steps = &draft.plan.steps;
            let order: Vec<usize> = (0..steps.len()).collect();
            let first = intended_at_once(steps, &order, Direction::Forward);
            intended.push(first);
            let mut kinds = vec![EventKind::Entered {
                state: State::Executing,
                cause: told(&draft.evidence.overrides),
            }];
            // After the state: entering it ends the notes of earlier runs.
            let notes = left_out.by_ref().chain(left(&draft.plan));
            kinds.extend(notes.map(|text| EventKind::Noted { text }));
            kinds.extend(order.into_iter().take(first).map(|step| EventKind::Intent {
                step,
                direction: Direction::Forward,
            }));
            (draft, kinds)
        };
        let begun = self
            .journal
            .begin_all(drafts.into_iter().map(begin).collect())?;
        let begun = begun.into_iter().zip(intended).zip(digests);
        let begun = begun.map(|((transaction, intended), digest)| Begun {
            transaction,
            intended,
            digest: *digest,
        });
        Ok(begun.collect())
    }

    fn draft_all(
        &self,
        retirements: Vec<Retirement>,
        made: &mut Vec<PathBuf>,
    ) -> Result<Vec<Draft>, EngineError> {
        let pools = self.world.hypervisor.pools()?;
        let mut roots = Roots {
            storage: self.world.storage,
            avoid: pools.into_iter().filter_map(|pool| pool.target).collect(),
            home: None,
            by_source: HashMap::new(),
            made,
        };
        let first = self.journal.next_id()?.0;
        let numbered = (first..).map(TransactionId).zip(retirements);
        numbered
            .map(|(id, retirement)| self.draft(id, retirement, &mut roots))
            .collect()
    }

    fn draft(
        &self,
        id: TransactionId,
        retirement: Retirement,
        roots: &mut Roots,
    ) -> Result<Draft, EngineError> {
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
        let uuid = uuid::Uuid::new_v4();
        let name = folder_name(id, uuid);
        let mut places: Vec<QuarantineFolder> = Vec::new();
        for moved in plan.steps.iter().filter_map(Step::file) {
            let source = moved.path.parent().unwrap_or(Path::new("/"));
            if places.iter().all(|place| place.source != source) {
                places.push(QuarantineFolder {
                    source: source.to_owned(),
                    folder: roots.of(source)?.join(&name),
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
            home: roots.home()?.join(&name),
            places,
            commit_at_once,
            started_at,
            uptime: self.world.clock.uptime(),
            // Beyond the calendar's end is as good as never.
            expires_at: retention.and_then(|span| started_at.checked_add(span).ok()),
        })
    }
}

/// The quarantine roots of a batch, each looked for once.
struct Roots<'r> {
    storage: &'r dyn Storage,
    avoid: Vec<PathBuf>,
    home: Option<PathBuf>,
    by_source: HashMap<PathBuf, PathBuf>,
    /// Those that were not there before.
    made: &'r mut Vec<PathBuf>,
}

impl Roots<'_> {
    /// For files of the folder `source`.
    fn of(&mut self, source: &Path) -> Result<PathBuf, EngineError> {
        if let Some(found) = self.by_source.get(source) {
            return Ok(found.clone());
        }
        let root = self.storage.place(source, &self.avoid)?;
        let folder = self.noted(root);
        self.by_source.insert(source.to_owned(), folder.clone());
        Ok(folder)
    }

    /// For manifest and XML.
    fn home(&mut self) -> Result<PathBuf, EngineError> {
        if let Some(found) = &self.home {
            return Ok(found.clone());
        }
        let root = self.storage.home()?;
        let folder = self.noted(root);
        Ok(self.home.insert(folder).clone())
    }

    fn noted(&mut self, root: Root) -> PathBuf {
        self.made.extend(root.made.then(|| root.folder.clone()));
        root.folder
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
