//! The domain's own disks, with everything that decides their fate.

use std::path::PathBuf;

use uuid::Uuid;

use crate::model::{Access, ChainFacts, DiskFacts, FileRef, Policy, SourceKind, Unreadable};
use crate::ports::HypervisorError;
use crate::xml::{DiskXml, DomainXml, Source};

use super::chain::{self, Declared, DeclaredAt, DeclaredImage, Layer, Start};
use super::{Survey, SurveyError};

impl Survey<'_> {
    pub(super) fn disks(
        &self,
        owner: Uuid,
        xml: &DomainXml,
        policy: &Policy,
    ) -> Result<Vec<DiskFacts>, SurveyError> {
        xml.disks
            .iter()
            .map(|disk| self.disk(owner, disk, policy))
            .collect()
    }

    /// What the running guest has besides: a disk that was attached to it alone, another medium in
    /// a drive, an image that it was moved to.
    pub(super) fn live_disks(
        &self,
        owner: Uuid,
        live: &DomainXml,
        policy: &Policy,
        defined: &[DiskFacts],
    ) -> Result<Vec<DiskFacts>, SurveyError> {
        let mut found = Vec::new();
        for disk in &live.disks {
            let mut facts = self.disk(owner, disk, policy)?;
            if facts.kind == SourceKind::Empty || defined.iter().any(|it| it.is_same(&facts)) {
                continue;
            }
            facts.live_only = true;
            found.push(facts);
        }
        Ok(found)
    }

    fn disk(&self, owner: Uuid, disk: &DiskXml, policy: &Policy) -> Result<DiskFacts, SurveyError> {
        let mut facts = DiskFacts {
            target: disk.target.clone(),
            device: disk.device,
            access: Access::of(disk.readonly, disk.shareable),
            kind: kind(&disk.source),
            source: spelled(&disk.source),
            file: None,
            links: Vec::new(),
            chain: Vec::new(),
            unreadable: Vec::new(),
            policy: policy.of(&disk.target),
            live_only: false,
        };
        let path = match &disk.source {
            Source::File(path) | Source::Block(path) | Source::Dir(path) => path.clone(),
            Source::Volume { pool, volume } => match self.pools.locate(pool, volume) {
                Ok(found) if found.kind == "file" || found.kind == "dir" => found.path,
                Ok(found) => {
                    facts.kind = SourceKind::Foreign(format!("a volume of type '{}'", found.kind));
                    return Ok(facts);
                }
                Err(HypervisorError::NoSuchVolume { cause, .. }) => {
                    facts.unreadable.push(Unreadable {
                        path: PathBuf::from(format!("{pool}/{volume}")),
                        cause,
                        is_apart: true,
                    });
                    return Ok(facts);
                }
                Err(error) => return Err(error.into()),
            },
            Source::None | Source::Network { .. } | Source::Other(_) => return Ok(facts),
        };
        // Without a declared format libvirt takes a disk for raw, and a raw image has no chain:
        // its guest could have written any header.
        let walk = chain::walk_declared(
            self.storage,
            Start {
                path: &path,
                format: Some(disk.format.as_deref().unwrap_or("raw")),
                offset: disk.offset,
            },
            &self.declared(disk),
        );
        facts.unreadable = walk.unreadable();
        let mut layers = walk.layers.into_iter();
        if let Some(top) = layers.next() {
            facts.links = self.links(owner, &top);
            facts.file = Some(self.reached(owner, top.path, top.facts, top.planted));
        }
        facts.chain = layers
            .map(|layer| self.below(owner, layer, false))
            .collect();
        Ok(facts)
    }

    /// The chain as far as the XML itself spells it out.
    pub(super) fn declared(&self, disk: &DiskXml) -> Declared {
        let below = disk.backing.iter().filter_map(|layer| {
            Some(DeclaredImage {
                place: self.place(&layer.source)?,
                format: layer.format.clone(),
                offset: layer.offset,
                data_file: layer.data_store.as_ref().and_then(|it| self.place(it)),
            })
        });
        let store = disk.data_store.as_ref();
        Declared {
            data_file: store.and_then(|store| self.place(&store.source)),
            below: below.collect(),
        }
    }

    fn place(&self, source: &Source) -> Option<DeclaredAt> {
        Some(match source {
            Source::None => return None,
            Source::File(path) | Source::Block(path) | Source::Dir(path) => {
                DeclaredAt::File(path.clone())
            }
            Source::Volume { pool, volume } => match self.pools.locate(pool, volume) {
                Ok(found) if found.kind == "file" || found.kind == "block" => {
                    DeclaredAt::File(found.path)
                }
                Ok(found) => DeclaredAt::Elsewhere(format!("a volume of type '{}'", found.kind)),
                Err(error) => DeclaredAt::Elsewhere(error.to_string()),
            },
            Source::Network { .. } | Source::Other(_) => {
                DeclaredAt::Elsewhere(spelled(source).unwrap_or_default())
            }
        })
    }

    /// One image of a chain.
    pub(super) fn below(&self, owner: Uuid, layer: Layer, begins_branch: bool) -> ChainFacts {
        ChainFacts {
            links: self.links(owner, &layer),
            file: self.reached(owner, layer.path, layer.facts, layer.planted),
            is_data_file: layer.is_data_file,
            begins_branch,
            unread: layer.unread,
        }
    }

    pub(super) fn links(&self, owner: Uuid, layer: &Layer) -> Vec<FileRef> {
        layer
            .links
            .iter()
            .map(|(path, facts)| self.file(owner, path.clone(), facts.clone()))
            .collect()
    }
}

fn kind(source: &Source) -> SourceKind {
    match source {
        Source::None => SourceKind::Empty,
        Source::File(_) => SourceKind::File,
        Source::Volume { .. } => SourceKind::Volume,
        Source::Block(_) => SourceKind::Block,
        Source::Dir(_) => SourceKind::Dir,
        Source::Network { protocol, .. } => SourceKind::Network(protocol.clone()),
        Source::Other(what) => SourceKind::Foreign(what.clone()),
    }
}

/// The source in the words that `--storage` may use for it.
fn spelled(source: &Source) -> Option<String> {
    match source {
        Source::File(path) | Source::Block(path) | Source::Dir(path) => {
            path.to_str().map(str::to_owned)
        }
        Source::Volume { pool, volume } => Some(format!("{pool}/{volume}")),
        Source::Network { protocol, name, .. } => Some(match name {
            Some(name) => format!("{protocol}:{name}"),
            None => protocol.clone(),
        }),
        Source::Other(what) => Some(what.clone()),
        Source::None => None,
    }
}
