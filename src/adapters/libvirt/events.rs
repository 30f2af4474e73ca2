//! Following what happens to domains, and finding out how one ended that nobody followed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use uuid::Uuid;
use virt::domain::{DomainPausedReason, DomainStateReason};
use virt::enumutil::Enum;
use virt::sys as libvirt;

use super::locality::Surroundings;
use super::{Libvirt, event_loop, sys};
use crate::model::{DomainRef, Ended};
use crate::ports::{HypervisorError, LifeEvent, Monitor};

/// The end of a guest's log that is read: its last lines say how it ended, and they are short.
const TAIL: u64 = 64 << 10;

impl Monitor for Libvirt {
    fn events(&self) -> Result<Receiver<LifeEvent>, HypervisorError> {
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
        event_loop::follow();
        Ok(receiver)
    }

    fn is_alive(&self) -> bool {
        self.connection.is_alive().unwrap_or(false)
    }

    fn is_on_its_way(&self, domain: Uuid) -> Result<bool, HypervisorError> {
        let call = "asking for the domain's state";
        let Some(found) = self.lookup(domain, call)? else {
            return Ok(false);
        };
        let state = self.present(call, found.state())?;
        Ok(state.is_some_and(|(_, reason)| {
            use DomainPausedReason::{Migration, StartingUp};
            use DomainStateReason::Paused;
            matches!(
                reason,
                Enum::Known(Paused(Enum::Known(Migration | StartingUp)))
            )
        }))
    }

    fn running_transient(&self) -> Result<Vec<Uuid>, HypervisorError> {
        let failed = self.failed("listing the transient domains");
        let flags =
            libvirt::VIR_CONNECT_LIST_DOMAINS_TRANSIENT | libvirt::VIR_CONNECT_LIST_DOMAINS_ACTIVE;
        let found = self.connection.list_all_domains(flags).map_err(&failed)?;
        let uuids = found.iter().map(|one| one.uuid().map_err(&failed));
        uuids.collect()
    }

    fn last_end(&self, domain: &DomainRef) -> Option<Ended> {
        let mut log = File::open(self.log_folder()?.join(format!("{}.log", domain.name))).ok()?;
        let length = log.metadata().ok()?.len();
        log.seek(SeekFrom::Start(length.saturating_sub(TAIL)))
            .ok()?;
        let mut tail = Vec::new();
        log.take(TAIL).read_to_end(&mut tail).ok()?;
        ended(&String::from_utf8_lossy(&tail), domain.uuid)
    }
}

impl Libvirt {
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

/// `2026-01-01 10:00:00.000+0000: shutting down, reason=destroyed`, in the guest's last run. The
/// log goes by the name, and another guest may have had that since: QEMU's command line says whose
/// a run is.
fn ended(log: &str, guest: Uuid) -> Option<Ended> {
    let guest = guest.to_string();
    log.rsplit(": starting up libvirt version")
        .find(|run| {
            let mut named = run.split("-uuid ").skip(1);
            named.next().is_none_or(|uuid| uuid.starts_with(&guest))
        })?
        .lines()
        .rev()
        .find_map(|line| line.split_once(": shutting down, reason="))
        .map(|(_, word)| Ended::from_log(word.trim()))
}

#[cfg(test)]
mod tests {
    //! A guest that migrated away and is taken for dead loses its disks on the other host.
    use super::*;

    const GUEST: Uuid = Uuid::from_u128(1);

    fn run(guest: Uuid) -> String {
        format!("x: starting up libvirt version: 11.3.0\nqemu \\\n-uuid {guest} \\\n")
    }

    #[test]
    fn the_last_end_counts_and_only_of_the_last_run() {
        let one = run(GUEST) + "x: shutting down, reason=migrated\n";
        assert_eq!(ended(&one, GUEST), Some(Ended::Migrated));
        let running = one + &run(GUEST) + "qemu: hello\n";
        assert_eq!(ended(&running, GUEST), None);
        let died = format!("{running}y: shutting down, reason=crashed\nqemu: terminating\n");
        assert_eq!(ended(&died, GUEST), Some(Ended::Crashed));
        assert_eq!(ended("", GUEST), None);
        let new = format!("{running}y: shutting down, reason=abducted\n");
        assert_eq!(ended(&new, GUEST), Some(Ended::Unknown));
        assert!(!Ended::Unknown.is_death());
    }

    #[test]
    fn another_guest_that_took_the_name_says_nothing_of_this_one() {
        let other = Uuid::from_u128(2);
        let theirs = run(other) + "y: shutting down, reason=destroyed\n";
        assert_eq!(ended(&theirs, other), Some(Ended::Destroyed));
        assert_eq!(ended(&theirs, GUEST), None);
        let ours = run(GUEST) + "x: shutting down, reason=migrated\n";
        assert_eq!(ended(&(ours + &theirs), GUEST), Some(Ended::Migrated));
        // The beginning of a long run is not read.
        let cut = "qemu: hello\nx: shutting down, reason=saved\n".to_owned();
        assert_eq!(ended(&(cut + &theirs), GUEST), Some(Ended::Saved));
    }
}
