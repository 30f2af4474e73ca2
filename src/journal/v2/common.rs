//! What several records are made of.

use crate::journal::mirror::mirror;
use crate::journal::primitive::Uuid;
use crate::model;

mirror!(struct DomainRef = model::DomainRef {
    name: String,
    uuid: Uuid,
});

mirror!(struct Pooled = model::Pooled {
    pool: String,
    volume: String,
});
