//! A guest that `watch` follows, in a file of its own beside the journal.

use serde::{Deserialize, Serialize};

use super::common::{Bytes, DomainRef, Time};
use super::{Definition, FileFacts};
use crate::journal::envelope::Kind;
use crate::journal::{DecodeError, Record};
use crate::model;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    pub uri: String,
    pub domain: DomainRef,
    pub definition: Definition,
    pub files: Vec<(Bytes, FileFacts)>,
    pub since: Time,
}

impl Record for Watched {
    const KIND: Kind = Kind::Watched;
    const VERSION: u16 = 1;
}

impl From<&model::Watched> for Watched {
    fn from(watched: &model::Watched) -> Self {
        let model::Watched {
            uri,
            domain,
            definition,
            files,
            since,
        } = watched;
        Self {
            uri: uri.clone(),
            domain: domain.into(),
            definition: definition.into(),
            files: files
                .iter()
                .map(|(path, facts)| (path.into(), facts.into()))
                .collect(),
            since: (*since).into(),
        }
    }
}

impl TryFrom<Watched> for model::Watched {
    type Error = DecodeError;

    fn try_from(watched: Watched) -> Result<Self, DecodeError> {
        let Watched {
            uri,
            domain,
            definition,
            files,
            since,
        } = watched;
        Ok(Self {
            uri,
            domain: domain.into(),
            definition: definition.into(),
            files: files
                .into_iter()
                .map(|(path, facts)| (path.into(), facts.into()))
                .collect(),
            since: since.try_into()?,
        })
    }
}
