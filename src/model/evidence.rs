//! Who asked for a transaction, from where and why (law 7).

use super::Override;

/// Recorded before the first effect, and never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Effective user id of the process.
    pub uid: u32,
    /// That user's name, or the number where it has none.
    pub user: String,
    /// The user who logged in, before any `su` or `sudo` (`/proc/self/loginuid`, `SUDO_USER`).
    pub login: Option<String>,
    pub host: String,
    /// Terminal and remote address, where there is one (`SSH_CONNECTION`).
    pub from: Option<String>,
    pub reason: Option<String>,
    /// The command line, argument by argument.
    pub command: Vec<String>,
    pub pid: u32,
    pub version: String,
    /// libvirt's URI that the domain was on.
    pub uri: String,
    /// What could not be looked at when users of the disks were counted, and was accepted.
    pub accepted_unseen: Vec<String>,
    /// Where this command set a rule aside.
    pub overrides: Vec<Override>,
    pub circumstances: Circumstances,
}

/// From where and when, as far as the machine tells: for whoever was not there. Nothing is decided
/// on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Circumstances {
    /// `/proc/self/loginuid`, where somebody logged in.
    pub login_uid: Option<u32>,
    /// `SUDO_USER`: what sudo says, and anybody may set.
    pub sudo_user: Option<String>,
    pub terminal: Option<String>,
    /// The client's address, of an SSH connection.
    pub remote: Option<String>,
    /// The number of the audit session (`/proc/self/sessionid`).
    pub session: Option<u32>,
    /// The control group, which names the systemd unit.
    pub unit: Option<String>,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot: Option<uuid::Uuid>,
    /// Milliseconds since then (`CLOCK_BOOTTIME`), which no setting of the clock changes.
    pub since_boot: Option<u64>,
    /// `/etc/machine-id`.
    pub machine: Option<String>,
    /// libvirt's version, of the daemon.
    pub libvirt: Option<String>,
    /// QEMU's, as libvirt tells it.
    pub qemu: Option<String>,
}

impl Evidence {
    /// Whose deed it is: the user who logged in where one is known, else the effective one.
    pub fn name(&self) -> &str {
        self.login.as_deref().unwrap_or(&self.user)
    }

    /// As whom that user ran the program, where it was another one.
    pub fn acted_as(&self) -> Option<&str> {
        (self.name() != self.user).then_some(self.user.as_str())
    }
}
