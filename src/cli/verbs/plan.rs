//! `plan`: the same value that `undefine` executes, shown.

use std::collections::BTreeSet;
use std::path::Path;

use crate::journal::saved_plan::{self, SavedPlan};
use crate::model::{Removal, Step};
use crate::ports::{HypervisorView, Storage, StorageView};
use crate::retire::{self, Planned};

use super::super::args::{Output, Power, RemovalTargets};
use super::super::context::{Context, Host};
use super::super::error::{CliError, Exit};
use super::super::{json, own_folders, plans};

pub fn run(
    context: &Context,
    what: &RemovalTargets,
    power: Option<&Power>,
    save: Option<&Path>,
) -> Result<(), CliError> {
    context.look_ahead();
    let host = context.host()?;
    let removal = what.removal.removal(power);
    let mut planned = retire::plan(&host.world(), &what.domains, &removal)?;
    planned.sort_by_key(|one| one.position);
    // Shown all the same: why it cannot be done is said after what would be.
    let reachable = reachable(&host, &planned);
    if let Some(file) = save
        && reachable.is_ok()
    {
        self::save(&host, &removal, &planned, file)?;
    }
    let plans = planned.iter().map(|planned| &planned.plan);
    match context.output {
        Output::Json => json::print(&json::Plans::new(plans))?,
        Output::Text => {
            let saved = save.filter(|_| reachable.is_ok());
            plans::show(context, &planned, &removal, saved)?;
        }
    }
    retire::refuse(&planned).map_err(|error| plans::refused(context, None, error))?;
    reachable
}

/// Whether each file could leave its folder, as `undefine` tries before it begins.
fn reachable(host: &Host, planned: &[Planned]) -> Result<(), CliError> {
    let folders: BTreeSet<&Path> = (planned.iter())
        .flat_map(|planned| planned.plan.steps.iter().filter_map(Step::file))
        .filter_map(|moved| moved.path.parent())
        .collect();
    for folder in folders {
        host.storage.lets_out(folder)?;
    }
    Ok(())
}

fn save(host: &Host, removal: &Removal, planned: &[Planned], file: &Path) -> Result<(), CliError> {
    let [one] = planned else {
        return Err(CliError::new(
            Exit::Usage,
            "usage",
            "--save takes the plan of one domain",
            "save each domain's plan in a file of its own",
        ));
    };
    let bytes = saved_plan::fingerprint(&one.facts.definition)
        .and_then(|definition| {
            saved_plan::encode(&SavedPlan {
                uri: host.hypervisor.uri().to_owned(),
                removal: removal.clone(),
                plan: one.plan.clone(),
                definition,
            })
        })
        .map_err(|error| {
            CliError::new(
                Exit::Error,
                "saved-plan",
                format!("the plan cannot be saved: {error}"),
                "run `undefine` without a saved plan",
            )
        })?;
    let file = own_folders::to_write(&host.storage, file, "saved-plan")?;
    refuse_overwriting(&file)?;
    host.storage.write(&file, &bytes)?;
    Ok(host.storage.settle()?)
}

/// `plan` changes nothing: an older plan may be written over, and nothing else. A slip of the
/// finger must not cost a disk.
fn refuse_overwriting(file: &Path) -> Result<(), CliError> {
    let Ok(found) = std::fs::symlink_metadata(file) else {
        return Ok(());
    };
    let is_plan = found.is_file()
        && found.len() <= saved_plan::LARGEST
        && std::fs::read(file).is_ok_and(|bytes| saved_plan::decode(&bytes).is_ok());
    if is_plan {
        return Ok(());
    }
    Err(CliError::unchanged(
        Exit::Error,
        "saved-plan",
        format!("{} is there already, and is no saved plan", file.display()),
        "name a file that does not exist",
    ))
}
