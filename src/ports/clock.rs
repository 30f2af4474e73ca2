//! The time of day and its passing, so that tests can hold it still.

use std::time::Duration;

use crate::model::Uptime;

pub trait Clock {
    fn now(&self) -> jiff::Timestamp;

    /// The same moment on a clock that nobody sets, where there is one.
    fn uptime(&self) -> Option<Uptime>;

    /// Returns after `span`: for what another process is about to finish.
    fn pause(&self, span: Duration);
}
