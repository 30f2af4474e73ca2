//! `policy`: the domain's own word on each of its disks. It lives in the domain's metadata, so the
//! journal is only held, not written: no effect of ours outlives the command.

use serde::Serialize;

use crate::engine::{Engine, EngineError};
use crate::model::{
    DomainRef, POLICY_NAMESPACE, POLICY_PREFIX, Policy, Refusal, RefusalCode, Verdict,
};
use crate::ports::{Hypervisor, HypervisorError, Status};
use crate::xml::{DomainXml, read_policy, write_policy};

use super::super::args::{Output, PolicyCommand, Sure, Word};
use super::super::confirm::confirm;
use super::super::context::{Context, Host};
use super::super::error::{CliError, Exit};
use super::super::safe::safe;
use super::super::{json, text};

pub fn run(context: &Context, what: &PolicyCommand) -> Result<(), CliError> {
    match what {
        PolicyCommand::Show { domain } => {
            let host = context.host()?;
            let domain = host.hypervisor.find(domain)?;
            let found = Found::look(&host, &domain)?;
            found.print(context)?;
            found.refuse_problems()
        }
        PolicyCommand::Set {
            domain,
            target,
            fate,
            default,
            protected,
            sure,
        } => {
            let edit = Edit::set(target.as_deref(), *fate, *default, *protected)?;
            change(context, domain, &edit, *sure)
        }
        PolicyCommand::Clear {
            domain,
            target,
            default,
            protected,
            sure,
        } => {
            let edit = Edit {
                target: target.clone().map(|target| (target, None)),
                default: default.then_some(None),
                protected: protected.then_some(false),
            };
            change(context, domain, &edit, *sure)
        }
    }
}

/// What a command asks to be changed; nothing at all means that the whole policy goes.
#[derive(Default)]
struct Edit {
    target: Option<(String, Option<Verdict>)>,
    default: Option<Option<Verdict>>,
    protected: Option<bool>,
}

impl Edit {
    fn set(
        target: Option<&str>,
        fate: Option<Word>,
        default: Option<Word>,
        protected: bool,
    ) -> Result<Self, CliError> {
        let mut edit = Self {
            target: None,
            default: default.map(|word| Some(word.into())),
            protected: protected.then_some(true),
        };
        match (target, fate) {
            (Some(target), Some(fate)) => {
                edit.target = Some((target.to_owned(), Some(fate.into())));
            }
            // `policy set DOMAIN keep`: no target is called so.
            (Some(word), None) => match Verdict::from_word(word) {
                Some(verdict) if edit.default.is_none() => edit.default = Some(Some(verdict)),
                _ => {
                    return Err(CliError::new(
                        Exit::Usage,
                        "usage",
                        format!("what shall become of '{word}'? Nothing was changed."),
                        "policy set DOMAIN TARGET remove|keep",
                    ));
                }
            },
            (None, _) => {}
        }
        Ok(edit)
    }

    fn clears_all(&self) -> bool {
        self.target.is_none() && self.default.is_none() && self.protected.is_none()
    }

    /// # Errors
    /// The target is no disk of the domain, and the policy does not name it either.
    fn apply(&self, found: &Found) -> Result<Policy, CliError> {
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
                _ => return Err(no_such_disk(found, target)),
            }
        }
        if let Some(default) = self.default {
            policy.default = default;
        }
        if let Some(protected) = self.protected {
            policy.protected = protected;
        }
        Ok(policy)
    }

    fn question(&self, domain: &DomainRef) -> String {
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

fn change(context: &Context, spec: &str, edit: &Edit, sure: Sure) -> Result<(), CliError> {
    let host = context.host()?;
    let domain = host.hypervisor.find(spec)?;
    // Whatever is wrong is said before the question.
    edit.apply(&Found::look(&host, &domain)?)?;
    if !sure.yes {
        confirm(&edit.question(&domain))?;
    }
    // Held, so that no transaction saves the definition while it changes.
    let mut journal = context.journal(&format!("policy of {}", domain.name))?;
    let engine = Engine::new(host.world(), &mut journal);
    if let Some((by, state)) = engine.claimed_by(&domain)? {
        return Err(EngineError::Claimed {
            subject: format!("domain '{}'", domain.name),
            by,
            state,
        }
        .into());
    }
    let found = Found::look(&host, &domain)?;
    let policy = edit.apply(&found)?;
    let written = (!policy.is_empty()).then(|| write_policy(&policy));
    let Status {
        active, persistent, ..
    } = found.status;
    // Live too, or a running guest's policy would change only at its next start.
    host.hypervisor.set_metadata(
        domain.uuid,
        POLICY_NAMESPACE,
        POLICY_PREFIX,
        written.as_deref(),
        active,
        persistent,
    )?;
    let now = Found::look(&host, &domain)?;
    if now.policy != policy || !now.problems.is_empty() {
        return Err(CliError::new(
            Exit::Error,
            "policy-not-kept",
            format!(
                "libvirt did not keep the policy of '{}' as it was given",
                domain.name
            ),
            format!(
                "to see what it kept: virt-retire policy show {}",
                domain.typed()
            ),
        ));
    }
    if context.quiet && context.output == Output::Text {
        return Ok(());
    }
    now.print(context)
}

/// A domain's policy, with the disks it may speak of.
struct Found {
    status: Status,
    policy: Policy,
    problems: Vec<String>,
    /// Every disk's target, and whether a default may speak of it.
    targets: Vec<String>,
    disks: Vec<crate::xml::DiskXml>,
}

impl Found {
    fn look(host: &Host, domain: &DomainRef) -> Result<Self, CliError> {
        let status = host
            .hypervisor
            .status(domain.uuid)?
            .ok_or_else(|| HypervisorError::NoSuchDomain(domain.name.clone()))?;
        let definition = host.hypervisor.definition(domain.uuid)?;
        let xml =
            DomainXml::read(definition.xml.reveal()).map_err(|error| HypervisorError::Xml {
                subject: domain.name.clone(),
                cause: error.to_string(),
            })?;
        let (policy, problems) = match read_policy(&xml) {
            Ok(policy) => (policy, Vec::new()),
            Err(problem) => (Policy::default(), vec![problem.to_string()]),
        };
        Ok(Self {
            status,
            policy,
            problems,
            targets: xml.disks.iter().map(|disk| disk.target.clone()).collect(),
            disks: xml.disks,
        })
    }

    fn strangers(&self) -> impl Iterator<Item = &(String, Verdict)> {
        self.policy
            .disks
            .iter()
            .filter(|(target, _)| !self.targets.contains(target))
    }

    fn refuse_unreadable(&self) -> Result<(), CliError> {
        let name = &self.status.domain.name;
        match self.problems.first() {
            None => Ok(()),
            Some(problem) => Err(CliError::refused(&[Refusal {
                code: RefusalCode::PolicyInvalid,
                subject: name.clone(),
                message: format!("the policy of domain '{name}' is not valid: {problem}"),
                hint: format!(
                    "write it anew: virt-retire policy clear {}, then policy set",
                    self.status.domain.typed()
                ),
            }])),
        }
    }

    fn refuse_problems(&self) -> Result<(), CliError> {
        self.refuse_unreadable()?;
        let name = &self.status.domain.name;
        match self.strangers().next() {
            None => Ok(()),
            Some((target, _)) => Err(CliError::refused(&[Refusal {
                code: RefusalCode::PolicyInvalid,
                subject: target.clone(),
                message: format!(
                    "the policy of domain '{name}' names '{target}', which is no disk of it"
                ),
                hint: format!("take that away: virt-retire policy clear '{name}' '{target}'"),
            }])),
        }
    }

    fn print(&self, context: &Context) -> Result<(), CliError> {
        match context.output {
            Output::Json => json::print(&Document {
                policy: self.json(),
            }),
            Output::Text => text::out(&self.text()),
        }
    }

    fn json(&self) -> PolicyJson<'_> {
        let own = self.disks.iter().map(|disk| WordJson {
            target: &disk.target,
            fate: self.policy.of(&disk.target).map(Verdict::word),
            decides: self.decides(disk).map(Verdict::word),
            exists: true,
        });
        let strangers = self.strangers().map(|(target, verdict)| WordJson {
            target,
            fate: Some(verdict.word()),
            decides: None,
            exists: false,
        });
        PolicyJson {
            domain: &self.status.domain.name,
            domain_uuid: self.status.domain.uuid.to_string(),
            default: self.policy.default.map(Verdict::word),
            protected: self.policy.protected,
            disks: own.chain(strangers).collect(),
            problems: &self.problems,
        }
    }

    /// What the policy alone decides of a disk.
    fn decides(&self, disk: &crate::xml::DiskXml) -> Option<Verdict> {
        use crate::model::Device;
        let is_read_write =
            !disk.readonly && !disk.shareable && matches!(disk.device, Device::Disk | Device::Lun);
        self.policy
            .of(&disk.target)
            .or(self.policy.default.filter(|_| is_read_write))
    }

    fn text(&self) -> String {
        let mut lines = vec![format!(
            "Policy of {}: {}, default {}",
            safe(&self.status.domain.name),
            if self.policy.protected {
                "protected"
            } else {
                "not protected"
            },
            self.policy.default.map_or("none", Verdict::word),
        )];
        for disk in &self.disks {
            let word = match (self.policy.of(&disk.target), self.decides(disk)) {
                (Some(own), _) => own.word().to_owned(),
                (None, Some(default)) => format!("{} (default)", default.word()),
                (None, None) => "-".to_owned(),
            };
            lines.push(format!("  {}\t{word}", safe(&disk.target)));
        }
        for (target, verdict) in self.strangers() {
            lines.push(format!(
                "  {}\t{} (no such disk)",
                safe(target),
                verdict.word()
            ));
        }
        lines.join("\n")
    }
}

fn no_such_disk(found: &Found, target: &str) -> CliError {
    CliError::refused(&[Refusal {
        code: RefusalCode::NoSuchDisk,
        subject: target.to_owned(),
        message: format!(
            "domain '{}' has no disk with the target '{target}'",
            found.status.domain.name
        ),
        hint: format!("its targets are: {}", found.targets.join(", ")),
    }])
}

#[derive(Serialize)]
struct Document<'a> {
    policy: PolicyJson<'a>,
}

#[derive(Serialize)]
struct PolicyJson<'a> {
    domain: &'a str,
    domain_uuid: String,
    default: Option<&'a str>,
    protected: bool,
    disks: Vec<WordJson<'a>>,
    problems: &'a [String],
}

#[derive(Serialize)]
struct WordJson<'a> {
    target: &'a str,
    /// The policy's word for this target by name.
    fate: Option<&'a str>,
    /// What the policy decides of it, its default included.
    decides: Option<&'a str>,
    exists: bool,
}
