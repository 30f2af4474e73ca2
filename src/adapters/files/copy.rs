//! A second copy of what a running guest goes on using: NVRAM and TPM state, small files that
//! libvirt takes away when the guest ends. Owner, mode, times, xattrs (ACLs are xattrs) and holes come
//! along; the inode cannot.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileTimes};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, XattrFlags};

use super::durable;
use super::sys::Entry;
use crate::ports::{Moved, StorageError};

/// Copies a file or a folder with all in it to a name that is free; whole or not at all.
pub fn copy(from: &Path, to: &Path) -> Result<Moved, StorageError> {
    let target = Entry::open(to)?;
    if target.look()?.is_some() {
        // The run that made it may have been cut off before this.
        durable::sync_folder(&target.folder, &target.folder_path)?;
        return Ok(Moved::Already);
    }
    let temporary = beside(to);
    // Of a run that was cut off in the middle.
    erase(&temporary).map_err(|error| StorageError::io("remove", &temporary, error))?;
    let failed = |error| StorageError::io("copy", from, error);
    let copied = tree(from, &temporary).and_then(|()| {
        rustix::fs::renameat_with(CWD, &temporary, CWD, to, RenameFlags::NOREPLACE)
            .map_err(io::Error::from)
    });
    if let Err(error) = copied {
        // The cause is worth more than what the clean-up says.
        let _ = erase(&temporary);
        return Err(failed(error));
    }
    durable::sync_folder(&target.folder, &target.folder_path)?;
    Ok(Moved::Now)
}

/// Removes a copy of ours, and what was to become it; one that is gone is fine. The name goes before
/// the contents do: half a folder would be taken for a copy by whoever finds it after a crash.
pub fn remove(path: &Path) -> Result<(), StorageError> {
    let Some(entry) = Entry::open_if_there(path)? else {
        return Ok(());
    };
    let failed = |error| StorageError::io("remove", path, error);
    let temporary = beside(path);
    erase(&temporary).map_err(failed)?;
    match fs::rename(path, &temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => durable::sync_folder(&entry.folder, &entry.folder_path)?,
    }
    erase(&temporary).map_err(failed)?;
    durable::sync_folder(&entry.folder, &entry.folder_path)
}

/// Whether a copy and what it was copied to (or from) still hold the same.
pub fn is_equal(one: &Path, other: &Path) -> Result<bool, StorageError> {
    same(one, other).map_err(|error| StorageError::io("compare", one, error))
}

fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (here, there) = (fs::symlink_metadata(one)?, fs::symlink_metadata(other)?);
    if here.file_type() != there.file_type() {
        return Ok(false);
    }
    if here.is_symlink() {
        return Ok(fs::read_link(one)? == fs::read_link(other)?);
    }
    if here.is_dir() {
        let names = names(one)?;
        if names != self::names(other)? {
            return Ok(false);
        }
        for name in names {
            if !same(&one.join(&name), &other.join(&name))? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    if here.len() != there.len() {
        return Ok(false);
    }
    let mut files = (File::open(one)?, File::open(other)?);
    let mut buffers = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut left = here.len();
    while left > 0 {
        let count = left.min(64 << 10) as usize;
        files.0.read_exact(&mut buffers.0[..count])?;
        files.1.read_exact(&mut buffers.1[..count])?;
        if buffers.0[..count] != buffers.1[..count] {
            return Ok(false);
        }
        left -= count as u64;
    }
    Ok(true)
}

/// What a folder holds, but for sockets and pipes, which are not copied.
fn names(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_file() || kind.is_dir() || kind.is_symlink() {
            names.insert(entry.file_name());
        }
    }
    Ok(names)
}

/// A name of the same folder that libvirt and pools take for nothing. It is the same for every run,
/// so that the next one finds what was left by one that was cut off: in libvirt's own folders
/// nobody else would look for it.
fn beside(path: &Path) -> PathBuf {
    // A name may have 255 bytes.
    const LONGEST: usize = 200;
    let name = path.file_name().unwrap_or_default().as_bytes();
    let kept = &name[..name.len().min(LONGEST)];
    path.with_file_name(OsStr::from_bytes(&[b".new-virt-retire-", kept].concat()))
}

fn erase(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn tree(from: &Path, to: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    if found.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
        return std::os::unix::fs::lchown(to, Some(found.uid()), Some(found.gid()));
    }
    if found.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            match tree(&from.join(&name), &to.join(&name)) {
                // swtpm replaces its files by rename: a name of a moment ago is no loss.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
    } else if found.is_file() {
        contents(from, to)?;
    } else {
        // A socket or a pipe of the running guest holds nothing.
        return Ok(());
    }
    dress(from, to, &found)
}

fn contents(from: &Path, to: &Path) -> io::Result<()> {
    let nofollow = OFlags::NOFOLLOW.bits() as i32;
    let mut source = File::options()
        .read(true)
        .custom_flags(nofollow)
        .open(from)?;
    let mut target = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(nofollow)
        .open(to)?;
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0_u64;
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        let part = &buffer[..count];
        if part.iter().all(|byte| *byte == 0) {
            io::Seek::seek_relative(&mut target, count as i64)?;
        } else {
            target.write_all(part)?;
        }
        length += count as u64;
    }
    target.set_len(length)
}

/// Owner before mode (a change of owner drops set-id bits), times last, then the sync.
fn dress(from: &Path, to: &Path, found: &fs::Metadata) -> io::Result<()> {
    std::os::unix::fs::chown(to, Some(found.uid()), Some(found.gid()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(found.mode() & 0o7777))?;
    for name in attributes(from)? {
        let mut value = vec![0; 64 << 10];
        let length = rustix::fs::lgetxattr(from, &name[..], &mut value[..])?;
        rustix::fs::lsetxattr(to, &name[..], &value[..length], XattrFlags::empty())?;
    }
    let times = FileTimes::new()
        .set_accessed(found.accessed()?)
        .set_modified(found.modified()?);
    let file = File::open(to)?;
    file.set_times(times)?;
    file.sync_all()
}

fn attributes(path: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut names = vec![0; 64 << 10];
    let length = match rustix::fs::llistxattr(path, &mut names[..]) {
        Ok(length) => length,
        Err(rustix::io::Errno::OPNOTSUPP) => 0,
        Err(errno) => return Err(errno.into()),
    };
    Ok(names[..length]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(<[u8]>::to_vec)
        .collect())
}

#[cfg(test)]
mod tests {
    //! If this fails, a guest's TPM state comes back with other rights than swtpm needs, or half.
    use super::*;

    #[test]
    fn a_folder_is_copied_with_all_that_is_in_it_and_never_over_anything() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("state");
        fs::create_dir(&from).unwrap();
        fs::create_dir(from.join("tpm2")).unwrap();
        let file = from.join("tpm2/permall");
        fs::write(&file, [[0; 100_000], [7; 100_000]].concat()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        rustix::fs::setxattr(&file, "user.x", b"1\0", XattrFlags::empty()).unwrap();
        std::os::unix::fs::symlink("permall", from.join("tpm2/link")).unwrap();

        let to = folder.path().join("copy");
        // A run before this one was cut off.
        fs::create_dir(beside(&to)).unwrap();
        fs::write(beside(&to).join("half"), "").unwrap();
        assert_eq!(copy(&from, &to).unwrap(), Moved::Now);
        let copied = to.join("tpm2/permall");
        assert_eq!(fs::read(&copied).unwrap(), fs::read(&file).unwrap());
        let (old, new) = (file.metadata().unwrap(), copied.metadata().unwrap());
        assert_eq!(old.mode(), new.mode());
        assert_eq!(old.modified().unwrap(), new.modified().unwrap());
        let mut value = [0; 8];
        assert_eq!(
            rustix::fs::lgetxattr(&copied, "user.x", &mut value[..]).unwrap(),
            2
        );
        assert_eq!(
            fs::read_link(to.join("tpm2/link")).unwrap(),
            Path::new("permall")
        );

        assert!(is_equal(&from, &to).unwrap());
        fs::write(from.join("more"), "").unwrap();
        assert!(!is_equal(&from, &to).unwrap());
        fs::remove_file(from.join("more")).unwrap();

        fs::write(&copied, "newer").unwrap();
        assert!(!is_equal(&from, &to).unwrap());
        assert_eq!(copy(&from, &to).unwrap(), Moved::Already);
        assert_eq!(fs::read(&copied).unwrap(), b"newer");
        remove(&to).unwrap();
        remove(&to).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }
}
