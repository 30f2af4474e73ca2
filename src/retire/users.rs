//! `users` and `volumes`: what a file is to this host, and what storage a domain has.

use std::path::{Path, PathBuf};

use crate::model::{Claim, DomainRef, Fate, FileRef, Summary, Transaction, TransactionId};
use crate::ports::{HypervisorError, JournalReader};
use crate::survey::{CachedStorage, Piece, Survey, SurveyError};

use super::awaited::claimant;
use super::{Error, Site};

/// What there is of a path or a volume.
pub enum FileFound {
    There {
        file: Box<FileRef>,
        /// What could not be looked at for its users, in words.
        unseen: Vec<String>,
        /// Another file of that path is in quarantine: the newest transaction that has one.
        retired: Option<Box<Transaction>>,
    },
    /// It is not there, because a transaction has it.
    Retired { path: PathBuf, by: Box<Transaction> },
}

/// Who uses a file: a path, or POOL/VOLUME.
///
/// # Errors
/// [`Error::NoSuchFile`]; libvirt does not answer.
pub fn users(site: &dyn Site, what: &Path) -> Result<FileFound, Error> {
    let host = site.connect()?;
    let world = host.world();
    let cached = CachedStorage::new(world.storage);
    let survey = Survey::new(world.hypervisor, &cached, world.census)?;
    let path = match meant(&survey, what) {
        Ok(path) => path,
        Err(error) => {
            let names = what.to_str().and_then(|text| text.split_once('/'));
            let retired = names.and_then(|(pool, volume)| with_volume(site, pool, volume));
            return Ok(FileFound::Retired {
                by: Box::new(retired.ok_or(error)?),
                path: what.to_owned(),
            });
        }
    };
    let retired = with_path(site, &path).map(Box::new);
    match (survey.users_of(&path)?, retired) {
        (Some(file), retired) => Ok(FileFound::There {
            file: Box::new(file),
            unseen: survey.unseen(),
            retired,
        }),
        (None, Some(by)) => Ok(FileFound::Retired { path, by }),
        (None, None) => Err(Error::NoSuchFile(path)),
    }
}

/// A path where it can be one only; else a volume, if there is a pool of that name and the volume
/// in it; else a path relative to the working folder.
fn meant(survey: &Survey, what: &Path) -> Result<PathBuf, Error> {
    let is_path = what.is_absolute() || what.starts_with(".") || what.starts_with("..");
    let volume = what
        .to_str()
        .filter(|_| !is_path)
        .and_then(|text| text.split_once('/'));
    if let Some((pool, volume)) = volume {
        match survey.volume_path(pool, volume) {
            Ok(path) => return Ok(path),
            Err(error @ SurveyError::Hypervisor(HypervisorError::NoSuchVolume { .. })) => {
                if std::fs::symlink_metadata(what).is_err() {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    // Nothing is asked of the file system for that; an empty word is no path.
    std::path::absolute(what).map_err(|_| Error::NoSuchFile(what.to_owned()))
}

/// The newest transaction that has this file in quarantine, or is open and may be taking it.
fn with_path(site: &dyn Site, path: &Path) -> Option<Transaction> {
    newest(site, &|transaction| {
        transaction.files().any(|(_, moved, _)| moved.path == path)
            || transaction.plan.disks.iter().any(|disk| {
                let goes = disk.fate == Fate::Quarantine;
                goes && disk.spelled.as_deref().map(Path::new) == Some(path)
            })
    })
}

/// The same of a volume.
fn with_volume(site: &dyn Site, pool: &str, volume: &str) -> Option<Transaction> {
    newest(site, &|transaction| {
        transaction.files().any(|(_, moved, _)| {
            let pooled = moved.pooled.as_ref();
            pooled.is_some_and(|it| it.pool == pool && it.volume == volume)
        })
    })
}

fn newest(site: &dyn Site, is_it: &dyn Fn(&Transaction) -> bool) -> Option<Transaction> {
    let reader = reader(site)?;
    let mut found = None;
    let read = reader.newest(&mut |summary| {
        if summary.state.is_restorable() || summary.state.claim() == Claim::Unfinished {
            found = Some(reader.read(summary.id)?).filter(|one| is_it(one));
        }
        Ok(found.is_none())
    });
    read.ok().and(found)
}

/// The newest transaction that has retired the domain of this name or UUID, and can bring it back.
pub fn retired_domain(site: &dyn Site, name: &str) -> Option<Summary> {
    let latest = reader(site)?
        .latest(&|summary| summary.domain.is_called(name) && summary.state.is_restorable());
    latest.ok().flatten()
}

/// A transaction that is neither done nor undone.
pub struct Open {
    pub id: TransactionId,
    /// Another command is at work on the journal, and so on this one perhaps.
    pub is_busy: bool,
}

/// The one that has the domain of this name or UUID.
pub fn open_with(site: &dyn Site, name: &str) -> Option<Open> {
    let reader = reader(site)?;
    let claimant = claimant(&*reader, name).ok()??;
    (claimant.state.claim() == Claim::Unfinished).then(|| Open {
        id: claimant.id,
        is_busy: reader.is_busy(),
    })
}

/// What the journal says besides; that it cannot be read is no reason to answer nothing.
fn reader(site: &dyn Site) -> Option<Box<dyn JournalReader>> {
    match site.has_journal() {
        Ok(true) => site.reader("look for what was retired").ok(),
        _ => None,
    }
}

/// Every piece of storage that a domain uses.
pub struct Volumes {
    pub domain: DomainRef,
    pub pieces: Vec<Piece>,
    /// What could not be looked at for their users, in words.
    pub unseen: Vec<String>,
}

/// # Errors
/// The domain is not there, or libvirt does not answer.
pub fn volumes(site: &dyn Site, domain: &str) -> Result<Volumes, Error> {
    let host = site.connect()?;
    let world = host.world();
    let domain = world.hypervisor.find(domain)?;
    let cached = CachedStorage::new(world.storage);
    let survey = Survey::new(world.hypervisor, &cached, world.census)?;
    Ok(Volumes {
        pieces: survey.pieces(&domain)?,
        unseen: survey.unseen(),
        domain,
    })
}
