//! The file of `plan --save`.

use serde::{Deserialize, Serialize};

use super::{Plan, Removal};
use crate::journal::saved_plan::Fingerprint;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlan {
    pub uri: String,
    pub removal: Removal,
    pub plan: Plan,
    pub definition: Fingerprint,
}
