//! Who asked for a transaction, from where and why (law 7).

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
}

impl Evidence {
    /// Whose deed it is: the user who logged in where one is known, else the effective one.
    pub fn name(&self) -> &str {
        self.login.as_deref().unwrap_or(&self.user)
    }
}
