//! One file as it was when the plan was made.

use crate::journal::mirror::frozen;
use crate::journal::primitive::Bytes;
use crate::model;

frozen!(enum FileKind = model::FileKind {
    Regular,
    Directory,
    Symlink,
    BlockDevice,
    Other,
});

// A file's time, as the kernel reports it.
frozen!(struct FileTime = model::FileTime {
    seconds: i64,
    nanoseconds: u32,
});

frozen!(struct Identity = model::Identity {
    device: u64,
    inode: u64,
    born: Option<FileTime>,
});

frozen!(struct FileFacts = model::FileFacts {
    identity: Identity,
    kind: FileKind,
    size: u64,
    allocated: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    links: u64,
    modified: FileTime,
    attributes: u32,
    link_target: Option<Bytes>,
});
