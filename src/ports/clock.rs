//! The time of day and its passing, so that tests can hold it still.

use std::time::Duration;

pub trait Clock {
    fn now(&self) -> jiff::Timestamp;

    /// Returns after `span`: for what another process is about to finish.
    fn pause(&self, span: Duration);
}
