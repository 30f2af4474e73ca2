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
}
