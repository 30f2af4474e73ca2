//! Law 5's one question: who on this host uses a file. The plan asks it, and so does every last
//! look before a file is moved; there is no second answer.

use std::collections::HashSet;
use std::path::Path;

use crate::model::SecretXml;
use crate::ports::{HypervisorView, StorageView};

use super::graph::{Depth, Graph};
use super::pools::Pools;
use super::{CachedStorage, SurveyError};

/// File names that are looked for in XML as words.
#[derive(Default)]
pub(super) struct Names {
    words: HashSet<String>,
    /// One of them is not a word in XML: it may be anywhere.
    is_elusive: bool,
}

impl Names {
    pub(super) fn of<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Self {
        let mut names = Self::default();
        for name in paths.into_iter().filter_map(Path::file_name) {
            match name.to_str().filter(|name| !name.contains(ends_a_word)) {
                Some(name) => {
                    names.words.insert(name.to_owned());
                }
                None => names.is_elusive = true,
            }
        }
        names
    }

    fn are_in(&self, xml: &SecretXml) -> bool {
        let mut words = xml.reveal().split(ends_a_word);
        self.is_elusive || !self.words.is_empty() && words.any(|word| self.words.contains(word))
    }
}

/// What stands around a file's name in XML, or is not written in it as it is.
fn ends_a_word(character: char) -> bool {
    matches!(
        character,
        '/' | '\'' | '"' | '<' | '>' | '&' | ',' | '=' | ':' | ';'
    ) || character.is_whitespace()
        || character.is_control()
}

/// What every domain of the connection uses, by its definition, as it runs, in its snapshots, its
/// checkpoints and its saved states, and every image that stands on others:
///
/// - in the folders of all pools, started or not, and all below;
/// - in the folders where a domain's images lie;
/// - in `near`, where the files in question lie, and all below, unless it is a system folder.
///
/// `own` are files that are leaving: what they name is nobody's use, wherever they lie by now.
/// What is remembered of a domain is not believed if it says one of `names`.
///
/// What could not be looked at or understood is in the graph too. Processes, mounts and loop
/// devices are not: see [`Graph::set_outside`].
///
/// # Errors
/// libvirt does not answer.
pub(super) fn everyone<'p>(
    hypervisor: &dyn HypervisorView,
    storage: &CachedStorage,
    pools: &Pools,
    own: &[(u64, u64)],
    names: &Names,
    near: impl IntoIterator<Item = &'p Path>,
) -> Result<Graph, SurveyError> {
    storage.remembering(|| look(hypervisor, storage, pools, own, names, near))
}

fn look<'p>(
    hypervisor: &dyn HypervisorView,
    storage: &CachedStorage,
    pools: &Pools,
    own: &[(u64, u64)],
    names: &Names,
    near: impl IntoIterator<Item = &'p Path>,
) -> Result<Graph, SurveyError> {
    let folders = hypervisor.state_folders()?;
    let mut graph = Graph::default();
    for domain in hypervisor.domains_remembered(&|xml| names.are_in(xml))? {
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

/// The images beside a file in question and below its folder. In the root or another of the
/// system's folders everything is below: there, its own files alone.
pub(super) fn beside(graph: &mut Graph, storage: &CachedStorage, pools: &Pools, folder: &Path) {
    let depth = match storage.is_systems(folder) {
        true => Depth::Flat,
        false => Depth::Tree,
    };
    storage.remembering(|| graph.add_folder(storage, pools, folder, depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_wherever_xml_has_it() {
        let names = Names::of([Path::new("/a/x.qcow2"), Path::new("/b/y.raw")]);
        for xml in [
            "<source file='/other/x.qcow2'/>",
            "<source pool='p' volume='y.raw'/>",
            "<nvram>/v/y.raw</nvram>",
            "<qemu:arg value='file=/a/x.qcow2,format=qcow2'/>",
            "<qemu:arg value='json:{&quot;filename&quot;:&quot;x.qcow2&quot;}'/>",
        ] {
            assert!(names.are_in(&SecretXml::new(xml.into())), "{xml}");
        }
        let other = SecretXml::new("<source file='/a/xx.qcow2'/>".into());
        assert!(!names.are_in(&other));
        assert!(
            Names::of([Path::new("/a/b c")]).are_in(&other),
            "it is not looked for"
        );
        assert!(!Names::default().are_in(&other));
    }
}
