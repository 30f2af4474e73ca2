//! How far the journal went, kept outside sled: a journal that lost its end looks whole from
//! inside.
//!
//! Two slots in one file. Each is written in place, so that no append pays for a new name; the one
//! that was synced last is never touched until the other has been synced. Every append writes, so
//! that damage to sled's files is noticed to the last record while the machine stays up. Only
//! state changes sync: after a power cut the watermark may be some intents behind, never ahead,
//! and the barrier has kept those.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::folder::make_owners_alone;
use super::sync::{sync_data, sync_folder};
use crate::journal::{DecodeError, Mark, decode_first, encode, legacy};

/// Apart by a page, so that one torn write harms one slot.
const SLOTS: [u64; 2] = [0, 4096];
/// Within one sector of any disk.
const SLOT: usize = 512;

pub(super) struct Watermark {
    path: PathBuf,
    file: File,
    /// Where the next write goes.
    slot: usize,
}

impl Watermark {
    /// `None` where there is no such file.
    pub(super) fn open(path: &Path) -> Result<Option<(Self, Mark)>, Fault> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Fault::io(path, error)),
        };
        let (used, mark) = latest(path, &file)?;
        Ok(Some((
            Self {
                path: path.to_owned(),
                file,
                slot: 1 - used,
            },
            mark,
        )))
    }

    /// Reads the watermark without being able to write it.
    pub(super) fn look(path: &Path) -> Result<Mark, Fault> {
        let file = File::open(path).map_err(|error| Fault::io(path, error))?;
        Ok(latest(path, &file)?.1)
    }

    /// Whether a program that knows the present format has written it, which brings the journal to
    /// that format before.
    pub(super) fn is_present(path: &Path) -> bool {
        let Ok(file) = File::open(path) else {
            return false;
        };
        SLOTS.into_iter().any(|at| {
            let mut bytes = [0; SLOT];
            let is_read = file.read_exact_at(&mut bytes, at).is_ok();
            is_read && decode_first::<Mark>(&bytes).is_ok()
        })
    }

    /// Makes the file, whole or not at all, durably.
    pub(super) fn create(path: &Path, mark: &Mark) -> Result<Self, Fault> {
        let fault = |error: std::io::Error| Fault::io(path, error);
        let new = path.with_extension("head.new");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .map_err(fault)?;
        make_owners_alone(&new, &file.metadata().map_err(fault)?).map_err(fault)?;
        let bytes = slot(mark)?;
        for at in SLOTS {
            file.write_all_at(&bytes, at).map_err(fault)?;
        }
        sync_data(&file).map_err(fault)?;
        fs::rename(&new, path).map_err(fault)?;
        if let Some(folder) = path.parent() {
            sync_folder(folder).map_err(fault)?;
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            slot: 0,
        })
    }

    pub(super) fn set(&mut self, mark: &Mark, sync: bool) -> Result<(), Fault> {
        let fault = |error: std::io::Error| Fault::io(&self.path, error);
        self.file
            .write_all_at(&slot(mark)?, SLOTS[self.slot])
            .map_err(fault)?;
        if sync {
            sync_data(&self.file).map_err(fault)?;
            self.slot = 1 - self.slot;
        }
        Ok(())
    }
}

fn slot(mark: &Mark) -> Result<Vec<u8>, Fault> {
    let mut bytes = encode(mark)?;
    bytes.resize(SLOT, 0);
    Ok(bytes)
}

/// The slot that goes further, with its number.
fn latest(path: &Path, file: &File) -> Result<(usize, Mark), Fault> {
    let mut best: Option<(usize, Mark)> = None;
    let mut newer = None;
    for (index, at) in SLOTS.into_iter().enumerate() {
        let mut bytes = [0; SLOT];
        // A file cut short has a torn slot, which the other one makes good.
        if file.read_exact_at(&mut bytes, at).is_err() {
            continue;
        }
        // What a program that knew format 1 wrote counts until its journal is a newer one.
        let found = match decode_first::<Mark>(&bytes) {
            Ok((mark, _)) => Ok(mark),
            Err(DecodeError::Kind { .. }) => legacy::mark(&bytes),
            Err(error) => Err(error),
        };
        match found {
            Ok(mark)
                if best
                    .as_ref()
                    .is_none_or(|(_, b)| b.sequence < mark.sequence) =>
            {
                best = Some((index, mark));
            }
            Err(error @ DecodeError::Newer { .. }) => newer = Some(error),
            Ok(_) | Err(_) => {}
        }
    }
    match (newer, best) {
        (Some(newer), _) => Err(Fault::record(path.display(), newer)),
        (None, Some(best)) => Ok(best),
        (None, None) => Err(Fault::Damaged(format!(
            "{} is damaged, so nothing shows whether records are missing",
            path.display()
        ))),
    }
}
