//! Whether a domain has taken up files that have been moved since the plan was made.

use uuid::Uuid;

use crate::model::{FileMove, User};
use crate::ports::{Hypervisor, Storage};

use super::pools::Pools;
use super::{Memo, SurveyError, domains};

/// Domains that name one of these files by now, as a disk, as a backing file or as anything else:
/// each file that is used, with its users. Who named it before the plan was made is none, because
/// the plan would have been refused.
///
/// The files have left their places; whoever names such a place, by whatever name, names the file
/// that was there.
///
/// # Errors
/// libvirt does not answer.
pub fn newcomers<'m>(
    hypervisor: &dyn Hypervisor,
    storage: &dyn Storage,
    owner: Uuid,
    moves: &[&'m FileMove],
) -> Result<Vec<(&'m FileMove, Vec<User>)>, SurveyError> {
    if moves.is_empty() {
        return Ok(Vec::new());
    }
    let memo = Memo::before(storage, moves.iter().copied());
    let pools = Pools::new(hypervisor, &memo)?;
    let graph = domains(hypervisor, &memo, &pools)?;
    Ok(moves
        .iter()
        .map(|moved| (*moved, graph.users(&moved.facts.identity, owner)))
        .filter(|(_, users)| !users.is_empty())
        .collect())
}
