//! Guests: real domains, as small as QEMU takes them, with all that libvirt keeps beside their
//! disks.
//!
//! What running them taught (libvirt 11.3, QEMU 10):
//! - a guest with EFI refuses internal snapshots unless its NVRAM is qcow2, which Debian's firmware
//!   is not; external ones work;
//! - checkpoints need a running guest with qcow2 disks, and outlive its end;
//! - an external snapshot of a guest that is off is refused once it has checkpoints: take it first;
//! - the pool does not know a new overlay before a refresh, so snapshots here end with one;
//! - a VNC password has 8 characters at most;
//! - the NVRAM file and the TPM's state appear at the first start, not when the domain is defined.

use super::disk::{Disk, dress};
use super::host::PrivateHost;

pub struct GuestBuilder {
    name: String,
    machine: String,
    disks: Vec<Disk>,
    head: String,
    os: String,
    firmware: String,
    devices: String,
    autostart: bool,
}

impl GuestBuilder {
    pub fn new(name: &str) -> Self {
        GuestBuilder {
            name: name.into(),
            machine: "pc".into(),
            disks: Vec::new(),
            head: String::new(),
            os: String::new(),
            firmware: String::new(),
            devices: String::new(),
            autostart: false,
        }
    }

    /// With one disk in the pool and one outside of it.
    pub fn two_disks(name: &str) -> Self {
        Self::new(name)
            .disk(Disk::pool("system.qcow2"))
            .disk(Disk::unmanaged("data.raw"))
    }

    pub fn disk(mut self, disk: Disk) -> Self {
        self.disks.push(disk);
        self
    }

    pub fn q35(mut self) -> Self {
        self.machine = "q35".into();
        self
    }

    /// EFI firmware, so that there is NVRAM after the first start.
    pub fn efi(mut self) -> Self {
        self.os = " firmware='efi'".into();
        self.q35()
    }

    /// Any more XML inside `<os>`.
    pub fn os_xml(mut self, xml: &str) -> Self {
        self.firmware.push_str(xml);
        self
    }

    pub fn tpm(mut self) -> Self {
        self.devices
            .push_str("<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>");
        self
    }

    pub fn vnc_password(mut self, password: &str) -> Self {
        self.devices.push_str(&format!(
            "<graphics type='vnc' port='-1' passwd='{password}'/>"
        ));
        self
    }

    /// A title, a description, and an element of another program's namespace.
    pub fn described(mut self) -> Self {
        self.head.push_str(
            "<title>Shop &amp; stock</title><description>Two lines,\nas people write them: \
             ä</description>\
             <metadata><owner:team \
             xmlns:owner='https://owner.example/1'>warehouse</owner:team></metadata>",
        );
        self
    }

    pub fn autostart(mut self) -> Self {
        self.autostart = true;
        self
    }

    /// Any more XML among the devices.
    pub fn device_xml(mut self, xml: &str) -> Self {
        self.devices.push_str(xml);
        self
    }

    /// Creates the disks and defines the domain; it is not started.
    #[track_caller]
    pub fn define<'h>(self, host: &'h PrivateHost) -> Guest<'h> {
        let cdrom_bus = if self.machine == "pc" { "ide" } else { "sata" };
        let mut disks = Vec::new();
        let mut placed: Vec<(String, String)> = Vec::new();
        for (number, disk) in self.disks.iter().enumerate() {
            disk.create(host);
            let before = self.disks[..number]
                .iter()
                .filter(|other| other.kind() == disk.kind());
            let (target, xml) = disk.xml(host, cdrom_bus, before.count() as u8);
            placed.push((target, disk.path(host)));
            disks.push(xml);
        }
        let GuestBuilder {
            name,
            machine,
            head,
            os,
            firmware,
            devices,
            ..
        } = &self;
        let xml = format!(
            "<domain type='qemu'><name>{name}</name>{head}<memory \
             unit='MiB'>32</memory><vcpu>1</vcpu>\
             <os{os}><type arch='x86_64' \
             machine='{machine}'>hvm</type>{firmware}</os><features><acpi/></features>\
             <devices>{}{devices}<controller type='usb' model='none'/><memballoon \
             model='none'/></devices>\
             </domain>",
            disks.concat()
        );
        host.virsh(&["define", &host.scratch(&xml)]);
        if self.autostart {
            host.virsh(&["autostart", name]);
        }
        let uuid = host.virsh(&["domuuid", name]);
        Guest {
            host,
            name: self.name,
            uuid,
            disks: placed,
        }
    }
}

pub struct Guest<'h> {
    host: &'h PrivateHost,
    pub name: String,
    pub uuid: String,
    /// Target and path of each disk as it was defined.
    pub disks: Vec<(String, String)>,
}

impl Guest<'_> {
    /// The path of the disk at `target` as it was defined.
    #[track_caller]
    pub fn path(&self, target: &str) -> &str {
        &self
            .disks
            .iter()
            .find(|(name, _)| name == target)
            .expect("no such target")
            .1
    }

    pub fn state(&self) -> String {
        self.host.virsh(&["domstate", &self.name])
    }

    #[track_caller]
    pub fn start(&self) {
        self.host.virsh(&["start", &self.name]);
        assert_eq!(self.state(), "running");
    }

    /// Starts it so that it stands still before its first instruction: neither its firmware nor its
    /// TPM write anything while a test looks at their files.
    #[track_caller]
    pub fn start_paused(&self) {
        self.host.virsh(&["start", &self.name, "--paused"]);
        assert_eq!(self.state(), "paused");
    }

    /// Stops it the hard way, as `virsh destroy`.
    #[track_caller]
    pub fn stop(&self) {
        self.host.virsh(&["destroy", &self.name]);
    }

    /// One start and stop: NVRAM and TPM state exist after it.
    #[track_caller]
    pub fn run_once(&self) {
        self.start();
        self.stop();
    }

    /// A snapshot inside the qcow2 files; all writable disks must be qcow2. Works on and off.
    #[track_caller]
    pub fn snapshot_internal(&self, name: &str) {
        self.host.virsh(&["snapshot-create-as", &self.name, name]);
    }

    /// An external snapshot without memory: each writable disk gets an overlay beside it, named
    /// after the snapshot. Not for `<disk type='volume'>` while the guest is off.
    #[track_caller]
    pub fn snapshot_disk_only(&self, name: &str) {
        self.host
            .virsh(&["snapshot-create-as", &self.name, name, "--disk-only"]);
        self.host.refresh_pools();
    }

    /// An external snapshot with memory of the running guest. Returns the memory file's path.
    #[track_caller]
    pub fn snapshot_with_memory(&self, name: &str) -> String {
        let memory = format!("{}/{}-{name}.mem", self.host.images, self.name);
        let spec = format!("file={memory},snapshot=external");
        self.host
            .virsh(&["snapshot-create-as", &self.name, name, "--memspec", &spec]);
        self.host.refresh_pools();
        memory
    }

    /// Checkpoints, each the child of the one before. Starts the guest for them, and stops it.
    #[track_caller]
    pub fn checkpoints(&self, names: &[&str]) {
        self.start();
        for name in names {
            self.host.virsh(&["checkpoint-create-as", &self.name, name]);
        }
        self.stop();
    }

    /// Starts it and saves it; returns the path of the save file.
    #[track_caller]
    pub fn managed_save(&self) -> String {
        self.start();
        self.host.virsh(&["managedsave", &self.name]);
        format!("/var/lib/libvirt/qemu/save/{}.save", self.name)
    }

    /// Gives these files odd attributes again; a run, a snapshot or a save has changed their times.
    pub fn dress(&self, paths: &[&str]) {
        for path in paths {
            dress(self.host, path);
        }
    }
}
