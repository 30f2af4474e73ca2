//! `/proc/locks`: who has a file locked (proc_locks(5)).

use super::processes;
use super::seen::{Key, Seen};

pub fn look(seen: &mut Seen) {
    // Not there in a kernel without file locking.
    let Ok(text) = std::fs::read_to_string("/proc/locks") else {
        return;
    };
    for (key, pid) in text.lines().filter_map(read) {
        if let Some(outsider) = processes::outsider(&pid, "locked by") {
            seen.outsider(key, outsider);
        }
    }
}

/// `1: POSIX  ADVISORY  WRITE 1234 fe:00:5677251 0 EOF`; a waiting one has `->` after the number.
/// A lease is somebody's like ours, and a lock without a process (OFD, -1) belongs to whoever has
/// the file open.
fn read(line: &str) -> Option<(Key, String)> {
    let mut fields = line.split_whitespace().skip(1).filter(|word| *word != "->");
    let kind = fields.next()?;
    let pid = fields.nth(2)?;
    let is_lock = matches!(kind, "POSIX" | "FLOCK");
    let has_process = pid.parse::<u32>().is_ok_and(|pid| pid > 0);
    let mut place = fields.next()?.split(':');
    let mut hex = || u32::from_str_radix(place.next()?, 16).ok();
    let (major, minor) = (hex()?, hex()?);
    let inode = place.next()?.parse().ok()?;
    let key = (rustix::fs::makedev(major, minor), inode);
    (is_lock && has_process).then(|| (key, pid.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_names_its_inode_and_its_process() {
        let key = (rustix::fs::makedev(0xfe, 0), 77);
        assert_eq!(
            read("1: POSIX  ADVISORY  WRITE 12 fe:00:77 0 EOF"),
            Some((key, "12".into()))
        );
        assert_eq!(
            read("1: -> FLOCK  ADVISORY  READ 12 fe:00:77 0 EOF"),
            Some((key, "12".into()))
        );
        assert_eq!(read("2: OFDLCK ADVISORY  WRITE -1 fe:00:77 0 EOF"), None);
        assert_eq!(read("3: LEASE  ACTIVE    READ 12 fe:00:77 0 EOF"), None);
        assert_eq!(read("4:"), None);
    }
}
