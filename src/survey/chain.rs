//! Walking one disk's chain: from its source through symlinks and headers to the last base.

use std::path::{Path, PathBuf};

use crate::model::{FileFacts, FileKind, Unreadable};
use crate::ports::{Reference, Storage, StorageError};

/// Chains longer than this are loops or attacks; libvirt's own limit is 200.
const LONGEST: usize = 200;

/// One file met on the way.
pub(super) struct Layer {
    /// Symlinks by which it was named.
    pub links: Vec<(PathBuf, FileFacts)>,
    pub path: PathBuf,
    pub facts: FileFacts,
    pub is_data_file: bool,
    /// See [`Resolved::planted`](crate::ports::Resolved::planted).
    pub planted: Option<String>,
}

/// What a walk found. `layers` is what could be read, even where `unreadable` says it is not all.
#[derive(Default)]
pub(super) struct Walk {
    pub layers: Vec<Layer>,
    pub unreadable: Option<Unreadable>,
}

/// Where a chain that the domain's XML itself spells out says that an image is.
pub(super) enum Place {
    File(PathBuf),
    /// Not a file of this host; in words.
    Elsewhere(String),
}

/// One image of such a chain.
pub(super) struct DeclaredImage {
    pub place: Place,
    pub format: Option<String>,
    pub data_file: Option<Place>,
}

/// `<backingStore>` and `<dataStore>` as the administrator wrote them: libvirt hands them to QEMU in
/// place of what the headers say. After the last one it goes on by the headers.
#[derive(Default)]
pub(super) struct Declared {
    /// Of the disk's own image.
    pub data_file: Option<Place>,
    /// From the image below the disk's own downwards.
    pub below: Vec<DeclaredImage>,
}

/// An image to read next.
struct Next {
    path: PathBuf,
    /// Another name for it, where XML and header spell it differently.
    alias: Option<PathBuf>,
    format: Option<String>,
    is_data_file: bool,
    /// 0 for the disk's own image.
    depth: usize,
}

/// Follows the chain from `path` by the headers alone. `format` is what the domain declares.
pub(super) fn walk(storage: &dyn Storage, path: &Path, format: Option<&str>) -> Walk {
    walk_declared(storage, path, format, &Declared::default())
}

/// Follows the chain from `path` by the headers and by what the XML declares. Where both speak they
/// must mean one file: QEMU would follow one and every other tool the other.
pub(super) fn walk_declared(
    storage: &dyn Storage,
    path: &Path,
    format: Option<&str>,
    declared: &Declared,
) -> Walk {
    let mut walk = Walk::default();
    // A data file before the backing image: it belongs to the image above both.
    let mut pending = vec![Next {
        path: path.to_owned(),
        alias: None,
        format: format.map(str::to_owned),
        is_data_file: false,
        depth: 0,
    }];
    while let Some(next) = pending.pop() {
        let found = step(storage, declared, next, &mut walk.layers, &mut pending);
        if let Err(unreadable) = found {
            walk.unreadable = Some(unreadable);
            break;
        }
    }
    walk
}

fn stop(path: &Path, cause: impl Into<String>) -> Unreadable {
    Unreadable {
        path: path.to_owned(),
        cause: cause.into(),
    }
}

fn step(
    storage: &dyn Storage,
    declared: &Declared,
    next: Next,
    layers: &mut Vec<Layer>,
    pending: &mut Vec<Next>,
) -> Result<(), Unreadable> {
    if layers.len() >= LONGEST {
        let cause = format!("the chain has more than {LONGEST} images");
        return Err(stop(&next.path, cause));
    }
    let Named {
        real,
        mut links,
        mut planted,
    } = look(storage, &next.path)?;
    if let Some(alias) = &next.alias {
        let more = look(storage, alias)?;
        links.extend(more.links);
        planted = planted.or(more.planted);
    }
    let facts = file(storage, &real)?;
    let seen = layers
        .iter()
        .any(|layer| layer.facts.identity.key() == facts.identity.key());
    layers.push(Layer {
        links,
        path: real.clone(),
        facts: facts.clone(),
        is_data_file: next.is_data_file,
        planted,
    });
    if seen {
        return Err(stop(&real, "the chain is a loop"));
    }
    match facts.kind {
        _ if next.is_data_file => return Ok(()),
        FileKind::Regular | FileKind::BlockDevice => {}
        // What the disk itself may be is the planner's to say.
        _ if next.depth == 0 => return Ok(()),
        _ => return Err(stop(&real, "it is neither a file nor a block device")),
    }
    // By the name it was reached under: a relative name in the header means the folder of that name,
    // as QEMU has it, and not the folder a symlink leads to.
    let image = storage
        .image(&next.path, next.format.as_deref())
        .map_err(|error| match error {
            // It names the file itself, and so does what is said of a chain.
            StorageError::Image { path, cause } => stop(&path, cause),
            other => stop(&real, other.to_string()),
        })?;
    let (below, data_file) = match next.depth.checked_sub(1) {
        None => (declared.below.first(), declared.data_file.as_ref()),
        Some(above) => (
            declared.below.get(next.depth),
            declared
                .below
                .get(above)
                .and_then(|image| image.data_file.as_ref()),
        ),
    };
    let backing = agree(
        storage,
        &real,
        below.map(|image| &image.place),
        image.backing,
    )?;
    if let Some((path, alias)) = backing {
        pending.push(Next {
            path,
            alias,
            format: below
                .and_then(|image| image.format.clone())
                .or(image.backing_format),
            is_data_file: false,
            depth: next.depth + 1,
        });
    }
    if let Some((path, alias)) = agree(storage, &real, data_file, image.data_file)? {
        pending.push(Next {
            path,
            alias,
            format: Some("raw".into()),
            is_data_file: true,
            depth: next.depth,
        });
    }
    Ok(())
}

/// A path's real name and the symlinks that lead to it.
fn look(storage: &dyn Storage, path: &Path) -> Result<Named, Unreadable> {
    let resolved = storage
        .resolve(path)
        .map_err(|error| stop(path, error.to_string()))?;
    let mut links = Vec::new();
    for link in resolved.links {
        let facts = file(storage, &link)?;
        links.push((link, facts));
    }
    Ok(Named {
        real: resolved.real,
        links,
        planted: resolved.planted,
    })
}

/// What a path leads to, and how.
struct Named {
    real: PathBuf,
    links: Vec<(PathBuf, FileFacts)>,
    planted: Option<String>,
}

fn file(storage: &dyn Storage, path: &Path) -> Result<FileFacts, Unreadable> {
    match storage.glance(path) {
        Ok(Some(facts)) => Ok(facts),
        Ok(None) => Err(stop(path, "there is no such file")),
        Err(error) => Err(stop(path, error.to_string())),
    }
}

/// The file that XML and header name, with its other name where they spell it differently.
fn agree(
    storage: &dyn Storage,
    above: &Path,
    declared: Option<&Place>,
    header: Option<Reference>,
) -> Result<Option<(PathBuf, Option<PathBuf>)>, Unreadable> {
    let remote = |who: &str, what: &str| {
        let cause = format!("{who} names an image that is not a file of this host: {what}");
        Err(stop(above, cause))
    };
    match (declared, header) {
        (Some(Place::Elsewhere(what)), _) => remote("the domain's XML", what),
        (_, Some(Reference::Remote(what))) => remote("its header", &what),
        (None, None) => Ok(None),
        (None, Some(Reference::File(path))) => Ok(Some((path, None))),
        (Some(Place::File(path)), None) => Ok(Some((path.clone(), None))),
        (Some(Place::File(path)), Some(Reference::File(other))) => {
            let key = |path: &Path| {
                let real = look(storage, path)?.real;
                Ok(file(storage, &real)?.identity.key())
            };
            if key(path)? != key(&other)? {
                let cause = format!(
                    "the domain's XML says that {} is below it, and its header says {}",
                    path.display(),
                    other.display()
                );
                return Err(stop(above, cause));
            }
            let alias = (*path != other).then_some(other);
            Ok(Some((path.clone(), alias)))
        }
    }
}
