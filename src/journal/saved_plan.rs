//! The file of `plan --save FILE` and `apply FILE`.

use serde::{Deserialize, Serialize};

use super::format;
use super::mirror::{Load, Mirror};
use super::{DecodeError, EncodeError, codec};
use crate::model::{Definition, Plan, Removal};

/// Bytes. No plan is larger; a larger file is no plan.
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

/// # Errors
/// [`EncodeError::TooLarge`].
pub fn encode(saved: &SavedPlan) -> Result<Vec<u8>, EncodeError> {
    codec::encode(&format::SavedPlan {
        uri: saved.uri.clone(),
        removal: Mirror::store(&saved.removal),
        plan: Mirror::store(&saved.plan),
        definition: saved.definition,
    })
}

/// # Errors
/// Any [`DecodeError`]: the file comes from outside.
pub fn decode(bytes: &[u8]) -> Result<SavedPlan, DecodeError> {
    let format::SavedPlan {
        uri,
        removal,
        plan,
        definition,
    } = codec::decode(bytes)?;
    Ok(SavedPlan {
        uri,
        removal: removal.load(),
        plan: plan.load(),
        definition,
    })
}
