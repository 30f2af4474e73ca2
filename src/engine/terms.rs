//! On which terms a rollback brings a domain back: what the operator asks for, and what that comes
//! to for this transaction and this host. Drawn before anything is changed, written with the
//! decision, and from then on only read.

use std::path::{Path, PathBuf};

use crate::model::{
    Amendment, DomainRef, Override, OverrideFlag, Refusal, RefusalCode, Rename, SecretXml, State,
    Transaction,
};
use crate::xml::{DomainXml, XmlError, mac_addresses, paths};

use super::World;
use super::error::EngineError;

/// What an operator asks for with `rollback`'s flags.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RollbackRequest {
    pub name: Option<String>,
    pub new_uuid: bool,
    pub new_macs: bool,
    /// A repaired definition of the same domain.
    pub xml: Option<SecretXml>,
    /// The files alone.
    pub files_only: bool,
    /// What was below the first path, or is that file, comes back at the second.
    pub paths: Vec<(PathBuf, PathBuf)>,
    /// Go on although a base that was kept is another one than it was, or is gone.
    pub accept_changed_base: bool,
}

/// What [`RollbackRequest`] comes to.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    pub(super) rename: Option<Rename>,
    pub(super) amendment: Option<Amendment>,
}

impl Terms {
    /// Where they set aside that a rollback brings back what was there.
    pub(super) fn overrides(&self) -> Vec<Override> {
        let Some(amendment) = &self.amendment else {
            return Vec::new();
        };
        let mut all = Vec::new();
        if amendment.files_only {
            let what = "the files came back alone, and the domain stays undefined";
            all.push(Override::new(OverrideFlag::Files, what));
        }
        if amendment.xml.is_some() {
            let what = "another definition than the saved one";
            all.push(Override::new(OverrideFlag::Xml, what));
        }
        let moved = |(old, new): &(PathBuf, PathBuf)| {
            let what = format!("{} came back as {}", old.display(), new.display());
            Override::new(OverrideFlag::Path, what)
        };
        all.extend(amendment.paths.iter().map(moved));
        all
    }
}

impl RollbackRequest {
    /// Whether the domain comes back under another identity.
    fn renames(&self) -> bool {
        self.name.is_some() || self.new_uuid || self.new_macs
    }

    /// Whether it can only be meant for one transaction.
    pub fn is_for_one(&self) -> bool {
        self.renames() || self.xml.is_some()
    }

    /// Whether it says how a rollback that got stuck should go on.
    pub(super) fn leads_out(&self) -> bool {
        self.xml.is_some() || self.files_only || !self.paths.is_empty()
    }

    /// # Errors
    /// [`EngineError::Refused`]: another domain's definition, a folder that nothing comes from,
    /// another identity in the middle of a rollback. [`EngineError::Xml`]: the saved XML is none.
    pub(super) fn draw(
        &self,
        world: &World,
        transaction: &Transaction,
    ) -> Result<Terms, EngineError> {
        let is_stuck = transaction.state() == State::Stuck;
        if is_stuck && self.renames() {
            return Err(refused(
                RefusalCode::Unsupported,
                transaction,
                "it is stuck, and goes on under the identity that it began with".into(),
                "leave --as-name, --new-uuid and --new-macs out".into(),
            ));
        }
        if let Some(xml) = &self.xml {
            same_domain(transaction, xml)?;
        }
        let rename = match is_stuck {
            true => transaction.renamed().cloned(),
            false => self.rename(transaction).map_err(EngineError::Xml)?,
        };
        let mut amendment = match is_stuck {
            true => transaction.amendment().cloned().unwrap_or_default(),
            false => Amendment::default(),
        };
        if let Some(xml) = &self.xml {
            amendment.xml = Some(xml.clone());
            amendment.files_only = false;
        }
        amendment.files_only |= self.files_only;
        self.draw_paths(world, transaction, &mut amendment)?;
        let amends = amendment != Amendment::default();
        Ok(Terms {
            rename,
            amendment: amends.then_some(amendment),
        })
    }

    fn rename(&self, transaction: &Transaction) -> Result<Option<Rename>, XmlError> {
        if !self.renames() {
            return Ok(None);
        }
        let old = transaction.domain();
        let xml = self.xml.as_ref().unwrap_or(&transaction.definition.xml);
        let macs = match self.new_macs {
            true => mac_addresses(xml.reveal())?,
            false => Vec::new(),
        };
        Ok(Some(Rename {
            domain: DomainRef {
                name: self.name.clone().unwrap_or_else(|| old.name.clone()),
                uuid: match self.new_uuid {
                    true => uuid::Uuid::new_v4(),
                    false => old.uuid,
                },
            },
            macs: macs
                .into_iter()
                .map(|mac| (mac.clone(), like(&mac)))
                .collect(),
        }))
    }

    /// Each file that comes back, and each name in the XML, that is another one now.
    fn draw_paths(
        &self,
        world: &World,
        transaction: &Transaction,
        amendment: &mut Amendment,
    ) -> Result<(), EngineError> {
        let quarantined = transaction.quarantined();
        let files: Vec<&Path> = quarantined.map(|(_, taken, _)| taken.path()).collect();
        for (old, new) in &self.paths {
            if !files.iter().any(|path| path.starts_with(old)) {
                return Err(refused(
                    RefusalCode::PlaceChanged,
                    transaction,
                    format!("none of its files was in {}", old.display()),
                    format!(
                        "to see where its files come from: virt-retire show {}",
                        transaction.id
                    ),
                ));
            }
            // Something that a shell did not expand, or a name that means another folder tomorrow.
            if !new.is_absolute() {
                return Err(refused(
                    RefusalCode::PlaceChanged,
                    transaction,
                    format!("{} is not an absolute path", new.display()),
                    "give --path OLD=NEW with two absolute paths".into(),
                ));
            }
        }
        let mut put = |old: &Path, new: PathBuf| {
            if old == new {
                return;
            }
            match amendment.paths.iter_mut().find(|(known, _)| known == old) {
                Some(known) => known.1 = new,
                None => amendment.paths.push((old.to_owned(), new)),
            }
        };
        for path in &files {
            if let Some(new) = self.mapped(path) {
                put(path, real(world, transaction, &new)?);
            }
        }
        for link in kept_links(transaction).chain(names_in_xml(transaction, self)?) {
            let Some(new) = self
                .mapped(&link)
                .filter(|_| !files.contains(&link.as_path()))
            else {
                continue;
            };
            if leads_on(world, &link, &new)? {
                put(&link, new);
            }
        }
        Ok(())
    }

    /// Where `path` is now; the longest folder that was named decides.
    fn mapped(&self, path: &Path) -> Option<PathBuf> {
        let named = self.paths.iter().filter(|(old, _)| path.starts_with(old));
        let (old, new) = named.max_by_key(|(old, _)| old.components().count())?;
        let rest = path.strip_prefix(old).ok()?;
        Some(match rest.as_os_str().is_empty() {
            true => new.clone(),
            false => new.join(rest),
        })
    }
}

/// A file that stayed in a folder of which it is said that it moved: it is looked for in both. Of
/// one that is in neither (libvirt makes it when the guest starts) the folder decides.
fn leads_on(world: &World, old: &Path, new: &Path) -> Result<bool, EngineError> {
    let is_there = |path: &Path| -> Result<bool, EngineError> {
        let real = world.storage.resolve(path)?.real;
        Ok(world.storage.glance(&real)?.is_some())
    };
    if is_there(old)? {
        return Ok(false);
    }
    if is_there(new)? {
        return Ok(true);
    }
    old.parent()
        .map_or(Ok(true), |folder| Ok(!is_there(folder)?))
}

/// The path by which a file is moved has no symlink in it.
fn real(world: &World, transaction: &Transaction, path: &Path) -> Result<PathBuf, EngineError> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(path.to_owned());
    };
    let found = world.storage.resolve(folder)?;
    match found.planted {
        None => Ok(found.real.join(name)),
        // Or a user would choose where root puts his file.
        Some(why) => Err(refused(
            RefusalCode::PlaceChanged,
            transaction,
            why,
            "give --path OLD=NEW with a folder that no user's symlink is the way to".into(),
        )),
    }
}

fn kept_links(transaction: &Transaction) -> impl Iterator<Item = PathBuf> + '_ {
    let chains = transaction.plan.disks.iter().flat_map(|disk| &disk.chain);
    chains.map(|link| link.path.clone())
}

fn names_in_xml(
    transaction: &Transaction,
    request: &RollbackRequest,
) -> Result<Vec<PathBuf>, EngineError> {
    let saved = &transaction.definition;
    let mut named = Vec::new();
    let all = [request.xml.as_ref().unwrap_or(&saved.xml)]
        .into_iter()
        .chain(saved.snapshots.iter().map(|one| &one.xml))
        .chain(saved.checkpoints.iter().map(|one| &one.xml));
    for xml in all {
        let found = paths(xml.reveal()).map_err(EngineError::Xml)?;
        named.extend(found.into_iter().map(PathBuf::from));
    }
    Ok(named)
}

/// A repaired definition is one of the same domain: by its UUID, and by its name, which files are
/// named after. Another name is asked for by itself.
fn same_domain(transaction: &Transaction, xml: &SecretXml) -> Result<(), EngineError> {
    let own = transaction.domain();
    let id = transaction.id;
    let other = |message: String, hint: String| {
        refused(RefusalCode::OtherDomain, transaction, message, hint)
    };
    let read = DomainXml::read(xml.reveal()).map_err(|cause| match cause {
        // What says no name or no UUID is of no domain that is known.
        XmlError::Missing(_) | XmlError::Uuid(_) => other(
            format!("the repaired definition is not understood: {cause}"),
            format!(
                "begin with the saved one: virt-retire show {id} --security-info, and leave its \
                 <uuid> in"
            ),
        ),
        cause => EngineError::UnreadableXml { id, cause },
    })?;
    if read.uuid != own.uuid {
        return Err(other(
            format!(
                "the repaired definition is of another domain: its UUID is {}, and domain {} has \
                 {}",
                read.uuid, own.name, own.uuid
            ),
            format!("put <uuid>{}</uuid> into it", own.uuid),
        ));
    }
    if read.name != own.name {
        return Err(other(
            format!(
                "the repaired definition names the domain {}, and it is called {}",
                read.name, own.name
            ),
            "leave the name in it as it was; to give the domain another one add --as-name NAME"
                .into(),
        ));
    }
    Ok(())
}

fn refused(code: RefusalCode, transaction: &Transaction, why: String, hint: String) -> EngineError {
    EngineError::Refused {
        refusals: vec![Refusal {
            code,
            subject: transaction.domain().name.clone(),
            message: format!(
                "transaction {} cannot be rolled back so: {why}",
                transaction.id
            ),
            hint,
        }],
    }
}

/// Another address of the same maker: the first three bytes say who that is.
fn like(mac: &str) -> String {
    let drawn = uuid::Uuid::new_v4();
    let [one, two, three, ..] = drawn.as_bytes();
    let maker = mac.get(..8).unwrap_or("52:54:00");
    format!("{maker}:{one:02x}:{two:02x}:{three:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_folder_decides() {
        let pair = |old: &str, new: &str| (PathBuf::from(old), PathBuf::from(new));
        let request = RollbackRequest {
            paths: vec![
                pair("/srv", "/a"),
                pair("/srv/vm", "/b"),
                pair("/srv/vm/x.img", "/c.img"),
            ],
            ..RollbackRequest::default()
        };
        let mapped = |path: &str| request.mapped(Path::new(path));
        assert_eq!(mapped("/srv/iso/i"), Some("/a/iso/i".into()));
        assert_eq!(mapped("/srv/vm/y.img"), Some("/b/y.img".into()));
        assert_eq!(mapped("/srv/vm/x.img"), Some("/c.img".into()));
        assert_eq!(mapped("/srv2/vm"), None);
    }
}
