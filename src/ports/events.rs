//! What happens to domains while one listens, and how those ended that nobody listened to.

use std::sync::mpsc::Receiver;

use uuid::Uuid;

use super::HypervisorError;
use crate::model::{DomainRef, Ended};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifeEvent {
    Ended {
        domain: Uuid,
        how: Ended,
    },
    /// Anything else that may change what is known of it: started, defined, undefined, its metadata
    /// or its devices changed.
    Changed {
        domain: Uuid,
    },
}

pub trait Monitor {
    /// From now on everything that happens to any domain. The receiver hears nothing any more when
    /// the connection breaks; see [`Monitor::is_alive`].
    fn events(&self) -> Result<Receiver<LifeEvent>, HypervisorError>;

    fn is_alive(&self) -> bool;

    /// Is it only starting, or arriving from another host, or leaving for one? Until that is
    /// settled libvirt answers no question about its XML, and lets whoever asks wait for half a
    /// minute.
    fn is_on_its_way(&self, domain: Uuid) -> Result<bool, HypervisorError>;

    /// Those that run and are defined nowhere. Asks for no XML; see [`Monitor::is_on_its_way`].
    fn running_transient(&self) -> Result<Vec<Uuid>, HypervisorError>;

    /// How the last run of a guest ended, from libvirt's log of it: the only record of that once a
    /// transient domain is gone. `None` where the log is not there or does not say.
    fn last_end(&self, domain: &DomainRef) -> Option<Ended>;
}
