//! The time of day, so that tests can hold it still.

pub trait Clock {
    fn now(&self) -> jiff::Timestamp;
}
