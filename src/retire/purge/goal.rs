//! `--until-free`: what is wanted, and whether it was reached.

use std::path::PathBuf;

use crate::engine::{self, EngineError, Selection};
use crate::model::{State, Summary, Transaction, size};
use crate::ports::{JournalReader, StorageView};

use super::super::site::Site;

/// Nothing where it was not asked for.
#[derive(Default)]
pub(super) struct Goal {
    wanted: Option<u64>,
    /// Of the file systems that hold something.
    mount_points: Vec<PathBuf>,
}

/// File systems that are short of space although all was purged that could be.
#[derive(Debug)]
pub struct Shortfall {
    /// Bytes.
    wanted: u64,
    /// Bytes, and where.
    free: Vec<(u64, PathBuf)>,
    /// Something is gone, and so this is no error that changed nothing.
    pub has_purged: bool,
}

impl std::fmt::Display for Shortfall {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let free = self.free.iter();
        let free = free.map(|(free, path)| format!("{} on {}", size(*free), path.display()));
        let free: Vec<String> = free.collect();
        write!(
            out,
            "not so much could be made free: {} instead of {}",
            free.join(", "),
            size(self.wanted)
        )
    }
}

impl Goal {
    pub(super) fn of(
        site: &dyn Site,
        reader: &dyn JournalReader,
        selection: &Selection,
    ) -> Result<Self, EngineError> {
        let Some(wanted) = selection.until_free else {
            return Ok(Self::default());
        };
        let waits = |summary: &Summary| {
            matches!(
                summary.state,
                State::Committed | State::Purging | State::Prepared
            )
        };
        let all: Vec<Summary> = reader.outstanding()?.into_iter().filter(waits).collect();
        let space = engine::space(reader, site.storage(), &all)?;
        let file_systems = space.file_systems.into_iter();
        Ok(Self {
            wanted: Some(wanted),
            mount_points: file_systems.map(|one| one.mount_point).collect(),
        })
    }

    /// Whether none of the file systems that it is on is short any more.
    pub(super) fn is_reached_for(
        &self,
        storage: &dyn StorageView,
        transaction: Option<&Transaction>,
    ) -> bool {
        let (Some(wanted), Some(transaction)) = (self.wanted, transaction) else {
            return false;
        };
        let is_short = |folder: &PathBuf| {
            let room = storage.room(folder).ok().flatten();
            room.is_none_or(|room| room.free < wanted)
        };
        !transaction.folders().iter().any(is_short)
    }

    /// What is short all the same.
    pub(super) fn missed(&self, storage: &dyn StorageView, has_purged: bool) -> Option<Shortfall> {
        let wanted = self.wanted?;
        let short = self.mount_points.iter().filter_map(|mount_point| {
            let room = storage.room(mount_point).ok().flatten()?;
            (room.free < wanted).then(|| (room.free, mount_point.clone()))
        });
        let free: Vec<_> = short.collect();
        (!free.is_empty()).then_some(Shortfall {
            wanted,
            free,
            has_purged,
        })
    }
}
