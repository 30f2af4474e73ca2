//! The host's own journal (systemd-journald), told of what ours has recorded.
//!
//! A copy for whoever watches the host's log: what is recorded is our journal alone. So nothing
//! fails by it, and nothing waits for it longer than 200 ms, once: where its queue stays full, or
//! nobody listens, the entry is left out. The crates that speak its protocol wait for a full queue
//! as long as it takes, and a daemon that has stopped would hold a retirement up.
//!
//! The protocol is a datagram of fields ("Native Journal Protocol" of systemd's documentation).

use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

const SOCKET: &str = "/run/systemd/journal/socket";

/// How long a full queue is waited for. A kernel's queue takes ten entries, under systemd some
/// hundred; a daemon that reads empties it in milliseconds.
const PATIENCE: Duration = Duration::from_millis(200);

/// The way to it.
#[derive(Debug)]
pub struct SystemJournal {
    socket: UnixDatagram,
}

impl SystemJournal {
    /// `None` where there is none.
    pub fn open() -> Option<Self> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_write_timeout(Some(PATIENCE)).ok()?;
        socket.connect(SOCKET).ok()?;
        Some(Self { socket })
    }

    /// Sends one entry; a field's name is of capitals, digits and underscores.
    pub fn send(&self, fields: &[(&str, String)]) {
        let Err(error) = self.socket.send(&datagram(fields)) else {
            return;
        };
        tracing::debug!(%error, "not told to systemd's journal");
        if error.kind() == io::ErrorKind::WouldBlock {
            // It was waited for once; a batch of a thousand entries does not wait a thousand times.
            let _ = self.socket.set_nonblocking(true);
        }
    }
}

fn datagram(fields: &[(&str, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            bytes.push(b'\n');
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            bytes.push(b'=');
        }
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(b'\n');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_several_lines_goes_with_its_length() {
        let fields = [("MESSAGE", "one".to_owned()), ("WHY", "a\nb=c".to_owned())];
        assert_eq!(
            datagram(&fields),
            b"MESSAGE=one\nWHY\n\x05\0\0\0\0\0\0\0a\nb=c\n"
        );
    }
}
