//! What other tools left behind: domains whose disks are gone, images and state files that no
//! domain uses. Only found here; what is to be said and done about it is the caller's affair.

mod gone;
mod nature;
mod ownerless;
mod unused;

use std::collections::HashMap;

use uuid::Uuid;

use super::{Survey, SurveyError};

pub use gone::{Away, Gone, Part};
pub use nature::Nature;
pub use ownerless::{Ownerless, StateKind};
pub use unused::Unused;

/// Everything of that kind on one host.
#[derive(Debug, Default)]
pub struct Leftovers {
    pub gone: Vec<Gone>,
    /// Disks that are not there, and that may only be away.
    pub away: Vec<Away>,
    pub ownerless: Vec<Ownerless>,
    pub unused: Vec<Unused>,
}

impl Survey<'_> {
    /// Looks at every domain's disks, the folders of all pools, the folders in which domains'
    /// images lie, and libvirt's own. What may not be looked at is among [`Survey::unseen`]
    /// afterwards.
    ///
    /// # Errors
    /// libvirt does not answer.
    pub fn leftovers(&self) -> Result<Leftovers, SurveyError> {
        let domains = self.hypervisor.domains()?;
        let names: HashMap<&str, Uuid> = domains
            .iter()
            .map(|domain| &domain.status.domain)
            .map(|domain| (domain.name.as_str(), domain.uuid))
            .collect();
        let (mut gone, mut away) = self.gone(&domains);
        // libvirt lists its domains in no order.
        gone.sort_by(|one, other| {
            (&one.domain.name, &one.path).cmp(&(&other.domain.name, &other.path))
        });
        away.sort_by(|one, other| {
            (&one.domain.name, &one.path).cmp(&(&other.domain.name, &other.path))
        });
        let ownerless = self.ownerless(&names)?;
        let unused = self.unused(&ownerless)?;
        Ok(Leftovers {
            gone,
            away,
            ownerless,
            unused,
        })
    }
}
