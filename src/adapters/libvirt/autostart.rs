//! The two autostart flags, which no XML shows.

use virt::domain::Domain;
use virt::error::ErrorNumber;

use super::{Libvirt, errors, flags, sys};
use crate::model::Autostart;
use crate::ports::HypervisorError;

impl Libvirt {
    pub(super) fn read_autostart(&self, domain: &Domain) -> Result<Autostart, HypervisorError> {
        let failed = self.failed("reading autostart");
        let always = domain.autostart().map_err(&failed)?;
        // Before 11.2, and in drivers other than QEMU, there is no such flag, so it is not set.
        let once = match self.once().map(|calls| calls.get(domain)) {
            Some(Err(error)) if errors::is(&error, ErrorNumber::NoSupport) => false,
            Some(answer) => answer.map_err(&failed)?,
            None => false,
        };
        Ok(Autostart { always, once })
    }

    /// Sets what differs, and nothing else: setting writes or removes a link in `/etc`.
    pub(super) fn write_autostart(
        &self,
        domain: &Domain,
        wanted: Autostart,
    ) -> Result<(), HypervisorError> {
        let failed = self.failed("setting autostart");
        let now = self.read_autostart(domain)?;
        if now.always != wanted.always {
            domain.set_autostart(wanted.always).map_err(&failed)?;
        }
        if now.once != wanted.once {
            let (since, _) = flags::AUTOSTART_ONCE_SINCE;
            self.once()
                .ok_or_else(|| self.too_old("autostart at the next boot only", since))?
                .set(domain, wanted.once)
                .map_err(&failed)?;
        }
        Ok(())
    }

    fn once(&self) -> Option<sys::AutostartOnce> {
        let (_, version) = flags::AUTOSTART_ONCE_SINCE;
        if self.common_version() < version {
            return None;
        }
        sys::AutostartOnce::find()
    }
}
