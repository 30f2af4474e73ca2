//! `undefine`, `destroy` and `apply`: planned, shown to whoever decides, planned again while
//! everything that could change it is held, and carried out.

use std::time::Duration;

use crate::engine::{Engine, World};
use crate::model::{Evidence, Removal, Summary};
use crate::ports::Journal;

use super::saved::Saved;
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
    /// Plans that were made earlier, and are carried out only if they would be made again just so.
    saved: Option<Saved>,
    /// Of decisions of their own, those that are none: as they were typed, each with why.
    absent: Vec<(String, Error)>,
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
    /// domain is not there, or a transaction has it. Where each is a decision of its own: that is
    /// so of all.
    pub fn new(site: &'a dyn Site, mut request: Request) -> Result<Self, Error> {
        refuse_without_reason(site, &request)?;
        let host = site.connect()?;
        // Nobody waits for the journal only to hear of a typing error.
        let mut absent = awaited::absent(site, &host.world(), &request.domains, &request.purpose)?;
        let is_there = |spec: &String| absent.iter().all(|(absent, _)| absent != spec);
        request.domains.retain(is_there);
        if !absent.is_empty() && (!request.each || request.domains.is_empty()) {
            return Err(absent.swap_remove(0).1);
        }
        Ok(Self {
            site,
            host,
            request,
            saved: None,
            absent,
            shown: None,
        })
    }

    /// # Errors
    /// As [`Undefine::new`]; the plan would be another one now, or is refused.
    pub fn of_saved(site: &'a dyn Site, request: Request, saved: Saved) -> Result<Self, Error> {
        refuse_without_reason(site, &request)?;
        let host = site.connect_to(saved.uri())?;
        let mut undefine = Self {
            site,
            host,
            request,
            saved: Some(saved),
            absent: Vec::new(),
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

    /// Domains that are left out because they are not there, as they were typed, each with why.
    /// They are among the failed afterwards.
    pub fn absent(&self) -> &[(String, Error)] {
        &self.absent
    }

    /// What [`Undefine::propose`] has given.
    pub fn shown(&self) -> &[Planned] {
        self.shown.as_deref().unwrap_or_default()
    }

    /// # Errors
    /// Nothing was changed: they are refused, or are not as they were shown.
    pub fn carry_out(mut self) -> Result<Retired, Error> {
        let absent = std::mem::take(&mut self.absent);
        let (site, purpose) = (self.site, self.request.purpose.as_str());
        // A command that is refused leaves nothing behind, not even a new journal.
        if self.shown.is_none() && !site.has_journal()? {
            self.refuse(&self.plan()?)?;
        }
        let mut journal = site.journal(purpose)?;
        let world = self.host.world();
        let domains = match &self.saved {
            Some(saved) => saved.domains().cloned().collect(),
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
            true => Ok(self.one_by_one(&world, journal, planned, absent)),
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
        let Request {
            domains, removal, ..
        } = &self.request;
        let world = self.host.world();
        let Some(saved) = &self.saved else {
            return Ok(plan(&world, domains, removal)?);
        };
        // A domain that is no more has changed, too.
        let uuids: Vec<_> = saved.domains().map(|domain| domain.uuid).collect();
        let there = world.hypervisor.which_are_there(&uuids)?;
        let there = uuids.iter().filter(|uuid| there.contains(uuid));
        let there: Vec<String> = there.map(ToString::to_string).collect();
        let planned = plan(&world, &there, removal)?;
        saved.refuse_changed(&planned)?;
        Ok(planned)
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

    /// Its plan as it is now, which a saved one must be, too.
    fn again(&self, world: &World, planned: Planned) -> Result<Vec<Planned>, Error> {
        let domain = planned.plan.domain.uuid.to_string();
        let now = plan(world, &[domain], &self.request.removal)?;
        match first_changed(&[planned], &now) {
            Some((domain, how)) if self.saved.is_some() => Err(changed(domain, &how).into()),
            _ => Ok(now),
        }
    }

    /// One that is refused or fails keeps no other from being retired.
    fn one_by_one(
        &self,
        world: &World,
        journal: &mut dyn Journal,
        planned: Vec<Planned>,
        absent: Vec<(String, Error)>,
    ) -> Retired {
        let mut touched = Vec::new();
        let mut failed = absent;
        for (index, planned) in planned.into_iter().enumerate() {
            let domain = planned.plan.domain.clone();
            // Whatever became of those before it, its own plan is of now.
            let again = match index {
                0 => Ok(vec![planned]),
                _ => self.again(world, planned),
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
