//! A guest that `watch` follows, in a file of its own beside the journal.

use super::common::{Bytes, DomainRef, Time};
use super::mirror::mirror;
use super::{Definition, FileFacts};
use crate::journal::Record;
use crate::journal::envelope::Kind;
use crate::model;

mirror!(struct Watched = model::Watched {
    uri: String,
    domain: DomainRef,
    definition: Definition,
    files: Vec<(Bytes, FileFacts)>,
    since: Time,
});

impl Record for Watched {
    const KIND: Kind = Kind::Watched;
    const VERSION: u16 = 1;
}
