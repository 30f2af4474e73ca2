//! libvirt's event loop, which keeps connections alive and brings events.
//!
//! A loop that waits all the time costs every call eleven changes of thread and twice the processor
//! time (measured with 11.3): each answer sets the keepalive's timer anew, and each timer that is
//! set wakes the loop. So it looks up twice a second, which is enough to notice a server that has
//! stopped answering, and waits only for whoever follows events.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Once, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use virt::error::clear_error_callback;
use virt::event;

/// Of a server's silence some 20 seconds are noticed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

static IS_FOLLOWED: AtomicBool = AtomicBool::new(false);
static LOOP: OnceLock<Thread> = OnceLock::new();

/// Keepalive needs an event loop, registered before the first connection
/// (virConnectSetKeepAlive's page). The loop ends with the process.
pub(super) fn prepare_library() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // libvirt would print every error to stderr by itself; ours come back as values.
        clear_error_callback();
        if event::event_register_default_impl().is_ok() {
            let thread = thread::spawn(run);
            let _ = LOOP.set(thread.thread().clone());
        }
    });
}

/// From now on events are brought as they come.
pub(super) fn follow() {
    IS_FOLLOWED.store(true, Ordering::SeqCst);
    if let Some(thread) = LOOP.get() {
        thread.unpark();
    }
}

fn run() {
    // One turn of the loop ends when something has happened: this always has.
    let at_once = event::event_add_timeout(0, |_, _| {}, std::ptr::null_mut());
    let Ok(at_once) = at_once else {
        while event::event_run_default_impl().is_ok() {}
        return;
    };
    while !IS_FOLLOWED.load(Ordering::SeqCst) {
        thread::park_timeout(LOOK_EVERY);
        if event::event_run_default_impl().is_err() {
            return;
        }
    }
    at_once.event_update_timeout(-1);
    while event::event_run_default_impl().is_ok() {}
}
