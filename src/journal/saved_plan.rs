//! The file of `plan --save FILE` and `apply FILE`.

use serde::{Deserialize, Serialize};

use super::format;
use super::mirror::{Load, Mirror};
use super::{DecodeError, EncodeError, codec};
use crate::model::{Definition, Plan, Removal};

/// Bytes. No file of plans is larger; a larger file is none.
pub const LARGEST: u64 = 64 << 20;

/// A plan with what is needed to make it again and compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedPlan {
    pub uri: String,
    pub removal: Removal,
    pub plan: Plan,
    /// Of the definition the plan was made from. The definition itself, with its secrets, is not
    /// in the file: an operator may keep the file anywhere.
    pub definition: Fingerprint,
}

/// blake3 of a definition's stored form; two are equal if libvirt said the same twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint([u8; 32]);

/// Salted by its purpose alone: whoever can guess the whole XML may confirm the guess.
///
/// # Errors
/// [`EncodeError::TooLarge`].
pub fn fingerprint(definition: &Definition) -> Result<Fingerprint, EncodeError> {
    let bytes = codec::bytes(&format::Definition::store(definition))?;
    Ok(Fingerprint(blake3::derive_key(
        "virt-retire saved plan definition",
        &bytes,
    )))
}

/// One record after the other, of a domain each.
///
/// # Errors
/// [`EncodeError::TooLarge`].
pub fn encode(all: &[SavedPlan]) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    for saved in all {
        bytes.extend(codec::encode(&format::SavedPlan {
            uri: saved.uri.clone(),
            removal: Mirror::store(&saved.removal),
            plan: Mirror::store(&saved.plan),
            definition: saved.definition,
        })?);
    }
    Ok(bytes)
}

/// At least one.
///
/// # Errors
/// Any [`DecodeError`]: the file comes from outside.
pub fn decode(bytes: &[u8]) -> Result<Vec<SavedPlan>, DecodeError> {
    let mut all = Vec::new();
    let mut rest = bytes;
    while all.is_empty() || !rest.is_empty() {
        let (first, following) = codec::decode_first(rest)?;
        let format::SavedPlan {
            uri,
            removal,
            plan,
            definition,
        } = first;
        all.push(SavedPlan {
            uri,
            removal: removal.load(),
            plan: plan.load(),
            definition,
        });
        rest = following;
    }
    Ok(all)
}
