//! A domain as it can be defined again: XML with secrets, snapshots, checkpoints.

use std::collections::HashMap;

use uuid::Uuid;
use virt::domain::Domain;
use virt::error::ErrorNumber;

use super::{Libvirt, errors, flags, sys};
use crate::model::{Checkpoint, Definition, DomainRef, SecretXml, Snapshot};
use crate::ports::{Examined, HypervisorError};
use crate::xml::{CheckpointXml, DomainXml, SnapshotXml, escape_line_breaks, without_overlays};

impl Libvirt {
    /// All that is asked of a domain that is to be retired, of one handle.
    pub(super) fn examine_one(&self, named: &DomainRef) -> Result<Examined, HypervisorError> {
        let gone = || HypervisorError::NoSuchDomain(named.name.clone());
        let domain = self.lookup(named.uuid, "looking up the domain")?;
        let domain = domain.ok_or_else(gone)?;
        let status = self.status_of(Some(domain.clone()))?.ok_or_else(gone)?;
        let definition = self.read_definition(&domain)?;
        let refusal = self.would_refuse(&definition.xml)?;
        Ok(Examined {
            status,
            definition,
            refusal,
        })
    }

    pub(super) fn read_definition(&self, domain: &Domain) -> Result<Definition, HypervisorError> {
        let xml = self.read_xml(domain)?;
        let snapshots = self.read_snapshots(domain)?;
        Ok(Definition {
            xml: SecretXml::new(escape_line_breaks(&xml).into_owned()),
            autostart: self.read_autostart(domain)?,
            current_snapshot: match snapshots.is_empty() {
                true => None,
                false => self.read_current_snapshot(domain)?,
            },
            snapshots,
            checkpoints: self.read_checkpoints(domain)?,
        })
    }

    /// The XML as it would be defined.
    ///
    /// Of a domain that was undefined while it ran, libvirt 11.3 still gives the old definition
    /// (`vm->newDef`) as the inactive one: disks and policy in it may be out of date. A transient
    /// domain is what it is now.
    fn read_xml(&self, domain: &Domain) -> Result<String, HypervisorError> {
        use virt::sys::{
            VIR_DOMAIN_XML_INACTIVE, VIR_DOMAIN_XML_MIGRATABLE, VIR_DOMAIN_XML_SECURE,
        };
        let failed = self.failed("reading the domain's XML");
        let dump = |flags| domain.xml_desc(flags).map_err(&failed);
        let not_read = |error| errors::xml("a transient domain")(error);
        let inactive = dump(VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE)?;
        // What is not active has nothing but a definition.
        if domain.id().is_none() || domain.is_persistent().map_err(&failed)? {
            return Ok(inactive);
        }
        // It is also what it runs on: the overlays of its `<transient/>` disks, which end with it.
        let at_rest = |xml: &str| without_overlays(&escape_line_breaks(xml)).map_err(not_read);
        let inactive = at_rest(&inactive)?;
        let live = at_rest(&dump(VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE)?)?;
        let read = |xml: &str| DomainXml::read(xml).map_err(not_read);
        let is_same = read(&inactive)?.says_the_same_as(&read(&live)?);
        Ok(if is_same { inactive } else { live })
    }

    fn read_snapshots(&self, domain: &Domain) -> Result<Vec<Snapshot>, HypervisorError> {
        let failed = self.failed("reading the snapshots");
        let mut snapshots = Vec::new();
        for snapshot in domain.list_all_snapshots(0).map_err(&failed)? {
            let xml = snapshot
                .xml_desc(virt::sys::VIR_DOMAIN_SNAPSHOT_XML_SECURE)
                .map_err(&failed)?;
            let xml = escape_line_breaks(&xml).into_owned();
            let read = SnapshotXml::read(&xml).map_err(errors::xml("a snapshot"))?;
            snapshots.push(Snapshot {
                name: read.name,
                parent: read.parent,
                xml: SecretXml::new(xml),
            });
        }
        Ok(parents_first(snapshots, |one| {
            (&one.name, one.parent.as_deref())
        }))
    }

    /// Without secrets, in no order, for finding out who uses what. A domain or a snapshot that
    /// has gone since it was listed uses nothing.
    pub(super) fn snapshot_dumps(
        &self,
        domain: &Domain,
    ) -> Result<Vec<SecretXml>, HypervisorError> {
        let call = "reading the snapshots";
        let gone = |error: &_| {
            errors::is(error, ErrorNumber::NoDomain)
                || errors::is(error, ErrorNumber::NoDomainSnapshot)
        };
        let snapshots = match domain.list_all_snapshots(0) {
            Ok(snapshots) => snapshots,
            Err(error) if gone(&error) => return Ok(Vec::new()),
            Err(error) => return Err(self.classify(call, &error)),
        };
        let mut dumps = Vec::with_capacity(snapshots.len());
        for snapshot in snapshots {
            match snapshot.xml_desc(0) {
                Ok(xml) => dumps.push(SecretXml::new(escape_line_breaks(&xml).into_owned())),
                Err(error) if gone(&error) => {}
                Err(error) => return Err(self.classify(call, &error)),
            }
        }
        Ok(dumps)
    }

    /// The same of the checkpoints.
    pub(super) fn checkpoint_dumps(
        &self,
        domain: &Domain,
    ) -> Result<Vec<SecretXml>, HypervisorError> {
        let dumps = match sys::checkpoints(domain) {
            Ok(dumps) => dumps,
            Err(error)
                if errors::is(&error, ErrorNumber::NoDomain)
                    || errors::is(&error, ErrorNumber::NoSupport) =>
            {
                Vec::new()
            }
            Err(error) => return Err(self.classify("reading the checkpoints", &error)),
        };
        let plain = |xml: &String| SecretXml::new(escape_line_breaks(xml).into_owned());
        Ok(dumps.iter().map(plain).collect())
    }

    fn read_current_snapshot(&self, domain: &Domain) -> Result<Option<String>, HypervisorError> {
        let failed = self.failed("reading the current snapshot");
        match domain.current_snapshot(0) {
            Ok(snapshot) => Ok(Some(snapshot.name().map_err(&failed)?)),
            Err(error) if errors::is(&error, ErrorNumber::NoDomainSnapshot) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn read_checkpoints(&self, domain: &Domain) -> Result<Vec<Checkpoint>, HypervisorError> {
        let (_, since) = flags::CHECKPOINTS_SINCE;
        if self.common_version() < since {
            return Ok(Vec::new());
        }
        let mut checkpoints = Vec::new();
        let dumps = match sys::checkpoints(domain) {
            Ok(dumps) => dumps,
            // Drivers other than QEMU have none.
            Err(error) if errors::is(&error, ErrorNumber::NoSupport) => Vec::new(),
            Err(error) => return Err(self.classify("reading the checkpoints", &error)),
        };
        for xml in dumps {
            let xml = escape_line_breaks(&xml).into_owned();
            let read = CheckpointXml::read(&xml).map_err(errors::xml("a checkpoint"))?;
            checkpoints.push(Checkpoint {
                name: read.name,
                parent: read.parent,
                xml: SecretXml::new(xml),
            });
        }
        Ok(parents_first(checkpoints, |one| {
            (&one.name, one.parent.as_deref())
        }))
    }

    /// With `REDEFINE` libvirt replaces metadata of that name, so doing it again is harmless.
    pub(super) fn put_snapshot(
        &self,
        uuid: Uuid,
        snapshot: &Snapshot,
        current: bool,
    ) -> Result<(), HypervisorError> {
        let mut flags = virt::sys::VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE;
        if current {
            flags |= virt::sys::VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT;
        }
        self.domain(uuid, "redefining a snapshot")?
            .create_snapshot_xml(snapshot.xml.reveal(), flags)
            .map_err(self.failed("redefining a snapshot"))?;
        Ok(())
    }

    /// Without `REDEFINE_VALIDATE`, which looks at the bitmaps and needs a running guest
    /// (`qemuCheckpointRedefineValidateBitmaps`). libvirt makes the first one current, and then
    /// each child of the current one (`virDomainCheckpointRedefinePrep`): parents first ends at the
    /// leaf.
    pub(super) fn put_checkpoint(
        &self,
        uuid: Uuid,
        checkpoint: &Checkpoint,
    ) -> Result<(), HypervisorError> {
        let (since, version) = flags::CHECKPOINTS_SINCE;
        self.require("redefining a checkpoint", since, version)?;
        let domain = self.domain(uuid, "redefining a checkpoint")?;
        sys::redefine_checkpoint(&domain, checkpoint.xml.reveal())
            .map_err(self.failed("redefining a checkpoint"))
    }
}

/// By depth, then by name: libvirt's own order of siblings is that of a hash table with a seed of
/// its own in each daemon, and the same domain must give the same definition twice. A parent that
/// is not in the list makes its child a root.
fn parents_first<T>(items: Vec<T>, key: impl Fn(&T) -> (&str, Option<&str>)) -> Vec<T> {
    let parents: HashMap<&str, Option<&str>> = items.iter().map(&key).collect();
    let depth = |item: &T| {
        let mut depth = 0;
        let mut above = key(item).1;
        // Bounded, should the parents go in a circle.
        while let Some(parent) = above
            && depth < parents.len()
        {
            depth += 1;
            above = parents.get(parent).copied().flatten();
        }
        depth
    };
    let mut order: Vec<(usize, &str, usize)> = items
        .iter()
        .enumerate()
        .map(|(index, item)| (depth(item), key(item).0, index))
        .collect();
    order.sort_unstable();
    let order: Vec<usize> = order.into_iter().map(|(.., index)| index).collect();
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order
        .into_iter()
        .filter_map(|index| items[index].take())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::parents_first;

    fn sorted(items: &[(&'static str, Option<&'static str>)]) -> Vec<&'static str> {
        parents_first(items.to_vec(), |one| *one)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn a_child_never_comes_before_its_parent() {
        let tree = [
            ("leaf", Some("middle")),
            ("middle", Some("root")),
            ("branch", Some("root")),
            ("root", None),
        ];
        assert_eq!(sorted(&tree), ["root", "branch", "middle", "leaf"]);
    }

    #[test]
    fn a_circle_ends() {
        assert_eq!(sorted(&[("a", Some("b")), ("b", Some("a"))]), ["a", "b"]);
    }
}
