//! What another operator of the same host may do at any moment, and how he takes it back.

use std::path::Path;

use uuid::Uuid;

use super::disk::Content;
use super::host::Host;
use super::libvirt::save_of;
use super::scenario::{DISK, WEB};
use super::storage::QUARANTINE;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Move {
    Start,
    /// The guest ends.
    End,
    /// Defines it, as it was.
    Define,
    /// Defines it, or edits it, otherwise.
    Edit,
    /// Defines a domain of another name and UUID on the same disk.
    DefineOther,
    /// Defines another domain of the same name, without disks.
    TakeName,
    /// Undefines it, with its managed save.
    Undefine,
    /// Makes an overlay on the disk, if it is there.
    Overlay,
    /// Makes an overlay on the disk where it waits for its purge.
    OverlayWaiting,
    /// Puts a file of his own into the quarantine folder of what waits for its purge.
    Strange,
    /// A process opens the disk, wherever it is.
    Open,
    /// Makes a file of the disk's name, if that is free.
    Occupy,
    /// Moves the disk aside, and puts a file of his own in its place.
    Replace,
    Write,
    /// Removes the disk's folder, if it is empty.
    RemoveFolder,
    /// The operator presses Ctrl-C.
    Signal,
    SignalTwice,
    /// One call fails.
    Fault,
}

pub const ALL: [Move; 18] = [
    Move::Start,
    Move::End,
    Move::Define,
    Move::Edit,
    Move::DefineOther,
    Move::TakeName,
    Move::Undefine,
    Move::Overlay,
    Move::OverlayWaiting,
    Move::Strange,
    Move::Open,
    Move::Occupy,
    Move::Replace,
    Move::Write,
    Move::RemoveFolder,
    Move::Signal,
    Move::SignalTwice,
    Move::Fault,
];

const OVERLAY: &str = "/images/overlay.qcow2";
pub const ASIDE: &str = "/images/aside.qcow2";
pub const STRANGER: Uuid = Uuid::from_u128(99);

impl Move {
    /// Whether it changed anything.
    pub fn apply(self, host: &mut Host) -> bool {
        let disk = Path::new(DISK);
        let folder = disk.parent().unwrap();
        match self {
            Move::Start => host.start(WEB),
            Move::End => host.end(WEB),
            Move::Define => host.libvirt.status(WEB).is_none() && define(host, &host.web.clone()),
            Move::Edit => {
                let edited = host.web.replace("<title>web", "<title>edited");
                define(host, &edited)
            }
            Move::DefineOther => {
                let twin = stranger(host).replace("<name>web", "<name>twin");
                define(host, &twin)
            }
            Move::TakeName => {
                let other = stranger(host).replace("/images/", "/none/");
                define(host, &other)
            }
            Move::Undefine => {
                let gone = host.libvirt.defined.remove(&WEB).is_some();
                host.libvirt.sync(WEB);
                if gone {
                    // libvirt refuses it otherwise.
                    let save = save_of("web");
                    host.disk.remove(&save);
                    host.disk.sync_folder(save.parent().unwrap());
                }
                gone
            }
            Move::Overlay => {
                let fits = host.disk.inode(disk).is_some();
                if fits {
                    host.disk
                        .create(Path::new(OVERLAY), Content::over("overlay", DISK));
                    settle(host, OVERLAY);
                }
                fits
            }
            Move::OverlayWaiting => {
                let waits = waiting(host);
                if let Some(waits) = &waits {
                    let overlay = Content::over("overlay", &waits.display().to_string());
                    host.disk.create(Path::new(OVERLAY), overlay);
                    settle(host, OVERLAY);
                }
                waits.is_some()
            }
            Move::Strange => {
                let waits = waiting(host);
                if let Some(folder) = waits.as_deref().and_then(Path::parent) {
                    let notes = folder.join("notes");
                    host.disk.create(&notes, Content::of("a stranger's"));
                    settle(host, &notes.display().to_string());
                }
                waits.is_some()
            }
            Move::Open => {
                let inode = host.original;
                host.opened.extend(inode);
                inode.is_some()
            }
            Move::Occupy => {
                let fits = host.disk.inode(disk).is_none() && host.disk.is_folder(folder);
                if fits {
                    host.disk.create(disk, Content::of("a stranger's"));
                    settle(host, DISK);
                }
                fits
            }
            Move::Replace => {
                let fits = host.disk.inode(disk).is_some();
                if fits {
                    host.disk.rename(disk, Path::new(ASIDE));
                    host.disk.create(disk, Content::of("a stranger's"));
                    settle(host, DISK);
                    settle(host, ASIDE);
                }
                fits
            }
            Move::Write => {
                let inode = host.disk.inode(disk);
                if let Some(inode) = inode {
                    host.disk.write(inode, Content::of("written since"));
                    host.disk.sync_file(disk);
                }
                inode.is_some()
            }
            Move::RemoveFolder => {
                let fits = host.disk.is_folder(folder) && host.disk.below(folder).is_empty();
                if fits {
                    host.disk.remove(folder);
                    host.disk.sync_folder(folder);
                    host.disk.sync_folder(Path::new("/images"));
                }
                fits
            }
            Move::Signal => {
                host.signals += 1;
                true
            }
            Move::SignalTwice => {
                host.signals += 2;
                true
            }
            Move::Fault => {
                host.fails_now = true;
                true
            }
        }
    }

    /// Removes what may be in the way, as the operator does who was told of it.
    pub fn take_back(self, host: &mut Host) {
        let disk = Path::new(DISK);
        match self {
            Move::Start => drop(host.end(WEB)),
            Move::End => {}
            Move::DefineOther | Move::TakeName => {
                host.libvirt.defined.remove(&STRANGER);
                host.libvirt.sync(STRANGER);
            }
            Move::Overlay | Move::OverlayWaiting => {
                host.disk.remove(Path::new(OVERLAY));
                settle(host, OVERLAY);
            }
            Move::Open => host.opened.clear(),
            Move::Occupy => {
                if let Some(inode) = host.disk.inode(disk)
                    && host.disk.content(inode) == Some(&Content::of("a stranger's"))
                {
                    host.disk.rename(disk, Path::new("/images/stranger"));
                    settle(host, DISK);
                    settle(host, "/images/stranger");
                }
            }
            Move::Replace => {
                if let Some(inode) = host.disk.inode(disk)
                    && host.disk.content(inode) == Some(&Content::of("a stranger's"))
                {
                    host.disk.rename(disk, Path::new("/images/stranger"));
                    settle(host, "/images/stranger");
                    host.disk.rename(Path::new(ASIDE), disk);
                    settle(host, DISK);
                    settle(host, ASIDE);
                }
            }
            Move::RemoveFolder => {
                let folder = disk.parent().unwrap();
                if !host.disk.is_folder(folder) {
                    host.disk.make_folder(folder);
                    host.disk.sync_folder(Path::new("/images"));
                }
            }
            Move::Strange => {}
            Move::Define | Move::Edit | Move::Undefine | Move::Write => {}
            Move::Signal | Move::SignalTwice | Move::Fault => {}
        }
    }
}

/// Where the disk waits, in a world that is about purging it.
fn waiting(host: &Host) -> Option<std::path::PathBuf> {
    let names = host.disk.names_of(host.original?);
    let mut names = names.into_iter().filter(|_| host.is_purged);
    names.find(|name| name.starts_with(QUARANTINE))
}

fn stranger(host: &Host) -> String {
    host.web.replace(&WEB.to_string(), &STRANGER.to_string())
}

fn define(host: &mut Host, xml: &str) -> bool {
    let before = host.libvirt.defined.clone();
    let Some(uuid) = host.libvirt.define(xml) else {
        return false;
    };
    host.libvirt.sync(uuid);
    host.libvirt.defined != before
}

fn settle(host: &mut Host, path: &str) {
    let path = Path::new(path);
    host.disk.sync_file(path);
    host.disk.sync_folder(path.parent().unwrap());
}
