//! A path's symlinks told apart, by walking it as the kernel does.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, OFlags};
use rustix::io::Errno;

use super::planted::{self, Doubtful};
use super::{facts, sys};
use crate::model::FileKind;
use crate::ports::{Resolved, StorageError};

/// The kernel's own limit (MAXSYMLINKS).
const MOST_LINKS: usize = 40;

/// Where the walk has come to: a folder, open, and its real path.
struct Walk {
    folder: OwnedFd,
    real: PathBuf,
}

impl Walk {
    fn at_root() -> rustix::io::Result<Self> {
        Ok(Self {
            folder: sys::open_at(CWD, "/", OFlags::PATH | OFlags::DIRECTORY)?,
            real: "/".into(),
        })
    }

    fn up(&mut self) -> rustix::io::Result<()> {
        // The kernel's own `..`: at the root it stays there, and so does `pop`.
        self.folder = sys::open_at(&self.folder, "..", OFlags::PATH | OFlags::DIRECTORY)?;
        self.real.pop();
        Ok(())
    }
}

pub fn resolve(path: &Path) -> Result<Resolved, StorageError> {
    let whole = std::path::absolute(path)
        .map_err(|source| StorageError::io("find the folder that is meant by", path, source))?;
    walk(&whole).map_err(|errno| StorageError::io("look up", path, errno))
}

fn walk(path: &Path) -> rustix::io::Result<Resolved> {
    let mut pending = components(path);
    let mut links = Vec::new();
    let mut doubtful: Vec<Doubtful> = Vec::new();
    let mut followed = 0;
    let mut at = Walk::at_root()?;
    let mut last = None;
    while let Some(name) = pending.pop_front() {
        if name == ".." {
            at.up()?;
            continue;
        }
        let fd = match sys::open_at(&at.folder, &name, OFlags::PATH | OFlags::NOFOLLOW) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => {
                let real = unwalked(at.real, &name, &pending);
                return Ok(Resolved {
                    planted: planted::judge(&doubtful, &real, None)?,
                    links,
                    real,
                });
            }
            Err(errno) => return Err(errno),
        };
        let is_last = pending.is_empty();
        let stat = sys::stat(&fd)?;
        match facts::kind(&stat) {
            FileKind::Symlink => {
                followed += 1;
                if followed > MOST_LINKS {
                    return Err(Errno::LOOP);
                }
                let link = at.real.join(&name);
                if is_last {
                    links.push(link.clone());
                }
                doubtful.extend(planted::doubtful(link, &stat, &sys::stat(&at.folder)?));
                let target = facts::link_target(fd.as_fd())?;
                if target.is_absolute() {
                    at = Walk::at_root()?;
                }
                for name in components(&target).into_iter().rev() {
                    pending.push_front(name);
                }
            }
            FileKind::Directory => {
                at.real.push(&name);
                at.folder = fd;
            }
            _ if is_last => {
                at.real.push(&name);
                last = Some(fd);
            }
            _ => return Err(Errno::NOTDIR),
        }
    }
    let end = last.as_ref().unwrap_or(&at.folder);
    Ok(Resolved {
        planted: planted::judge(&doubtful, &at.real, Some(end.as_fd()))?,
        links,
        real: at.real,
    })
}

/// Without the root, `.` and doubled slashes, which lead nowhere.
fn components(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

/// From the first name that is not there, nothing can be a symlink: the rest is taken by its
/// spelling.
fn unwalked(mut real: PathBuf, missing: &OsStr, rest: &VecDeque<OsString>) -> PathBuf {
    real.push(missing);
    for name in rest {
        if name == ".." {
            real.pop();
        } else {
            real.push(name);
        }
    }
    real
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
