//! The domain as libvirt can be told it again, secrets included.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::common::{all, each};
use crate::model;

/// XML with secrets; its `Debug` gives the length alone, as the model's does.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Xml(pub String);

impl fmt::Debug for Xml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Xml({} bytes)", self.0.len())
    }
}

impl From<&model::SecretXml> for Xml {
    fn from(xml: &model::SecretXml) -> Self {
        Self(xml.reveal().to_owned())
    }
}

impl From<Xml> for model::SecretXml {
    fn from(xml: Xml) -> Self {
        Self::new(xml.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub name: String,
    pub parent: Option<String>,
    pub xml: Xml,
}

impl From<&model::Snapshot> for Snapshot {
    fn from(model::Snapshot { name, parent, xml }: &model::Snapshot) -> Self {
        Self {
            name: name.clone(),
            parent: parent.clone(),
            xml: xml.into(),
        }
    }
}

impl From<Snapshot> for model::Snapshot {
    fn from(Snapshot { name, parent, xml }: Snapshot) -> Self {
        Self {
            name,
            parent,
            xml: xml.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub name: String,
    pub parent: Option<String>,
    pub xml: Xml,
}

impl From<&model::Checkpoint> for Checkpoint {
    fn from(model::Checkpoint { name, parent, xml }: &model::Checkpoint) -> Self {
        Self {
            name: name.clone(),
            parent: parent.clone(),
            xml: xml.into(),
        }
    }
}

impl From<Checkpoint> for model::Checkpoint {
    fn from(Checkpoint { name, parent, xml }: Checkpoint) -> Self {
        Self {
            name,
            parent,
            xml: xml.into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub xml: Xml,
    pub autostart: bool,
    pub autostart_once: bool,
    pub snapshots: Vec<Snapshot>,
    pub current_snapshot: Option<String>,
    pub checkpoints: Vec<Checkpoint>,
}

impl From<&model::Definition> for Definition {
    fn from(definition: &model::Definition) -> Self {
        let model::Definition {
            xml,
            autostart: model::Autostart { always, once },
            snapshots,
            current_snapshot,
            checkpoints,
        } = definition;
        Self {
            xml: xml.into(),
            autostart: *always,
            autostart_once: *once,
            snapshots: each(snapshots),
            current_snapshot: current_snapshot.clone(),
            checkpoints: each(checkpoints),
        }
    }
}

impl From<Definition> for model::Definition {
    fn from(definition: Definition) -> Self {
        let Definition {
            xml,
            autostart,
            autostart_once,
            snapshots,
            current_snapshot,
            checkpoints,
        } = definition;
        Self {
            xml: xml.into(),
            autostart: model::Autostart {
                always: autostart,
                once: autostart_once,
            },
            snapshots: all(snapshots),
            current_snapshot,
            checkpoints: all(checkpoints),
        }
    }
}
