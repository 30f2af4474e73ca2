//! The domain as libvirt can be told it again, secrets included.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::mirror::{Mirror, mirror};
use crate::model;

/// XML with secrets; its `Debug` gives the length alone, as the model's does.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Xml(pub String);

impl fmt::Debug for Xml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Xml({} bytes)", self.0.len())
    }
}

impl Mirror<model::SecretXml> for Xml {
    fn store(xml: &model::SecretXml) -> Self {
        Self(xml.reveal().to_owned())
    }

    fn load(self) -> model::SecretXml {
        model::SecretXml::new(self.0)
    }
}

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
