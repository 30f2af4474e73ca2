//! Walking one disk's chain: from its source through symlinks and headers to the last base.

use std::path::{Path, PathBuf};

use crate::model::{FileFacts, FileKind, Unreadable};
use crate::ports::{Reference, Storage};

/// Chains longer than this are loops or attacks; libvirt's own limit is 200.
const LONGEST: usize = 200;

/// One file met on the way.
pub(super) struct Layer {
    /// Symlinks by which it was named.
    pub links: Vec<(PathBuf, FileFacts)>,
    pub path: PathBuf,
    pub facts: FileFacts,
    pub is_data_file: bool,
}

/// What a walk found. `layers` is what could be read, even where `unreadable` says it is not all.
#[derive(Default)]
pub(super) struct Walk {
    pub layers: Vec<Layer>,
    pub unreadable: Option<Unreadable>,
}

/// An image to read next.
struct Next {
    path: PathBuf,
    format: Option<String>,
    is_data_file: bool,
}

/// Follows the chain from `path`. `format` is what the domain declares.
pub(super) fn walk(storage: &dyn Storage, path: &Path, format: Option<&str>) -> Walk {
    let mut walk = Walk::default();
    // A data file before the backing image: it belongs to the image above both.
    let mut pending = vec![Next {
        path: path.to_owned(),
        format: format.map(str::to_owned),
        is_data_file: false,
    }];
    while let Some(next) = pending.pop() {
        if let Err(unreadable) = step(storage, next, &mut walk.layers, &mut pending) {
            walk.unreadable = Some(unreadable);
            break;
        }
    }
    walk
}

fn step(
    storage: &dyn Storage,
    next: Next,
    layers: &mut Vec<Layer>,
    pending: &mut Vec<Next>,
) -> Result<(), Unreadable> {
    let stop = |path: &Path, cause: String| Unreadable {
        path: path.to_owned(),
        cause,
    };
    if layers.len() >= LONGEST {
        return Err(stop(
            &next.path,
            format!("the chain has more than {LONGEST} images"),
        ));
    }
    let resolved = storage
        .resolve(&next.path)
        .map_err(|error| stop(&next.path, error.to_string()))?;
    let look = |path: &Path| match storage.facts(path) {
        Ok(Some(facts)) => Ok(facts),
        Ok(None) => Err(stop(path, "there is no such file".into())),
        Err(error) => Err(stop(path, error.to_string())),
    };
    let facts = look(&resolved.real)?;
    let mut links = Vec::new();
    for link in resolved.links {
        let facts = look(&link)?;
        links.push((link, facts));
    }
    let seen = layers
        .iter()
        .any(|layer| layer.facts.identity.key() == facts.identity.key());
    layers.push(Layer {
        links,
        path: resolved.real.clone(),
        facts: facts.clone(),
        is_data_file: next.is_data_file,
    });
    if seen {
        return Err(stop(&resolved.real, "the chain is a loop".into()));
    }
    let has_header = matches!(facts.kind, FileKind::Regular | FileKind::BlockDevice);
    if !has_header || next.is_data_file {
        return Ok(());
    }
    // By the name it was reached under: a relative name in the header means the folder of that name,
    // as QEMU has it, and not the folder a symlink leads to.
    let image = storage
        .image(&next.path, next.format.as_deref())
        .map_err(|error| stop(&resolved.real, error.to_string()))?;
    let mut follow = |reference, format, is_data_file| match reference {
        None => Ok(()),
        Some(Reference::File(path)) => {
            pending.push(Next {
                path,
                format,
                is_data_file,
            });
            Ok(())
        }
        Some(Reference::Remote(what)) => Err(stop(
            &resolved.real,
            format!("its backing image is not a file of this host: {what}"),
        )),
    };
    follow(image.backing, image.backing_format, false)?;
    follow(image.data_file, Some("raw".into()), true)
}
