//! `STATE/roots`: the quarantine roots that this state folder has used, so that they are known when
//! the journal is lost.
//!
//! Each path in bytes, ended by a zero byte. A root is added before the first folder is made in it,
//! and never taken out: one that is not there any more costs a look.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::durable::Unsynced;
use super::folders;
use crate::ports::StorageError;

const NAME: &str = "roots";

/// # Errors
/// It is there and cannot be read.
pub fn read(state_dir: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let path = state_dir.join(NAME);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StorageError::io("read", &path, error)),
    };
    Ok(bytes
        .split(|byte| *byte == 0)
        .map(|path| PathBuf::from(OsString::from_vec(path.to_vec())))
        // What is not a whole path is a line that somebody cut.
        .filter(|path| path.is_absolute())
        .collect())
}

/// Adds a root, durably. One that is known already costs one read.
pub fn remember(state_dir: &Path, root: &Path) -> Result<(), StorageError> {
    let mut roots = read(state_dir)?;
    if roots.iter().any(|known| known == root) {
        return Ok(());
    }
    roots.push(root.to_owned());
    let mut bytes = Vec::new();
    for root in &roots {
        bytes.extend_from_slice(root.as_os_str().as_bytes());
        bytes.push(0);
    }
    Unsynced::at_once(|unsynced| folders::write(&state_dir.join(NAME), &bytes, unsynced))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_is_remembered_once() {
        let state = tempfile::tempdir().unwrap();
        let state = state.path();
        assert_eq!(read(state).unwrap(), Vec::<PathBuf>::new());
        let odd = PathBuf::from(OsString::from_vec(b"/a\n\xff b/.virt-retire".to_vec()));
        for _ in 0..2 {
            remember(state, &odd).unwrap();
            remember(state, Path::new("/srv/q")).unwrap();
        }
        assert_eq!(read(state).unwrap(), [odd, "/srv/q".into()]);
    }
}
