//! Every fact of a file that a rollback must bring back.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{self, CWD, FileType, Mode, OFlags, SeekFrom, StatxFlags};

use super::{Identity, chain};
use crate::support::host::PrivateHost;

/// States the facts of these files, of what is in them if they are folders, and of their backing
/// files.
pub fn capture(host: &PrivateHost, paths: &BTreeSet<String>, identity: &mut Identity) {
    let mut todo: Vec<String> = paths.iter().cloned().collect();
    let mut done = BTreeSet::new();
    let mut links: BTreeMap<(u64, u64), Vec<String>> = BTreeMap::new();
    while let Some(path) = todo.pop() {
        if done.insert(path.clone()) {
            capture_one(host, &path, identity, &mut todo, &mut links);
        }
    }
    // Files of this capture that are one inode: a copy in place of a hard link shows here by name.
    for group in links.values_mut().filter(|group| group.len() > 1) {
        group.sort();
        for path in group.iter() {
            identity.state(format!("file {path}: hard links"), group.join(" = "));
        }
    }
}

fn capture_one(
    host: &PrivateHost,
    path: &str,
    identity: &mut Identity,
    todo: &mut Vec<String>,
    links: &mut BTreeMap<(u64, u64), Vec<String>>,
) {
    let outside = host.path(path);
    let mut state =
        |fact: &str, value: String| identity.state(format!("file {path}: {fact}"), value);
    let flags = fs::AtFlags::SYMLINK_NOFOLLOW;
    let Ok(stat) = fs::statx(CWD, &outside, flags, StatxFlags::BASIC_STATS) else {
        state("type", "nothing is there".into());
        return;
    };
    let kind = FileType::from_raw_mode(stat.stx_mode.into());
    let time = |time: fs::StatxTimestamp| format!("{}.{:09}", time.tv_sec, time.tv_nsec);
    state("type", format!("{kind:?}"));
    state("inode", stat.stx_ino.to_string());
    state("owner", stat.stx_uid.to_string());
    state("group", stat.stx_gid.to_string());
    state("mode", format!("{:04o}", stat.stx_mode & 0o7777));
    state("xattrs", xattrs(&outside));
    if kind == FileType::Symlink {
        // Reading a link changes its access time, and nothing can open it without: that time is
        // left out.
        state("mtime", time(stat.stx_mtime));
        state(
            "target",
            fs::readlink(&outside, Vec::new())
                .unwrap()
                .to_string_lossy()
                .into_owned(),
        );
        return;
    }
    let open = || {
        let flags = OFlags::RDONLY
            | OFlags::NOATIME
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC
            | OFlags::NONBLOCK;
        fs::open(&outside, flags, Mode::empty()).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    match kind {
        // A folder's times and size follow what is put in and taken out, which the files in it
        // show.
        FileType::Directory => {
            let folder = open();
            state("flags", inode_flags(&folder));
            for entry in fs::Dir::read_from(&folder).unwrap() {
                let name = entry.unwrap().file_name().to_string_lossy().into_owned();
                if name != "." && name != ".." {
                    todo.push(format!("{path}/{name}"));
                }
            }
        }
        FileType::RegularFile => {
            let mut file = File::from(open());
            state("atime", time(stat.stx_atime));
            state("mtime", time(stat.stx_mtime));
            state("size", stat.stx_size.to_string());
            state("allocated", format!("{} KiB", stat.stx_blocks / 2));
            state("link count", stat.stx_nlink.to_string());
            state("flags", inode_flags(&file));
            state("holes", data_map(&file, stat.stx_size));
            state("bytes", hash(&mut file));
            let device = u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor);
            links
                .entry((device, stat.stx_ino))
                .or_default()
                .push(path.to_owned());
            todo.extend(chain::backing_file(&file, path));
        }
        _ => {}
    }
}

/// All extended attributes, ACLs among them (system.posix_acl_access), as `name=hex`.
fn xattrs(path: &Path) -> String {
    let mut names = vec![0; 65_536];
    let length = fs::llistxattr(path, &mut names[..]).unwrap_or(0);
    let mut lines = Vec::new();
    for name in names[..length]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let name = CString::new(name).unwrap();
        let mut value = vec![0; 65_536];
        let length = fs::lgetxattr(path, &name, &mut value[..]).unwrap();
        let hex: String = value[..length]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        lines.push(format!("{}={hex}", name.to_string_lossy()));
    }
    lines.sort();
    lines.join(" ")
}

/// What lsattr shows, as a number. Not every file system has them.
///
/// Without ext4's "extents", which the file system sets for itself by how it stores the file.
fn inode_flags(file: impl std::os::fd::AsFd) -> String {
    const EXTENTS: u32 = 0x0008_0000;
    match fs::ioctl_getflags(file) {
        Ok(flags) => format!("{:#010x}", flags.bits() & !EXTENTS),
        Err(error) => format!("{error}"),
    }
}

/// Where the data is between the holes.
///
/// For a stretch that is allocated and was never written the kernel answers "data" once someone has
/// read it and its pages are in the cache (our own hash is enough), and "hole" before. So the cache
/// goes first.
fn data_map(file: &File, size: u64) -> String {
    fs::fsync(file).unwrap();
    fs::fadvise(file, 0, None, fs::Advice::DontNeed).unwrap();
    let mut runs = Vec::new();
    let mut position = 0;
    while let Ok(start) = fs::seek(file, SeekFrom::Data(position)) {
        let end = fs::seek(file, SeekFrom::Hole(start)).unwrap_or(size);
        runs.push(format!("{start}-{end}"));
        position = end;
    }
    // The hash reads from the start.
    fs::seek(file, SeekFrom::Start(0)).unwrap();
    if runs.is_empty() {
        "no data".into()
    } else {
        format!("data at {}", runs.join(" "))
    }
}

fn hash(file: &mut File) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return hasher.finalize().to_hex().to_string(),
            length => hasher.update(&buffer[..length]),
        };
    }
}
