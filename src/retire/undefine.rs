//! `undefine`, `destroy` and `apply`: planned, shown to whoever decides, planned again while
//! everything that could change it is held, and carried out.

use std::time::Duration;

use crate::engine::{Engine, World};
use crate::journal::saved_plan::SavedPlan;
use crate::model::{Evidence, Removal, Summary};
use crate::ports::{HypervisorError, Journal};
use crate::survey::SurveyError;

use super::saved::differs;
use super::{
    Connected, Error, Planned, Site, awaited, carry_out, changed, first_changed, named, plan,
    refuse, settled,
};

/// What is asked for.
pub struct Request {
    /// By name, UUID or id.
    pub domains: Vec<String>,
    pub removal: Removal,
    /// Stop before the decision.
    pub prepare: bool,
    /// Every domain is a decision of its own.
    pub each: bool,
    pub reason: Option<String>,
    /// How long it is kept; `None`: for ever.
    pub retention: Option<Duration>,
    /// What another process is told that it waits for.
    pub purpose: String,
}

/// A retirement that has not begun.
pub struct Undefine<'a> {
    site: &'a dyn Site,
    host: Box<dyn Connected>,
    request: Request,
    /// A plan that was made earlier, and is carried out only if it would be made again just so.
    saved: Option<SavedPlan>,
    shown: Option<Vec<Planned>>,
}

/// What became of it.
pub struct Retired {
    /// The transactions that there are now, whichever way it went.
    pub touched: Vec<Summary>,
    /// Why that is not all: of the batch one, and of decisions of their own each that failed, with
    /// its domain's name.
    pub failed: Failed,
}

pub enum Failed {
    Nothing,
    Batch(Error),
    Some(Vec<(String, Error)>),
}

impl<'a> Undefine<'a> {
    /// # Errors
    /// [`Error::ReasonRequired`], [`Error::OverrideWithoutReason`]; libvirt is out of reach, a
    /// domain is not there, or a transaction has it.
    pub fn new(site: &'a dyn Site, request: Request) -> Result<Self, Error> {
        refuse_without_reason(site, &request)?;
        let host = site.connect()?;
        // Nobody waits for the journal only to hear of a typing error.
        awaited::present(site, &host.world(), &request.domains, &request.purpose)?;
        Ok(Self {
            site,
            host,
            request,
            saved: None,
            shown: None,
        })
    }

    /// # Errors
    /// As [`Undefine::new`]; the plan would be another one now, or is refused.
    pub fn of_saved(site: &'a dyn Site, request: Request, saved: SavedPlan) -> Result<Self, Error> {
        refuse_without_reason(site, &request)?;
        let host = site.connect_to(&saved.uri)?;
        let mut undefine = Self {
            site,
            host,
            request,
            saved: Some(saved),
            shown: None,
        };
        undefine.propose()?;
        Ok(undefine)
    }

    /// The plans, for whoever decides. Nobody else is kept waiting meanwhile.
    ///
    /// # Errors
    /// They are refused; where each is a decision of its own, if all are.
    pub fn propose(&mut self) -> Result<&[Planned], Error> {
        let planned = self.plan()?;
        self.refuse(&planned)?;
        Ok(self.shown.insert(planned))
    }

    /// What [`Undefine::propose`] has given.
    pub fn shown(&self) -> &[Planned] {
        self.shown.as_deref().unwrap_or_default()
    }

    /// # Errors
    /// Nothing was changed: they are refused, or are not as they were shown.
    pub fn carry_out(self) -> Result<Retired, Error> {
        let (site, purpose) = (self.site, self.request.purpose.as_str());
        // A command that is refused leaves nothing behind, not even a new journal.
        if self.shown.is_none() && !site.has_journal()? {
            self.refuse(&self.plan()?)?;
        }
        let mut journal = site.journal(purpose)?;
        let world = self.host.world();
        let domains = match &self.saved {
            Some(saved) => vec![saved.plan.domain.clone()],
            None => named(&world, &self.request.domains)?,
        };
        let _locks = site.lock(&world, &domains, purpose)?;
        // Planned, or planned again, while nobody of ours can change it: another may have come
        // first.
        let planned = self.plan()?;
        for planned in &planned {
            let domain = &planned.plan.domain;
            // The name may be another domain's by now, and that one is not locked.
            if domains.iter().all(|locked| locked.uuid != domain.uuid) {
                return Err(changed(domain, &[]).into());
            }
        }
        self.refuse(&planned)?;
        if let Some(shown) = &self.shown
            && let Some((domain, how)) = first_changed(shown, &planned)
        {
            return Err(changed(domain, &how).into());
        }
        let journal = &mut *journal;
        match self.request.each {
            true => Ok(self.one_by_one(&world, journal, planned)),
            false => {
                let (touched, result) = self.batch(&world, journal, planned);
                Ok(Retired {
                    touched,
                    failed: result.map_or_else(Failed::Batch, |()| Failed::Nothing),
                })
            }
        }
    }

    fn plan(&self) -> Result<Vec<Planned>, Error> {
        let planned = plan(
            &self.host.world(),
            &self.request.domains,
            &self.request.removal,
        );
        let Some(saved) = &self.saved else {
            return Ok(planned?);
        };
        match planned {
            Ok(planned) => match planned.iter().find_map(|now| differs(saved, now)) {
                None => Ok(planned),
                Some(how) => Err(changed(&saved.plan.domain, &how).into()),
            },
            // A domain that is no more has changed, too.
            Err(SurveyError::Hypervisor(HypervisorError::NoSuchDomain(_))) => {
                Err(changed(&saved.plan.domain, &["it is gone".to_owned()]).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn refuse(&self, planned: &[Planned]) -> Result<(), Error> {
        if self.request.each && planned.iter().any(|one| one.plan.is_executable()) {
            return Ok(());
        }
        refuse(planned)
    }

    fn batch(
        &self,
        world: &World,
        journal: &mut dyn Journal,
        planned: Vec<Planned>,
    ) -> (Vec<Summary>, Result<(), Error>) {
        let Request {
            removal,
            prepare,
            reason,
            retention,
            ..
        } = &self.request;
        let evidence = |unseen| -> Evidence {
            let uri = world.hypervisor.uri();
            self.site.evidence(uri, reason.clone(), unseen)
        };
        let mut engine = Engine::new(*world, journal);
        settled(carry_out(
            &mut engine,
            planned,
            removal,
            *prepare,
            *retention,
            self.site.digest(),
            &evidence,
        ))
    }

    /// One that is refused or fails keeps no other from being retired.
    fn one_by_one(
        &self,
        world: &World,
        journal: &mut dyn Journal,
        planned: Vec<Planned>,
    ) -> Retired {
        let mut touched = Vec::new();
        let mut failed: Vec<(String, Error)> = Vec::new();
        for (index, planned) in planned.into_iter().enumerate() {
            let domain = planned.plan.domain.clone();
            // Whatever became of those before it, its own plan is of now.
            let again = match index {
                0 => Ok(vec![planned]),
                _ => plan(world, &[domain.uuid.to_string()], &self.request.removal)
                    .map_err(Error::from),
            };
            let result = again.and_then(|planned| {
                refuse(&planned)?;
                let (summaries, result) = self.batch(world, journal, planned);
                touched.extend(summaries);
                result
            });
            if let Err(error) = result {
                let is_over = error.ends_a_command();
                failed.push((domain.name, error));
                if is_over {
                    break;
                }
            }
        }
        Retired {
            touched,
            failed: match failed.is_empty() {
                true => Failed::Nothing,
                false => Failed::Some(failed),
            },
        }
    }
}

/// A rule of the host, and one of the journal's: who overrides a protection says why.
fn refuse_without_reason(site: &dyn Site, request: &Request) -> Result<(), Error> {
    let reason = request.reason.as_deref().unwrap_or_default();
    match reason.trim().is_empty() {
        true if request.removal.override_protection => Err(Error::OverrideWithoutReason),
        true if site.requires_reason() => Err(Error::ReasonRequired),
        _ => Ok(()),
    }
}
