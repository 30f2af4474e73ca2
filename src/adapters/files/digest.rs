//! A file read to its end, and the digest of what it is.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::facts;
use super::relocate::look;
use super::sys::{self, Entry};
use crate::model::{Digest, DigestKind, FileKind, Identity};
use crate::ports::StorageError;

/// Bytes at a time.
const PIECE: usize = 1 << 20;

pub fn digest(
    path: &Path,
    expected: &Identity,
    kind: DigestKind,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<Digest>, StorageError> {
    let (found, stat) =
        look(&Entry::open(path)?)?.ok_or_else(|| StorageError::Gone(path.to_owned()))?;
    let is_it = sys::is(&stat, expected);
    if !is_it || facts::kind(&stat) != FileKind::Regular {
        return Err(StorageError::Swapped(path.to_owned()));
    }
    let failed = |error: std::io::Error| StorageError::io("read", path, error);
    let mut file: File = sys::reopen(found.as_fd())
        .map_err(|errno| failed(errno.into()))?
        .into();
    let mut hasher = Hasher::new(kind);
    let mut piece = vec![0; PIECE];
    let mut read = 0;
    while go_on(read) {
        match file.read(&mut piece) {
            Ok(0) => {
                let hex = hasher.finish();
                return Ok(Some(Digest { kind, hex }));
            }
            Ok(count) => {
                hasher.update(&piece[..count]);
                read += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(None)
}

enum Hasher {
    Sha256(Sha256),
    Blake3(Box<blake3::Hasher>),
}

impl Hasher {
    fn new(kind: DigestKind) -> Self {
        match kind {
            DigestKind::Sha256 => Self::Sha256(Sha256::new()),
            DigestKind::Blake3 => Self::Blake3(Box::default()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Blake3(hasher) => {
                hasher.update(bytes);
            }
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Sha256(hasher) => {
                let bytes = hasher.finalize();
                bytes.iter().map(|byte| format!("{byte:02x}")).collect()
            }
            Self::Blake3(hasher) => hasher.finalize().to_hex().to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_one_that_others_print() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        let identity = facts::facts(&path).unwrap().unwrap().identity;
        let of = |kind| {
            digest(&path, &identity, kind, &mut |_| true)
                .unwrap()
                .unwrap()
        };
        // FIPS 180-2, B.1; the test vectors of BLAKE3 have no "abc": `b3sum` prints this.
        assert_eq!(
            of(DigestKind::Sha256).to_string(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            of(DigestKind::Blake3).to_string(),
            "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
        );
        let ended = digest(&path, &identity, DigestKind::Sha256, &mut |_| false);
        assert_eq!(ended.unwrap(), None);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(dir.path().join("b"), "").unwrap();
        std::fs::write(&path, "abc").unwrap();
        let other = digest(
            &dir.path().join("b"),
            &identity,
            DigestKind::Sha256,
            &mut |_| true,
        );
        // An inode number may be given again, and then its birth tells.
        assert!(other.is_err());
    }
}
