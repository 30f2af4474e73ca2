//! Guests that run: transient ones, ones that switch themselves off when asked, ones that die.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use super::guest::Guest;
use super::host::PrivateHost;

/// Sixteen-bit code for a boot sector: enables the ACPI power button, waits for it, and switches
/// the machine off. SeaBIOS puts the i440fx's power management at port 0x600: status at 0, enable
/// at 2, control at 4; QEMU takes 0x2000 there for "off".
const OBEDIENT: [u8; 26] = [
    0xba, 0x02, 0x06, // mov dx, 0x602
    0xb8, 0x00, 0x01, // mov ax, 0x100
    0xef, // out dx, ax
    0xba, 0x00, 0x06, // again: mov dx, 0x600
    0xed, // in ax, dx
    0xf6, 0xc4, 0x01, // test ah, 1
    0x74, 0xf7, // jz again
    0xba, 0x04, 0x06, // mov dx, 0x604
    0xb8, 0x00, 0x20, // mov ax, 0x2000
    0xef, // out dx, ax
    0xf4, // hlt
    0xeb, 0xfd, // jmp to hlt
];

impl PrivateHost {
    /// Makes the raw disk at `path` one whose guest (machine "pc") obeys its power button.
    pub fn make_obedient(&self, path: &str) {
        let mut sector = [0_u8; 512];
        sector[..OBEDIENT.len()].copy_from_slice(&OBEDIENT);
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        let mut disk = fs::File::options()
            .write(true)
            .open(self.path(path))
            .unwrap();
        disk.write_all(&sector).unwrap();
        disk.sync_all().unwrap();
    }

    /// Until a guest that boots from such a disk listens. It is the boot sector that enables the
    /// button, and a press that comes before is lost; how long the firmware takes to get there is
    /// the machine's affair.
    #[track_caller]
    pub fn wait_until_it_listens(&self, domain: &str) {
        let asked = ["qemu-monitor-command", domain, "--hmp", "i /1hx 0x602"];
        self.wait_for("the guest listens to its power button", || {
            self.virsh(&asked).contains("0x0100")
        });
    }

    /// Is there a guest of that name that has been started, whether it stands still or not?
    pub fn is_running(&self, domain: &str) -> bool {
        let outcome = self.try_virsh(&["domstate", domain]);
        outcome.code == 0 && ["running", "paused"].contains(&outcome.stdout.trim())
    }

    pub fn is_persistent(&self, domain: &str) -> bool {
        self.virsh(&["dominfo", domain])
            .lines()
            .any(|line| line.starts_with("Persistent:") && line.ends_with("yes"))
    }

    /// Kills the guest's QEMU, as the kernel's out-of-memory killer would.
    #[track_caller]
    pub fn kill_guest(&self, domain: &str) {
        self.shell(&format!("kill -KILL $(cat /run/libvirt/qemu/{domain}.pid)"));
    }

    /// Waits for an event. The limit is there for what never comes: no machine is so busy.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is_so: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(120);
        while !is_so() {
            assert!(Instant::now() < until, "waited in vain for: {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Guest<'_> {
    /// Runs it as a transient domain, which libvirt never had a definition of.
    #[track_caller]
    pub fn run_transient(&self, host: &PrivateHost) {
        self.create(host, &[]);
    }

    /// The same with a guest that stands still, as [`Guest::start_paused`] has it.
    #[track_caller]
    pub fn run_transient_paused(&self, host: &PrivateHost) {
        self.create(host, &["--paused"]);
    }

    #[track_caller]
    fn create(&self, host: &PrivateHost, how: &[&str]) {
        let xml = host.virsh(&["dumpxml", &self.name, "--inactive", "--security-info"]);
        let keep = ["undefine", &self.name, "--keep-nvram", "--keep-tpm"];
        host.virsh(&keep);
        host.virsh(&[&["create", &host.scratch(&xml)], how].concat());
        assert!(!host.is_persistent(&self.name));
    }
}
