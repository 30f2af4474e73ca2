//! What several records are made of.

use crate::journal::mirror::frozen;
use crate::journal::primitive::Uuid;
use crate::model;

frozen!(struct DomainRef = model::DomainRef {
    name: String,
    uuid: Uuid,
});

frozen!(struct Pooled = model::Pooled {
    pool: String,
    volume: String,
});
