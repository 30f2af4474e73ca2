//! What keeps a transaction in quarantine, and the clock that nobody sets.

use std::time::Duration;

/// A named reason why a transaction must not be purged. It may have several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Unique among the holds of one transaction.
    pub name: String,
    pub reason: String,
    /// Who asked for it: the user who logged in, where one is known.
    pub user: String,
    pub at: jiff::Timestamp,
}

/// A moment as the kernel counts it: time since it was booted, sleep included (`CLOCK_BOOTTIME`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uptime {
    /// Which boot: `/proc/sys/kernel/random/boot_id`.
    pub boot: uuid::Uuid,
    /// Whole seconds.
    pub seconds: u64,
}

impl Uptime {
    /// How long ago `earlier` was; `None` where that was another boot.
    pub fn since(&self, earlier: &Uptime) -> Option<Duration> {
        let passed = self.seconds.checked_sub(earlier.seconds)?;
        (self.boot == earlier.boot).then_some(Duration::from_secs(passed))
    }
}
