//! `apply`: a saved plan, executed only if it would be made again just so.

use std::io::Read;
use std::path::Path;

use crate::journal::saved_plan;
use crate::ports::HypervisorError;
use crate::retire;
use crate::survey::SurveyError;

use super::super::args::How;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::{plans, retirement, rules};

pub fn run(context: &Context, file: &Path, how: &How) -> Result<(), CliError> {
    let unusable = |cause: String| {
        CliError::unchanged(
            Exit::Error,
            "saved-plan",
            format!("{} is no plan to apply: {cause}", file.display()),
            "make one: virt-retire plan DOMAIN … --save FILE",
        )
    };
    let bytes = read(file).map_err(|error| unusable(error.to_string()))?;
    let saved = saved_plan::decode(&bytes).map_err(|error| unusable(error.to_string()))?;

    rules::override_reason(&saved.removal, how)?;
    let host = context.host_of(&saved.uri)?;
    let domain = [saved.plan.domain.uuid.to_string()];
    let changed = || CliError::refused(&[retire::changed(&saved.plan.domain)]);
    let make = || -> Result<_, CliError> {
        // A domain that is no more has changed, too.
        let planned =
            retire::plan(&host.world(), &domain, &saved.removal).map_err(|error| match error {
                SurveyError::Hypervisor(HypervisorError::NoSuchDomain(_)) => changed(),
                _ => error.into(),
            })?;
        let same = planned.iter().all(|planned| {
            planned.plan.is_same_as(&saved.plan)
                && saved_plan::fingerprint(&planned.facts.definition)
                    .is_ok_and(|fingerprint| fingerprint == saved.definition)
        });
        if same { Ok(planned) } else { Err(changed()) }
    };
    let planned = make()?;
    retire::refuse(&planned)?;
    if !how.sure.yes {
        plans::ask(context, &planned)?;
    }
    let purpose = format!("apply {}", saved.plan.domain.name);
    let journal = context.journal(&purpose)?;
    let domains = [saved.plan.domain.clone()];
    let _locks = context.lock(&host.world(), &domains, &purpose)?;
    let planned = make()?;
    retirement::execute(context, &host, journal, planned, &saved.removal, how)
}

/// Whatever it is, a pipe or a device without end, no more than a plan may have is read.
fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(file)?
        .take(saved_plan::LARGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > saved_plan::LARGEST {
        return Err(std::io::Error::other("it is too large"));
    }
    Ok(bytes)
}
