//! Reads as much of an image as its header takes.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, OFlags};
use rustix::io::Errno;

use super::image_name::{named, refusal};
use super::{qemu_img, sys};
use crate::image::{self, MAGIC_BYTES, Outcome, POOL_PROBE, Qcow2};
use crate::model::SecretXml;
use crate::ports::{Image, StorageError};
use crate::xml::escape_line_breaks;

/// Enough for most headers in one read.
const FIRST_READ: usize = 4096;

/// Formats of libvirt's and QEMU's that name no other file and whose bytes are their guest's.
const RAW: &[&str] = &["raw", "iso"];

pub fn image(path: &Path, format: Option<&str>) -> Result<Image, StorageError> {
    if !path.is_absolute() {
        return Err(refusal(path, "a relative path is no image's".into()));
    }
    if let Some(raw) = format.filter(|format| RAW.contains(format)) {
        sys::open_at(CWD, path, OFlags::PATH).map_err(|errno| unopened(path, errno))?;
        return Ok(plain(raw));
    }
    let file = open(path)?;
    let magic = read(&file, path, MAGIC_BYTES)?;
    match format.or_else(|| image::guess(&magic)) {
        None => Ok(plain("raw")),
        Some("qcow2") => qcow2(&file, path),
        Some(other) => qemu_img::image(path, other),
    }
}

pub fn saved_xml(path: &Path) -> Result<Option<SecretXml>, StorageError> {
    let file = match open(path) {
        Ok(file) => file,
        // Something else has the name: libvirt resumes nothing from it.
        Err(StorageError::Gone(_) | StorageError::Image { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(length) = image::saved_length(&read(&file, path, image::SAVED_HEADER)?) else {
        return Ok(None);
    };
    let bytes = read(&file, path, length)?;
    Ok(image::saved_xml(&bytes).map(|xml| SecretXml::new(escape_line_breaks(xml).into_owned())))
}

pub fn stops_a_pool(path: &Path) -> Result<bool, StorageError> {
    match open(path) {
        Ok(file) => Ok(image::stops_a_pool(&read(&file, path, POOL_PROBE)?)),
        // libvirt passes over what is not a file.
        Err(StorageError::Gone(_) | StorageError::Image { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn plain(format: &str) -> Image {
    Image {
        format: format.to_owned(),
        backing: None,
        backing_format: None,
        data_file: None,
    }
}

fn unopened(path: &Path, errno: Errno) -> StorageError {
    match errno {
        Errno::NOENT => StorageError::Gone(path.to_owned()),
        other => StorageError::io("open", path, other),
    }
}

/// Opens for reading, unless it is something whose opening has effects (a tape, a pipe).
fn open(path: &Path) -> Result<std::fs::File, StorageError> {
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
    if sys::is_kernels_own(found.as_fd()) {
        return Err(refusal(
            path,
            "it is one of the kernel's own files, and no image".into(),
        ));
    }
    let file = sys::reopen(found.as_fd()).map_err(|errno| StorageError::io("open", path, errno))?;
    Ok(file.into())
}

/// The first `length` bytes, or all there are.
fn read(file: &std::fs::File, path: &Path, length: usize) -> Result<Vec<u8>, StorageError> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut bytes[filled..], filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(StorageError::io("read", path, error)),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn qcow2(file: &std::fs::File, path: &Path) -> Result<Image, StorageError> {
    let mut wanted = FIRST_READ;
    loop {
        let bytes = read(file, path, wanted)?;
        match image::parse(&bytes).map_err(|error| refusal(path, error.to_string()))? {
            Outcome::Whole(header) => return understood(path, header),
            Outcome::Need(_) if bytes.len() < wanted => {
                return Err(refusal(path, "its header is cut off".into()));
            }
            // At least double, so that a header of many parts costs few reads.
            Outcome::Need(need) => wanted = need.max(wanted * 2),
        }
    }
}

fn understood(path: &Path, header: Qcow2) -> Result<Image, StorageError> {
    let backing = header
        .backing
        .map(|name| named(path, &name, "backing file"))
        .transpose()?;
    let data_file = header
        .data_file
        .map(|name| named(path, &name, "data file"))
        .transpose()?;
    let declared = header
        .backing_format
        .map(|format| String::from_utf8_lossy(&format).into_owned());
    let (backing, within) = backing.unzip();
    Ok(Image {
        format: "qcow2".into(),
        // What the name itself says is the more exact: QEMU opens the file by it.
        backing_format: within.flatten().or(declared).filter(|_| backing.is_some()),
        backing,
        data_file: data_file.map(|(reference, _)| reference),
    })
}

#[cfg(test)]
#[path = "header_io_tests.rs"]
mod tests;
