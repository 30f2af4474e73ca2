//! A plan that is shown, and may be kept in a file until it is carried out.

use std::collections::BTreeSet;
use std::path::Path;

use crate::engine::EngineError;
use crate::journal::saved_plan::{self, SavedPlan};
use crate::model::{DomainRef, Refusal, Removal, Step};

use super::{Connected, Error, Planned, Site, plan, read_at_most, refuse};

/// Plans that nobody has decided yet.
pub struct Proposal {
    host: Box<dyn Connected>,
    removal: Removal,
    planned: Vec<Planned>,
}

impl Proposal {
    /// In the order in which the domains were named.
    ///
    /// # Errors
    /// As [`plan`].
    pub fn new(site: &dyn Site, domains: &[String], removal: Removal) -> Result<Self, Error> {
        let host = site.connect()?;
        let mut planned = plan(&host.world(), domains, &removal)?;
        planned.sort_by_key(|one| one.position);
        Ok(Self {
            host,
            removal,
            planned,
        })
    }

    pub fn planned(&self) -> &[Planned] {
        &self.planned
    }

    pub fn removal(&self) -> &Removal {
        &self.removal
    }

    /// # Errors
    /// One of the plans is refused.
    pub fn refuse(&self) -> Result<(), Error> {
        refuse(&self.planned)
    }

    /// # Errors
    /// A file could not leave its folder, which `undefine` tries before it begins.
    pub fn reachable(&self) -> Result<(), Error> {
        let folders: BTreeSet<&Path> = (self.planned.iter())
            .flat_map(|planned| planned.plan.steps.iter().filter_map(Step::file))
            .filter_map(|moved| moved.path.parent())
            .collect();
        let storage = self.host.world().storage;
        for folder in folders {
            storage.lets_out(folder)?;
        }
        Ok(())
    }

    /// Writes the plans to `file`, which is not there or has older plans: a slip of the finger must
    /// not cost a disk.
    ///
    /// # Errors
    /// [`Error::NotSaved`], [`Error::NoSavedPlan`]; it cannot be written.
    pub fn save(&self, file: &Path) -> Result<(), Error> {
        let world = self.host.world();
        let saved = self.planned.iter().map(|one| {
            Ok(SavedPlan {
                uri: world.hypervisor.uri().to_owned(),
                removal: self.removal.clone(),
                plan: one.plan.clone(),
                definition: saved_plan::fingerprint(&one.facts.definition)?,
            })
        });
        let bytes = saved.collect::<Result<Vec<_>, _>>();
        let bytes = bytes.and_then(|saved| saved_plan::encode(&saved));
        let bytes = bytes.map_err(|error| Error::NotSaved(error.to_string()))?;
        if bytes.len() as u64 > saved_plan::LARGEST {
            return Err(Error::NotSaved("there are too many of them".to_owned()));
        }
        let is_plan = |found: std::fs::Metadata| found.is_file() && load(file).is_ok();
        if std::fs::symlink_metadata(file).is_ok_and(|found| !is_plan(found)) {
            return Err(Error::NoSavedPlan(file.to_owned()));
        }
        world.storage.write(file, &bytes)?;
        Ok(world.storage.settle()?)
    }
}

/// Plans of one host that were made for one request.
pub struct Saved {
    plans: Vec<SavedPlan>,
}

/// Reads the plans that [`Proposal::save`] wrote.
///
/// # Errors
/// Why it is none, in words.
pub fn load(file: &Path) -> Result<Saved, String> {
    let bytes = read_at_most(file, saved_plan::LARGEST).map_err(|error| error.to_string())?;
    let plans = saved_plan::decode(&bytes).map_err(|error| error.to_string())?;
    let of_one = |two: &[SavedPlan]| match two {
        [one, other] => one.uri == other.uri && one.removal == other.removal,
        _ => true,
    };
    match plans.windows(2).all(of_one) {
        true => Ok(Saved { plans }),
        false => Err("its plans were not made together".to_owned()),
    }
}

impl Saved {
    pub fn domains(&self) -> impl Iterator<Item = &DomainRef> {
        self.plans.iter().map(|saved| &saved.plan.domain)
    }

    /// Those of all are the same, and there is at least one.
    fn first(&self) -> &SavedPlan {
        &self.plans[0]
    }

    pub fn uri(&self) -> &str {
        &self.first().uri
    }

    pub fn removal(&self) -> &Removal {
        &self.first().removal
    }

    /// # Errors
    /// A plan made now is another one than the saved one, or its domain is gone.
    pub(super) fn refuse_changed(&self, now: &[Planned]) -> Result<(), Error> {
        let changed = self.plans.iter().filter_map(|saved| {
            let domain = &saved.plan.domain;
            let now = now.iter().find(|now| now.plan.domain.uuid == domain.uuid);
            let how = match now {
                Some(now) => differs(saved, now)?,
                None => vec!["it is gone".to_owned()],
            };
            Some(super::changed(domain, &how))
        });
        let refusals: Vec<Refusal> = changed.collect();
        match refusals.is_empty() {
            true => Ok(()),
            false => Err(EngineError::Refused { refusals }.into()),
        }
    }
}

/// In what a plan made now is another one than the saved one, in words; `None` where it is that
/// one.
fn differs(saved: &SavedPlan, now: &Planned) -> Option<Vec<String>> {
    let definition_is_same = saved_plan::fingerprint(&now.facts.definition)
        .is_ok_and(|fingerprint| fingerprint == saved.definition);
    let is_same = now.plan.is_same_as(&saved.plan) && definition_is_same;
    (!is_same).then(|| super::differences(&saved.plan, &now.plan, definition_is_same))
}
