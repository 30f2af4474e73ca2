//! The transaction that a guest takes its storage along with.

use crate::engine::{Engine, EngineError};
use crate::model::{
    Artefact, DomainFacts, Ended, Plan, Removal, State, Step, StorageFlags, Summary, Verdict,
    Watched,
};
use crate::planner;
use crate::ports::Presence;
use crate::retire::{Connected, Error, Planned, Site, carry_out, changed, settled};
use crate::survey::{CachedStorage, Survey};
use crate::xml::DomainXml;

use super::before;

/// The transaction. `Ok` also where nothing is left to do: the guest is back, somebody else
/// has retired it, its storage is gone.
pub(super) fn retire(
    site: &dyn Site,
    host: &dyn Connected,
    watched: &Watched,
    how: Ended,
    touched: &mut Vec<Summary>,
) -> Result<(), Error> {
    let name = &watched.domain.name;
    let purpose = format!("watch: end of {name}");
    let mut journal = site.journal(&purpose)?;
    let _locks = site.lock(
        &host.world(),
        std::slice::from_ref(&watched.domain),
        &purpose,
    )?;
    let left = before::unfinished(&*journal, watched)?;
    if let Some(left) = &left {
        before::undo(site, host, &mut *journal, left, touched)?;
    }
    // Looked at while the journal is held: nobody of ours changes it now.
    let definition = match host.world().hypervisor.status(watched.domain.uuid)? {
        None => watched.definition.clone(),
        // Not by its owner: an earlier run's retirement was undone.
        Some(status) if left.is_some() && status.persistent && !status.active => {
            host.world().hypervisor.definition(watched.domain.uuid)?
        }
        Some(_) => return Ok(()),
    };
    let retired = journal.latest(&|summary| {
        summary.domain.uuid == watched.domain.uuid
            && summary.started_at >= watched.since
            && matches!(
                summary.state,
                State::Prepared | State::Committed | State::Purging | State::Purged
            )
    })?;
    if retired.is_some() {
        return Ok(());
    }
    let cached = CachedStorage::new(host.world().storage);
    let survey = Survey::new(host.world().hypervisor, &cached, host.world().census)?;
    let survey = survey.protecting_names(host.world().protect);
    let facts = survey.departed(&watched.domain, definition)?;
    let removal = removal();
    let plan = planner::plan(&facts, &removal);
    if plan.is_executable() && !takes_storage(&plan) {
        return Ok(());
    }
    refuse_strangers(host, watched, &plan)?;
    let mut reason = format!("watch: guest ended ({})", how.word());
    if lost_its_tpm(watched, &facts) {
        reason.push_str("; libvirt deleted the state of its TPM");
    }
    let planned = vec![Planned {
        facts,
        plan,
        removal: removal.clone(),
        position: 0,
    }];
    let mut engine = Engine::new(host.world(), &mut *journal);
    let uri = host.world().hypervisor.uri();
    let evidence = |unseen| site.evidence(uri, Some(reason.clone()), unseen);
    let batch = carry_out(
        &mut engine,
        planned,
        &removal,
        false,
        site.retention(),
        site.digest(),
        &evidence,
    );
    let (summaries, result) = settled(batch);
    touched.extend(summaries);
    result
}

/// What a rollback will not bring back.
fn lost_its_tpm(watched: &Watched, facts: &DomainFacts) -> bool {
    let is_state = |artefact: &Artefact| matches!(artefact, Artefact::TpmState(_));
    let had_one =
        DomainXml::read(watched.definition.xml.reveal()).is_ok_and(|xml| xml.tpm_ends_with_it());
    had_one && !facts.artefacts.iter().any(is_state)
}

/// # Errors
/// The file under a disk's name is not the one that the guest had: exit 3, nothing changed.
fn refuse_strangers(host: &dyn Connected, watched: &Watched, plan: &Plan) -> Result<(), Error> {
    for moved in plan.steps.iter().filter_map(Step::file) {
        let known = watched.files.iter().find(|(path, _)| *path == moved.path);
        let Some((path, then)) = known else { continue };
        if !Presence::at(host.world().storage, path, then)?.is_it() {
            return Err(EngineError::Refused {
                refusals: vec![changed(&watched.domain, &[])],
            }
            .into());
        }
    }
    Ok(())
}

/// Only what the policy says goes: a disk without a word stays, and so do NVRAM and TPM state,
/// which a policy does not speak of.
fn removal() -> Removal {
    Removal {
        storage: StorageFlags {
            keep: true,
            ..StorageFlags::default()
        },
        // Their metadata ended with the guest; saved, it comes back with a rollback.
        snapshots_metadata: true,
        checkpoints_metadata: true,
        nvram: Some(Verdict::Keep),
        tpm: Some(Verdict::Keep),
        stop_first: true,
        ..Removal::default()
    }
}

fn takes_storage(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| step.taken().is_some())
}
