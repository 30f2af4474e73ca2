//! One file per verb, or a folder where a verb has several subjects.

mod apply;
mod commit;
mod doctor;
mod hold;
mod journal;
mod list;
mod log;
mod plan;
mod policy;
mod prove;
mod purge;
mod rebuild;
mod recover;
mod rollback;
mod show;
mod undefine;
mod users;
mod verify;
mod volumes;
mod watch;

use std::time::Duration;

use super::answers;
use super::args::{Arguments, Command, ConfigCommand, Power};
use super::context::Context;
use super::error::CliError;
use super::{ids, notice};
use crate::model::Filter;

pub fn run(arguments: Arguments) -> Result<(), CliError> {
    // Needs no settings: a package is built where there may be none.
    if let Command::Manual { folder } = &arguments.command {
        return manual(folder);
    }
    let context = Context::new(&arguments)?;
    if context.csv && !matches!(arguments.command, Command::Log { .. }) {
        return Err(CliError::new(
            super::error::Exit::Usage,
            "usage",
            "csv is a form of `log` alone",
            "for programs: --output json",
        ));
    }
    let tells_by_itself = notice::tells_by_itself(&arguments.command);
    let result = carry_out(&context, arguments.command);
    let result = result.map_err(|error| {
        let error = notice::with_retired(&context, error);
        notice::for_root(&context, error)
    });
    // An error that is about it says so itself.
    let is_told = |error: &CliError| {
        matches!(
            error.code,
            "claimed" | "wrong-state" | "stuck" | "unfinished"
        )
    };
    if !tells_by_itself && !result.as_ref().is_err_and(is_told) {
        notice::interrupted(&context);
    }
    result
}

fn carry_out(context: &Context, command: Command) -> Result<(), CliError> {
    match command {
        Command::Plan {
            what,
            save,
            destroy,
        } => {
            let power = destroy.then_some(&Power::AT_ONCE);
            plan::run(context, &what.gathered(), power, save.as_deref())
        }
        Command::Apply { file, how } => apply::run(context, &file, &how),
        Command::Undefine { what, how } => {
            undefine::run(context, "undefine", &what.gathered(), None, &how)
        }
        Command::Destroy { what, power, how } => {
            undefine::run(context, "destroy", &what.gathered(), Some(&power), &how)
        }
        Command::Commit { ids, confirmation } => {
            commit::run(context, &ids::meant(context, &ids.ids)?, confirmation)
        }
        Command::Rollback {
            ids,
            identity,
            departure,
            start,
            confirmation,
        } => {
            let ids = match &ids.domain {
                Some(domain) => vec![ids::newest_of(context, domain)?],
                None => ids::meant(context, &ids.ids)?,
            };
            let request = rollback::request(identity, departure)?;
            rollback::run(context, &ids, &request, start, confirmation)
        }
        Command::Hold {
            ids,
            reason,
            name,
            confirmation,
        } => hold::hold(
            context,
            &ids::meant(context, &ids.ids)?,
            &hold::Which {
                name: name.as_deref(),
                reason: Some(&reason),
            },
            confirmation,
        ),
        Command::Release {
            ids,
            name,
            confirmation,
        } => hold::release(
            context,
            &ids::meant(context, &ids.ids)?,
            &hold::Which {
                name: name.as_deref(),
                reason: None,
            },
            confirmation,
        ),
        Command::Purge {
            what,
            wipe,
            dry_run,
            reason,
            confirmation,
        } => {
            let how = purge::How {
                wipe: wipe.map(Into::into),
                dry_run,
                reason,
                confirmation,
            };
            purge::run(context, &what, how)
        }
        Command::Recover { confirmation } => recover::run(context, confirmation),
        Command::Rebuild {
            from,
            add,
            confirmation,
        } => rebuild::run(context, &from, add, confirmation),
        Command::Watch {
            once,
            interval,
            yes: _,
        } => watch::run(context, once, Duration::from_secs(interval)),
        Command::Policy { what } => policy::run(context, what),
        Command::Volumes { domain } => volumes::run(context, &domain),
        Command::Users { what } => users::run(context, &what),
        Command::Config {
            what: ConfigCommand::Show,
        } => answers::config::tell(context),
        Command::Doctor => doctor::run(context),
        Command::Manual { folder } => manual(&folder),
        Command::List { filter } => list::run(context, &filter),
        Command::Log {
            filter,
            kind: kinds,
            checkpoint,
        } => match checkpoint {
            true => log::print_checkpoint(context),
            false => {
                let wanted = Filter {
                    kinds,
                    ..filter.filter()
                };
                log::run(context, &wanted, filter.limit)
            }
        },
        Command::Verify {
            ids,
            deep,
            checkpoint,
        } => {
            let ids = match ids.is_empty() {
                true => Vec::new(),
                false => ids::meant(context, &ids)?,
            };
            verify::run(context, &ids, deep, checkpoint.as_deref())
        }
        Command::Prove { id } => match ids::meant(context, &[id])?[..] {
            [id, ..] => prove::run(context, id),
            [] => Ok(()),
        },
        Command::Journal { what } => journal::run(context, what),
        Command::Show { id, security_info } => match ids::meant(context, &[id])?[..] {
            [id, ..] => show::run(context, id, security_info),
            [] => Ok(()),
        },
    }
}

fn manual(folder: &std::path::Path) -> Result<(), CliError> {
    super::help::write_manual(folder).map_err(|error| {
        CliError::new(
            super::error::Exit::Error,
            "manual",
            format!(
                "the manual cannot be written to {}: {error}",
                folder.display()
            ),
            "name a folder that exists",
        )
    })
}
