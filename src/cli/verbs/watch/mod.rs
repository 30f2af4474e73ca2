//! `watch`: storage cleanup on death. A transient guest that ends by itself takes along what its
//! policy says, by the same transaction as any other.
//!
//! What a transient guest's end throws away is kept beforehand in a list beside the journal. The list
//! also says who was watched when nobody looked: at every connection those on it that run no more
//! are treated as if their end had just been heard of, and libvirt's log of the guest says how
//! it ended. So is, while a connection lasts, whoever is missing at two looks one after the other: not
//! every end has an event. The journal is held only while a transaction runs.
//!
//! Here is the connection, made again whenever it breaks. `follow` is what happens while it lasts,
//! `guests` the list, `note` what is kept of a guest that runs, `deaths` the judgement how one ended,
//! `retire` the transaction, `before` what an earlier one left.

mod before;
mod deaths;
mod follow;
mod guests;
mod note;
mod retire;

use std::time::Duration;

use crate::adapters::watchlist::WatchFiles;

use super::super::args::Output;
use super::super::context::{Context, Host};
use super::super::error::{CliError, Exit};
use super::super::report;
use follow::Watch;
use guests::Guests;

/// How long nothing is looked at but events: signals and a broken connection are noticed then.
const TICK: Duration = Duration::from_millis(200);
/// The longest wait between two tries to reach libvirtd.
const BACK_OFF: Duration = Duration::from_secs(5);

/// `interval`: how often every guest is looked at without an event.
pub fn run(context: &Context, once: bool, interval: Duration) -> Result<(), CliError> {
    // Makes the state folder, or says what is wrong with it; nobody is kept waiting after this.
    drop(context.journal("watch")?);
    let files = context.files();
    let list = WatchFiles::open(&files, context.state_dir())?;
    context.begin()?;
    // The first connection must work: a wrong URI is no libvirtd that is being restarted.
    let host = context.host()?;
    let mut watch = Watch::new(context, Guests::new(list), once, interval);
    let result = keep_on(&mut watch, host, once);
    // One document, as of every other command that ends.
    let is_due = once && context.output == Output::Json;
    if is_due && (result.is_ok() || !watch.untold.is_empty()) {
        report::transactions(context, &watch.untold);
    }
    result.map_err(|mut error| {
        if watch.has_changed && error.exit == Exit::Error {
            error.exit = Exit::Unfinished;
            error.hint = "mend the cause, then: virt-retire watch --once".into();
        }
        error
    })
}

fn keep_on(watch: &mut Watch<'_>, mut host: Host, once: bool) -> Result<(), CliError> {
    loop {
        let result = watch.follow(&host);
        match result {
            Ok(()) => return Ok(()),
            Err(error) if host.hypervisor.is_alive() => return Err(error),
            // A transaction was under way: more than a connection is lost.
            Err(error) if once && error.exit != Exit::Error => return Err(error),
            Err(_) if once => {
                return Err(CliError::new(
                    Exit::Error,
                    "libvirt-lost",
                    "libvirt went away",
                    "when libvirtd is back: virt-retire watch --once",
                ));
            }
            Err(_) => {}
        }
        watch.tell("libvirt went away; waiting for it".into());
        match reconnect(watch.context, &host) {
            Some(again) => {
                host = again;
                watch.tell("libvirt is back".into());
            }
            None => return Ok(()),
        }
    }
}

/// `None` if a signal came first.
fn reconnect(context: &Context, lost: &Host) -> Option<Host> {
    let mut pause = TICK;
    loop {
        if lost.world().control.wants_rollback() {
            return None;
        }
        if let Ok(host) = context.host() {
            return Some(host);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(BACK_OFF);
    }
}

fn lost() -> CliError {
    CliError::new(
        Exit::Error,
        "libvirt-lost",
        "the connection to libvirt broke",
        "is libvirtd running?",
    )
}
