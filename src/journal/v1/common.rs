//! What several records are made of.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::malformed;
use crate::journal::DecodeError;
use crate::model;

/// A path: any bytes but NUL, as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes(pub Vec<u8>);

impl From<&Path> for Bytes {
    fn from(path: &Path) -> Self {
        Self(path.as_os_str().as_bytes().to_vec())
    }
}

impl From<&PathBuf> for Bytes {
    fn from(path: &PathBuf) -> Self {
        path.as_path().into()
    }
}

impl From<Bytes> for PathBuf {
    fn from(bytes: Bytes) -> Self {
        OsString::from_vec(bytes.0).into()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uuid(pub [u8; 16]);

impl From<uuid::Uuid> for Uuid {
    fn from(uuid: uuid::Uuid) -> Self {
        Self(uuid.into_bytes())
    }
}

impl From<Uuid> for uuid::Uuid {
    fn from(uuid: Uuid) -> Self {
        Self::from_bytes(uuid.0)
    }
}

/// A moment in UTC: seconds since 1970 and nanoseconds, both of one sign, as jiff has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: i32,
}

impl From<jiff::Timestamp> for Time {
    fn from(time: jiff::Timestamp) -> Self {
        Self {
            seconds: time.as_second(),
            nanoseconds: time.subsec_nanosecond(),
        }
    }
}

impl TryFrom<Time> for jiff::Timestamp {
    type Error = DecodeError;

    fn try_from(time: Time) -> Result<Self, DecodeError> {
        jiff::Timestamp::new(time.seconds, time.nanoseconds)
            .map_err(|_| malformed("a time out of range"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainRef {
    pub name: String,
    pub uuid: Uuid,
}

impl From<&model::DomainRef> for DomainRef {
    fn from(model::DomainRef { name, uuid }: &model::DomainRef) -> Self {
        Self {
            name: name.clone(),
            uuid: (*uuid).into(),
        }
    }
}

impl From<DomainRef> for model::DomainRef {
    fn from(DomainRef { name, uuid }: DomainRef) -> Self {
        Self {
            name,
            uuid: uuid.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pooled {
    pub pool: String,
    pub volume: String,
}

impl From<&model::Pooled> for Pooled {
    fn from(model::Pooled { pool, volume }: &model::Pooled) -> Self {
        Self {
            pool: pool.clone(),
            volume: volume.clone(),
        }
    }
}

impl From<Pooled> for model::Pooled {
    fn from(Pooled { pool, volume }: Pooled) -> Self {
        Self { pool, volume }
    }
}

/// Every element of a slice, stored.
pub(super) fn each<'a, M, S: From<&'a M>>(models: &'a [M]) -> Vec<S> {
    models.iter().map(S::from).collect()
}

/// Every element of a list, read.
pub(super) fn all<S, M: From<S>>(stored: Vec<S>) -> Vec<M> {
    stored.into_iter().map(M::from).collect()
}
