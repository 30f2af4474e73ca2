//! Mount points, from `/proc/self/mountinfo`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Every mount point that this process sees.
pub fn mount_points() -> std::io::Result<Vec<PathBuf>> {
    Ok(parse(&std::fs::read("/proc/self/mountinfo")?))
}

/// The same without those at which an automounter only waits to mount something.
pub fn mounted() -> std::io::Result<Vec<PathBuf>> {
    let text = std::fs::read("/proc/self/mountinfo")?;
    let is_waiting = |line: &&[u8]| {
        let mut fields = line
            .split(|byte| *byte == b' ')
            .skip_while(|it| *it != b"-");
        fields.nth(1) == Some(b"autofs")
    };
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter(|it| !is_waiting(it));
    Ok(points(lines))
}

fn parse(text: &[u8]) -> Vec<PathBuf> {
    points(text.split(|byte| *byte == b'\n'))
}

/// The fifth field of each line (proc_pid_mountinfo(5)).
fn points<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<PathBuf> {
    lines
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(|field| OsString::from_vec(unescape(field)).into())
        .collect()
}

/// One mount, as a line of mountinfo has it.
pub struct Fields {
    /// Of the file system.
    pub device: u64,
    /// The folder of it that is mounted.
    pub root: PathBuf,
    pub point: PathBuf,
    /// `ext4`, `overlay` …
    pub kind: Vec<u8>,
    /// As given to mount(8): `/dev/loop3`.
    pub source: PathBuf,
    /// The file system's own, with commas between them.
    pub options: Vec<u8>,
}

impl Fields {
    /// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw` (proc_pid_mountinfo(5)).
    pub fn read(line: &[u8]) -> Option<Self> {
        let path = |field| PathBuf::from(OsString::from_vec(unescape(field)));
        let mut fields = line.split(|byte| *byte == b' ');
        let device = std::str::from_utf8(fields.nth(2)?).ok()?;
        let (major, minor) = device.split_once(':')?;
        let root = path(fields.next()?);
        let point = path(fields.next()?);
        let mut after = fields.skip_while(|field| *field != b"-").skip(1);
        Some(Self {
            device: rustix::fs::makedev(major.parse().ok()?, minor.parse().ok()?),
            root,
            point,
            kind: after.next()?.to_owned(),
            source: path(after.next()?),
            options: unescape(after.next().unwrap_or_default()),
        })
    }
}

/// The kernel writes space, tab, newline and backslash as `\` and three octal digits.
pub fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (
                b'\\',
                [
                    a @ b'0'..=b'3',
                    b @ b'0'..=b'7',
                    c @ b'0'..=b'7',
                    after @ ..,
                ],
            ) => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => plain.push(*first),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_mount_point_with_a_space_is_unescaped() {
        let text = b"30 27 7:0 / /mnt/a\\040b\\134c rw shared:1 - ext4 /dev/loop0 rw\n";
        assert_eq!(parse(text), [Path::new("/mnt/a b\\c")]);
    }

    #[test]
    fn a_line_with_and_without_optional_fields() {
        for optional in ["", "shared:1 master:2 "] {
            let line = format!("30 27 7:3 /a\\040b /mnt/x rw {optional}- ext4 /dev/loop3 rw");
            let fields = Fields::read(line.as_bytes()).expect("a line of mountinfo");
            assert_eq!(fields.device, rustix::fs::makedev(7, 3));
            assert_eq!(fields.root, Path::new("/a b"));
            assert_eq!(fields.point, Path::new("/mnt/x"));
            assert_eq!(fields.source, Path::new("/dev/loop3"));
        }
        assert!(Fields::read(b"30 27").is_none());
    }
}
