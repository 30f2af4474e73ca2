//! A domain's policy as text and as JSON.

use serde::Serialize;

use crate::cli::args::Output;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::safe::safe;
use crate::cli::{json, text};
use crate::model::{Device, Verdict};
use crate::xml::DiskXml;

use super::found::Found;

impl Found {
    /// With `only` a target, what is said of other disks is left out.
    pub(super) fn print(&self, context: &Context, only: Option<&str>) -> Result<(), CliError> {
        match context.output {
            Output::Json => json::print(&Document {
                policy: self.json(only),
            }),
            Output::Text => text::out(&self.text(only)),
        }
    }

    fn json(&self, only: Option<&str>) -> PolicyJson<'_> {
        let own = self.disks_of(only).map(|disk| WordJson {
            target: &disk.target,
            fate: self.policy.of(&disk.target).map(Verdict::word),
            decides: self.decides(disk).map(Verdict::word),
            exists: true,
        });
        let strangers = self.strangers_of(only).map(|(target, verdict)| WordJson {
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
            expires_at: self.policy.expires_at.map(|at| at.to_string()),
            stop: self.policy.stop,
            disks: own.chain(strangers).collect(),
            problems: &self.problems,
        }
    }

    /// What the policy alone decides of a disk.
    fn decides(&self, disk: &DiskXml) -> Option<Verdict> {
        let is_read_write =
            !disk.readonly && !disk.shareable && matches!(disk.device, Device::Disk | Device::Lun);
        self.policy
            .of(&disk.target)
            .or(self.policy.default.filter(|_| is_read_write))
    }

    fn disks_of(&self, only: Option<&str>) -> impl Iterator<Item = &DiskXml> {
        let disks = self.disks.iter();
        disks.filter(move |disk| only.is_none_or(|only| disk.target == only))
    }

    fn strangers_of(&self, only: Option<&str>) -> impl Iterator<Item = &(String, Verdict)> {
        let strangers = self.strangers();
        strangers.filter(move |(target, _)| only.is_none_or(|only| target == only))
    }

    fn text(&self, only: Option<&str>) -> String {
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
        if let Some(at) = self.policy.expires_at {
            lines.push(format!(
                "  expires {at}: then `virt-retire watch` retires it, {}",
                match self.policy.stop {
                    true => "and stops it where it runs",
                    false => "once it is shut off",
                }
            ));
        }
        for disk in self.disks_of(only) {
            let word = match (self.policy.of(&disk.target), self.decides(disk)) {
                (Some(own), _) => own.word().to_owned(),
                (None, Some(default)) => format!("{} (default)", default.word()),
                (None, None) => "-".to_owned(),
            };
            lines.push(format!("  {}\t{word}", safe(&disk.target)));
        }
        for (target, verdict) in self.strangers_of(only) {
            lines.push(format!(
                "  {}\t{} (no such disk)",
                safe(target),
                verdict.word()
            ));
        }
        lines.join("\n")
    }
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
    /// From when on `watch` retires it.
    expires_at: Option<String>,
    /// Also where it runs then.
    stop: bool,
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
