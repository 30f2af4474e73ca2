//! Images that no domain uses: volumes of pools, and files beside the images of domains.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::model::{FileKind, FileTime, Pooled, User, UserKind};
use crate::ports::Entry;

use super::super::{ANYBODY, Survey, SurveyError};
use super::nature::Nature;
use super::ownerless::Ownerless;

/// An image that no domain uses: by its definition, as it runs, in a snapshot, a checkpoint or a
/// saved state, or below another image; that no process has open and that is not mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unused {
    pub path: PathBuf,
    pub pooled: Option<Pooled>,
    /// Its pool is started, so that libvirt takes a command for it.
    pub is_served: bool,
    pub nature: Nature,
    /// Images and saved states that need it, and that no domain uses either.
    pub needed_by: Vec<String>,
    /// Allocated.
    pub bytes: u64,
    pub modified: FileTime,
}

struct Candidate {
    found: Unused,
    users: Vec<User>,
}

/// Names by which an image is known where no header tells it.
const EXTENSIONS: [&str; 10] = [
    "img", "raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vhd", "vhdx", "iso",
];

impl Survey<'_> {
    /// `ownerless`: saved states among them use nothing for a domain.
    pub(super) fn unused(&self, ownerless: &[Ownerless]) -> Result<Vec<Unused>, SurveyError> {
        let mut candidates = Vec::new();
        let mut seen = HashSet::new();
        let pools = self.pools.of_files();
        let started = pools.map(|pool| (pool.name.as_str(), pool.active));
        let started: HashMap<&str, bool> = started.collect();
        let pooled = self.pools.of_files().filter_map(|it| it.target.clone());
        let beside = self.graph.borrow().folders();
        let usual = self.hypervisor.state_folders()?.images;
        for folder in pooled.chain(usual).chain(beside) {
            let Ok(Some(facts)) = self
                .storage
                .resolve(&folder)
                .and_then(|it| self.storage.glance(&it.real))
            else {
                continue;
            };
            // A pool may be on a folder with all kinds of files, a home or the root.
            let is_ours = self.storage.is_ours(&folder);
            if is_ours || !seen.insert(facts.identity.key()) {
                continue;
            }
            let is_mixed = self.storage.is_systems(&folder);
            for entry in self.entries(&folder) {
                candidates.extend(self.candidate(&entry, is_mixed, &started));
            }
        }
        let states = ownerless.iter().map(|one| one.path.display().to_string());
        Ok(without_users(candidates, states.collect()))
    }

    fn candidate(
        &self,
        entry: &Entry,
        is_mixed: bool,
        started: &HashMap<&str, bool>,
    ) -> Option<Candidate> {
        if entry.kind != FileKind::Regular {
            return None;
        }
        let facts = self.storage.glance(&entry.path).ok()??;
        let graph = self.graph.borrow();
        let mut users = graph.users_of(self.cached, &entry.path, &facts, ANYBODY);
        drop(graph);
        if users.iter().any(|user| user.kind != UserKind::Image) {
            return None;
        }
        let pooled = self.pools.of(&entry.path);
        let format = self.storage.image(&entry.path, None, 0);
        let format = format.map_or_else(|_| "unknown".to_owned(), |image| image.format);
        let label = match format.as_str() {
            "raw" => self.storage.label(&entry.path).ok().flatten(),
            _ => None,
        };
        let is_image = format != "raw" || label.is_some() || has_image_name(&entry.path);
        if !is_image && (pooled.is_none() || is_mixed) {
            return None;
        }
        // Where some process shows nobody what it has open, the kernel is asked about each file.
        if users.is_empty() && self.graph.borrow().is_blind() {
            let asked = self.census.holders(&entry.path, &facts);
            users = asked.holders.into_iter().map(|one| one.user).collect();
        }
        let name = entry.path.file_name()?.to_string_lossy();
        Some(Candidate {
            found: Unused {
                nature: Nature::of(&name, &format, label.as_deref()),
                is_served: pooled
                    .as_ref()
                    .is_some_and(|it| started.get(it.pool.as_str()) == Some(&true)),
                pooled,
                needed_by: users.iter().map(|user| user.name.clone()).collect(),
                bytes: facts.allocated,
                modified: facts.modified,
                path: entry.path.clone(),
            },
            users,
        })
    }
}

fn has_image_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|it| it.to_str());
    extension.is_some_and(|it| EXTENSIONS.contains(&it.to_ascii_lowercase().as_str()))
}

/// An image that only others need is unused if all of those are; `ownerless` are such others.
fn without_users(mut left: Vec<Candidate>, ownerless: HashSet<String>) -> Vec<Unused> {
    let mut unused: Vec<Unused> = Vec::new();
    let mut names = ownerless;
    loop {
        let is_free = |one: &Candidate| {
            let users = &mut one.users.iter();
            users.all(|user| user.kind == UserKind::Image && names.contains(&user.name))
        };
        let (free, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(is_free);
        if free.is_empty() {
            unused.sort_by(|one, other| one.path.cmp(&other.path));
            return unused;
        }
        names.extend(free.iter().map(|one| one.found.path.display().to_string()));
        unused.extend(free.into_iter().map(|one| one.found));
        left = rest;
    }
}
