//! Whether anybody has taken up files of a retirement since its plan was made.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::model::{FileMove, Taken, User};
use crate::ports::{HypervisorView, Presence, StorageView};

use super::pools::Pools;
use super::users::Names;
use super::{CachedStorage, SurveyError, users};

/// One retirement's files, wherever they are by now.
pub struct Leaving<'a> {
    /// The domain they were taken from, whose own use of them is none.
    pub owner: Uuid,
    /// Each thing with its place in quarantine.
    pub taken: Vec<(Taken<'a>, PathBuf)>,
    /// Images of the domain that stay where they are. Its guest has written them, or they were
    /// judged when the plan was made: what they name is no news.
    pub stays: Vec<&'a Path>,
}

/// How the places are looked at that the files have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// As if the files were in them still: whoever names such a place, by whatever name, names the
    /// file that was there.
    BeforeTheMoves,
    /// As they are: only who names a file in quarantine uses it.
    TheyAre,
}

/// Domains and images that use one of these files by now: domains that name it as a disk, as a
/// backing file or as anything else, and images in the pools and beside the files that stand on it.
/// The answer has one list of users for each file of each retirement, empty where there are none.
/// Who used a file when the plan was made is not among them, because that plan was refused.
///
/// # Errors
/// libvirt does not answer.
pub fn newcomers(
    hypervisor: &dyn HypervisorView,
    storage: &dyn StorageView,
    leaving: &[Leaving],
    how: As,
) -> Result<Vec<Vec<Vec<User>>>, SurveyError> {
    // A device's number may have changed at a reboot since the plan was made.
    let mut now: Vec<Vec<FileMove>> = Vec::new();
    for one in leaving {
        let files = one.taken.iter().map(|(taken, stored)| {
            let mut file = match taken {
                Taken::File(moved) => FileMove::clone(moved),
            };
            for place in [&file.path.clone(), stored] {
                if let Presence::It(found) = Presence::at(storage, place, &file.facts)? {
                    file.facts.identity = found.identity;
                    break;
                }
            }
            Ok(file)
        });
        now.push(files.collect::<Result<_, SurveyError>>()?);
    }
    if now.iter().all(Vec::is_empty) {
        return Ok(now.iter().map(|_| Vec::new()).collect());
    }
    let cached = match how {
        As::BeforeTheMoves => CachedStorage::before(storage, now.iter().flatten()),
        As::TheyAre => CachedStorage::new(storage),
    };
    let pools = Pools::new(hypervisor, &cached)?;
    let near = now.iter().flatten().filter_map(|file| file.path.parent());
    let own = own(&cached, leaving, &now);
    let stored = leaving.iter().flat_map(|one| &one.taken);
    let stored = stored.map(|(_, stored)| stored.as_path());
    let names = Names::of(
        now.iter()
            .flatten()
            .map(|file| file.path.as_path())
            .chain(stored),
    );
    let graph = users::everyone(hypervisor, &cached, &pools, &own, &names, near)?;
    Ok(leaving
        .iter()
        .zip(&now)
        .map(|(one, files)| {
            let users = |(file, (_, stored)): (&FileMove, &(Taken, PathBuf))| {
                let path = match how {
                    As::BeforeTheMoves => &file.path,
                    As::TheyAre => stored,
                };
                graph.users_of(&cached, path, &file.facts, one.owner)
            };
            files.iter().zip(&one.taken).map(users).collect()
        })
        .collect())
}

/// An image of a domain that is being retired is no stranger's, though no domain has it attached.
fn own(cached: &CachedStorage, leaving: &[Leaving], now: &[Vec<FileMove>]) -> Vec<(u64, u64)> {
    let mut keys = Vec::new();
    for (one, files) in leaving.iter().zip(now) {
        keys.extend(files.iter().map(|file| file.facts.identity.key()));
        for path in &one.stays {
            if let Ok(Some(facts)) = cached.glance(path) {
                keys.push(facts.identity.key());
            }
        }
    }
    keys
}
