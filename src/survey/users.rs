//! Law 5's one question: who on this host uses a file. The plan asks it, and so does every last look
//! before a file is moved; there is no second answer.

use std::path::Path;

use crate::ports::{HypervisorView, StorageView};

use super::graph::{Depth, Graph};
use super::pools::Pools;
use super::{CachedStorage, SurveyError};

/// What every domain of the connection uses, by its definition, as it runs, in its snapshots, its
/// checkpoints and its saved states, and every image that stands on others:
///
/// - in the folders of all pools, started or not, and all below;
/// - in the folders where a domain's images lie;
/// - in `near`, where the files in question lie, and all below, unless it is a system folder.
///
/// `own` are files that are leaving: what they name is nobody's use, wherever they lie by now.
///
/// What could not be looked at or understood is in the graph too. Processes, mounts and loop devices
/// are not: see [`Graph::set_outside`].
///
/// # Errors
/// libvirt does not answer.
pub(super) fn everyone<'p>(
    hypervisor: &dyn HypervisorView,
    storage: &CachedStorage,
    pools: &Pools,
    own: &[(u64, u64)],
    near: impl IntoIterator<Item = &'p Path>,
) -> Result<Graph, SurveyError> {
    let folders = hypervisor.state_folders()?;
    let mut graph = Graph::default();
    for domain in hypervisor.domains()? {
        graph.add_domain(storage, pools, &folders, &domain);
    }
    for key in own {
        graph.attach(*key);
    }
    // After the domains: an image of theirs is no unattached one.
    for folder in pools.folders() {
        graph.add_folder(storage, pools, folder, Depth::Pool);
    }
    for folder in graph.folders() {
        graph.add_folder(storage, pools, &folder, Depth::Flat);
    }
    for folder in near {
        beside(&mut graph, storage, pools, folder);
    }
    for pool in pools.devices() {
        for volume in hypervisor.volumes(&pool.name)? {
            graph.add_volume(storage, pools, &volume);
        }
    }
    graph.judge_missing(storage);
    for hidden in pools.hidden() {
        graph.add_unseen(hidden.clone());
    }
    Ok(graph)
}

/// The images beside a file in question and below its folder. In the root or another of the system's
/// folders everything is below: there, its own files alone.
pub(super) fn beside(graph: &mut Graph, storage: &CachedStorage, pools: &Pools, folder: &Path) {
    let depth = match storage.is_systems(folder) {
        true => Depth::Flat,
        false => Depth::Tree,
    };
    graph.add_folder(storage, pools, folder, depth);
}
