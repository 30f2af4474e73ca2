//! Symlinks by which a user names what is not his.
//!
//! Whoever may write to a folder may put a symlink there, and choose where it leads, after a guest
//! was defined as well as before. By such a link root would move, or copy for him, what he himself
//! may not. The kernel has the same rule for folders that everybody may write to
//! (`fs.protected_symlinks`, proc_sys_fs(5)); here it holds in every folder.
//!
//! Followed are links of root's and of our own, those in folders where nobody but these may write,
//! and those that lead to a file of the link's owner.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::Statx;

use super::sys;

/// What libvirt writes down of a file whose owner it changes for as long as a guest runs
/// (`virSecurityManagerRemember…`): `+UID:+GID`. Only root can set it.
const REMEMBERED_OWNER: &str = "trusted.libvirt.security.dac";

/// A symlink that was followed, and that a user may have put there.
pub struct Doubtful {
    link: PathBuf,
    owner: u32,
    /// The kernel itself does not follow it, wherever it leads.
    is_never_followed: bool,
}

/// Notes the symlink `link` (its `statx` and that of its folder), if it needs a word.
pub fn doubtful(link: PathBuf, stat: &Statx, folder: &Statx) -> Option<Doubtful> {
    let me = rustix::process::geteuid().as_raw();
    let trusted = |uid: u32| uid == 0 || uid == me;
    let others_write = folder.stx_mode & 0o022 != 0;
    if trusted(stat.stx_uid) || trusted(folder.stx_uid) && !others_write {
        return None;
    }
    let is_for_everybody = folder.stx_mode & 0o1002 == 0o1002;
    Some(Doubtful {
        link,
        owner: stat.stx_uid,
        is_never_followed: is_for_everybody && stat.stx_uid != folder.stx_uid,
    })
}

/// What is wrong with the way to `real`, open as `fd` where it is there.
pub fn judge(
    followed: &[Doubtful],
    real: &Path,
    fd: Option<BorrowedFd<'_>>,
) -> rustix::io::Result<Option<String>> {
    if followed.is_empty() {
        return Ok(None);
    }
    if let Some(one) = followed.iter().find(|one| one.is_never_followed) {
        return Ok(Some(format!(
            "user {} put the symlink {} into a folder that everybody may write to",
            one.owner,
            one.link.display()
        )));
    }
    let Some(fd) = fd else {
        // Nothing is there that could be somebody's.
        return Ok(None);
    };
    let stat = sys::stat(fd)?;
    let owner = remembered_owner(fd).unwrap_or(stat.stx_uid);
    let stranger = followed.iter().find(|one| one.owner != owner);
    Ok(stranger.map(|one| {
        format!(
            "the symlink {} of user {} leads to {}, which belongs to user {owner}",
            one.link.display(),
            one.owner,
            real.display()
        )
    }))
}

fn remembered_owner(fd: BorrowedFd<'_>) -> Option<u32> {
    // By the descriptor's own link: the file is not opened, which may have effects.
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let mut value = [0; 64];
    let length = rustix::fs::getxattr(path, REMEMBERED_OWNER, &mut value[..]).ok()?;
    let text = std::str::from_utf8(value.get(..length)?).ok()?;
    text.strip_prefix('+')?.split(':').next()?.parse().ok()
}
