//! `watch`: storage cleanup on death. A transient guest that ends by itself takes along what its
//! policy says, by the same transaction as any other.
//!
//! What a transient guest's end throws away is kept beforehand in a list beside the journal. The
//! list also says who was watched when nobody looked: at every connection those on it that run no
//! more are treated as if their end had just been heard of, and libvirt's log of the guest says how
//! it ended. So is, while a connection lasts, whoever is missing at two looks one after the other:
//! not every end has an event. The journal is held only while a transaction runs.
//!
//! Here is the connection, made again whenever it breaks. `follow` is what happens while it lasts,
//! `guests` the list, `note` what is kept of a guest that runs, `deaths` the judgement how one
//! ended, `retire` the transaction, `expired` the guests with a time to live, `before` what an
//! earlier one left, `news` what is told of it all.

mod before;
mod deaths;
mod expired;
mod follow;
mod guests;
mod news;
mod note;
mod retire;

use std::time::Duration;

use crate::ports::Watchlist;
use crate::retire::{Changed, Connected, Error, Site};
use follow::Watch;
use guests::Guests;

pub use expired::{Expiring, expiring};
pub use news::{Listener, News};

/// How long nothing is looked at but events: signals and a broken connection are noticed then.
const TICK: Duration = Duration::from_millis(200);
/// The longest wait between two tries to reach libvirtd.
const BACK_OFF: Duration = Duration::from_secs(5);

/// Follows the guests on the list, and those that join it, until a signal comes. `once`: only
/// catches up. `interval`: how often every guest is looked at without an event.
///
/// # Errors
/// The first connection fails; a libvirt that goes away later is waited for, but with `once`.
/// [`Error::GuestsLeft`] with `once`: something is to be tried again.
pub fn run(
    site: &dyn Site,
    list: &dyn Watchlist,
    once: bool,
    interval: Duration,
    listener: &mut dyn Listener,
) -> Result<(), Error> {
    site.begin()?;
    // The first connection must work: a wrong URI is no libvirtd that is being restarted.
    let host = site.connect()?;
    let mut watch = Watch::new(site, listener, Guests::new(list), once, interval);
    keep_on(&mut watch, host, once)
}

fn keep_on(watch: &mut Watch<'_>, mut host: Box<dyn Connected>, once: bool) -> Result<(), Error> {
    loop {
        let result = watch.follow(&*host);
        match result {
            Ok(()) => return Ok(()),
            Err(error) if host.monitor().is_alive() => return Err(error),
            // A transaction was under way: more than a connection is lost.
            Err(error) if once && error.changed() != Changed::Nothing => return Err(error),
            Err(_) if once => return Err(Error::Away),
            Err(_) => {}
        }
        watch.listener.hear(News::LibvirtAway);
        match reconnect(watch.site, &*host) {
            Some(again) => {
                host = again;
                watch.listener.hear(News::LibvirtBack);
            }
            None => return Ok(()),
        }
    }
}

/// `None` if a signal came first.
fn reconnect(site: &dyn Site, lost: &dyn Connected) -> Option<Box<dyn Connected>> {
    let mut pause = TICK;
    loop {
        if lost.world().control.wants_rollback() {
            return None;
        }
        if let Ok(host) = site.connect() {
            return Some(host);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(BACK_OFF);
    }
}
