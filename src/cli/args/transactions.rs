//! Which transactions are meant, and how a domain comes back from one.

use std::path::PathBuf;

use clap::Args;

use super::super::complete;
use crate::engine::RollbackRequest;
use crate::model::{SecretXml, TransactionId};

#[derive(Debug, Args)]
pub struct Ids {
    /// A transaction's number, as `list` shows it; a range 4-8 or 4..8; last, last-1
    #[arg(required = true, value_name = "ID", value_parser = meant, add = complete::ids())]
    pub ids: Vec<Meant>,
}

/// Which transactions come back.
#[derive(Debug, Args)]
pub struct Undone {
    /// A transaction's number, as `list` shows it; a range 4-8 or 4..8; last, last-1
    #[arg(
        required_unless_present = "domain",
        conflicts_with = "domain",
        value_name = "ID",
        value_parser = meant,
        add = complete::ids()
    )]
    pub ids: Vec<Meant>,
    /// The newest of this domain, by the name or UUID that it had
    #[arg(long, value_name = "NAME")]
    pub domain: Option<String>,
}

/// A word for one transaction or several. What `last` is only the journal knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    One(TransactionId),
    /// Both ends belong to it.
    Range(TransactionId, TransactionId),
    /// So many before the newest.
    Last(u64),
}

/// For a domain whose name or UUID somebody has taken. Of one transaction at a time.
#[derive(Debug, Clone, Args)]
pub struct Identity {
    /// Define the domain under this name; its disks come back at their own paths
    #[arg(long, value_name = "NAME", value_parser = domain_name)]
    pub as_name: Option<String>,
    /// Give it a new UUID
    #[arg(long)]
    pub new_uuid: bool,
    /// Give its network cards new MAC addresses
    #[arg(long)]
    pub new_macs: bool,
}

/// For a domain that cannot come back just as it was.
#[derive(Debug, Clone, Args)]
pub struct Departure {
    /// Define the domain by this XML, a repaired one of the same UUID, and not by the saved one
    #[arg(long, value_name = "FILE")]
    pub xml: Option<PathBuf>,
    /// Bring back the files alone; the domain stays undefined
    #[arg(long, conflicts_with_all = ["xml", "as_name", "new_uuid", "new_macs", "start"])]
    pub files: bool,
    /// What came from the folder (or is the file) OLD comes back at NEW, and the XML follows; may
    /// be repeated. Both are absolute
    #[arg(long, value_name = "OLD=NEW", value_parser = old_and_new)]
    pub path: Vec<(PathBuf, PathBuf)>,
    /// Go on although an image below one of its disks, which was kept, is gone or another one now
    #[arg(long)]
    pub accept_changed_base: bool,
}

impl Identity {
    /// `xml`: what is in the file that `departure` names.
    pub fn request(self, departure: Departure, xml: Option<SecretXml>) -> RollbackRequest {
        RollbackRequest {
            name: self.as_name,
            new_uuid: self.new_uuid,
            new_macs: self.new_macs,
            xml,
            files_only: departure.files,
            paths: departure.path,
            accept_changed_base: departure.accept_changed_base,
        }
    }
}

/// Paths may have equals signs in them: both are absolute, and the first `=/` stands between them.
fn old_and_new(text: &str) -> Result<(PathBuf, PathBuf), &'static str> {
    match text.split_once("=/") {
        Some((old, new)) if old.starts_with('/') => Ok((old.into(), format!("/{new}").into())),
        _ => Err("OLD=NEW takes two absolute paths"),
    }
}

/// What libvirt takes as a name: it becomes part of file names.
fn domain_name(text: &str) -> Result<String, String> {
    // NAME.save, NAME_VARS.qcow2 and the like must fit into 255 bytes.
    const LONGEST: usize = 200;
    let is_name = !matches!(text, "" | "." | "..") && text.len() <= LONGEST;
    if is_name && !text.chars().any(|c| c == '/' || c.is_control()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "a domain's name has 1 to {LONGEST} bytes, no slash and no control characters"
    ))
}

/// A name that can be typed again.
pub(super) fn hold_name(text: &str) -> Result<String, String> {
    const LONGEST: usize = 200;
    match text.trim() == text && !text.is_empty() && text.len() <= LONGEST {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a hold's name has 1 to {LONGEST} bytes, and no blanks around it"
        )),
    }
}

/// `4`, `4-8`, `4..8`, `last`, `last-1`, as `dnf history` takes them.
pub(super) fn meant(text: &str) -> Result<Meant, String> {
    if let Some(rest) = text.strip_prefix("last") {
        let back = match rest.strip_prefix('-') {
            Some(back) => number(back),
            None => rest.is_empty().then_some(0),
        };
        return back.map(Meant::Last).ok_or_else(|| wrong(text));
    }
    let Some((first, last)) = text.split_once("..").or_else(|| text.split_once('-')) else {
        return id(text).map(Meant::One).ok_or_else(|| wrong(text));
    };
    match (id(first), id(last)) {
        (Some(first), Some(last)) if first <= last => Ok(Meant::Range(first, last)),
        (Some(_), Some(_)) => Err(format!("the range {text} ends before it begins")),
        _ => Err(wrong(text)),
    }
}

/// One transaction, not several.
pub(super) fn one_meant(text: &str) -> Result<Meant, String> {
    match meant(text)? {
        Meant::Range(..) => Err("one transaction at a time".into()),
        one => Ok(one),
    }
}

fn id(text: &str) -> Option<TransactionId> {
    number(text).filter(|number| *number > 0).map(TransactionId)
}

/// Digits alone: a sign is a typing error.
fn number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn wrong(text: &str) -> String {
    format!(
        "'{text}' is not a transaction's id: a whole number from 1, a range 4-8, last or last-1 \
         (see `virt-retire list`)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_dnf_history_has_them() {
        let id = TransactionId;
        for (text, expected) in [
            ("4", Meant::One(id(4))),
            ("4-8", Meant::Range(id(4), id(8))),
            ("4..8", Meant::Range(id(4), id(8))),
            ("4-4", Meant::Range(id(4), id(4))),
            ("last", Meant::Last(0)),
            ("last-1", Meant::Last(1)),
        ] {
            assert_eq!(meant(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "+1",
            "x",
            "8-4",
            "4-",
            "..",
            "4...8",
            "0-3",
            "last-",
            "last1",
            "last-x",
            "latest",
            "99999999999999999999",
            "4-last",
        ] {
            assert!(meant(text).is_err(), "{text}");
        }
    }
}
