//! What records of every format are made of. These never change: a format that wants another form
//! of one brings its own.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::mirror::{Load, Mirror};
use crate::model;

/// A path: any bytes but NUL, as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes(pub Vec<u8>);

impl Load<PathBuf> for Bytes {
    fn load(self) -> PathBuf {
        OsString::from_vec(self.0).into()
    }
}

impl Mirror<PathBuf> for Bytes {
    fn store(path: &PathBuf) -> Self {
        Self(path.as_os_str().as_bytes().to_vec())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uuid(pub [u8; 16]);

impl Load<uuid::Uuid> for Uuid {
    fn load(self) -> uuid::Uuid {
        uuid::Uuid::from_bytes(self.0)
    }
}

impl Mirror<uuid::Uuid> for Uuid {
    fn store(uuid: &uuid::Uuid) -> Self {
        Self(*uuid.as_bytes())
    }
}

/// A transaction's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Id(pub u64);

impl Load<model::TransactionId> for Id {
    fn load(self) -> model::TransactionId {
        model::TransactionId(self.0)
    }
}

impl Mirror<model::TransactionId> for Id {
    fn store(id: &model::TransactionId) -> Self {
        Self(id.0)
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

impl Load<jiff::Timestamp> for Time {
    fn load(self) -> jiff::Timestamp {
        self.0
    }
}

impl Mirror<jiff::Timestamp> for Time {
    fn store(time: &jiff::Timestamp) -> Self {
        Self(*time)
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

impl Load<usize> for Index {
    fn load(self) -> usize {
        self.0
    }
}

impl Mirror<usize> for Index {
    fn store(index: &usize) -> Self {
        Self(*index)
    }
}

/// XML with secrets; its `Debug` gives the length alone, as the model's does.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Xml(pub String);

impl fmt::Debug for Xml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Xml({} bytes)", self.0.len())
    }
}

impl Load<model::SecretXml> for Xml {
    fn load(self) -> model::SecretXml {
        model::SecretXml::new(self.0)
    }
}

impl Mirror<model::SecretXml> for Xml {
    fn store(xml: &model::SecretXml) -> Self {
        Self(xml.reveal().to_owned())
    }
}

/// Of a whole record, frame included, or of a node of the log's tree.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Of nothing: what the first entry of a format-1 log follows.
    pub const NONE: Hash = Hash([0; 32]);

    /// blake3.
    pub fn of(record: &[u8]) -> Self {
        Self(*blake3::hash(record).as_bytes())
    }

    /// As text of others' formats has it (RFC 4648, section 4).
    pub fn base64(&self) -> String {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(self.0)
    }

    /// SHA-256, which a stranger's tools have.
    pub fn sha256(record: &[u8]) -> Self {
        use sha2::Digest;
        Self(sha2::Sha256::digest(record).into())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", blake3::Hash::from_bytes(self.0).to_hex())
    }
}
