//! What several records are made of.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::mirror::{Mirror, mirror};
use crate::model;

/// A path: any bytes but NUL, as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes(pub Vec<u8>);

impl Mirror<PathBuf> for Bytes {
    fn store(path: &PathBuf) -> Self {
        Self(path.as_os_str().as_bytes().to_vec())
    }

    fn load(self) -> PathBuf {
        OsString::from_vec(self.0).into()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uuid(pub [u8; 16]);

impl Mirror<uuid::Uuid> for Uuid {
    fn store(uuid: &uuid::Uuid) -> Self {
        Self(*uuid.as_bytes())
    }

    fn load(self) -> uuid::Uuid {
        uuid::Uuid::from_bytes(self.0)
    }
}

/// A moment in UTC; one out of range is refused when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "SinceEpoch", try_from = "SinceEpoch")]
pub struct Time(pub jiff::Timestamp);

/// Seconds since 1970 and nanoseconds, both of one sign, as jiff has them.
#[derive(Serialize, Deserialize)]
struct SinceEpoch {
    seconds: i64,
    nanoseconds: i32,
}

impl From<Time> for SinceEpoch {
    fn from(Time(time): Time) -> Self {
        Self {
            seconds: time.as_second(),
            nanoseconds: time.subsec_nanosecond(),
        }
    }
}

impl TryFrom<SinceEpoch> for Time {
    type Error = jiff::Error;

    fn try_from(time: SinceEpoch) -> Result<Self, jiff::Error> {
        jiff::Timestamp::new(time.seconds, time.nanoseconds).map(Self)
    }
}

impl Mirror<jiff::Timestamp> for Time {
    fn store(time: &jiff::Timestamp) -> Self {
        Self(*time)
    }

    fn load(self) -> jiff::Timestamp {
        self.0
    }
}

/// A step's number in its plan; one that this machine cannot count to is refused when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u64", try_from = "u64")]
pub struct Index(pub usize);

impl From<Index> for u64 {
    fn from(Index(index): Index) -> Self {
        index as u64
    }
}

impl TryFrom<u64> for Index {
    type Error = std::num::TryFromIntError;

    fn try_from(index: u64) -> Result<Self, Self::Error> {
        index.try_into().map(Self)
    }
}

impl Mirror<usize> for Index {
    fn store(index: &usize) -> Self {
        Self(*index)
    }

    fn load(self) -> usize {
        self.0
    }
}

mirror!(struct DomainRef = model::DomainRef {
    name: String,
    uuid: Uuid,
});

mirror!(struct Pooled = model::Pooled {
    pool: String,
    volume: String,
});
