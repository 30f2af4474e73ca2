//! The domain as libvirt can be told it again, secrets included.

use crate::journal::mirror::frozen;
use crate::journal::primitive::Xml;
use crate::model;

frozen!(struct Snapshot = model::Snapshot {
    name: String,
    parent: Option<String>,
    xml: Xml,
});

frozen!(struct Checkpoint = model::Checkpoint {
    name: String,
    parent: Option<String>,
    xml: Xml,
});

frozen!(struct Autostart = model::Autostart {
    always: bool,
    once: bool,
});

frozen!(struct Definition = model::Definition {
    xml: Xml,
    autostart: Autostart,
    snapshots: Vec<Snapshot>,
    current_snapshot: Option<String>,
    checkpoints: Vec<Checkpoint>,
});
