//! Places at which this host is told to mount something, and nothing is mounted now: what is
//! missing there is away, and not gone.
//!
//! Told by `/etc/fstab` (fstab(5)) and by systemd's mount and automount units (systemd.mount(5));
//! what somebody mounts by hand, nobody can know.

use std::collections::{BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::mounts::{mounted, unescape};

const FSTAB: &str = "/etc/fstab";

/// systemd.unit(5), "System Unit Search Path", with what generators write.
const UNITS: &[&str] = &[
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/transient",
    "/run/systemd/generator",
    "/run/systemd/generator.late",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// What cannot be read tells of nothing.
pub fn unmounted() -> Vec<PathBuf> {
    let mut places: BTreeSet<PathBuf> = BTreeSet::new();
    places.extend(fstab(&std::fs::read(FSTAB).unwrap_or_default()));
    for folder in UNITS {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_mount = |it: &OsStr| it == "mount" || it == "automount";
            if path.extension().is_some_and(is_mount) {
                places.extend(unit(&std::fs::read(&path).unwrap_or_default()));
            }
        }
    }
    if places.is_empty() {
        return Vec::new();
    }
    // Without a list nothing is known to be mounted, and nothing to be away.
    let Ok(mounted) = mounted() else {
        return Vec::new();
    };
    let mounted: HashSet<PathBuf> = mounted.into_iter().collect();
    let is_mounted = |place: &PathBuf| {
        let real = std::fs::canonicalize(place);
        mounted.contains(place) || real.is_ok_and(|real| mounted.contains(&real))
    };
    places.retain(|place| !is_mounted(place));
    places.into_iter().collect()
}

/// The second field of each line, escaped as in mountinfo.
fn fstab(text: &[u8]) -> Vec<PathBuf> {
    let fields = |line: &[u8]| -> Option<PathBuf> {
        let mut words = line
            .split(|byte| byte.is_ascii_whitespace())
            .filter(|word| !word.is_empty());
        words.next().filter(|word| !word.starts_with(b"#"))?;
        place(&unescape(words.next()?))
    };
    text.split(|byte| *byte == b'\n')
        .filter_map(fields)
        .collect()
}

/// `Where=` of a unit; one with a specifier is none of the system's.
fn unit(text: &[u8]) -> Option<PathBuf> {
    let mut lines = text.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| line.trim_ascii().strip_prefix(b"Where="))?;
    match value.contains(&b'%') {
        true => None,
        false => place(value.trim_ascii()),
    }
}

fn place(bytes: &[u8]) -> Option<PathBuf> {
    let path = PathBuf::from(OsString::from_vec(bytes.to_vec()));
    // Without slashes at its end and the like.
    let path: PathBuf = path.components().collect();
    (path.is_absolute() && path != Path::new("/")).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_fstab_but_the_root_is_one() {
        let text = b"# /dev/sda9 /none ext4\n\n/dev/sda1 / ext4 defaults 0 1\n\
            UUID=5 /srv/my\\040images/ xfs noauto 0 0\n\tnas:/a\t/mnt/nas nfs _netdev 0 0\n\
            /dev/sda2 none swap sw 0 0\n/dev/sda3\n";
        let wanted = ["/srv/my images", "/mnt/nas"].map(PathBuf::from);
        assert_eq!(fstab(text), wanted);
    }

    #[test]
    fn a_unit_says_where() {
        let text =
            b"[Unit]\nDescription=x\n[Mount]\nWhat=/dev/sdb1\n Where=/mnt/usb/ \nType=ext4\n";
        assert_eq!(unit(text), Some(PathBuf::from("/mnt/usb")));
        assert_eq!(unit(b"[Mount]\nWhere=%t/x\n"), None);
        assert_eq!(unit(b"[Mount]\nWhat=x\n"), None);
        assert_eq!(unit(b"Where=relative"), None);
    }
}
