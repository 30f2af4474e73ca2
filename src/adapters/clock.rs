//! The system's clock, whatever it says.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::model::Uptime;
use crate::ports::Clock;

pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn uptime(&self) -> Option<Uptime> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let passed = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Some(Uptime {
            boot: boot.trim().parse().ok()?,
            seconds: u64::try_from(passed.tv_sec).ok()?,
        })
    }

    fn pause(&self, span: Duration) {
        std::thread::sleep(span);
    }
}

/// The time of day. A clock beyond the years that can be written (-9999 to 9999) counts as the
/// nearest of them: a wrong clock is no reason to fail, and `Timestamp::now` panics.
pub fn now() -> Timestamp {
    nearest(SystemTime::now())
}

fn nearest(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(if time < SystemTime::UNIX_EPOCH {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_clock_is_too_wrong() {
        let year = Duration::from_secs(31_556_952);
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(nearest(epoch + 20_000 * year), Timestamp::MAX);
        assert_eq!(nearest(epoch - 20_000 * year), Timestamp::MIN);
        let before = nearest(epoch - Duration::from_millis(1500));
        assert_eq!(
            (before.as_second(), before.subsec_nanosecond()),
            (-1, -500_000_000)
        );
    }
}
