//! What an image's header says, whoever read it, as the port has it.

use std::path::Path;

use crate::image::{self, HeaderError, Location};
use crate::ports::{Reference, StorageError};

/// A name in the header of the image `path`, as the port has it, with the format it declares.
pub fn named(
    path: &Path,
    name: &[u8],
    what: &'static str,
) -> Result<(Reference, Option<String>), StorageError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let named = image::locate(name, folder, what)
        .map_err(|error: HeaderError| refusal(path, error.to_string()))?;
    let reference = match named.location {
        Location::File(path) => Reference::File(path),
        Location::Remote(text) => Reference::Remote(text),
    };
    Ok((reference, named.format))
}

pub fn refusal(path: &Path, cause: String) -> StorageError {
    StorageError::Image {
        path: path.to_owned(),
        cause,
    }
}
