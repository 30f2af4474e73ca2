//! What a command asks to be changed in a policy, and the policy that comes of it.

use crate::cli::args::Word;
use crate::cli::error::{CliError, Exit};
use crate::cli::safe::safe;
use crate::model::{DomainRef, Policy, Verdict};

use super::found::Found;

/// What a command asks to be changed; nothing at all means that the whole policy goes.
pub(super) struct Edit {
    target: Option<(String, Option<Verdict>)>,
    default: Option<Option<Verdict>>,
    protected: Option<bool>,
    /// The moment, and whether a guest that runs then is stopped.
    expiry: Option<(Option<jiff::Timestamp>, bool)>,
}

impl Edit {
    pub(super) fn set(
        target: Option<&str>,
        fate: Option<Word>,
        default: Option<Word>,
        protected: bool,
        expiry: Option<(jiff::Timestamp, bool)>,
    ) -> Result<Self, CliError> {
        let mut edit = Self {
            target: None,
            default: default.map(|word| Some(word.into())),
            protected: protected.then_some(true),
            expiry: expiry.map(|(at, stop)| (Some(at), stop)),
        };
        match (target, fate) {
            (Some(target), Some(fate)) => {
                edit.target = Some((target.to_owned(), Some(fate.into())));
            }
            // `policy set DOMAIN keep`: no target is called so.
            (Some(word), None) => match Verdict::from_word(word) {
                Some(verdict) if edit.default.is_none() => edit.default = Some(Some(verdict)),
                _ => {
                    return Err(CliError::unchanged(
                        Exit::Usage,
                        "usage",
                        format!("'{word}' is neither remove nor keep"),
                        "policy set DOMAIN TARGET remove|keep",
                    ));
                }
            },
            (None, _) => {}
        }
        Ok(edit)
    }

    pub(super) fn clear(
        target: Option<&str>,
        default: bool,
        protected: bool,
        expires: bool,
    ) -> Self {
        Self {
            target: target.map(|target| (target.to_owned(), None)),
            default: default.then_some(None),
            protected: protected.then_some(false),
            expiry: expires.then_some((None, false)),
        }
    }

    fn clears_all(&self) -> bool {
        self.target.is_none()
            && self.default.is_none()
            && self.protected.is_none()
            && self.expiry.is_none()
    }

    /// # Errors
    /// The target is not a disk of the domain, and the policy does not name it either.
    pub(super) fn apply(&self, found: &Found) -> Result<Policy, CliError> {
        if self.clears_all() {
            return Ok(Policy::default());
        }
        found.refuse_unreadable()?;
        let mut policy = found.policy.clone();
        if let Some((target, verdict)) = &self.target {
            let is_there = found.targets.contains(target);
            match verdict {
                Some(verdict) if is_there => policy.set(target, *verdict),
                None if policy.clear(target) || is_there => {}
                _ => return Err(found.no_such_disk(target)),
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
        match self.parts().join(", ") {
            parts if parts.is_empty() => "cleared".to_owned(),
            parts => format!("set to {parts}"),
        }
    }

    fn parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let word = |verdict: Option<Verdict>| verdict.map_or("no word", Verdict::word);
        if let Some((target, verdict)) = &self.target {
            parts.push(format!("{}: {}", safe(target), word(*verdict)));
        }
        if let Some(default) = self.default {
            parts.push(format!("default: {}", word(default)));
        }
        if let Some(protected) = self.protected {
            parts.push(
                if protected {
                    "protected"
                } else {
                    "not protected"
                }
                .to_owned(),
            );
        }
        match self.expiry {
            Some((Some(at), stop)) => parts.push(format!(
                "retired by `virt-retire watch` after {at}{}",
                if stop { ", and stopped for that" } else { "" }
            )),
            Some((None, _)) => parts.push("does not expire".to_owned()),
            None => {}
        }
        parts
    }

    pub(super) fn question(&self, domain: &DomainRef) -> String {
        let parts = self.parts();
        if parts.is_empty() {
            return format!("Clear the whole policy of {}?", safe(&domain.name));
        }
        format!(
            "Change the policy of {}: {}?",
            safe(&domain.name),
            parts.join(", ")
        )
    }
}
