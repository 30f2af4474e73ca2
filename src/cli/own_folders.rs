//! The folders and files that the operator names for this program's own.

use std::path::{Path, PathBuf};

use crate::ports::{StorageError, StorageView};

use super::error::{CliError, Exit};
use super::settings::Settings;

/// By a symlink of his on the way a user would choose where root keeps its journal, or moves files.
///
/// # Errors
/// Which folder, and whose symlink. Nothing was changed.
pub fn refuse_planted(files: &dyn StorageView, settings: &Settings) -> Result<(), CliError> {
    let own = std::iter::once(&settings.state_dir.value).chain(&settings.quarantine.value);
    for folder in own {
        // One that cannot be looked up is told by whoever uses it.
        if let Ok(Some(why)) = planted(files, folder) {
            return Err(CliError::unchanged(
                Exit::Error,
                "settings",
                format!("{} is not used: {why}", folder.display()),
                "name the folder itself, or one that no user's symlink is the way to",
            ));
        }
    }
    Ok(())
}

/// Each part of the way, since the end of it may still have to be made.
fn planted(files: &dyn StorageView, folder: &Path) -> Result<Option<String>, StorageError> {
    let folder = std::path::absolute(folder)
        .map_err(|source| StorageError::io("look up", folder, source))?;
    for part in folder.ancestors() {
        let found = files.resolve(part)?;
        if found.planted.is_some() {
            return Ok(found.planted);
        }
        if let Some(link) = found.links.first()
            && files.glance(&found.real)?.is_none()
        {
            return Ok(Some(format!(
                "{} is a symlink, and what it leads to is not there",
                link.display()
            )));
        }
    }
    Ok(None)
}

/// Where a file that the operator names is written. Its folder may well be named by way of a
/// symlink; the file itself may not be one, and no user chooses by one of his where root writes.
///
/// # Errors
/// Whose symlink is on the way; `code` is the error's. Nothing was changed.
pub fn to_write(
    files: &dyn StorageView,
    file: &Path,
    code: &'static str,
) -> Result<PathBuf, CliError> {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
        return Ok(file);
    };
    let found = files.resolve(folder)?;
    match found.planted {
        None => Ok(found.real.join(name)),
        Some(why) => Err(CliError::unchanged(
            Exit::Error,
            code,
            format!("nothing is written to {}: {why}", folder.display()),
            "name a file in a folder of your own",
        )),
    }
}
