//! A whole transaction, for `show`.

use serde::Serialize;

use crate::model::{Circumstances, Transaction};

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
    circumstances: CircumstancesJson,
    wipe: bool,
    plan: PlanJson,
    events: Vec<EventJson>,
    quarantine: Vec<StoredJson>,
    /// The folder with the manifest.
    home: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain_xml: Option<String>,
}

impl Shown {
    pub fn new(transaction: &Transaction, in_quarantine: &[usize], secrets: bool) -> Self {
        let evidence = &transaction.evidence;
        Self {
            transaction: (&transaction.summary()).into(),
            login: evidence.login.clone(),
            host: evidence.host.clone(),
            from: evidence.from.clone(),
            command: evidence.command.clone(),
            uri: evidence.uri.clone(),
            accepted_unseen: evidence.accepted_unseen.clone(),
            circumstances: (&evidence.circumstances).into(),
            wipe: transaction.removal.wipe_storage,
            plan: (&transaction.plan).into(),
            events: transaction
                .events
                .iter()
                .map(|event| EventJson::new(transaction, event))
                .collect(),
            quarantine: transaction
                .files()
                .chain(transaction.copies())
                .filter(|(index, ..)| in_quarantine.contains(index))
                .map(|(_, moved, stored)| StoredJson {
                    original: path(&moved.path),
                    stored: path(&stored),
                    bytes: moved.facts.allocated,
                    size_bytes: moved.facts.size,
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
        }
    }
}
