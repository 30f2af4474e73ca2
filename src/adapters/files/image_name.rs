//! What an image's header says, whoever read it, as the port has it.

use std::path::Path;

use crate::image::{self, Location};
use crate::ports::{Below, Image, Part, Reference, StorageError};

/// Adds what a name in the header of the image `path` leads to. `declared` is the format that the
/// header gives for it; what the name itself says is the more exact, since QEMU opens the file by
/// it.
pub fn add(image: &mut Image, path: &Path, name: &[u8], part: Part, declared: Option<&str>) {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let named = image::locate(name, folder);
    if let Some(why) = named.doubt {
        let what = match part {
            Part::Backing => "backing file",
            Part::Data => "data file",
            Part::Extent => "extent",
        };
        let name = image::without_secrets(name);
        let why = format!("it names its {what} as '{name}', {why}");
        image.doubt.get_or_insert(why);
    }
    let below = named.files.into_iter().map(|file| Below {
        part,
        at: match file.location {
            Location::File(path) => Reference::File(path),
            Location::Remote(text) => Reference::Remote(text),
        },
        format: file.format.or_else(|| declared.map(str::to_owned)),
        offset: file.offset,
    });
    image.below.extend(below);
}

pub fn refusal(path: &Path, cause: String) -> StorageError {
    StorageError::Image {
        path: path.to_owned(),
        cause,
    }
}
