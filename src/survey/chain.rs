//! Walking one disk's chain: from its source through symlinks and headers to the last base.

use std::path::{Path, PathBuf};

use crate::image::FOLDER;
use crate::model::{FileFacts, FileKind, Unreadable};
use crate::ports::{Below, Part, Reference, StorageError, StorageView};

/// Chains longer than this are loops or attacks; libvirt's own limit is 200.
const LONGEST: usize = 200;

/// One file met on the way.
pub(super) struct Layer {
    /// Symlinks by which it was named.
    pub links: Vec<(PathBuf, FileFacts)>,
    pub path: PathBuf,
    pub facts: FileFacts,
    /// A data file, or a part of an image in several files: it has nothing below it.
    pub is_data_file: bool,
    /// See [`Resolved::planted`](crate::ports::Resolved::planted).
    pub planted: Option<String>,
    /// Why its header could not be read, if so.
    pub unread: Option<String>,
    /// A folder whose files QEMU shows as those of a disk.
    pub shows_folder: bool,
}

/// What an obstacle on the way means to whoever asks for the users of another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hides {
    /// QEMU comes no further either, or what is below is not a file of this host.
    Nothing,
    /// The file is not there. What it stood on, if it is only away, nobody knows.
    Missing,
    /// QEMU may read on where we cannot.
    More,
}

pub(super) struct Obstacle {
    pub what: Unreadable,
    pub hides: Hides,
}

/// What a walk found. `layers` is what could be read, even where there are obstacles.
#[derive(Default)]
pub(super) struct Walk {
    pub layers: Vec<Layer>,
    pub obstacles: Vec<Obstacle>,
}

impl Walk {
    /// Who removes the image has to know all of its chain, or to say that he does not.
    pub(super) fn unreadable(&self) -> Vec<Unreadable> {
        self.obstacles.iter().map(|one| one.what.clone()).collect()
    }
}

/// An image as whoever uses it names it.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub path: &'a Path,
    /// What the domain or the image above declares; without, the header's magic decides.
    pub format: Option<&'a str>,
    /// Where in the file the image begins, in bytes.
    pub offset: u64,
}

impl<'a> Start<'a> {
    /// An image that begins where its file does.
    pub(super) fn of(path: &'a Path, format: Option<&'a str>) -> Self {
        Self {
            path,
            format,
            offset: 0,
        }
    }
}

/// Where a chain that the domain's XML itself spells out says that an image is.
pub(super) enum DeclaredAt {
    File(PathBuf),
    /// Not a file of this host; in words.
    Elsewhere(String),
}

/// One image of such a chain.
pub(super) struct DeclaredImage {
    pub place: DeclaredAt,
    pub format: Option<String>,
    /// Where in the file the image begins, in bytes.
    pub offset: u64,
    pub data_file: Option<DeclaredAt>,
}

/// `<backingStore>` and `<dataStore>` as the administrator wrote them: libvirt hands them to QEMU
/// in place of what the headers say. After the last one it goes on by the headers.
#[derive(Default)]
pub(super) struct Declared {
    /// Of the disk's own image.
    pub data_file: Option<DeclaredAt>,
    /// From the image below the disk's own downwards.
    pub below: Vec<DeclaredImage>,
}

/// An image to read next.
struct Next {
    path: PathBuf,
    /// Another name for it, where XML and header spell it differently.
    alias: Option<PathBuf>,
    format: Option<String>,
    offset: u64,
    is_data_file: bool,
    /// 0 for the disk's own image.
    depth: usize,
}

/// Follows the chain by the headers alone.
pub(super) fn walk(storage: &dyn StorageView, start: Start<'_>) -> Walk {
    walk_declared(storage, start, &Declared::default())
}

/// Follows the chain by the headers and by what the XML declares. Where both speak they must mean
/// one file: QEMU would follow one and every other tool the other.
pub(super) fn walk_declared(
    storage: &dyn StorageView,
    start: Start<'_>,
    declared: &Declared,
) -> Walk {
    let mut walk = Walk::default();
    // A data file before the backing image: it belongs to the image above both.
    let mut pending = vec![Next {
        path: start.path.to_owned(),
        alias: None,
        format: start.format.map(str::to_owned),
        offset: start.offset,
        is_data_file: false,
        depth: 0,
    }];
    while let Some(next) = pending.pop() {
        if walk.layers.len() >= LONGEST {
            let cause = format!("the chain has more than {LONGEST} images");
            walk.obstacles.push(apart(&next.path, cause, Hides::More));
            break;
        }
        if let Err(obstacle) = step(storage, declared, next, &mut walk, &mut pending) {
            walk.obstacles.push(obstacle);
        }
    }
    walk
}

fn stop(path: &Path, cause: impl Into<String>, hides: Hides) -> Obstacle {
    Obstacle {
        what: Unreadable {
            path: path.to_owned(),
            cause: cause.into(),
            is_apart: false,
        },
        hides,
    }
}

/// Something that is not reached; see [`Unreadable::is_apart`].
fn apart(path: &Path, cause: impl Into<String>, hides: Hides) -> Obstacle {
    let mut obstacle = stop(path, cause, hides);
    obstacle.what.is_apart = true;
    obstacle
}

fn step(
    storage: &dyn StorageView,
    declared: &Declared,
    next: Next,
    walk: &mut Walk,
    pending: &mut Vec<Next>,
) -> Result<(), Obstacle> {
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
    let seen = walk
        .layers
        .iter()
        .any(|layer| layer.facts.identity.key() == facts.identity.key());
    walk.layers.push(Layer {
        links,
        path: real.clone(),
        facts: facts.clone(),
        is_data_file: next.is_data_file,
        planted,
        unread: None,
        shows_folder: facts.kind == FileKind::Directory
            && match next.format.as_deref() {
                Some(format) => matches!(format, FOLDER | "fat"),
                // What is named on QEMU's command line may be a folder in other ways too.
                None => next.depth == 0,
            },
    });
    if seen {
        return Err(stop(&real, "the chain is a loop", Hides::Nothing));
    }
    match facts.kind {
        _ if next.is_data_file => return Ok(()),
        FileKind::Regular | FileKind::BlockDevice => {}
        // What the disk itself may be is the planner's to say.
        _ if next.depth == 0 => return Ok(()),
        _ => {
            let cause = "it is neither a file nor a block device";
            if let Some(layer) = walk.layers.last_mut() {
                layer.unread = Some(cause.to_owned());
            }
            return Err(stop(&real, cause, Hides::Nothing));
        }
    }
    // By the name it was reached under: a relative name in the header means the folder of that
    // name, as QEMU has it, and not the folder a symlink leads to.
    let read = storage.image(&next.path, next.format.as_deref(), next.offset);
    let image = read.map_err(|error| {
        let obstacle = match error {
            // It names the file itself, and so does what is said of a chain.
            StorageError::Image { path, cause } => stop(&path, cause, Hides::Nothing),
            StorageError::Gone(path) => stop(&path, "there is no such file", Hides::Missing),
            // The cached notes what may not be looked at.
            other => stop(&real, other.to_string(), Hides::Nothing),
        };
        if let Some(layer) = walk.layers.last_mut() {
            layer.unread = Some(obstacle.what.cause.clone());
        }
        obstacle
    })?;
    if let Some(doubt) = image.doubt {
        walk.obstacles.push(stop(&next.path, doubt, Hides::More));
    }
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
    let mut parts = image.below;
    let extents = take(&mut parts, Part::Extent);
    let data = take(&mut parts, Part::Data);
    if let Some(Reference::File(path)) = extents.first().map(|extent| &extent.at) {
        let cause = format!(
            "its data are in several files, as in '{}', which cannot be moved as one",
            path.display()
        );
        walk.obstacles.push(stop(&next.path, cause, Hides::Nothing));
    }
    let above = Above {
        storage,
        real: &real,
        depth: next.depth,
    };
    let (mut found, mut obstacles) = above.backing(below, parts);
    let (more, also) = above.data(data_file, data);
    found.extend(more);
    obstacles.extend(also);
    let (more, also) = above.data(None, extents);
    found.extend(more);
    obstacles.extend(also);
    pending.extend(found);
    walk.obstacles.extend(obstacles);
    Ok(())
}

fn take(parts: &mut Vec<Below>, part: Part) -> Vec<Below> {
    let (taken, rest) = std::mem::take(parts)
        .into_iter()
        .partition(|below| below.part == part);
    *parts = rest;
    taken
}

/// A path's real name and the symlinks that lead to it.
fn look(storage: &dyn StorageView, path: &Path) -> Result<Named, Obstacle> {
    let resolved = storage
        .resolve(path)
        .map_err(|error| apart(path, error.to_string(), Hides::Nothing))?;
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

fn file(storage: &dyn StorageView, path: &Path) -> Result<FileFacts, Obstacle> {
    match storage.glance(path) {
        Ok(Some(facts)) => Ok(facts),
        Ok(None) => Err(apart(path, "there is no such file", Hides::Missing)),
        Err(error) => Err(apart(path, error.to_string(), Hides::Nothing)),
    }
}

/// An image whose header has been read.
struct Above<'a> {
    storage: &'a dyn StorageView,
    real: &'a Path,
    depth: usize,
}

impl Above<'_> {
    fn backing(
        &self,
        declared: Option<&DeclaredImage>,
        header: Vec<Below>,
    ) -> (Vec<Next>, Vec<Obstacle>) {
        let (found, obstacles) = self.agreed(declared.map(|image| &image.place), header);
        let format = declared.and_then(|image| image.format.clone());
        let next = found.into_iter().map(|(path, alias, below)| Next {
            path,
            alias,
            format: format
                .clone()
                .or(below.as_ref().and_then(|below| below.format.clone())),
            offset: (declared.map_or(0, |image| image.offset))
                .max(below.map_or(0, |below| below.offset)),
            is_data_file: false,
            depth: self.depth + 1,
        });
        (next.collect(), obstacles)
    }

    fn data(
        &self,
        declared: Option<&DeclaredAt>,
        header: Vec<Below>,
    ) -> (Vec<Next>, Vec<Obstacle>) {
        let (found, obstacles) = self.agreed(declared, header);
        let next = found.into_iter().map(|(path, alias, _)| Next {
            path,
            alias,
            format: Some("raw".into()),
            offset: 0,
            is_data_file: true,
            depth: self.depth,
        });
        (next.collect(), obstacles)
    }

    /// The files that XML and header name, each with its other name where they spell it
    /// differently.
    fn agreed(
        &self,
        declared: Option<&DeclaredAt>,
        header: Vec<Below>,
    ) -> (Vec<Agreed>, Vec<Obstacle>) {
        let remote = |who: &str, what: &str| {
            let cause = format!(
                "{who} names it below {}, and it is not a file of this host",
                self.real.display()
            );
            apart(Path::new(what), cause, Hides::Nothing)
        };
        let mut found = Vec::new();
        let mut obstacles = Vec::new();
        if let (Some(DeclaredAt::File(path)), [below]) = (declared, &header[..])
            && let Reference::File(other) = &below.at
        {
            match self.is_one_file(path, other) {
                Ok(()) => {
                    let alias = (path != other).then(|| other.clone());
                    found.push((path.clone(), alias, Some(below.clone())));
                }
                Err(obstacle) => {
                    obstacles.push(obstacle);
                    let cause = "which image is below is not certain";
                    obstacles.extend([path, other].map(|one| apart(one, cause, Hides::Nothing)));
                }
            }
            return (found, obstacles);
        }
        if declared.is_some() && header.len() > 1 {
            let cause = "its header names several images, and the domain's XML one";
            obstacles.push(stop(self.real, cause, Hides::More));
        }
        match declared {
            Some(DeclaredAt::Elsewhere(what)) => obstacles.push(remote("the domain's XML", what)),
            Some(DeclaredAt::File(path)) => found.push((path.clone(), None, None)),
            None => {}
        }
        for below in header {
            match &below.at {
                Reference::Remote(what) => obstacles.push(remote("the header", what)),
                Reference::File(path) => found.push((path.clone(), None, Some(below))),
            }
        }
        (found, obstacles)
    }

    fn is_one_file(&self, path: &Path, other: &Path) -> Result<(), Obstacle> {
        let key = |path: &Path| {
            let found = look(self.storage, path)?;
            Ok(file(self.storage, &found.real)?.identity.key())
        };
        if key(path)? == key(other)? {
            return Ok(());
        }
        let cause = format!(
            "the domain's XML says that {} is below it, and its header says {}",
            path.display(),
            other.display()
        );
        Err(stop(self.real, cause, Hides::Nothing))
    }
}

type Agreed = (PathBuf, Option<PathBuf>, Option<Below>);
