//! Rollback is identity: all that must be the same before an undefine and after its rollback, as
//! one flat list of named facts, so that a comparison names each difference.
//!
//! Looking changes nothing: files are opened with O_NOATIME, and image headers are read here and
//! not by qemu-img.

mod chain;
mod domain;
mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::host::PrivateHost;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Identity {
    facts: BTreeMap<String, String>,
}

impl Identity {
    /// Takes the identity of `domain`: what libvirt knows of it, every file it has (disks with
    /// their whole chains, snapshots' files, managed save, NVRAM, TPM state), `extra_paths` (a
    /// folder with all in it; a path that isn't there is a fact too), and each pool's list of
    /// volumes.
    #[track_caller]
    pub fn capture(host: &PrivateHost, domain: &str, extra_paths: &[&str]) -> Self {
        let mut identity = Identity::default();
        let mut files: BTreeSet<String> =
            extra_paths.iter().map(|path| (*path).to_owned()).collect();
        domain::capture(host, domain, &mut identity, &mut files);
        file::capture(host, &files, &mut identity);
        identity.capture_pools(host);
        identity
    }

    /// Only files, for what belongs to no domain.
    pub fn of_files(host: &PrivateHost, paths: &[&str]) -> Self {
        let mut identity = Identity::default();
        let files = paths.iter().map(|path| (*path).to_owned()).collect();
        file::capture(host, &files, &mut identity);
        identity
    }

    /// The same without the facts whose name ends so. A file that went to another file system and
    /// back cannot keep its "inode"; a copy may differ in "allocated" while its "holes" agree.
    pub fn ignoring(&self, endings: &[&str]) -> Self {
        let keep = |name: &&String| !endings.iter().any(|ending| name.ends_with(ending));
        let names = self.facts.keys().filter(keep);
        Identity {
            facts: names
                .map(|name| (name.clone(), self.facts[name].clone()))
                .collect(),
        }
    }

    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.get(name).map(String::as_str)
    }

    /// One text for each fact that is not the same, beginning with its name.
    pub fn differences(&self, after: &Identity) -> Vec<String> {
        let names: BTreeSet<&String> = self.facts.keys().chain(after.facts.keys()).collect();
        names
            .into_iter()
            .filter_map(|name| match (self.fact(name), after.fact(name)) {
                (before, after) if before == after => None,
                (Some(before), Some(after)) => Some(format!("{name}{}", describe(before, after))),
                (Some(before), None) => Some(format!("{name}: is gone; it was {}", brief(before))),
                (None, after) => Some(format!("{name}: is new: {}", brief(after.unwrap_or("")))),
            })
            .collect()
    }

    /// No fact is stated twice: two that collide would hide one difference.
    fn state(&mut self, name: String, value: impl Into<String>) {
        let value = value.into();
        if let Some(other) = self.facts.insert(name.clone(), value.clone()) {
            assert!(
                other == value,
                "two facts named {name:?}: {other:?} and {value:?}"
            );
        }
    }

    fn capture_pools(&mut self, host: &PrivateHost) {
        for pool in host.virsh(&["pool-list", "--name"]).lines().map(str::trim) {
            if !pool.is_empty() {
                let mut volumes: Vec<String> =
                    host.virsh(&["vol-list", pool]).lines().map(words).collect();
                volumes.sort();
                self.state(format!("pool {pool}: volumes"), volumes.join("\n"));
            }
        }
    }
}

/// Fails the test with every difference at once, each by its name.
#[track_caller]
pub fn assert_same(before: &Identity, after: &Identity) {
    let differences = before.differences(after);
    assert!(
        differences.is_empty(),
        "{} of {} facts differ:\n{}",
        differences.len(),
        before.facts.len(),
        differences.join("\n")
    );
}

/// virsh pads its columns by the longest entry; one volume more would change every line.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Only the lines that differ: a domain's XML has a hundred.
fn describe(before: &str, after: &str) -> String {
    if before.lines().count() < 2 && after.lines().count() < 2 {
        return format!(": was {before}, is {after}");
    }
    let mut text = String::from(":");
    for (sign, one, other) in [('-', before, after), ('+', after, before)] {
        let others: BTreeSet<&str> = other.lines().collect();
        for line in one.lines().filter(|line| !others.contains(line)) {
            let _ = write!(text, "\n    {sign} {line}");
        }
    }
    if text.len() == 1 {
        text.push_str(" the same lines in another order or number")
    }
    text
}

fn brief(value: &str) -> String {
    let mut lines = value.lines();
    let first = lines.next().unwrap_or("empty");
    if lines.next().is_some() {
        format!("{first} …")
    } else {
        first.to_owned()
    }
}
