//! Folders that no retirement may take a file from, whoever asks, and why.
//!
//! Not here are the places where people do keep images: `/home`, `/srv`, `/mnt`, `/media`,
//! `/opt`, `/root`, `/tmp`, `/var/lib/libvirt/images` and any folder of their own.

/// One row. `except` are folders below it, relative to it, in which files are people's again.
pub struct Row {
    pub folder: &'static str,
    pub except: &'static [&'static str],
    pub why: &'static str,
}

const fn row(folder: &'static str, why: &'static str) -> Row {
    Row {
        folder,
        except: &[],
        why,
    }
}

/// Everything at or below these.
pub const BELOW: &[Row] = &[
    row("/bin", "the system's programs"),
    row("/boot", "what the host boots from"),
    // /dev/shm is a file system for everybody, and test guests do live there.
    Row {
        folder: "/dev",
        except: &["shm"],
        why: "device nodes",
    },
    row("/efi", "what the host boots from"),
    row("/etc", "the system's configuration"),
    row("/gnu/store", "the system's programs"),
    row("/lib", "the system's libraries"),
    row("/lib32", "the system's libraries"),
    row("/lib64", "the system's libraries"),
    row("/libx32", "the system's libraries"),
    row("/nix/store", "the system's programs"),
    row("/ostree", "the system's deployments"),
    row("/proc", "the kernel's own files"),
    // Removable media and users' sessions are mounted below /run.
    Row {
        folder: "/run",
        except: &["media", "user"],
        why: "running services' state",
    },
    row("/sbin", "the system's programs"),
    row("/snap", "the system's programs"),
    row("/sys", "the kernel's own files"),
    row("/sysroot", "the system's deployments"),
    // With firmware templates and packaged ISO images in /usr/share.
    row("/usr", "the system's programs and shared files"),
    row("/var/backups", "the system's backups"),
    row("/var/cache/apt", "the package manager's files"),
    row("/var/cache/dnf", "the package manager's files"),
    row("/var/lib/AccountsService", "the system's user accounts"),
    row("/var/lib/apt", "the package manager's records"),
    row("/var/lib/dbus", "the host's identity"),
    row("/var/lib/dnf", "the package manager's records"),
    row("/var/lib/dpkg", "the package manager's records"),
    row("/var/lib/libvirt/dnsmasq", "libvirt's networks"),
    row("/var/lib/NetworkManager", "the host's network"),
    row("/var/lib/pacman", "the package manager's records"),
    row("/var/lib/polkit-1", "the system's permissions"),
    row("/var/lib/private", "system services' state"),
    row("/var/lib/rpm", "the package manager's records"),
    row("/var/lib/selinux", "the system's permissions"),
    row("/var/lib/sudo", "the system's permissions"),
    row("/var/lib/systemd", "system services' state"),
    row("/var/log", "the system's logs"),
    row("/var/mail", "people's mail"),
    row("/var/spool", "queued mail and jobs"),
];

/// These themselves, with what is below them free.
pub const THEMSELVES: &[&str] = &[
    "/data",
    "/dev/shm",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/run/media",
    "/run/user",
    "/srv",
    "/tmp",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/lib/libvirt",
    "/var/lib/libvirt/boot",
    "/var/lib/libvirt/images",
    "/var/lib/libvirt/qemu",
    "/var/lib/libvirt/qemu/nvram",
    "/var/lib/libvirt/qemu/save",
    "/var/lib/libvirt/swtpm",
    "/var/tmp",
];

/// Of these, the ones in which everybody keeps everything: to look for images in all that is below
/// them is to look through the host.
pub const EVERYBODYS: &[&str] = &[
    "/dev/shm",
    "/home",
    "/media",
    "/root",
    "/run/media",
    "/run/user",
    "/tmp",
    "/var/tmp",
];

/// Folders protected by their name, wherever they are.
pub const NAMED: &[(&str, &str)] = &[
    (".gnupg", "somebody's keys"),
    (".ssh", "somebody's keys"),
    ("lost+found", "what a file system check found"),
    (super::folders::OUR_NAME, "a quarantine"),
];
