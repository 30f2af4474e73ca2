//! What is in the log and belongs to no transaction.

use super::{DomainRef, Evidence};
use crate::journal::mirror::mirror;
use crate::model;

mirror!(enum Topic = model::Topic {
    Policy,
    Purge,
    Recovery,
    Rebuild,
    Migration,
    Import,
    Verification,
    Other,
});

mirror!(struct Notice = model::Notice {
    topic: Topic,
    text: String,
    domain: Option<DomainRef>,
    by: Evidence,
});
