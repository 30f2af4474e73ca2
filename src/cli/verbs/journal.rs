//! `journal info|export|import|upgrade`.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::retire::{self, Upgrade};

use super::super::args::JournalCommand;
use super::super::confirm::confirm;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::{answers, own_folders};

pub fn run(context: &Context, what: JournalCommand) -> Result<(), CliError> {
    match what {
        JournalCommand::Info => match retire::journal_info(context)? {
            Ok(found) => answers::journal::info(context, &found),
            Err(outlook) => answers::journal::upgrade(context, Upgrade::Ahead(outlook)),
        },
        JournalCommand::Export { file } => export(context, file.as_deref()),
        JournalCommand::Import { file, confirmation } => {
            if !confirmation.yes {
                confirm("Make the journal of this state folder from an export?")?;
            }
            import(context, file.as_deref())
        }
        JournalCommand::Upgrade { dry_run } => {
            answers::journal::upgrade(context, retire::upgrade(context, dry_run)?)
        }
    }
}

fn export(context: &Context, file: Option<&Path>) -> Result<(), CliError> {
    let file = file.map(|file| own_folders::to_write(context.files(), file, "output"));
    let file = file.transpose()?;
    retire::export(context, || -> std::io::Result<Box<dyn Write>> {
        let Some(file) = file else {
            return Ok(Box::new(std::io::stdout()));
        };
        let mut options = OpenOptions::new();
        // Secrets are in it.
        let options = options.write(true).create_new(true).mode(0o600);
        Ok(Box::new(options.open(file)?))
    })?;
    Ok(())
}

fn import(context: &Context, file: Option<&Path>) -> Result<(), CliError> {
    let input: Box<dyn Read> = match file {
        Some(file) => Box::new(File::open(file).map_err(|error| {
            CliError::unchanged(
                Exit::Error,
                "input",
                format!("{} cannot be read: {error}", file.display()),
                "name what `journal export` wrote",
            )
        })?),
        None => Box::new(std::io::stdin()),
    };
    let name = file.map_or("on standard input".into(), |file| {
        file.display().to_string()
    });
    let imported = retire::import(context, &mut BufReader::new(input), name)?;
    answers::journal::imported(context, &imported)
}
