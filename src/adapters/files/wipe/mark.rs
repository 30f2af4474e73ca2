//! How far an overwriting has come, beside the file: who carries it on after a kill does not begin
//! anew.
//!
//! `003.wipe` beside `003`, in a folder that is ours alone, written whole or not at all, and only
//! after what it speaks of has been synced. One that does not fit says nothing.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, OFlags};
use rustix::io::{Errno, retry_on_intr};
use serde::{Deserialize, Serialize};

use super::super::durable::Unsynced;
use super::super::{folders, sys};
use super::Sum;
use crate::model::{FileFacts, WipeMethod};
use crate::ports::StorageError;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    inode: u64,
    size: u64,
    method: String,
    /// Bytes from the beginning of the file that are done with, and synced.
    pub to: u64,
    pub sum: Sum,
}

impl Mark {
    pub fn new(facts: &FileFacts, method: WipeMethod) -> Self {
        Self {
            inode: facts.identity.inode,
            size: facts.size,
            method: method.word().to_owned(),
            to: 0,
            sum: Sum::default(),
        }
    }

    /// The one that an earlier run has left, if it is of this file and this method.
    pub fn found(folder: &OwnedFd, name: &OsStr, facts: &FileFacts, method: WipeMethod) -> Self {
        let new = Self::new(facts, method);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let left = sys::open_at(folder, beside(name), flags)
            .ok()
            .and_then(|file| {
                let file = std::fs::File::from(file);
                serde_json::from_reader::<_, Self>(std::io::Read::take(file, LONGEST)).ok()
            });
        let fits = |left: &Self| {
            left.inode == new.inode && left.size == new.size && left.method == new.method
        };
        left.filter(fits).unwrap_or(new)
    }

    /// What it speaks of must be synced.
    pub fn write(&self, path: &Path) -> Result<(), StorageError> {
        let failed = |error: std::io::Error| StorageError::Io {
            doing: "write down how far it is overwritten:",
            path: path.to_owned(),
            source: error,
        };
        let bytes = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        let mark = path.with_file_name(beside(name_of(path)));
        Unsynced::at_once(|unsynced| folders::write(&mark, &bytes, unsynced))
    }
}

/// Bytes of a mark, at most.
const LONGEST: u64 = 4096;

fn name_of(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}

fn beside(name: &OsStr) -> OsString {
    let mut beside = name.to_owned();
    beside.push(".wipe");
    beside
}

/// Goes with the file.
pub fn remove(folder: &OwnedFd, name: &OsStr) -> rustix::io::Result<()> {
    let beside = beside(name);
    match retry_on_intr(|| rustix::fs::unlinkat(folder, &beside, AtFlags::empty())) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}
