//! A domain's policy.

use serde::Serialize;

use crate::model::Verdict;
use crate::retire::policy_decides;
use crate::survey::PolicyFound;
use crate::xml::DiskXml;

use super::super::context::Context;
use super::super::error::CliError;
use super::super::safe::safe;
use super::answer;

/// With `only` a target, what is said of other disks is left out.
pub fn tell(context: &Context, found: &PolicyFound, only: Option<&str>) -> Result<(), CliError> {
    let document = || Document {
        policy: PolicyJson::new(found, only),
    };
    answer(context, document, || told(found, only))
}

fn disks<'a>(found: &'a PolicyFound, only: Option<&str>) -> impl Iterator<Item = &'a DiskXml> {
    let disks = found.disks.iter();
    disks.filter(move |disk| only.is_none_or(|only| disk.target == only))
}

fn strangers<'a>(
    found: &'a PolicyFound,
    only: Option<&str>,
) -> impl Iterator<Item = &'a (String, Verdict)> {
    let strangers = found.strangers();
    strangers.filter(move |(target, _)| only.is_none_or(|only| target == only))
}

fn told(found: &PolicyFound, only: Option<&str>) -> String {
    let policy = &found.policy;
    let mut lines = vec![format!(
        "Policy of {}: {}, default {}",
        safe(&found.status.domain.name),
        match policy.protected {
            true => "protected",
            false => "not protected",
        },
        policy.default.map_or("none", Verdict::word),
    )];
    if let Some(at) = policy.expires_at {
        lines.push(format!(
            "  expires {at}: then `virt-retire watch` retires it, {}",
            match policy.stop {
                true => "and stops it where it runs",
                false => "once it is shut off",
            }
        ));
    }
    for disk in disks(found, only) {
        let word = match (policy.of(&disk.target), policy_decides(found, disk)) {
            (Some(own), _) => own.word().to_owned(),
            (None, Some(default)) => format!("{} (default)", default.word()),
            (None, None) => "-".to_owned(),
        };
        lines.push(format!("  {}\t{word}", safe(&disk.target)));
    }
    for (target, verdict) in strangers(found, only) {
        lines.push(format!(
            "  {}\t{} (no such disk)",
            safe(target),
            verdict.word()
        ));
    }
    lines.join("\n")
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

impl<'a> PolicyJson<'a> {
    fn new(found: &'a PolicyFound, only: Option<&str>) -> Self {
        let policy = &found.policy;
        let own = disks(found, only).map(|disk| WordJson {
            target: &disk.target,
            fate: policy.of(&disk.target).map(Verdict::word),
            decides: policy_decides(found, disk).map(Verdict::word),
            exists: true,
        });
        let strangers = strangers(found, only).map(|(target, verdict)| WordJson {
            target,
            fate: Some(verdict.word()),
            decides: None,
            exists: false,
        });
        Self {
            domain: &found.status.domain.name,
            domain_uuid: found.status.domain.uuid.to_string(),
            default: policy.default.map(Verdict::word),
            protected: policy.protected,
            expires_at: policy.expires_at.map(|at| at.to_string()),
            stop: policy.stop,
            disks: own.chain(strangers).collect(),
            problems: &found.problems,
        }
    }
}
