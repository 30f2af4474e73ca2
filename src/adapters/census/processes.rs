//! Processes: what they have open, mapped, run, or stand in.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use uuid::Uuid;

use super::seen::{Found, Key, Seen, is_denied, stat};
use crate::model::{User, UserKind};
use crate::ports::Outsider;

/// One process, as far as its users of files are told by it.
struct Process {
    folder: PathBuf,
    /// `PID (command)`.
    name: String,
    guest: Option<Uuid>,
    /// In words, where it is another user's guest.
    of_guest: String,
    locks_for_guests: bool,
}

/// What a mapping's line says, with what `stat` says of it: they differ where a file system has
/// device numbers of its own (btrfs, overlayfs).
type Mapped = HashMap<(Vec<u8>, Vec<u8>), Option<Found>>;

pub fn look(seen: &mut Seen) {
    let Ok(entries) = fs::read_dir("/proc") else {
        seen.unseen("processes: /proc cannot be read".into());
        return;
    };
    let ours = stat("/proc/self/exe").ok().map(|found| found.key);
    let mut mapped = Mapped::new();
    for entry in entries.flatten() {
        let is_process = entry.file_name().as_bytes().iter().all(u8::is_ascii_digit);
        if is_process && let Some(process) = Process::read(entry.path(), ours) {
            process.look(&mut mapped, seen);
        }
    }
}

/// `PID (command)`.
pub fn name(pid: &str) -> String {
    let command = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("{pid} ({})", String::from_utf8_lossy(&command).trim_end())
}

/// A process as a user of something.
pub fn outsider(pid: &str, how: &str) -> Option<Outsider> {
    let ours = stat("/proc/self/exe").ok().map(|found| found.key);
    Some(Process::read(Path::new("/proc").join(pid), ours)?.outsider(how))
}

impl Process {
    /// None for this very program: it reads headers while it looks, and it moves files only while
    /// it holds their claim in the journal.
    fn read(folder: PathBuf, ours: Option<Key>) -> Option<Self> {
        let pid = folder.file_name()?.to_str()?;
        if ours.is_some() && stat(folder.join("exe")).ok().map(|found| found.key) == ours {
            return None;
        }
        let line = fs::read(folder.join("cmdline")).unwrap_or_default();
        let name = name(pid);
        let command = name.split_once(" (").map_or("", |(_, rest)| rest);
        let runs_guests = ["qemu", "swtpm", "kvm"]
            .iter()
            .any(|word| command.starts_with(word));
        let guest = runs_guests.then(|| uuid(&line)).flatten();
        let of_guest = match guest_name(&line).filter(|_| runs_guests) {
            Some(guest) => format!("guest {guest}{} in ", owner(&folder)),
            None => String::new(),
        };
        Some(Self {
            guest,
            of_guest,
            locks_for_guests: command.starts_with("virtlockd") || command.starts_with("sanlock"),
            name,
            folder,
        })
    }

    fn look(&self, mapped: &mut Mapped, seen: &mut Seen) {
        for (link, how) in [
            ("exe", "run by"),
            ("cwd", "working folder of"),
            ("root", "root folder of"),
        ] {
            if let Ok(found) = stat(self.folder.join(link)) {
                self.uses(&found, how, seen);
            }
        }
        self.open(seen);
        self.mapped(mapped, seen);
    }

    fn open(&self, seen: &mut Seen) {
        let entries = match fs::read_dir(self.folder.join("fd")) {
            Ok(entries) => entries,
            Err(error) => {
                if is_denied(&error) {
                    seen.deny();
                }
                return;
            }
        };
        for entry in entries {
            match entry {
                Ok(entry) => {
                    if let Ok(found) = stat(entry.path()) {
                        self.uses(&found, "open by", seen);
                    }
                }
                Err(error) if is_denied(&error) => return seen.deny(),
                Err(_) => return,
            }
        }
    }

    /// A mapping keeps the file open when its descriptor has been closed.
    fn mapped(&self, known: &mut Mapped, seen: &mut Seen) {
        let text = match fs::read(self.folder.join("maps")) {
            Ok(text) => text,
            Err(error) => {
                if is_denied(&error) {
                    seen.deny();
                }
                return;
            }
        };
        for line in text.split(|byte| *byte == b'\n') {
            // 7f00-7f10 r--p 00000000 fe:00 1234      /path
            let mut fields = line
                .splitn(6, |byte| *byte == b' ')
                .filter(|field| !field.is_empty());
            let (Some(range), Some(place)) = (fields.next(), line.iter().position(|b| *b == b'/'))
            else {
                continue;
            };
            let device_and_inode: Vec<u8> = fields.skip(2).take(2).flatten().copied().collect();
            let what = (device_and_inode, line[place..].to_vec());
            let found = known.entry(what).or_insert_with(|| {
                let file = self.folder.join("map_files").join(OsStr::from_bytes(range));
                // Only root may look behind these; others take the name's word.
                stat(file)
                    .or_else(|_| stat(Path::new(OsStr::from_bytes(&line[place..]))))
                    .ok()
            });
            if let Some(found) = found {
                self.uses(found, "mapped by", seen);
            }
        }
    }

    fn uses(&self, found: &Found, how: &str, seen: &mut Seen) {
        if !matches!(
            found.kind,
            FileType::RegularFile | FileType::Directory | FileType::BlockDevice
        ) {
            return;
        }
        seen.outsider(found.key, self.outsider(how));
    }

    fn outsider(&self, how: &str) -> Outsider {
        let how = match self.name.contains("(qemu-nbd") && how == "open by" {
            true => "exported over NBD by".to_owned(),
            false if self.of_guest.is_empty() => how.to_owned(),
            // "open for guest x of user y in process 12 (qemu-system-x86)"
            false => format!(
                "{} for {}",
                how.trim_end_matches(" by"),
                self.of_guest.trim_end()
            ),
        };
        Outsider {
            user: User {
                kind: UserKind::Process,
                name: self.name.clone(),
                how,
            },
            guest: self.guest,
            locks_for_guests: self.locks_for_guests,
        }
    }
}

fn arguments(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == 0)
}

/// The argument after `-uuid`, else the first path component that is a UUID (swtpm's folder).
fn uuid(line: &[u8]) -> Option<Uuid> {
    let parse = |word: &[u8]| {
        Uuid::try_parse_ascii(word)
            .ok()
            .filter(|_| word.len() == 36)
    };
    let told = arguments(line)
        .skip_while(|word| *word != b"-uuid")
        .nth(1)
        .and_then(parse);
    told.or_else(|| {
        line.split(|byte| matches!(byte, 0 | b'/' | b',' | b'='))
            .find_map(parse)
    })
}

/// `-name guest=NAME,debug-threads=on`.
fn guest_name(line: &[u8]) -> Option<String> {
    let options = arguments(line)
        .skip_while(|word| *word != b"-name")
        .nth(1)?;
    let first = options.split(|byte| *byte == b',').next()?;
    let name = first.strip_prefix(b"guest=").unwrap_or(first);
    Some(String::from_utf8_lossy(name).into_owned())
}

fn owner(folder: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let Ok(uid) = fs::metadata(folder).map(|found| found.uid()) else {
        return String::new();
    };
    let name = uzers::get_user_by_uid(uid).map_or_else(
        || uid.to_string(),
        |user| user.name().to_string_lossy().into_owned(),
    );
    format!(" of user {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_told_by_its_command_line() {
        let line = b"/usr/bin/qemu-system-x86_64\0-name\0guest=web,debug-threads=on\0-uuid\0\
            3d7b6a5e-1c2f-4a57-9b57-1f6a0a6ad001\0";
        assert_eq!(guest_name(line).as_deref(), Some("web"));
        assert_eq!(
            uuid(line).map(|uuid| uuid.to_string()).as_deref(),
            Some("3d7b6a5e-1c2f-4a57-9b57-1f6a0a6ad001")
        );
        let tpm = b"swtpm\0socket\0--tpmstate\0dir=/x/3d7b6a5e-1c2f-4a57-9b57-1f6a0a6ad002/tpm2\0";
        assert!(uuid(tpm).is_some());
        assert_eq!(uuid(b"qemu\0-uuid\0"), None);
        assert_eq!(guest_name(b"qemu\0-name"), None);
    }
}
