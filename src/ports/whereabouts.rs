//! Where a file is that a transaction takes. Everybody who asks (a rollback before it begins,
//! `rebuild`, `verify`, a purge, the last look at users) asks here, so that all of them mean the
//! same by "it".

use std::path::Path;

use super::{Seen, StorageError, StorageView};
use crate::model::{FileFacts, FileKind};

/// What has a name, seen against the file that had it, or is to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence<T = FileFacts> {
    Nothing,
    /// That file, as it is now.
    It(T),
    Another(T),
}

impl<T> Presence<T> {
    pub fn is_it(&self) -> bool {
        matches!(self, Self::It(_))
    }

    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Presence<U> {
        match self {
            Self::Nothing => Presence::Nothing,
            Self::It(now) => Presence::It(convert(now)),
            Self::Another(now) => Presence::Another(convert(now)),
        }
    }
}

impl Presence {
    /// Without following a symlink, and without looking below a folder that is another one.
    ///
    /// # Errors
    /// The file system does not answer.
    pub fn at(
        storage: &dyn StorageView,
        path: &Path,
        expected: &FileFacts,
    ) -> Result<Self, StorageError> {
        let Some(now) = storage.glance(path)? else {
            return Ok(Self::Nothing);
        };
        if !now.is_same_file(expected) {
            return Ok(Self::Another(now));
        }
        // A folder's size is of all that is in it.
        Ok(match now.kind {
            FileKind::Directory => storage.facts(path)?.map_or(Self::Nothing, Self::It),
            _ => Self::It(now),
        })
    }
}

/// Both ends of the way of what is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// Where it came from, or where it is to come back to.
    pub home: Presence<Seen>,
    /// Where it waits in quarantine.
    pub waiting: Presence<Seen>,
}

/// Both in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Home,
    Quarantine,
    /// Under both names: a managed save image before its domain is undefined.
    Both,
    Neither,
    /// Another file is where it would come back to, or where it should wait.
    Stranger,
}

impl Whereabouts {
    pub fn place(&self) -> Place {
        use Presence::{Another, It, Nothing};
        match (&self.home, &self.waiting) {
            (It(_), It(_)) => Place::Both,
            (It(_), Nothing | Another(_)) => Place::Home,
            // Whoever took its place since does not make it less safe where it waits.
            (Nothing | Another(_), It(_)) => Place::Quarantine,
            (Another(_), _) | (_, Another(_)) => Place::Stranger,
            (Nothing, Nothing) => Place::Neither,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FileTime, Identity};

    fn facts(inode: u64) -> FileFacts {
        FileFacts {
            identity: Identity {
                device: 1,
                inode,
                born: None,
            },
            kind: FileKind::Regular,
            size: 0,
            allocated: 0,
            mode: 0o600,
            uid: 0,
            gid: 0,
            links: 1,
            modified: FileTime {
                seconds: 0,
                nanoseconds: 0,
            },
            attributes: 0,
            link_target: None,
        }
    }

    #[test]
    fn a_stranger_at_home_does_not_hide_what_waits() {
        let place = |home, waiting| Whereabouts { home, waiting }.place();
        let seen = Seen {
            allocated: 0,
            is_changed: false,
        };
        let (it, another) = (|| Presence::It(seen), || Presence::Another(seen));
        assert_eq!(place(it(), Presence::Nothing), Place::Home);
        assert_eq!(place(it(), another()), Place::Home);
        assert_eq!(place(it(), it()), Place::Both);
        assert_eq!(place(Presence::Nothing, it()), Place::Quarantine);
        assert_eq!(place(another(), it()), Place::Quarantine);
        assert_eq!(place(Presence::Nothing, another()), Place::Stranger);
        assert_eq!(place(another(), Presence::Nothing), Place::Stranger);
        assert_eq!(place(Presence::Nothing, Presence::Nothing), Place::Neither);
    }

    #[test]
    fn an_inode_of_another_kind_is_another_file() {
        let folder = FileFacts {
            kind: FileKind::Directory,
            ..facts(1)
        };
        assert!(facts(1).is_same_file(&facts(1)));
        assert!(!facts(1).is_same_file(&folder));
    }
}
