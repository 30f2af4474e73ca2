//! Formats whose headers we do not read ourselves: `qemu-img info` does, for one image at a time.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::bounded;
use super::image_name::{add, refusal};
use crate::ports::{Image, Part, StorageError};

/// A header is read in milliseconds; what takes longer is a pipe, or a server that does not answer.
const LONGEST: Duration = Duration::from_secs(20);
/// Bytes of an answer: a few hundred for each part of an image.
const MOST: u64 = 16 << 20;

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
pub fn image(path: &Path, format: &str, offset: u64) -> Result<Image, StorageError> {
    let image = Image::alone(format);
    if !FORMATS.contains(&format) {
        let name = format.escape_debug();
        return Ok(image.doubted(format!("the format '{name}' is not understood")));
    }
    let info = match ask(path, format, offset)? {
        Answer::Info(info) => info,
        Answer::None(why) => return Ok(image.doubted(why)),
    };
    let mut image = image;
    let parts = info.children.iter().map(|child| &child.info);
    let extents = info
        .specific
        .iter()
        .flat_map(|specific| &specific.data.extents);
    let mine = path.to_string_lossy();
    // Of an image within a file the whole name is QEMU's own.
    let others = parts
        .chain(extents)
        .filter(|part| part.filename != mine && !part.filename.starts_with("json:"));
    for part in others {
        let name = part.filename.as_bytes();
        add(&mut image, path, name, Part::Extent, Some("raw"));
    }
    if let Some(backing) = info.backing {
        let declared = info.backing_format.as_deref();
        add(
            &mut image,
            path,
            backing.as_bytes(),
            Part::Backing,
            declared,
        );
        if backing.contains(char::REPLACEMENT_CHARACTER) {
            image = image.doubted("the backing file's name is not readable as text");
        }
    }
    Ok(image)
}

enum Answer {
    Info(Info),
    /// There is nobody to ask; in words.
    None(String),
}

fn ask(path: &Path, format: &str, offset: u64) -> Result<Answer, StorageError> {
    let mut command = Command::new("qemu-img");
    // -U: a guest that runs holds QEMU's lock, and looking at its header harms nothing.
    command.args(["info", "-U", "--output=json"]);
    match (offset, path.to_str()) {
        (0, _) => command.args(["-f", format, "--"]).arg(path),
        (_, Some(path)) => command.arg("--").arg(format!(
            "json:{}",
            serde_json::json!({"driver": format, "file": {"driver": "raw", "offset": offset,
                "file": {"driver": "file", "filename": path}}})
        )),
        (_, None) => {
            let why = "it is within a file whose name is not readable as text";
            return Ok(Answer::None(why.into()));
        }
    };
    let output = match bounded::output(command.env("LC_ALL", "C"), LONGEST, MOST) {
        Ok(Some(output)) => output,
        Ok(None) => {
            let seconds = LONGEST.as_secs();
            return Ok(Answer::None(format!(
                "qemu-img gave no answer within {seconds} seconds"
            )));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Answer::None(format!(
                "to read its {format} header takes the program qemu-img, which is not installed"
            )));
        }
        Err(error) => return Err(StorageError::io("run qemu-img for", path, error)),
    };
    if !output.status.success() {
        let words: String = String::from_utf8_lossy(&output.stderr)
            .trim()
            .chars()
            .take(500)
            .collect();
        return Err(refusal(path, format!("qemu-img: {}", words.escape_debug())));
    }
    // Names need not be UTF-8. A replaced byte is found again by the caller.
    let read = serde_json::from_str(&String::from_utf8_lossy(&output.stdout));
    Ok(read.map_or_else(
        |error| Answer::None(format!("qemu-img's answer is not understood: {error}")),
        Answer::Info,
    ))
}
