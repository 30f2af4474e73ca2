//! Formats whose headers we do not read ourselves: `qemu-img info` does, for one image at a time.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::image_name::{named, refusal};
use crate::ports::{Image, StorageError};

/// What QEMU 10.0 reads and libvirt may name. A format outside this list is not understood; in
/// particular none that makes a folder look like an image.
const FORMATS: &[&str] = &[
    "bochs",
    "cloop",
    "dmg",
    "luks",
    "parallels",
    "qcow",
    "qed",
    "vdi",
    "vhdx",
    "vmdk",
    "vpc",
];

#[derive(Deserialize)]
struct Info {
    #[serde(rename = "backing-filename")]
    backing: Option<String>,
    #[serde(rename = "backing-filename-format")]
    backing_format: Option<String>,
    /// The files that QEMU opened; since QEMU 8.0.
    #[serde(default)]
    children: Vec<Child>,
    #[serde(rename = "format-specific")]
    specific: Option<Specific>,
}

#[derive(Deserialize)]
struct Child {
    info: ChildInfo,
}

#[derive(Deserialize)]
struct ChildInfo {
    filename: String,
}

#[derive(Deserialize)]
struct Specific {
    data: SpecificData,
}

#[derive(Deserialize)]
struct SpecificData {
    /// VMDK's parts.
    #[serde(default)]
    extents: Vec<ChildInfo>,
}

/// `path` is absolute, so QEMU sees no protocol and no option in it: a slash comes first.
pub fn image(path: &Path, format: &str) -> Result<Image, StorageError> {
    if !FORMATS.contains(&format) {
        let name = format.escape_debug();
        return Err(refusal(
            path,
            format!("the format '{name}' is not understood"),
        ));
    }
    let info = ask(path, format)?;
    let parts = info.children.iter().map(|child| &child.info);
    let extents = info
        .specific
        .iter()
        .flat_map(|specific| &specific.data.extents);
    let mine = path.to_string_lossy();
    if let Some(part) = parts.chain(extents).find(|part| part.filename != mine) {
        let name = part.filename.escape_debug();
        return Err(refusal(
            path,
            format!("its data are in several files, as in '{name}', which cannot be moved as one"),
        ));
    }
    let Some(backing) = info.backing else {
        return Ok(Image {
            format: format.to_owned(),
            backing: None,
            backing_format: None,
            data_file: None,
        });
    };
    if backing.contains(char::REPLACEMENT_CHARACTER) {
        return Err(refusal(
            path,
            "the backing file's name is not readable as text".into(),
        ));
    }
    let (backing, within) = named(path, backing.as_bytes(), "backing file")?;
    Ok(Image {
        format: format.to_owned(),
        backing: Some(backing),
        backing_format: within.or(info.backing_format),
        data_file: None,
    })
}

fn ask(path: &Path, format: &str) -> Result<Info, StorageError> {
    let output = Command::new("qemu-img")
        // -U: a guest that runs holds QEMU's lock, and looking at its header harms nothing.
        .args(["info", "-U", "--output=json", "-f", format, "--"])
        .arg(path)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => refusal(
                path,
                format!(
                    "to read its {format} header takes the program qemu-img, which is not installed"
                ),
            ),
            _ => StorageError::io("run qemu-img for", path, error),
        })?;
    if !output.status.success() {
        let words: String = String::from_utf8_lossy(&output.stderr)
            .trim()
            .chars()
            .take(500)
            .collect();
        return Err(refusal(path, format!("qemu-img: {}", words.escape_debug())));
    }
    // Names need not be UTF-8. A replaced byte is found again by the caller.
    serde_json::from_str(&String::from_utf8_lossy(&output.stdout)).map_err(|error| {
        refusal(
            path,
            format!("qemu-img's answer is not understood: {error}"),
        )
    })
}
