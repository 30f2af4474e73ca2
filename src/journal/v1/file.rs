//! One file as it was when the plan was made.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::access::mirror;
use super::common::Bytes;
use crate::model;

mirror!(FileKind, crate::model::FileKind, {
    Regular,
    Directory,
    Symlink,
    BlockDevice,
    Other,
});

/// A file's time, as the kernel reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTime {
    pub seconds: i64,
    pub nanoseconds: u32,
}

impl From<model::Timestamp> for FileTime {
    fn from(time: model::Timestamp) -> Self {
        let model::Timestamp {
            seconds,
            nanoseconds,
        } = time;
        Self {
            seconds,
            nanoseconds,
        }
    }
}

impl From<FileTime> for model::Timestamp {
    fn from(time: FileTime) -> Self {
        let FileTime {
            seconds,
            nanoseconds,
        } = time;
        Self {
            seconds,
            nanoseconds,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    pub device: u64,
    pub inode: u64,
    pub born: Option<FileTime>,
    pub kind: FileKind,
    pub size: u64,
    pub allocated: u64,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u64,
    pub modified: FileTime,
    pub attributes: u32,
    pub link_target: Option<Bytes>,
}

impl From<&model::FileFacts> for FileFacts {
    fn from(facts: &model::FileFacts) -> Self {
        let model::FileFacts {
            identity:
                model::Identity {
                    device,
                    inode,
                    born,
                },
            kind,
            size,
            allocated,
            mode,
            uid,
            gid,
            links,
            modified,
            attributes,
            link_target,
        } = facts;
        Self {
            device: *device,
            inode: *inode,
            born: born.map(FileTime::from),
            kind: (*kind).into(),
            size: *size,
            allocated: *allocated,
            mode: *mode,
            uid: *uid,
            gid: *gid,
            links: *links,
            modified: (*modified).into(),
            attributes: *attributes,
            link_target: link_target.as_ref().map(Bytes::from),
        }
    }
}

impl From<FileFacts> for model::FileFacts {
    fn from(facts: FileFacts) -> Self {
        let FileFacts {
            device,
            inode,
            born,
            kind,
            size,
            allocated,
            mode,
            uid,
            gid,
            links,
            modified,
            attributes,
            link_target,
        } = facts;
        Self {
            identity: model::Identity {
                device,
                inode,
                born: born.map(model::Timestamp::from),
            },
            kind: kind.into(),
            size,
            allocated,
            mode,
            uid,
            gid,
            links,
            modified: modified.into(),
            attributes,
            link_target: link_target.map(PathBuf::from),
        }
    }
}
