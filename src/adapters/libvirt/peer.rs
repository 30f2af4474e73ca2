//! Who is at the other end of the socket, and whether the files are the same there as here.
//!
//! The kernel says which process listens (`SO_PEERCRED`, unix(7)), and `/proc` says what that
//! process calls the root (proc(5): `/proc/PID/root`, `/proc/PID/ns/mnt`; both need the right to
//! look into it). A daemon in another mount namespace, in a chroot, in a container whose processes
//! are not seen from here, or a program that only passes on what it hears, has files of its own
//! under the same paths.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::sys;
use crate::journal::remembered::Daemon;

/// What the socket's other end says of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// The same root in the same mount namespace, or this very process.
    Same,
    Other {
        why: String,
        hint: String,
    },
    /// Nothing speaks against it, and not all could be looked at.
    Unseen(String),
}

/// The daemons that act by themselves, and the one that passes on to them on the same host
/// (libvirt.org/daemons.html).
const DAEMONS: [&str; 3] = ["libvirtd", "virtqemud", "virtproxyd"];

/// The sockets that this process has open: by number and inode, since numbers are given again.
pub(super) fn sockets() -> BTreeSet<(RawFd, PathBuf)> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return BTreeSet::new();
    };
    let sockets = entries.flatten().filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse().ok()?;
        let leads_to = fs::read_link(entry.path()).ok()?;
        let is_socket = leads_to.to_str()?.starts_with("socket:");
        is_socket.then_some((number, leads_to))
    });
    sockets.collect()
}

/// The other end of the socket that was opened since `before`, and which process it is, where that
/// is the daemon itself, as the distribution has installed it. Without a socket the driver runs in
/// this process.
pub(super) fn since(before: &BTreeSet<(RawFd, PathBuf)>) -> (Peer, Option<Daemon>) {
    let new = sockets();
    let mut found = new
        .difference(before)
        .filter_map(|(number, _)| sys::unix_peer(*number));
    let Some((pid, path)) = found.next() else {
        return (Peer::Same, None);
    };
    // systemd listens until the daemon that it has started for this connection does so itself.
    let again = path.as_deref().filter(|_| is_init(pid)).and_then(|path| {
        let stream = UnixStream::connect(path).ok()?;
        sys::peer_pid(stream.as_fd())
    });
    let pid = again.unwrap_or(pid);
    let is_own_place = path.as_deref().is_some_and(is_libvirts);
    let peer = judge(pid, is_own_place && is_init(pid));
    let daemon = match peer {
        Peer::Same => daemon(pid),
        Peer::Other { .. } | Peer::Unseen(_) => None,
    };
    (peer, daemon)
}

/// A daemon that was built for another place than `/usr` has its definitions elsewhere too, and
/// one that passes on what it hears has none.
fn daemon(pid: i32) -> Option<Daemon> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let program = fs::read_link(folder.join("exe")).ok()?;
    let name = program.file_name()?.to_str()?;
    let is_it = matches!(plain(name), "libvirtd" | "virtqemud") && program.starts_with("/usr/sbin");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let started = started(&fs::read_to_string(folder.join("stat")).ok()?)?;
    is_it.then(|| Daemon {
        boot: boot.trim().to_owned(),
        pid,
        started,
    })
}

/// Field 22 of proc_pid_stat(5). The second is the program's name in brackets, and may hold others.
fn started(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(19)?.parse().ok()
}

fn is_init(pid: i32) -> bool {
    pid == 1 || name_of(pid).is_ok_and(|name| name == "systemd")
}

/// Where libvirt's own units and daemons listen.
fn is_libvirts(path: &Path) -> bool {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let runtime = runtime.map(|folder| folder.join("libvirt"));
    let folder = path.parent();
    [Path::new("/run/libvirt"), Path::new("/var/run/libvirt")]
        .map(Some)
        .contains(&folder)
        || folder.is_some() && folder == runtime.as_deref()
}

fn judge(pid: i32, is_daemons_socket: bool) -> Peer {
    if pid == 0 {
        return Peer::Other {
            why: "libvirt runs in a container, or this program does: its process is not seen from \
                  here"
                .into(),
            hint: "run virt-retire where libvirt runs".into(),
        };
    }
    let name = match name_of(pid) {
        Ok(name) => name,
        Err(error) => {
            return Peer::Unseen(format!("which program answers as process {pid}: {error}"));
        }
    };
    if !is_daemons_socket && !DAEMONS.contains(&name.as_str()) {
        return Peer::Other {
            why: format!(
                "the socket is answered by '{name}' (process {pid}), which is not a daemon of \
                 libvirt's, and what is behind it cannot be told"
            ),
            hint: "connect to the daemon's own socket: --connect qemu:///system or qemu:///session"
                .into(),
        };
    }
    match same_files(pid) {
        Ok(true) => Peer::Same,
        Ok(false) => Peer::Other {
            why: format!(
                "{name} (process {pid}) has another root or another mount namespace, where the \
                 same paths are other files"
            ),
            hint: format!(
                "run it where libvirt runs: nsenter --target {pid} --mount --root virt-retire …"
            ),
        },
        Err(_) if holds_the_state(pid) => Peer::Same,
        Err(error) => Peer::Unseen(format!(
            "whether {name} (process {pid}) has the same files under the same paths ({error})"
        )),
    }
}

/// The name of the program's file; of one that may not be looked into, that of the process.
fn name_of(pid: i32) -> io::Result<String> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    if let Ok(program) = fs::read_link(folder.join("exe"))
        && let Some(name) = program.file_name().and_then(|name| name.to_str())
    {
        return Ok(plain(name).to_owned());
    }
    let name = fs::read_to_string(folder.join("comm"))?;
    Ok(plain(name.trim_end()).to_owned())
}

/// Without what an upgrade (`libvirtd (deleted)`), libtool (`lt-libvirtd`) and a wrapper
/// (`.libvirtd-wrapped`) add.
fn plain(name: &str) -> &str {
    let name = name.strip_suffix(" (deleted)").unwrap_or(name);
    let name = name.strip_prefix("lt-").unwrap_or(name);
    let wrapped = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix("-wrapped"));
    wrapped.unwrap_or(name)
}

/// The next best for whoever may not look into the daemon's process: QEMU's driver writes its
/// number beside the state of its running guests (`virQEMUDriverInitialize`), and does that here.
fn holds_the_state(pid: i32) -> bool {
    let written = fs::read_to_string("/run/libvirt/qemu/driver.pid");
    written.is_ok_and(|written| written.trim().parse() == Ok(pid))
}

fn same_files(pid: i32) -> io::Result<bool> {
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/mnt"));
    let root = |process: &str| {
        let root = fs::metadata(format!("/proc/{process}/root/."))?;
        Ok::<_, io::Error>((root.dev(), root.ino()))
    };
    let theirs = pid.to_string();
    Ok(namespace("self")? == namespace(&theirs)? && root("self")? == root(&theirs)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process;

    #[test]
    fn a_daemon_is_known_by_its_program_whatever_was_done_to_it() {
        for name in [
            "libvirtd",
            "libvirtd (deleted)",
            "lt-libvirtd",
            ".libvirtd-wrapped",
        ] {
            assert_eq!(plain(name), "libvirtd");
        }
        assert_eq!(plain("socat"), "socat");
    }

    #[test]
    fn this_process_has_this_processs_files_and_is_no_daemon() {
        let own = i32::try_from(process::id()).unwrap();
        assert!(same_files(own).unwrap());
        assert!(matches!(judge(own, false), Peer::Other { .. }));
        assert_eq!(judge(own, true), Peer::Same);
        assert!(matches!(judge(0, true), Peer::Other { .. }));
    }

    #[test]
    fn a_process_is_told_from_a_later_one_of_its_number_by_its_start() {
        let fields: Vec<String> = (3..=52).map(|field: u32| field.to_string()).collect();
        let stat = format!("77 (libvirtd) 22) {}\n", fields.join(" "));
        assert_eq!(started(&stat), Some(22));
        assert_eq!(started("77 (libvirtd"), None);
        let own = fs::read_to_string("/proc/self/stat").unwrap();
        assert!(started(&own).is_some());
        let own = i32::try_from(process::id()).unwrap();
        assert_eq!(daemon(own), None, "this is no daemon of libvirt's");
    }

    #[test]
    fn a_new_socket_is_found() {
        let before = sockets();
        let (_one, _other) = UnixStream::pair().unwrap();
        assert_eq!(sockets().difference(&before).count(), 2);
    }
}
