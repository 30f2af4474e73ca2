//! The transaction that a guest takes its storage along with.

use crate::cli::args::{How, Sure};
use crate::cli::context::{Context, Host};
use crate::cli::error::CliError;
use crate::cli::retirement;
use crate::model::{
    Artefact, DomainFacts, Ended, Plan, Removal, State, Step, StorageFlags, Summary, Verdict,
    Watched,
};
use crate::planner;
use crate::ports::{Hypervisor, JournalReader, Storage};
use crate::retire::{Planned, changed};
use crate::survey::{Memo, Survey};
use crate::xml::DomainXml;

use super::before;

/// The transaction. `Ok` also where nothing is left to do: the guest is back, somebody else
/// has retired it, its storage is gone.
pub(super) fn retire(
    context: &Context,
    host: &Host,
    watched: &Watched,
    how: Ended,
    touched: &mut Vec<Summary>,
) -> Result<(), CliError> {
    let name = &watched.domain.name;
    let purpose = format!("watch: end of {name}");
    let mut journal = context.journal(&purpose)?;
    let _locks = context.lock(
        &host.world(),
        std::slice::from_ref(&watched.domain),
        &purpose,
    )?;
    let left = before::unfinished(&journal, watched)?;
    if let Some(left) = &left {
        before::undo(host, &mut journal, left, touched)?;
    }
    // Looked at while the journal is held: nobody of ours changes it now.
    let definition = match host.hypervisor.status(watched.domain.uuid)? {
        None => watched.definition.clone(),
        // Not by its owner: an earlier run's retirement was undone.
        Some(status) if left.is_some() && status.persistent && !status.active => {
            host.hypervisor.definition(watched.domain.uuid)?
        }
        Some(_) => return Ok(()),
    };
    let is_retired = journal.summaries()?.iter().any(|summary| {
        summary.domain.uuid == watched.domain.uuid
            && summary.started_at >= watched.since
            && matches!(
                summary.state,
                State::Prepared | State::Committed | State::Purging | State::Purged
            )
    });
    if is_retired {
        return Ok(());
    }
    let memo = Memo::new(&host.storage);
    let survey = Survey::new(&host.hypervisor, &memo, &host.census)?;
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
    let how = How {
        prepare: false,
        each: false,
        reason: Some(reason),
        sure: Sure { yes: true },
    };
    let planned = vec![Planned {
        facts,
        plan,
        position: 0,
    }];
    retirement::carry_out(
        context,
        host,
        &mut journal,
        planned,
        &removal,
        &how,
        touched,
    )
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
fn refuse_strangers(host: &Host, watched: &Watched, plan: &Plan) -> Result<(), CliError> {
    for moved in plan.steps.iter().filter_map(Step::file) {
        let known = watched.files.iter().find(|(path, _)| *path == moved.path);
        let Some((path, then)) = known else { continue };
        let is_same = host
            .storage
            .facts(path)?
            .is_some_and(|now| now.identity.is_same_file(&then.identity));
        if !is_same {
            return Err(CliError::refused(&[changed(&watched.domain)]));
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
    plan.steps.iter().any(|step| step.file().is_some())
}
