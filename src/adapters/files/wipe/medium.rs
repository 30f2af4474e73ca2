//! On what a file lies, as far as it decides what overwriting is worth.

use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::super::sys;

#[derive(Debug, Clone, Default)]
pub struct Medium {
    /// `ext4`, `xfs` …
    pub file_system: String,
    pub device: String,
    /// Why the old bytes may still be somewhere, in words.
    pub doubt: Option<String>,
}

pub fn of(folder: &OwnedFd) -> rustix::io::Result<Medium> {
    let stat = sys::stat(folder)?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mount = mounts
        .lines()
        .find_map(|line| Mount::read(line, stat.stx_mnt_id))
        .unwrap_or_default();
    let block = block(&mount);
    let name = block.as_deref().and_then(|it| it.file_name());
    let name = name.map(|it| it.to_string_lossy().into_owned());
    let mut options = mount.options.clone();
    // What is the file system's own default is told here alone (ext4(5), "data=").
    if mount.file_system.starts_with("ext")
        && let Some(name) = &name
    {
        let path = format!("/proc/fs/{}/{name}/options", mount.file_system);
        options.push(',');
        options.push_str(
            &std::fs::read_to_string(path)
                .unwrap_or_default()
                .replace('\n', ","),
        );
    }
    let rotational = block.as_deref().and_then(rotational);
    Ok(judged(
        &mount.file_system,
        &options,
        name.as_deref(),
        rotational,
    ))
}

/// The device in `/sys`. A file system of several devices, or of anonymous ones (btrfs), names one
/// of its own as its source.
fn block(mount: &Mount) -> Option<PathBuf> {
    let at = |number: &str| std::fs::canonicalize(format!("/sys/dev/block/{number}")).ok();
    at(&mount.device).or_else(|| {
        let source = std::fs::metadata(&mount.source).ok()?;
        let number = source.rdev();
        source.file_type().is_block_device().then_some(())?;
        let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
        at(&format!("{major}:{minor}"))
    })
}

fn rotational(block: &Path) -> Option<bool> {
    let own = std::fs::read_to_string(block.join("queue/rotational"));
    // A partition's queue is its disk's.
    let disks = || std::fs::read_to_string(block.parent()?.join("queue/rotational")).ok();
    Some(own.ok().or_else(disks)?.trim() == "1")
}

/// Pure, from what was found out: `options` of the mount, the device's name.
fn judged(
    file_system: &str,
    options: &str,
    device: Option<&str>,
    rotational: Option<bool>,
) -> Medium {
    let kind = match rotational {
        Some(true) => "rotational",
        Some(false) => "not rotational",
        None => "unknown",
    };
    let mut doubts = Vec::new();
    if options.split(',').any(|option| option == "data=journal") {
        doubts.push("the file system's journal had the data too (data=journal)".to_owned());
    }
    if WRITES_ELSEWHERE.contains(&file_system) {
        doubts.push(format!(
            "{file_system} writes changed data elsewhere, and keeps the old for a while or in \
             snapshots"
        ));
    }
    if rotational != Some(true) {
        doubts
            .push("a medium that is not rotational, or not known, may keep old copies".to_owned());
    }
    if let Some(layer) = device.and_then(layered) {
        doubts.push(format!(
            "the device is {layer}, and what is below it is not looked at"
        ));
    }
    Medium {
        file_system: file_system.to_owned(),
        device: match device {
            Some(name) => format!("{kind} ({name})"),
            None => kind.to_owned(),
        },
        doubt: (!doubts.is_empty()).then(|| doubts.join("; ")),
    }
}

/// File systems that copy on write by design: what they overwrote before may have other copies yet,
/// even where this writing went to its place.
const WRITES_ELSEWHERE: &[&str] = &["btrfs", "zfs", "bcachefs", "f2fs", "nilfs2", "overlay"];

/// A thin pool or a file below may write elsewhere.
fn layered(name: &str) -> Option<&'static str> {
    [
        ("loop", "a loop device over a file"),
        ("dm-", "a device-mapper device"),
        ("md", "an array"),
        ("nbd", "a network device"),
        ("rbd", "a network device"),
    ]
    .into_iter()
    .find_map(|(prefix, words)| name.starts_with(prefix).then_some(words))
}

struct Mount {
    /// `8:1`
    device: String,
    file_system: String,
    source: PathBuf,
    options: String,
}

impl Default for Mount {
    fn default() -> Self {
        Self {
            device: String::new(),
            file_system: "unknown".into(),
            source: PathBuf::new(),
            options: String::new(),
        }
    }
}

impl Mount {
    /// A line of that mount's number (proc_pid_mountinfo(5)).
    fn read(line: &str, id: u64) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ');
        if fields.next()?.parse() != Ok(id) {
            return None;
        }
        let device = fields.nth(1)?.to_owned();
        let mut words = after.split(' ');
        Some(Self {
            device,
            file_system: words.next()?.to_owned(),
            source: words.next()?.into(),
            options: words.next().unwrap_or_default().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_found_by_its_number() {
        let line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext4 /dev/root rw,data=journal";
        let found = Mount::read(line, 36).unwrap();
        assert_eq!(found.file_system, "ext4");
        assert_eq!(found.device, "98:0");
        assert_eq!(found.source, Path::new("/dev/root"));
        assert_eq!(found.options, "rw,data=journal");
        assert!(Mount::read(line, 35).is_none());
    }

    #[test]
    fn what_may_keep_old_bytes_is_a_doubt() {
        let doubt = |file_system, options, device, rotational| {
            judged(file_system, options, device, rotational).doubt
        };
        assert_eq!(
            doubt("ext4", "rw,data=ordered", Some("sda1"), Some(true)),
            None
        );
        assert_eq!(doubt("xfs", "rw", Some("sda1"), Some(true)), None);
        for (file_system, options, device, rotational, word) in [
            (
                "ext4",
                "rw,data=journal",
                "sda1",
                Some(true),
                "data=journal",
            ),
            ("btrfs", "rw", "sda1", Some(true), "btrfs writes"),
            ("zfs", "rw", "sda1", Some(true), "zfs writes"),
            ("xfs", "rw", "nvme0n1p1", Some(false), "not rotational"),
            ("xfs", "rw", "sda1", None, "not known"),
            ("xfs", "rw", "dm-3", Some(true), "device-mapper"),
            ("ext4", "rw", "loop7", Some(true), "loop device"),
        ] {
            let told = doubt(file_system, options, Some(device), rotational);
            assert!(told.is_some_and(|it| it.contains(word)), "{word}");
        }
    }
}
