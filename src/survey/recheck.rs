//! Whether a domain has taken up files that have been moved since the plan was made.

use uuid::Uuid;

use crate::model::{FileMove, User};
use crate::ports::{Hypervisor, Storage};

use super::pools::Pools;
use super::{Memo, SurveyError, domains};

/// Domains that name one of these files by now, as a disk, as a backing file or as anything else:
/// each file that is used, with its users. Each list of files comes with the domain they were
/// taken from. Who named a file before the plan was made is none, because that plan was refused.
///
/// The files have left their places; whoever names such a place, by whatever name, names the file
/// that was there.
///
/// # Errors
/// libvirt does not answer.
pub fn newcomers<'m>(
    hypervisor: &dyn Hypervisor,
    storage: &dyn Storage,
    moves: &[(Uuid, Vec<&'m FileMove>)],
) -> Result<Vec<(&'m FileMove, Vec<User>)>, SurveyError> {
    let all = || moves.iter().flat_map(|(_, files)| files.iter().copied());
    if all().next().is_none() {
        return Ok(Vec::new());
    }
    let memo = Memo::before(storage, all());
    let pools = Pools::new(hypervisor, &memo)?;
    let graph = domains(hypervisor, &memo, &pools)?;
    Ok(moves
        .iter()
        .flat_map(|(owner, files)| files.iter().map(|file| (*owner, *file)))
        .map(|(owner, file)| (file, graph.users(&file.facts.identity, owner)))
        .filter(|(_, users)| !users.is_empty())
        .collect())
}
