//! What holds a transaction back from purge, and the clock that nobody sets.

use crate::journal::mirror::mirror;
use crate::journal::primitive::{Time, Uuid};
use crate::model;

mirror!(struct Hold = model::Hold {
    name: String,
    reason: String,
    user: String,
    at: Time,
});

mirror!(struct Uptime = model::Uptime {
    boot: Uuid,
    seconds: u64,
});
