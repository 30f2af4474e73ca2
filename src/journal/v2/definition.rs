//! The domain as libvirt can be told it again, secrets included.

use crate::journal::mirror::mirror;
use crate::journal::primitive::Xml;
use crate::model;

mirror!(struct Snapshot = model::Snapshot {
    name: String,
    parent: Option<String>,
    xml: Xml,
});

mirror!(struct Checkpoint = model::Checkpoint {
    name: String,
    parent: Option<String>,
    xml: Xml,
});

mirror!(struct Autostart = model::Autostart {
    always: bool,
    once: bool,
});

mirror!(struct Definition = model::Definition {
    xml: Xml,
    autostart: Autostart,
    snapshots: Vec<Snapshot>,
    current_snapshot: Option<String>,
    checkpoints: Vec<Checkpoint>,
});
