//! The system's clock.

use std::time::Duration;

use crate::ports::Clock;

pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn pause(&self, span: Duration) {
        std::thread::sleep(span);
    }
}
