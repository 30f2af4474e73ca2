//! A file system in memory that forgets what was not synced.
//!
//! Names are kept twice: as every process sees them, and as they are on the medium. A change of
//! names waits until one of its folders is synced; a power cut lets each waiting change survive or
//! not, by a bit of its own. A rename is whole or not there at all, as every journaling file system
//! has it, but a sync of the target's folder alone leaves the old name in doubt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use virt_retire::model::{FileFacts, FileKind, FileTime, Identity};

pub type Inode = u64;

/// What a file holds: bytes, and what its header says of another one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    pub bytes: Rc<[u8]>,
    pub backing: Option<PathBuf>,
}

impl Content {
    pub fn of(text: &str) -> Self {
        Self {
            bytes: text.as_bytes().into(),
            backing: None,
        }
    }

    pub fn over(text: &str, backing: &str) -> Self {
        Self {
            backing: Some(backing.into()),
            ..Self::of(text)
        }
    }
}

#[derive(Debug, Clone)]
struct Node {
    kind: FileKind,
    content: Content,
    /// What a power cut leaves of it.
    on_medium: Content,
    modified: i64,
    mode: u32,
}

#[derive(Debug, Clone)]
enum Change {
    Add {
        path: PathBuf,
        inode: Inode,
    },
    Remove {
        path: PathBuf,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
        inode: Inode,
    },
}

#[derive(Debug, Clone, Default)]
pub struct Disk {
    nodes: BTreeMap<Inode, Node>,
    names: BTreeMap<PathBuf, Inode>,
    on_medium: BTreeMap<PathBuf, Inode>,
    waiting: Vec<Change>,
    clock: i64,
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

impl Disk {
    pub fn inode(&self, path: &Path) -> Option<Inode> {
        self.names.get(path).copied()
    }

    pub fn content(&self, inode: Inode) -> Option<&Content> {
        self.nodes.get(&inode).map(|node| &node.content)
    }

    /// Every name of a file.
    pub fn names_of(&self, inode: Inode) -> Vec<PathBuf> {
        let names = self.names.iter().filter(|(_, it)| **it == inode);
        names.map(|(path, _)| path.clone()).collect()
    }

    pub fn names(&self) -> impl Iterator<Item = (&PathBuf, Inode)> {
        self.names.iter().map(|(path, inode)| (path, *inode))
    }

    pub fn is_folder(&self, path: &Path) -> bool {
        let node = self.inode(path).and_then(|inode| self.nodes.get(&inode));
        path == Path::new("/") || node.is_some_and(|node| node.kind == FileKind::Directory)
    }

    pub fn below(&self, folder: &Path) -> Vec<PathBuf> {
        let names = self.names.keys();
        names
            .filter(|path| path.parent() == Some(folder))
            .cloned()
            .collect()
    }

    pub fn facts(&self, path: &Path) -> Option<FileFacts> {
        let inode = match path == Path::new("/") {
            true => 0,
            false => self.inode(path)?,
        };
        let node = self.nodes.get(&inode);
        let time = |seconds| FileTime {
            seconds,
            nanoseconds: 0,
        };
        let kind = node.map_or(FileKind::Directory, |node| node.kind);
        Some(FileFacts {
            identity: Identity {
                device: 1,
                inode,
                born: Some(time(inode as i64)),
            },
            kind,
            size: node.map_or(0, |node| node.content.bytes.len() as u64),
            allocated: 4096,
            mode: node.map_or(0o700, |node| node.mode),
            uid: 0,
            gid: 0,
            links: self.names_of(inode).len() as u64,
            modified: time(node.map_or(0, |node| node.modified)),
            attributes: 0,
            link_target: None,
        })
    }

    fn node(&mut self, kind: FileKind, content: Content) -> Inode {
        self.clock += 1;
        let inode = self.nodes.keys().last().map_or(1, |last| last + 1);
        let node = Node {
            kind,
            content,
            on_medium: Content::default(),
            modified: self.clock,
            mode: match kind {
                FileKind::Directory => 0o700,
                _ => 0o600,
            },
        };
        self.nodes.insert(inode, node);
        inode
    }

    fn add(&mut self, path: &Path, inode: Inode) {
        self.names.insert(path.to_owned(), inode);
        self.waiting.push(Change::Add {
            path: path.to_owned(),
            inode,
        });
    }

    pub fn make_folder(&mut self, path: &Path) {
        let inode = self.node(FileKind::Directory, Content::default());
        self.add(path, inode);
    }

    pub fn set_mode(&mut self, path: &Path, mode: u32) {
        let inode = self.names.get(path);
        if let Some(node) = inode.and_then(|inode| self.nodes.get_mut(inode)) {
            node.mode = mode;
        }
    }

    pub fn create(&mut self, path: &Path, content: Content) -> Inode {
        let inode = self.node(FileKind::Regular, content);
        self.add(path, inode);
        inode
    }

    pub fn write(&mut self, inode: Inode, content: Content) {
        self.clock += 1;
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.content = content;
            node.modified = self.clock;
        }
    }

    pub fn link(&mut self, inode: Inode, to: &Path) {
        self.add(to, inode);
    }

    pub fn remove(&mut self, path: &Path) {
        if self.names.remove(path).is_some() {
            self.waiting.push(Change::Remove {
                path: path.to_owned(),
            });
        }
    }

    /// Over whatever is there: who must not overwrite looks first.
    pub fn rename(&mut self, from: &Path, to: &Path) {
        let Some(inode) = self.names.remove(from) else {
            return;
        };
        self.names.insert(to.to_owned(), inode);
        self.waiting.push(Change::Rename {
            from: from.to_owned(),
            to: to.to_owned(),
            inode,
        });
    }

    pub fn sync_file(&mut self, path: &Path) {
        if let Some(inode) = self.inode(path) {
            self.sync_inode(inode);
        }
    }

    /// Whatever it is called by now.
    pub fn sync_inode(&mut self, inode: Inode) {
        if let Some(node) = self.nodes.get_mut(&inode) {
            node.on_medium = node.content.clone();
        }
    }

    pub fn sync_folder(&mut self, folder: &Path) {
        for change in std::mem::take(&mut self.waiting) {
            match change {
                Change::Rename { from, to, inode } if folder_of(&to) == folder => {
                    self.on_medium.insert(to, inode);
                    match folder_of(&from) == folder {
                        true => drop(self.on_medium.remove(&from)),
                        false => self.waiting.push(Change::Remove { path: from }),
                    }
                }
                Change::Rename { ref from, .. } if folder_of(from) == folder => self.settle(change),
                Change::Add { ref path, .. } | Change::Remove { ref path }
                    if folder_of(path) == folder =>
                {
                    self.settle(change);
                }
                other => self.waiting.push(other),
            }
        }
    }

    pub fn sync_all(&mut self) {
        for change in std::mem::take(&mut self.waiting) {
            self.settle(change);
        }
        for node in self.nodes.values_mut() {
            node.on_medium = node.content.clone();
        }
    }

    fn settle(&mut self, change: Change) {
        match change {
            Change::Add { path, inode } => drop(self.on_medium.insert(path, inode)),
            Change::Remove { path } => drop(self.on_medium.remove(&path)),
            Change::Rename { from, to, inode } => {
                self.on_medium.remove(&from);
                self.on_medium.insert(to, inode);
            }
        }
    }

    /// Names and contents that a power cut may still take back.
    pub fn in_doubt(&self) -> Vec<String> {
        // Nobody finds what was in a folder that is gone.
        let is_seen = |path: &Path| self.is_folder(folder_of(path));
        let seen = self.waiting.iter().filter(|change| match change {
            Change::Add { path, .. } | Change::Remove { path } => is_seen(path),
            Change::Rename { from, to, .. } => is_seen(from) || is_seen(to),
        });
        // A rename half of which has lasted is no new doubt.
        let changes = seen.flat_map(|change| match change {
            Change::Add { path, .. } => vec![format!("the name {}", path.display())],
            Change::Remove { path } => vec![format!("that {} is gone", path.display())],
            Change::Rename { from, to, .. } => vec![
                format!("the name {}", to.display()),
                format!("that {} is gone", from.display()),
            ],
        });
        let contents = self.names.iter().filter(|(_, inode)| {
            let node = self.nodes.get(inode);
            node.is_some_and(|node| node.content != node.on_medium)
        });
        changes
            .chain(contents.map(|(path, _)| format!("the contents of {}", path.display())))
            .collect()
    }

    /// The power goes: bit after bit of `luck` says what survives.
    pub fn lose_power(&mut self, luck: &mut Luck) {
        for change in std::mem::take(&mut self.waiting) {
            if luck.draw() {
                self.settle(change);
            }
        }
        self.names = self.on_medium.clone();
        for node in self.nodes.values_mut() {
            if node.content != node.on_medium && !luck.draw() {
                node.content = node.on_medium.clone();
            }
            node.on_medium = node.content.clone();
        }
        // What lost its folder lost its name.
        let names = self.names.clone();
        self.names.retain(|path, _| {
            let folder = folder_of(path);
            folder == Path::new("/") || names.contains_key(folder)
        });
        self.on_medium = self.names.clone();
    }
}

/// Which of the changes that were not synced survive: a bit each, the lowest first, over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Luck {
    pattern: u8,
    next: u32,
}

impl Luck {
    pub fn of(pattern: u8) -> Self {
        Self { pattern, next: 0 }
    }

    pub fn draw(&mut self) -> bool {
        let bit = self.pattern >> (self.next % 8) & 1;
        self.next += 1;
        bit == 1
    }
}
