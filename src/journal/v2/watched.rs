//! A guest that `watch` follows, in a file of its own beside the journal.

use super::common::DomainRef;
use super::{Definition, FileFacts};
use crate::journal::mirror::mirror;
use crate::journal::primitive::{Bytes, Time};
use crate::model;

mirror!(struct Watched = model::Watched {
    uri: String,
    domain: DomainRef,
    definition: Definition,
    files: Vec<(Bytes, FileFacts)>,
    since: Time,
});
