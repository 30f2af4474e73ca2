//! A whole transaction, for `show`: how it stands first; its steps and events for who asks.

use serde::Serialize;

use crate::model::{
    Circumstances as Evident, Claim, EventKind, Progress, SavedVolume, State, Transaction, size,
};
use crate::retire::Whole;

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::pager;
use super::super::safe::{safe, safe_path};
use super::events::EventJson;
use super::events::events;
use super::layout::{align_right, drawn, table, time};
use super::plan::{Look, PlanJson, plan};
use super::standing::{Circumstances, Clock, held_bytes, standing};
use super::transactions::TransactionJson;
use super::transactions::until;
use super::who::who;
use super::{path, print};

/// `secrets`: the domain's XML with them.
pub fn tell(context: &Context, whole: &Whole, secrets: bool) -> Result<(), CliError> {
    match context.output {
        Output::Json => print(&Shown::new(whole, secrets)),
        Output::Text => pager::show(context, &show(whole, secrets, context.look())),
    }
}

/// `show`: what became of it, who, why, and what waits.
fn show(whole: &Whole, secrets: bool, look: Look) -> String {
    let Whole {
        transaction,
        arrived,
        gone,
        ..
    } = whole;
    let about = Circumstances {
        is_busy: whole.is_busy,
        is_missing: !whole.gone.is_empty(),
        held: None,
    };
    let summary = transaction.summary();
    let evidence = &transaction.evidence;
    let id = transaction.id;
    let mut lines = vec![format!(
        "{id} {} · {}",
        safe(&transaction.domain().name),
        standing(&summary, about, &Clock::here())
    )];
    if let Some(at) = At::of(transaction) {
        let kind = transaction.plan.steps.get(at.last - 1);
        let kind = kind.map_or("?", |it| it.kind());
        lines.push(format!("It is {at}: {kind}"));
    }
    // Why it is stuck, or was put back.
    if let Some(cause) = cause(transaction) {
        lines.push(format!("Cause:     {}", safe(cause)));
    }
    lines.push(format!("Started:   {}", time(transaction.started_at)));
    if let Some(finished) = summary.finished_at {
        lines.push(format!("Finished:  {}", time(finished)));
    }
    lines.push(format!("By:        {}", who(evidence)));
    if let Some(reason) = &evidence.reason {
        lines.push(format!("Reason:    {}", safe(reason)));
    }
    for it in &summary.overrides {
        let (what, user) = (safe(&it.by.phrase()), safe(&it.user));
        lines.push(format!("Override:  {what} ({user}, {})", time(it.at)));
    }
    if look.whole {
        lines.push(format!("UUID:      {}", transaction.uuid));
        lines.push(format!("Command:   {}", safe(&evidence.command.join(" "))));
        lines.push(format!("Libvirt:   {}", safe(&evidence.uri)));
        lines.push(format!("Manifest:  {}", safe_path(&transaction.home)));
    }
    for unseen in &evidence.accepted_unseen {
        lines.push(format!("Accepted:  not looked at: {}", safe(unseen)));
    }
    // What was overridden or accepted when it was begun.
    for event in &transaction.events {
        if let EventKind::Entered {
            state: State::Executing,
            cause: Some(cause),
        } = &event.kind
        {
            lines.push(format!("Accepted:  {}", safe(cause)));
        }
    }
    // Those of every run: what was overridden once counts to the end.
    let mut notes: Vec<String> = Vec::new();
    for note in transaction.events.iter().filter_map(|it| it.kind.note()) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    let notes = notes.into_iter();
    lines.extend(notes.map(|note| format!("Note: {}.", safe(&note))));
    lines.push(String::new());
    lines.push(plan(&transaction.plan, look));
    if look.whole {
        lines.push("Events:".into());
        lines.push(events(transaction));
    }
    lines.push(quarantine(transaction, arrived, gone, look));
    match summary.state {
        State::Prepared => lines.push(format!(
            "Decide:  virt-retire commit {id}  or virt-retire rollback {id}"
        )),
        State::Committed => lines.push(format!("Undo:  virt-retire rollback {id}")),
        state if state.claim() == Claim::Unfinished && !whole.is_busy => {
            lines.push("To finish or undo it:  virt-retire recover".to_owned());
        }
        _ => {}
    }
    if secrets {
        lines.push("Definition:".into());
        // Line by line, so that its layout stays and its contents cannot steer the terminal.
        lines.extend(transaction.definition.xml.reveal().lines().map(safe));
    }
    lines.join("\n")
}

/// Of a transaction that is open: the steps one of which it is at, from 1, and how many there are.
/// Several are intended at once, and what came of them is written down together: it is at the first
/// that nobody knows to be done, or at the last that was begun, or in between.
pub struct At {
    first: usize,
    pub last: usize,
    all: usize,
}

impl At {
    pub fn of(transaction: &Transaction) -> Option<Self> {
        let is_open = matches!(
            transaction.state(),
            State::Executing | State::RollingBack | State::Stuck | State::Purging
        );
        let progress = transaction.progress();
        let last = progress.iter().rposition(|it| *it != Progress::Pending)? + 1;
        let first = match transaction.state() {
            State::Executing => {
                let is_begun = |it: &Progress| *it == Progress::Doing;
                progress.iter().position(is_begun).map_or(last, |at| at + 1)
            }
            _ => last,
        };
        let all = progress.len();
        is_open.then_some(Self { first, last, all })
    }
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { first, last, all } = self;
        match first == last {
            true => write!(f, "at step {last} of {all}"),
            false => write!(f, "at step {first}-{last} of {all}"),
        }
    }
}

fn cause(transaction: &Transaction) -> Option<&str> {
    if !matches!(transaction.state(), State::Stuck | State::RolledBack) {
        return None;
    }
    transaction
        .events
        .iter()
        .rev()
        .find_map(|event| match &event.kind {
            EventKind::Entered { cause, .. } => cause.as_deref(),
            _ => None,
        })
}

fn quarantine(transaction: &Transaction, arrived: &[usize], gone: &[usize], look: Look) -> String {
    let is_open = transaction.state().claim() == Claim::Unfinished;
    let waiting: Vec<_> = transaction
        .files()
        .chain(transaction.copies())
        .filter(|(index, ..)| arrived.contains(index))
        .collect();
    if waiting.is_empty() {
        return "Nothing of it is in quarantine.".into();
    }
    let summary = transaction.summary();
    let held = match is_open || !gone.is_empty() {
        false => held_bytes(&summary),
        true => {
            let there = waiting.iter().filter(|(index, ..)| !gone.contains(index));
            there.map(|(_, moved, _)| moved.facts.allocated).sum()
        }
    };
    let mut lines = vec![match is_open {
        true => format!("{} in quarantine so far.", size(held)),
        false => format!(
            "{} held in quarantine and not freed, {}.",
            size(held),
            until(&summary)
        ),
    }];
    if !look.whole {
        return lines.remove(0);
    }
    let mut table = table(["In quarantine", "Size", "From"]);
    align_right(&mut table, 1);
    for (_, moved, stored) in waiting {
        table.add_row([
            safe_path(&stored),
            size(moved.facts.allocated),
            safe_path(&moved.path),
        ]);
    }
    lines.push(drawn(&table));
    lines.join("\n")
}

#[derive(Serialize)]
struct Shown {
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
    fn new(whole: &Whole, secrets: bool) -> Self {
        let Whole {
            transaction,
            in_quarantine,
            gone,
            ..
        } = whole;
        let evidence = &transaction.evidence;
        Self {
            transaction: TransactionJson::from(&transaction.summary()).lacking(!gone.is_empty()),
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

impl From<&Evident> for CircumstancesJson {
    fn from(circumstances: &Evident) -> Self {
        let Evident {
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
