//! Following what happens to domains, and finding out how one ended that nobody followed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use uuid::Uuid;
use virt::sys as libvirt;

use super::locality::Surroundings;
use super::{Libvirt, sys};
use crate::model::{DomainRef, Ended};
use crate::ports::{HypervisorError, LifeEvent};

/// The end of a guest's log that is read: its last lines say how it ended, and they are short.
const TAIL: u64 = 64 << 10;

impl Libvirt {
    /// From now on everything that happens to any domain. The receiver hears nothing any more when
    /// the connection breaks; see [`Libvirt::is_alive`].
    ///
    /// # Errors
    /// libvirt's.
    pub fn events(&self) -> Result<Receiver<LifeEvent>, HypervisorError> {
        let (sender, receiver) = channel();
        sys::follow(&self.connection, move |uuid, happened| {
            let domain = Uuid::from_bytes(uuid);
            let event = match happened {
                sys::Happened::Lifecycle { event, detail } => lifecycle(domain, event, detail),
                sys::Happened::Else => LifeEvent::Changed { domain },
            };
            // Nobody listens any more: that is theirs to decide.
            let _ = sender.send(event);
        })
        .map_err(self.failed("listening for events"))?;
        Ok(receiver)
    }

    pub fn is_alive(&self) -> bool {
        self.connection.is_alive().unwrap_or(false)
    }

    /// How the last run of a guest ended, from libvirt's log of it: the only record of that once a
    /// transient domain is gone. `None` where the log is not there or does not say.
    pub fn last_end(&self, domain: &DomainRef) -> Option<Ended> {
        let mut log = File::open(self.log_folder()?.join(format!("{}.log", domain.name))).ok()?;
        let length = log.metadata().ok()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(TAIL)))
            .ok()?;
        let mut tail = Vec::new();
        log.take(TAIL).read_to_end(&mut tail).ok()?;
        ended(&String::from_utf8_lossy(&tail))
    }

    /// `virQEMUDriverConfigNew`'s `logDir`.
    fn log_folder(&self) -> Option<PathBuf> {
        let surroundings = Surroundings::of_this_process();
        if surroundings.root || !self.uri.ends_with("/session") {
            return Some("/var/log/libvirt/qemu".into());
        }
        Some(surroundings.cache?.join("libvirt/qemu/log"))
    }
}

fn lifecycle(domain: Uuid, event: u32, detail: u32) -> LifeEvent {
    if event != libvirt::VIR_DOMAIN_EVENT_STOPPED {
        return LifeEvent::Changed { domain };
    }
    let how = match detail {
        libvirt::VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN => Ended::Shutdown,
        libvirt::VIR_DOMAIN_EVENT_STOPPED_DESTROYED => Ended::Destroyed,
        libvirt::VIR_DOMAIN_EVENT_STOPPED_CRASHED => Ended::Crashed,
        libvirt::VIR_DOMAIN_EVENT_STOPPED_MIGRATED => Ended::Migrated,
        libvirt::VIR_DOMAIN_EVENT_STOPPED_SAVED => Ended::Saved,
        // What a killed QEMU is to libvirt.
        libvirt::VIR_DOMAIN_EVENT_STOPPED_FAILED => Ended::Failed,
        libvirt::VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT => Ended::FromSnapshot,
        _ => Ended::Unknown,
    };
    LifeEvent::Ended { domain, how }
}

/// `2026-01-01 10:00:00.000+0000: shutting down, reason=destroyed`, after the last start.
fn ended(log: &str) -> Option<Ended> {
    log.lines()
        .rev()
        .take_while(|line| !line.contains(": starting up libvirt version"))
        .find_map(|line| line.split_once(": shutting down, reason="))
        .map(|(_, word)| Ended::from_log(word.trim()))
}

#[cfg(test)]
mod tests {
    //! A guest that migrated away and is taken for dead loses its disks on the other host.
    use super::*;

    #[test]
    fn the_last_end_counts_and_only_of_the_last_run() {
        let one = "x: starting up libvirt version: 11.3.0\n\
                   x: shutting down, reason=migrated\n";
        assert_eq!(ended(one), Some(Ended::Migrated));
        let running = format!("{one}y: starting up libvirt version: 11.3.0\nqemu: hello\n");
        assert_eq!(ended(&running), None);
        let died = format!("{running}y: shutting down, reason=crashed\nqemu: terminating\n");
        assert_eq!(ended(&died), Some(Ended::Crashed));
        assert_eq!(ended(""), None);
        let new = format!("{running}y: shutting down, reason=abducted\n");
        assert_eq!(ended(&new), Some(Ended::Unknown));
        assert!(!Ended::Unknown.is_death());
    }
}
