//! `--until-free`: what is wanted, and whether it was reached.

use std::path::PathBuf;

use crate::engine::{self, EngineError, Selection};
use crate::model::{State, Summary, Transaction, size};
use crate::ports::{JournalReader, StorageView};

use super::super::super::context::Context;
use super::super::super::error::{CliError, Exit};
use super::super::super::safe::safe_path;

/// Nothing where it was not asked for.
pub struct Goal {
    wanted: Option<u64>,
    /// Of the file systems that hold something.
    mount_points: Vec<PathBuf>,
}

impl Goal {
    pub fn of(
        context: &Context,
        reader: &dyn JournalReader,
        selection: &Selection,
    ) -> Result<Self, EngineError> {
        let Some(wanted) = selection.until_free else {
            return Ok(Self {
                wanted: None,
                mount_points: Vec::new(),
            });
        };
        let waits = |summary: &Summary| {
            matches!(
                summary.state,
                State::Committed | State::Purging | State::Prepared
            )
        };
        let all: Vec<Summary> = reader.outstanding()?.into_iter().filter(waits).collect();
        let space = engine::space(reader, &context.files(), &all)?;
        let file_systems = space.file_systems.into_iter();
        Ok(Self {
            wanted: Some(wanted),
            mount_points: file_systems.map(|one| one.mount_point).collect(),
        })
    }

    /// Whether none of the file systems that it is on is short any more.
    pub fn is_reached_for(&self, context: &Context, transaction: Option<&Transaction>) -> bool {
        let (Some(wanted), Some(transaction)) = (self.wanted, transaction) else {
            return false;
        };
        let files = context.files();
        let is_short = |folder: &PathBuf| {
            let room = files.room(folder).ok().flatten();
            room.is_none_or(|room| room.free < wanted)
        };
        !transaction.folders().iter().any(is_short)
    }

    /// # Errors
    /// A file system is short all the same. `has_purged`: something is gone, and so this is no
    /// error that changed nothing.
    pub fn reached(&self, context: &Context, has_purged: bool) -> Result<(), CliError> {
        let Some(wanted) = self.wanted else {
            return Ok(());
        };
        let files = context.files();
        let mut short = Vec::new();
        for mount_point in &self.mount_points {
            if let Ok(Some(room)) = files.room(mount_point)
                && room.free < wanted
            {
                let free = size(room.free);
                short.push(format!("{free} on {}", safe_path(mount_point)));
            }
        }
        if short.is_empty() {
            return Ok(());
        }
        let message = format!(
            "not so much could be made free: {} instead of {}",
            short.join(", "),
            size(wanted)
        );
        let hint = "what is left is held, used, too young or not in quarantine; each with its \
                    reason: virt-retire purge --until-free SIZE -n; all that is there: virt-retire \
                    list";
        Err(match has_purged {
            true => CliError::new(Exit::Unfinished, "still-short", message, hint),
            false => CliError::unchanged(Exit::Error, "still-short", message, hint),
        })
    }
}
