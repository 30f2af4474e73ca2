//! The heaviest guest that libvirt 11.3 takes: everything a rollback must bring back, in one
//! domain.
//!
//! What it took to have all of it at once:
//! - an internal snapshot wants every writable disk in it, and a raw NVRAM file forbids it while
//!   the guest runs: it is taken first, with the guest off and only the disk that it is about
//!   attached;
//! - external snapshots of a guest that is off, and those of `type='volume'` disks, are refused in
//!   other combinations: each names its one disk, and the second is taken of the running guest,
//!   memory and all;
//! - checkpoints come after all snapshots, of the same run;
//! - a raw disk can have no checkpoint.

use super::disk::Disk;
use super::guest::{Guest, GuestBuilder};
use super::host::PrivateHost;

pub struct Heaviest<'h> {
    pub guest: Guest<'h>,
    /// The managed save image.
    pub save: String,
    /// The memory file of snapshot `memory`.
    pub memory: String,
    pub nvram: String,
    /// The folder of the TPM's state.
    pub tpm: String,
    /// The qcow2 files of disk vda, the one the guest writes to first.
    pub chain: Vec<String>,
}

impl<'h> Heaviest<'h> {
    /// Builds it; some four seconds. `name` also begins the names of its files, so that one host
    /// can have several.
    ///
    /// - vda: a pool's file named by its path, with two external snapshots, `disks` and `memory`
    /// - vdb: a pool's volume (`type='volume'`), with the internal snapshots `inside` and `again`
    /// - vdc: a raw file that no pool owns
    /// - EFI with NVRAM, TPM 2.0, checkpoints `check1` and `check2`, a managed save image
    /// - autostart, always and once; title, description, foreign metadata, a VNC password
    #[track_caller]
    pub fn build(host: &'h PrivateHost, name: &str) -> Self {
        let system = Disk::pool(&format!("{name}-system.qcow2")).target("vda");
        let data = Disk::volume(&format!("{name}-data.qcow2")).target("vdb");
        let scratch = Disk::unmanaged(&format!("{name}-scratch.raw")).target("vdc");
        let mut guest = GuestBuilder::new(name)
            .disk(data)
            .efi()
            .tpm()
            .vnc_password("geheim")
            .described()
            .autostart()
            .define(host);
        guest.snapshot_internal("inside");
        guest.snapshot_internal("again");
        for disk in [system, scratch] {
            disk.create(host);
            let (target, xml) = disk.xml(host, "sata", 0);
            let device = host.scratch(&xml);
            host.virsh(&["attach-device", name, &device, "--config"]);
            guest.disks.push((target, disk.path(host)));
        }
        let only_vda = [
            "--diskspec",
            "vda,snapshot=external",
            "--diskspec",
            "vdb,snapshot=no",
            "--diskspec",
            "vdc,snapshot=no",
        ];
        let disks = ["snapshot-create-as", name, "disks", "--disk-only"];
        host.virsh(&[&disks[..], &only_vda].concat());

        guest.start();
        let memory = format!("{}/{name}-memory.mem", host.images);
        let spec = format!("file={memory},snapshot=external");
        let whole = ["snapshot-create-as", name, "memory", "--memspec", &spec];
        host.virsh(&[&whole[..], &only_vda].concat());
        for checkpoint in ["check1", "check2"] {
            host.virsh(&[
                "checkpoint-create-as",
                name,
                checkpoint,
                "--diskspec",
                "vdc,checkpoint=no",
            ]);
        }
        host.virsh(&["managedsave", name]);
        host.virsh(&["autostart", name, "--once"]);

        let chain = ["memory", "disks", "qcow2"]
            .map(|ending| format!("{}/{name}-system.{ending}", host.pool))
            .to_vec();
        let built = Heaviest {
            save: format!("/var/lib/libvirt/qemu/save/{name}.save"),
            nvram: format!("/var/lib/libvirt/qemu/nvram/{name}_VARS.fd"),
            tpm: format!("/var/lib/libvirt/swtpm/{}", guest.uuid),
            memory,
            chain,
            guest,
        };
        built.dress();
        host.refresh_pools();
        built
    }

    /// Its files have been written by QEMU and libvirt since they were made: odd attributes again.
    fn dress(&self) {
        let mut files: Vec<&str> = self.chain.iter().map(String::as_str).collect();
        files.extend([&*self.save, &self.memory, &self.nvram]);
        files.extend([self.guest.path("vdb"), self.guest.path("vdc")]);
        self.guest.dress(&files);
    }
}
