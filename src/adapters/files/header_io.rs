//! Reads as much of an image as its header takes.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, OFlags, Statx};
use rustix::io::Errno;

use super::image_name::{add, refusal};
use super::{qemu_img, sys};
use crate::adapters::survey_cache::{self, SurveyCache};
use crate::image::{self, HeaderError, LABEL_BYTES, MAGIC_BYTES, Outcome, POOL_PROBE, Qcow2};
use crate::model::SecretXml;
use crate::ports::{Image, Part, StorageError};
use crate::xml::escape_line_breaks;

/// Enough for most headers in one read.
const FIRST_READ: usize = 4096;

/// Formats of libvirt's and QEMU's that name no other file and whose bytes are their guest's.
const RAW: &[&str] = &["raw", "iso"];

pub fn image(
    path: &Path,
    format: Option<&str>,
    offset: u64,
    cache: Option<&SurveyCache>,
) -> Result<Image, StorageError> {
    if !path.is_absolute() {
        return Err(refusal(path, "a relative path is no image's".into()));
    }
    if let Some(raw) = format.filter(|format| RAW.contains(format)) {
        sys::open_at(CWD, path, OFlags::PATH).map_err(|errno| unopened(path, errno))?;
        return Ok(Image::alone(raw));
    }
    let then = survey_cache::now();
    let Opened {
        file,
        stat,
        keeps_times,
    } = open(path)?;
    let magic = read(&file, path, offset, MAGIC_BYTES)?;
    let guessed = image::guess(&magic);
    let found = match format.or(guessed) {
        None => Ok(Image::alone("raw")),
        // It names the disks that it resumes with.
        Some(image::SAVED_STATE) => return Ok(Image::alone(image::SAVED_STATE)),
        Some("qcow2") => qcow2(&file, path, offset),
        Some("vmdk") if guessed == Some("vmdk") => vmdk(&file, path, offset, &magic),
        Some(other) => qemu_img::image(path, other, offset),
    }?;
    // Under the format that its magic tells, and that nobody contradicts.
    let told = guessed.unwrap_or("raw");
    if let Some(cache) = cache
        && keeps_times
        && offset == 0
        && found == Image::alone(told)
        && format.is_none_or(|format| format == told)
    {
        cache.note_alone(survey_cache::stamp(&stat), then, told);
    }
    Ok(found)
}

/// What [`image()`] would answer, if that is remembered.
pub fn remembered(
    path: &Path,
    format: Option<&str>,
    offset: u64,
    cache: &SurveyCache,
) -> Option<Image> {
    if !path.is_absolute() || offset != 0 || format.is_some_and(|format| RAW.contains(&format)) {
        return None;
    }
    let found = sys::open_at(CWD, path, OFlags::PATH).ok()?;
    let stat = sys::stat(&found).ok()?;
    if FileType::from_raw_mode(stat.stx_mode.into()) != FileType::RegularFile {
        return None;
    }
    let told = cache.alone(&survey_cache::stamp(&stat))?;
    format
        .is_none_or(|format| format == told)
        .then(|| Image::alone(&told))
}

pub fn saved_xml(path: &Path) -> Result<Option<SecretXml>, StorageError> {
    let file = match open(path) {
        Ok(opened) => opened.file,
        // Something else has the name: libvirt resumes nothing from it.
        Err(StorageError::Gone(_) | StorageError::Image { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(length) = image::saved_length(&read(&file, path, 0, image::SAVED_HEADER)?) else {
        return Ok(None);
    };
    let bytes = read(&file, path, 0, length)?;
    Ok(image::saved_xml(&bytes).map(|xml| SecretXml::new(escape_line_breaks(xml).into_owned())))
}

pub fn stops_a_pool(path: &Path) -> Result<bool, StorageError> {
    // Its length clears nearly every file, so that a pool of thousands is looked at without opening
    // one.
    let is_long = |found: fs::Metadata| found.is_file() && found.len() >= POOL_PROBE as u64;
    if fs::metadata(path).is_ok_and(is_long) {
        return Ok(false);
    }
    match open(path) {
        Ok(opened) => Ok(image::stops_a_pool(&read(
            &opened.file,
            path,
            0,
            POOL_PROBE,
        )?)),
        // libvirt passes over what is not a file.
        Err(StorageError::Gone(_) | StorageError::Image { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

pub fn label(path: &Path) -> Result<Option<String>, StorageError> {
    match open(path) {
        Ok(opened) => Ok(image::label(&read(&opened.file, path, 0, LABEL_BYTES)?)),
        Err(StorageError::Gone(_) | StorageError::Image { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn unopened(path: &Path, errno: Errno) -> StorageError {
    match errno {
        Errno::NOENT => StorageError::Gone(path.to_owned()),
        other => StorageError::io("open", path, other),
    }
}

struct Opened {
    file: std::fs::File,
    /// From before it was opened.
    stat: Statx,
    /// Whether its times tell of every change, whoever makes it.
    keeps_times: bool,
}

/// Opens for reading, unless it is something whose opening has effects (a tape, a pipe).
fn open(path: &Path) -> Result<Opened, StorageError> {
    let found = sys::open_at(CWD, path, OFlags::PATH).map_err(|errno| unopened(path, errno))?;
    let stat = sys::stat(&found).map_err(|errno| StorageError::io("look at", path, errno))?;
    match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile | FileType::BlockDevice => {}
        _ => {
            return Err(refusal(
                path,
                "it is neither a file nor a block device".into(),
            ));
        }
    }
    let file_system = sys::file_system(found.as_fd());
    if file_system.is_some_and(sys::is_kernels_own) {
        return Err(refusal(
            path,
            "it is one of the kernel's own files, and no image".into(),
        ));
    }
    let file = sys::reopen(found.as_fd()).map_err(|errno| StorageError::io("open", path, errno))?;
    let is_file = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::RegularFile;
    Ok(Opened {
        file: file.into(),
        stat,
        keeps_times: is_file && file_system.is_some_and(sys::keeps_times),
    })
}

/// `length` bytes from `offset`, or all there are.
fn read(
    file: &std::fs::File,
    path: &Path,
    offset: u64,
    length: usize,
) -> Result<Vec<u8>, StorageError> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        let at = offset.saturating_add(filled as u64);
        if i64::try_from(at).is_err() {
            break;
        }
        match file.read_at(&mut bytes[filled..], at) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StorageError::io("read", path, error)),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn qcow2(file: &std::fs::File, path: &Path, offset: u64) -> Result<Image, StorageError> {
    let mut wanted = FIRST_READ;
    loop {
        let bytes = read(file, path, offset, wanted)?;
        match image::parse(&bytes) {
            Ok(Outcome::Whole(header)) => return Ok(understood(path, header)),
            Ok(Outcome::Need(_)) if bytes.len() < wanted => {
                return Err(refusal(path, "its header is cut off".into()));
            }
            // At least double, so that a header of many parts costs few reads.
            Ok(Outcome::Need(need)) => wanted = need.max(wanted * 2),
            // A newer QEMU reads what this one does not know.
            Err(error @ (HeaderError::Version(_) | HeaderError::Features(_))) => {
                return Ok(Image::alone("qcow2").doubted(error.to_string()));
            }
            Err(error) => return Err(refusal(path, error.to_string())),
        }
    }
}

fn understood(path: &Path, header: Qcow2) -> Image {
    let mut found = Image::alone("qcow2");
    if let Some(name) = header.data_file {
        add(&mut found, path, &name, Part::Data, Some("raw"));
    }
    let declared = header
        .backing_format
        .map(|format| String::from_utf8_lossy(&format).into_owned());
    if let Some(name) = header.backing {
        add(&mut found, path, &name, Part::Backing, declared.as_deref());
    }
    found
}

/// By ourselves: QEMU opens all of an image's files to read its header, and tells nothing where one
/// of them is missing.
fn vmdk(
    file: &std::fs::File,
    path: &Path,
    offset: u64,
    first: &[u8],
) -> Result<Image, StorageError> {
    let Some(text) = image::descriptor(first) else {
        return qemu_img::image(path, "vmdk", offset);
    };
    let bytes = read(file, path, offset.saturating_add(text.offset), text.length)?;
    let names = image::vmdk_names(&bytes, text.holds_data);
    let mut found = Image::alone("vmdk");
    for extent in &names.extents {
        add(&mut found, path, extent, Part::Extent, Some("raw"));
    }
    if let Some(parent) = &names.parent {
        add(&mut found, path, parent, Part::Backing, None);
    }
    Ok(found)
}

#[cfg(test)]
#[path = "header_io_tests.rs"]
mod tests;
