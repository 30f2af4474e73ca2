//! Opening a connection that does not hang for ever.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use virt::connect::Connect;

use super::event_loop::prepare_library;
use super::{Libvirt, locality, peer};
use crate::ports::{HypervisorError, Version};

/// Opening may start a session daemon, which asks QEMU what it can do: seconds, not minutes.
const OPEN_DEADLINE: Duration = Duration::from_secs(30);

/// Seconds of silence after which the server is asked for a sign of life, and how often it may
/// stay silent then: libvirt closes the connection after `INTERVAL * (COUNT + 1)` seconds.
const KEEPALIVE_INTERVAL: i32 = 5;
const KEEPALIVE_COUNT: u32 = 3;

impl Libvirt {
    /// Connects as virsh does: without a URI libvirt takes `LIBVIRT_DEFAULT_URI`, then
    /// `uri_default` of its `libvirt.conf`, then probes (virConnectOpen's page).
    ///
    /// # Errors
    /// [`HypervisorError::Unreachable`] if libvirt says no or says nothing for 30 seconds.
    pub fn connect(uri: Option<&str>) -> Result<Self, HypervisorError> {
        prepare_library();
        let named = uri.map_or_else(
            || {
                let variable = std::env::var("LIBVIRT_DEFAULT_URI").ok();
                // An empty one is none to libvirt too.
                let variable = variable.filter(|uri| !uri.is_empty());
                variable.unwrap_or_else(|| "the default URI".into())
            },
            str::to_owned,
        );
        let unreachable = |cause: String| HypervisorError::Unreachable {
            uri: locality::without_password(&named),
            cause,
        };
        if named.contains('\0') {
            // The virt crate turns strings into C's with unwrap.
            return Err(unreachable("the URI contains a NUL".into()));
        }
        let before = peer::sockets();
        let connection = open(uri.map(str::to_owned)).map_err(&unreachable)?;
        let (peer, daemon) = peer::since(&before);
        let say = |error: virt::error::Error| unreachable(error.message().to_owned());
        // Drivers inside this process (test, embed) have no connection to keep alive and say so.
        let _ = connection.set_keep_alive(KEEPALIVE_INTERVAL, KEEPALIVE_COUNT);
        let uri = locality::without_password(&connection.uri().map_err(say)?);
        let server = Version(connection.lib_version().map_err(say)?.into());
        let library = Version(Connect::version().map_err(say)?.into());
        Ok(Self {
            connection,
            uri,
            peer,
            server,
            library,
            unsynced: super::durable::Unsynced::default(),
            daemon,
            cached_definitions: None,
            emulator: OnceLock::new(),
            known_pools: Mutex::default(),
        })
    }
}

/// A daemon that was stopped still accepts connections, through its socket's queue, and never
/// answers the first call; keepalive begins only after that. So opening has a deadline of its own;
/// a thread that misses it stays behind, and the process is about to end anyway.
fn open(uri: Option<String>) -> Result<Connect, String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let opened = Connect::open(uri.as_deref()).map_err(|error| explain(error.message()));
        // The receiver is gone if the deadline has passed.
        let _ = sender.send(opened);
    });
    match receiver.recv_timeout(OPEN_DEADLINE) {
        Ok(opened) => opened,
        Err(RecvTimeoutError::Timeout) => Err(format!(
            "no answer in {} seconds; the daemon is there and does not serve its socket",
            OPEN_DEADLINE.as_secs()
        )),
        Err(RecvTimeoutError::Disconnected) => Err("the connecting thread died".into()),
    }
}

/// libvirt names the socket; what it does not say is what should be listening there.
fn explain(message: &str) -> String {
    if message.contains("Failed to connect socket") {
        format!("{message}; is libvirtd (or virtqemud) running?")
    } else {
        message.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_socket_is_explained() {
        let told = explain("Failed to connect socket to '/run/x': No such file or directory");
        assert!(
            told.ends_with("is libvirtd (or virtqemud) running?"),
            "{told}"
        );
        assert_eq!(explain("authentication failed"), "authentication failed");
    }
}
