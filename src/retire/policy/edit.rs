//! What is to be changed in a policy, and the policy that comes of it.

use jiff::Timestamp;

use crate::model::{Policy, Verdict};
use crate::survey::PolicyFound;

use super::super::Error;
use super::{no_such_disk, refuse_unreadable};

/// What is to be changed; nothing at all means that the whole policy goes.
#[derive(Debug, Default)]
pub struct PolicyEdit {
    /// `None` takes the word away, here and in `default`.
    pub target: Option<(String, Option<Verdict>)>,
    pub default: Option<Option<Verdict>>,
    pub protected: Option<bool>,
    /// The moment, and whether a guest that runs then is stopped.
    pub expiry: Option<(Option<Timestamp>, bool)>,
}

impl PolicyEdit {
    pub fn clears_all(&self) -> bool {
        self.target.is_none()
            && self.default.is_none()
            && self.protected.is_none()
            && self.expiry.is_none()
    }

    /// # Errors
    /// The target is not a disk of the domain, and the policy does not name it either.
    pub(super) fn apply(&self, found: &PolicyFound) -> Result<Policy, Error> {
        if self.clears_all() {
            return Ok(Policy::default());
        }
        refuse_unreadable(found)?;
        let mut policy = found.policy.clone();
        if let Some((target, verdict)) = &self.target {
            let is_there = found.has_disk(target);
            match verdict {
                Some(verdict) if is_there => policy.set(target, *verdict),
                None if policy.clear(target) || is_there => {}
                _ => return Err(no_such_disk(found, target).into()),
            }
        }
        if let Some(default) = self.default {
            policy.default = default;
        }
        if let Some(protected) = self.protected {
            policy.protected = protected;
        }
        if let Some((at, stop)) = self.expiry {
            (policy.expires_at, policy.stop) = (at, stop);
        }
        Ok(policy)
    }

    /// What is changed, for the log.
    pub(super) fn told(&self) -> String {
        match self.clears_all() {
            true => "cleared".to_owned(),
            false => format!("set to {}", self.parts()),
        }
    }

    /// In words, one after the other.
    pub fn parts(&self) -> String {
        let mut parts = Vec::new();
        let word = |verdict: Option<Verdict>| verdict.map_or("no word", Verdict::word);
        if let Some((target, verdict)) = &self.target {
            parts.push(format!("{target}: {}", word(*verdict)));
        }
        if let Some(default) = self.default {
            parts.push(format!("default: {}", word(default)));
        }
        if let Some(protected) = self.protected {
            let word = if protected {
                "protected"
            } else {
                "not protected"
            };
            parts.push(word.to_owned());
        }
        match self.expiry {
            Some((Some(at), stop)) => parts.push(format!(
                "retired by `virt-retire watch` after {at}{}",
                if stop { ", and stopped for that" } else { "" }
            )),
            Some((None, _)) => parts.push("does not expire".to_owned()),
            None => {}
        }
        parts.join(", ")
    }
}
