//! Starting and stopping guests.

use std::thread;
use std::time::{Duration, Instant};

use uuid::Uuid;
use virt::error::Error;
use virt::sys;

use super::Libvirt;
use crate::model::{DomainRef, SecretXml};
use crate::ports::HypervisorError;

/// libvirt would tell by an event; looking is simpler and quick enough for a person.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Libvirt {
    pub(super) fn start_domain(&self, uuid: Uuid) -> Result<(), HypervisorError> {
        self.domain(uuid, "starting the domain")?
            .create()
            .map_err(self.failed("starting the domain"))
    }

    pub(super) fn create_transient(
        &self,
        xml: &SecretXml,
        paused: bool,
    ) -> Result<DomainRef, HypervisorError> {
        let flags = if paused {
            sys::VIR_DOMAIN_START_PAUSED
        } else {
            0
        };
        let domain = self
            .connection
            .create_domain_xml(xml.reveal(), flags)
            .map_err(self.failed("creating the domain"))?;
        self.reference(&domain)
    }

    pub(super) fn ask_to_stop(&self, uuid: Uuid) -> Result<(), HypervisorError> {
        let call = "shutting the domain down";
        let result = self
            .domain(uuid, call)?
            .shutdown_flags(sys::VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN);
        self.unless_inactive(uuid, call, result)
    }

    pub(super) fn stop_at_once(&self, uuid: Uuid) -> Result<(), HypervisorError> {
        let call = "destroying the domain";
        let result = self.domain(uuid, call)?.destroy();
        self.unless_inactive(uuid, call, result)
    }

    /// A guest that is not running has been stopped, whoever did it.
    fn unless_inactive(
        &self,
        uuid: Uuid,
        call: &'static str,
        result: Result<(), Error>,
    ) -> Result<(), HypervisorError> {
        match result {
            Ok(()) => Ok(()),
            Err(error) => {
                let refusal = self.classify(call, &error);
                if matches!(refusal, HypervisorError::Lost { .. }) || self.is_running(uuid)? {
                    Err(refusal)
                } else {
                    Ok(())
                }
            }
        }
    }

    pub(super) fn wait_until_inactive(
        &self,
        uuid: Uuid,
        timeout: Duration,
    ) -> Result<bool, HypervisorError> {
        let begun = Instant::now();
        loop {
            if !self.is_running(uuid)? {
                return Ok(true);
            }
            let Some(left) = timeout.checked_sub(begun.elapsed()) else {
                return Ok(false);
            };
            thread::sleep(LOOK_EVERY.min(left));
        }
    }

    /// A transient domain is gone when it ends.
    fn is_running(&self, uuid: Uuid) -> Result<bool, HypervisorError> {
        let domain = self.lookup(uuid, "asking for the domain's state")?;
        Ok(self.status_of(domain)?.is_some_and(|status| status.active))
    }
}
