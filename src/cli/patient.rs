//! This host, as `doctor` examines it.

use std::path::Path;
use std::time::Duration;

use crate::adapters::clock::SystemClock;
use crate::adapters::sled_journal::{SledJournal, outlook};
use crate::doctor::{JournalFound, Patient, Trouble};
use crate::ports::{Clock, JournalError, Log, Quarantine, StorageView};
use crate::retire::Connected;

use super::context::Context;
use super::environment::variable;
use super::error::CliError;

pub struct ThisHost<'a>(pub &'a Context);

impl Patient for ThisHost<'_> {
    fn connect(&self) -> Result<Box<dyn Connected>, Trouble> {
        let host = self.0.host().map_err(trouble)?;
        Ok(Box::new(host))
    }

    fn journal(&self) -> Result<JournalFound, Trouble> {
        let context = self.0;
        let is_used = context.has_journal().map_err(trouble)?;
        if !is_used || !SledJournal::is_begun(context.state_dir()) {
            return Ok(JournalFound::None);
        }
        // Asked first: to open it would upgrade it.
        match outlook(context.state_dir(), Duration::ZERO) {
            Ok(Some(found)) => {
                return Ok(JournalFound::Older {
                    from: found.from,
                    to: found.to,
                });
            }
            // Whoever holds it has brought it to the present format.
            Ok(None) | Err(JournalError::Held { .. }) => {}
            Err(error) => return Err(trouble(error)),
        }
        let reader = context.reader("doctor").map_err(trouble)?;
        let check = |journal: &SledJournal| journal.check(&[], &mut |_, _| {});
        let checked = reader.held().map(check).transpose().map_err(trouble)?;
        Ok(JournalFound::Here {
            faults: checked.map(|checked| checked.findings),
            reader: Box::new(reader),
        })
    }

    fn storage(&self) -> &dyn StorageView {
        self.0.files()
    }

    fn quarantine(&self) -> &dyn Quarantine {
        self.0.files()
    }

    fn clock(&self) -> &dyn Clock {
        &SystemClock
    }

    fn state_dir(&self) -> &Path {
        self.0.state_dir()
    }

    fn minimum_age(&self) -> Duration {
        self.0.settings.minimum_age.value.duration()
    }

    fn is_root(&self) -> bool {
        rustix::process::geteuid().is_root()
    }

    fn has_program(&self, name: &str) -> bool {
        let path = variable("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
    }
}

fn trouble(error: impl Into<CliError>) -> Trouble {
    let error = error.into();
    Trouble {
        message: error.message,
        hint: error.hint,
    }
}
