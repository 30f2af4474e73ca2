//! A file system of a test's own inside a host: for power cuts, for EXDEV, for a full disk.

use std::fs;

use super::host::PrivateHost;

pub struct Filesystem {
    pub kind: String,
    /// Where it is mounted, inside.
    pub mount_point: String,
    image: String,
}

impl PrivateHost {
    /// Makes and mounts a file system, "xfs" or "ext4", of 512 MiB that take no room until used. It
    /// ends with the host: the last unmount detaches the loop device (autoclear, which
    /// `mount -o loop` sets).
    #[track_caller]
    pub fn filesystem(&self, kind: &str) -> Filesystem {
        self.filesystem_of(kind, 512)
    }

    /// The same with a size of one's own, in MiB. mkfs.xfs refuses less than 300.
    #[track_caller]
    pub fn filesystem_of(&self, kind: &str, mebibytes: u64) -> Filesystem {
        let image = self.scratch("");
        let name = image.rsplit('/').next().unwrap();
        let mount_point = format!("/var/lib/libvirt/{kind}-{name}");
        fs::File::options()
            .write(true)
            .open(&image)
            .unwrap()
            .set_len(mebibytes << 20)
            .unwrap();
        fs::create_dir(self.path(&mount_point)).unwrap();
        self.run(&[&format!("mkfs.{kind}"), "-q", &image]).expect(0);
        let filesystem = Filesystem {
            kind: kind.into(),
            mount_point,
            image,
        };
        filesystem.mount(self);
        filesystem
    }
}

impl Filesystem {
    /// The path of `name` in it, inside the host.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.mount_point)
    }

    #[track_caller]
    pub fn mount(&self, host: &PrivateHost) {
        host.run(&["mount", "-o", "loop", &self.image, &self.mount_point])
            .expect(0);
    }

    #[track_caller]
    pub fn unmount(&self, host: &PrivateHost) {
        host.run(&["umount", &self.mount_point]).expect(0);
    }

    #[track_caller]
    pub fn sync(&self, host: &PrivateHost) {
        host.run(&["sync", "--file-system", &self.mount_point])
            .expect(0);
    }

    /// Cuts the power: what was not synced is lost, and every access fails until it is mounted
    /// again.
    #[track_caller]
    pub fn cut_power(&self, host: &PrivateHost) {
        host.run(&["xfs_io", "-x", "-c", "shutdown", &self.mount_point])
            .expect(0);
    }

    /// What the machine does when it comes up again: the mount replays the file system's own
    /// journal.
    #[track_caller]
    pub fn remount(&self, host: &PrivateHost) {
        self.unmount(host);
        self.mount(host);
    }
}
