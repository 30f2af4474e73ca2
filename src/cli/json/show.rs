//! A whole transaction, for `show`.

use serde::Serialize;

use crate::model::{Circumstances, SavedVolume};
use crate::retire::Whole;

use super::event::EventJson;
use super::path;
use super::plan::PlanJson;
use super::transaction::TransactionJson;

#[derive(Serialize)]
pub struct Shown {
    #[serde(flatten)]
    transaction: TransactionJson,
    login: Option<String>,
    host: String,
    from: Option<String>,
    command: Vec<String>,
    uri: String,
    /// What could not be looked at when users were counted, and was accepted.
    accepted_unseen: Vec<String>,
    pid: u32,
    version: String,
    circumstances: CircumstancesJson,
    wipe: bool,
    plan: PlanJson,
    volumes: Vec<VolumeJson>,
    events: Vec<EventJson>,
    quarantine: Vec<StoredJson>,
    /// The folder with the manifest.
    home: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain_xml: Option<String>,
}

impl Shown {
    pub fn new(whole: &Whole, secrets: bool) -> Self {
        let Whole {
            transaction,
            in_quarantine,
            gone,
            ..
        } = whole;
        let evidence = &transaction.evidence;
        Self {
            transaction: (&transaction.summary()).into(),
            login: evidence.login.clone(),
            host: evidence.host.clone(),
            from: evidence.from.clone(),
            command: evidence.command.clone(),
            uri: evidence.uri.clone(),
            accepted_unseen: evidence.accepted_unseen.clone(),
            pid: evidence.pid,
            version: evidence.version.clone(),
            circumstances: (&evidence.circumstances).into(),
            wipe: transaction.removal.wipe_storage,
            plan: (&transaction.plan).into(),
            volumes: transaction.volumes.iter().map(VolumeJson::from).collect(),
            events: transaction
                .events
                .iter()
                .map(|event| EventJson::new(transaction, event))
                .collect(),
            quarantine: transaction
                .quarantined()
                .filter(|(index, ..)| in_quarantine.contains(index))
                .map(|(index, taken, stored)| StoredJson {
                    digest: transaction.digest(index).map(ToString::to_string),
                    present: !gone.contains(&index),
                    original: path(taken.path()),
                    stored: path(&stored),
                    bytes: taken.allocated(),
                    size_bytes: taken.size(),
                })
                .collect(),
            home: path(&transaction.home),
            domain_xml: secrets.then(|| transaction.definition.xml.reveal().to_owned()),
        }
    }
}

#[derive(Serialize)]
struct StoredJson {
    original: String,
    stored: String,
    /// Allocated.
    bytes: u64,
    /// Apparent.
    size_bytes: u64,
    /// `ALGORITHM:HEX`, where the setting `digest` was on.
    digest: Option<String>,
    /// Whether it is where it should be.
    present: bool,
}

/// A pool volume among the domain's disks, as libvirt described it before anything was changed.
#[derive(Serialize)]
struct VolumeJson {
    pool: String,
    volume: String,
    path: String,
    xml: Option<String>,
    /// Why libvirt did not tell.
    cause: Option<String>,
}

impl From<&SavedVolume> for VolumeJson {
    fn from(saved: &SavedVolume) -> Self {
        Self {
            pool: saved.pooled.pool.clone(),
            volume: saved.pooled.volume.clone(),
            path: path(&saved.path),
            xml: saved.xml.clone().ok(),
            cause: saved.xml.clone().err(),
        }
    }
}

/// From where and when a command was typed, as far as the machine told; null of what it did not.
#[derive(Serialize)]
struct CircumstancesJson {
    login_uid: Option<u32>,
    sudo_user: Option<String>,
    terminal: Option<String>,
    remote: Option<String>,
    session: Option<u32>,
    unit: Option<String>,
    boot: Option<String>,
    since_boot_ms: Option<u64>,
    machine: Option<String>,
    libvirt: Option<String>,
    qemu: Option<String>,
}

impl From<&Circumstances> for CircumstancesJson {
    fn from(circumstances: &Circumstances) -> Self {
        let Circumstances {
            login_uid,
            sudo_user,
            terminal,
            remote,
            session,
            unit,
            boot,
            since_boot,
            machine,
            libvirt,
            qemu,
        } = circumstances.clone();
        Self {
            login_uid,
            sudo_user,
            terminal,
            remote,
            session,
            unit,
            boot: boot.map(|boot| boot.to_string()),
            since_boot_ms: since_boot,
            machine,
            libvirt,
            qemu,
        }
    }
}
