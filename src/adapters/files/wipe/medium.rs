//! On what a file lies, as far as it decides what overwriting is worth.

use std::os::fd::OwnedFd;

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
    let number = format!("{}:{}", stat.stx_dev_major, stat.stx_dev_minor);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let (file_system, options) = mounts
        .lines()
        .find_map(|line| mount(line, &number))
        .unwrap_or_else(|| ("unknown".into(), String::new()));
    let block = std::fs::canonicalize(format!("/sys/dev/block/{number}")).ok();
    let name = block.as_deref().and_then(|it| it.file_name());
    let name = name.map(|it| it.to_string_lossy().into_owned());
    // A partition's queue is its disk's.
    let rotational = block.as_deref().and_then(|path| {
        let own = std::fs::read_to_string(path.join("queue/rotational"));
        let disks = || std::fs::read_to_string(path.parent()?.join("queue/rotational")).ok();
        own.ok().or_else(disks)
    });
    let kind = match rotational.as_deref().map(str::trim) {
        Some("1") => "rotational",
        Some(_) => "not rotational",
        None => "unknown",
    };
    let device = match &name {
        Some(name) => format!("{kind} ({name})"),
        None => kind.to_owned(),
    };
    let mut doubts = Vec::new();
    if options.split(',').any(|option| option == "data=journal") {
        doubts.push("the file system's journal had the data too (data=journal)".to_owned());
    }
    if kind != "rotational" {
        doubts
            .push("a medium that is not rotational, or not known, may keep old copies".to_owned());
    }
    if let Some(layer) = name.as_deref().and_then(layered) {
        doubts.push(format!(
            "the device is {layer}, and what is below it is not looked at"
        ));
    }
    Ok(Medium {
        file_system,
        device,
        doubt: (!doubts.is_empty()).then(|| doubts.join("; ")),
    })
}

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

/// Type and options of the mount with that device number (proc_pid_mountinfo(5)).
fn mount(line: &str, number: &str) -> Option<(String, String)> {
    let (before, after) = line.split_once(" - ")?;
    if before.split(' ').nth(2)? != number {
        return None;
    }
    let mut words = after.split(' ');
    let kind = words.next()?.to_owned();
    Some((kind, words.nth(1).unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_found_by_its_device() {
        let line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext4 /dev/root rw,data=journal";
        let found = mount(line, "98:0").unwrap();
        assert_eq!(found, ("ext4".into(), "rw,data=journal".into()));
        assert_eq!(mount(line, "98:1"), None);
    }
}
