//! The certificate of what was overwritten before it was destroyed.

use crate::journal::mirror::mirror;
use crate::model;

mirror!(enum WipeMethod = model::WipeMethod { Zero, Random, Discard });

mirror!(struct Wiped = model::Wiped {
    method: WipeMethod,
    overwritten: u64,
    shared: u64,
    elsewhere: u64,
    discarded: u64,
    file_system: String,
    medium: String,
    claim: String,
});
