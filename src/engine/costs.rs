//! What it costs that a domain does not come back just as it was, told once and kept with the
//! transaction.

use crate::model::{Fate, FileRole, Step, Taken, Verdict};

use crate::xml::mac_addresses;

use super::World;
use super::restoration::Restoration;
use super::steps::{Kept, kept_nvram};

impl Restoration<'_> {
    /// What another identity, another place or another definition costs, for the operator. Empty
    /// without.
    pub(super) fn costs(&self, world: &World) -> Vec<String> {
        let mut costs = self.live_disks();
        costs.extend(self.departures());
        let Some(rename) = self.rename.filter(|_| !self.files_only()) else {
            return costs;
        };
        let steps = &self.transaction.plan.steps;
        for taken in steps.iter().filter_map(Step::taken) {
            let place = self.place_of(taken);
            match taken.role() {
                FileRole::TpmState if self.has_other_uuid() && *place != *taken.path() => {
                    costs.push(format!(
                        "TPM state is tied to the UUID: it is now in {}, and what the guest sealed \
                         to its old identity may not open",
                        place.display()
                    ));
                }
                FileRole::Nvram if *place != *taken.path() => {
                    costs.push(format!("the NVRAM is now {}", place.display()));
                }
                FileRole::SnapshotMemory { snapshot } if self.is_named(taken) => costs.push(format!(
                    "libvirt will not revert to snapshot {snapshot}: its memory file holds the old \
                     identity"
                )),
                _ => {}
            }
        }
        if let Ok(Some((kept, copy))) = self.nvram_copy() {
            let plan = &self.transaction.plan;
            let found = kept_nvram(world.storage, plan, &kept, &copy);
            let (kept, copy) = (kept.display(), copy.display());
            costs.push(match found {
                Ok(Kept::Nothing) => format!(
                    "of the NVRAM that was kept, {kept}, there is no copy (it has gone, or was not \
                     the domain's to copy): the guest starts with new NVRAM, {copy}"
                ),
                _ => format!(
                    "the NVRAM that was kept, {kept}, stays: the domain has a copy of it as it is \
                     now, {copy}"
                ),
            });
        }
        if self.has_other_uuid() && self.transaction.removal.tpm == Some(Verdict::Keep) {
            costs.push(
                "TPM state that was kept in place belongs to the old UUID: the guest will find an \
                 empty TPM"
                    .into(),
            );
        }
        if rename.macs.is_empty() {
            let xml = self.transaction.definition.xml.reveal();
            let has_cards = mac_addresses(xml).is_ok_and(|all| !all.is_empty());
            costs.extend(has_cards.then(|| {
                "its network cards have the addresses they had (--new-macs changes them)".into()
            }));
        } else {
            let new: Vec<&str> = rename.macs.iter().map(|(_, new)| new.as_str()).collect();
            costs.push(format!(
                "its network cards have new addresses: {}",
                new.join(", ")
            ));
        }
        costs
    }

    /// Disks that only the running guest had: their files come back, and the definition does not
    /// have them.
    fn live_disks(&self) -> Vec<String> {
        let gone = self.transaction.plan.disks.iter();
        let gone = gone.filter(|disk| disk.is_live_only() && disk.fate == Fate::Quarantine);
        gone.filter_map(|disk| {
            Some(format!(
                "disk {} was the running guest's alone, and the definition does not have it: its \
                 file is back at {}",
                disk.target,
                disk.path.as_ref()?.display(),
            ))
        })
        .collect()
    }

    /// In what the rollback departs from what was saved.
    fn departures(&self) -> Vec<String> {
        let mut told = Vec::new();
        let (id, name) = (self.transaction.id, &self.transaction.domain().name);
        if self.files_only() {
            told.push(format!(
                "the files alone came back: domain {name} is not defined, and its definition is \
                 shown by: virt-retire show {id} --security-info"
            ));
        }
        if self.has_repaired_xml() {
            told.push(format!(
                "domain {name} came back under a repaired definition; the former one is shown by: \
                 virt-retire show {id} --security-info"
            ));
        }
        let taken = self.transaction.plan.steps.iter().filter_map(Step::taken);
        for path in taken.map(Taken::path) {
            let place = self.moved(path);
            if *place != *path {
                told.push(format!(
                    "{} came back as {}",
                    path.display(),
                    place.display()
                ));
            }
        }
        told
    }
}
