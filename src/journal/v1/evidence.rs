//! Who asked (law 7).

use serde::{Deserialize, Serialize};

use crate::model;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub uid: u32,
    pub user: String,
    pub login: Option<String>,
    pub host: String,
    pub from: Option<String>,
    pub reason: Option<String>,
    pub command: Vec<String>,
    pub pid: u32,
    pub version: String,
    pub uri: String,
    pub accepted_unseen: Vec<String>,
}

impl From<&model::Evidence> for Evidence {
    fn from(evidence: &model::Evidence) -> Self {
        let model::Evidence {
            uid,
            user,
            login,
            host,
            from,
            reason,
            command,
            pid,
            version,
            uri,
            accepted_unseen,
        } = evidence.clone();
        Self {
            uid,
            user,
            login,
            host,
            from,
            reason,
            command,
            pid,
            version,
            uri,
            accepted_unseen,
        }
    }
}

impl From<Evidence> for model::Evidence {
    fn from(evidence: Evidence) -> Self {
        let Evidence {
            uid,
            user,
            login,
            host,
            from,
            reason,
            command,
            pid,
            version,
            uri,
            accepted_unseen,
        } = evidence;
        Self {
            uid,
            user,
            login,
            host,
            from,
            reason,
            command,
            pid,
            version,
            uri,
            accepted_unseen,
        }
    }
}
