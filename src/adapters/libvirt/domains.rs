//! Finding domains, and what state they are in.

use std::collections::HashSet;

use uuid::Uuid;
use virt::domain::{Domain, DomainState};
use virt::enumutil::Enum;
use virt::error::ErrorNumber;
use virt::sys;

use super::cached_definitions::DefinitionFile;
use super::overlapped::overlapped;
use super::sys::backup;
use super::{Libvirt, errors, flags};
use crate::model::{DomainRef, SecretXml, UndefineCall};
use crate::ports::{Described, HypervisorError, Status};
use crate::xml::escape_line_breaks;

/// Every domain. libvirt reads no flags as no filter (virConnectListAllDomains' page).
const ALL: u32 = 0;

/// A domain as the lists have it.
struct Listed<'a> {
    domain: Domain,
    status: Status,
    has_snapshots: bool,
    has_checkpoints: bool,
    /// Its definition, if nothing has to be asked for it.
    remembered: Option<SecretXml>,
    file: Option<DefinitionFile<'a>>,
}

impl Libvirt {
    pub(super) fn lookup(
        &self,
        uuid: Uuid,
        call: &'static str,
    ) -> Result<Option<Domain>, HypervisorError> {
        self.present(call, self.connection.lookup_domain_by_uuid(uuid))
    }

    /// One list where that is less than a call for each.
    pub(super) fn find_those_there(
        &self,
        uuids: &[Uuid],
    ) -> Result<HashSet<Uuid>, HypervisorError> {
        const FEW: usize = 8;
        let call = "looking up the domains";
        if uuids.len() <= FEW {
            let is_there = |uuid: &Uuid| Ok(self.lookup(*uuid, call)?.map(|_| *uuid));
            let found = uuids.iter().map(is_there);
            return found.filter_map(Result::transpose).collect();
        }
        let failed = self.failed(call);
        let all = self.connection.list_all_domains(ALL).map_err(&failed)?;
        let uuid = |domain: &Domain| domain.uuid().map_err(&failed);
        let all: HashSet<Uuid> = all.iter().map(uuid).collect::<Result<_, _>>()?;
        Ok(uuids
            .iter()
            .copied()
            .filter(|one| all.contains(one))
            .collect())
    }

    pub(super) fn lookup_name(&self, name: &str) -> Result<Option<Domain>, HypervisorError> {
        self.present(
            "looking up the domain",
            self.connection.lookup_domain_by_name(name),
        )
    }

    pub(super) fn present<T>(
        &self,
        call: &'static str,
        result: Result<T, virt::error::Error>,
    ) -> Result<Option<T>, HypervisorError> {
        match result {
            Ok(found) => Ok(Some(found)),
            Err(error) if errors::is(&error, ErrorNumber::NoDomain) => Ok(None),
            Err(error) => Err(self.classify(call, &error)),
        }
    }

    /// What looks like an id is tried as one, what is as long as a UUID as one, and everything as a
    /// name. virsh takes the first that there is, in this order (virsh(1), "NOTES";
    /// `virshLookupDomainInternal`), and says nothing of the others.
    pub(super) fn find_domain(&self, spec: &str) -> Result<DomainRef, HypervisorError> {
        let call = "looking up the domain";
        let mut found = None;
        let is_number = !spec.is_empty() && spec.bytes().all(|byte| byte.is_ascii_digit());
        if let (true, Ok(id @ 0..=0x7fff_ffff)) = (is_number, spec.parse::<u32>()) {
            let domain = self.present(call, self.connection.lookup_domain_by_id(id))?;
            found = domain.map(|domain| ("id", domain));
        }
        if found.is_none()
            && spec.len() == 36
            && let Ok(uuid) = Uuid::try_parse(spec)
        {
            let domain = self.lookup(uuid, call)?;
            found = domain.map(|domain| ("UUID", domain));
        }
        let named = self.lookup_name(spec)?;
        let named = named.map(|domain| self.reference(&domain)).transpose()?;
        let Some((taken_as, taken)) = found else {
            return named.ok_or_else(|| HypervisorError::NoSuchDomain(spec.to_owned()));
        };
        let taken = self.reference(&taken)?;
        match named {
            Some(named) if named.uuid != taken.uuid => Err(HypervisorError::Ambiguous {
                spec: spec.to_owned(),
                taken_as,
                taken: Box::new(taken),
                named: Box::new(named),
            }),
            _ => Ok(taken),
        }
    }

    /// Both are in the handle: no call is made.
    pub(super) fn reference(&self, domain: &Domain) -> Result<DomainRef, HypervisorError> {
        let failed = self.failed("reading the domain's name");
        Ok(DomainRef {
            name: domain.name().map_err(&failed)?,
            uuid: domain.uuid().map_err(&failed)?,
        })
    }

    /// Of a handle that has just been looked up, which says whether the domain is active. What is
    /// not is persistent, or it would not be there. One that goes away between the calls is not
    /// there.
    pub(super) fn status_of(
        &self,
        domain: Option<Domain>,
    ) -> Result<Option<Status>, HypervisorError> {
        let Some(domain) = domain else {
            return Ok(None);
        };
        let call = "asking for the domain's state";
        let active = domain.id().is_some();
        let persistent = match active {
            false => Some(true),
            true => self.present(call, domain.is_persistent())?,
        };
        let Some(persistent) = persistent else {
            return Ok(None);
        };
        let state = match active {
            true => self.present(call, domain.state())?,
            false => None,
        };
        let is_paused = |state| state == Enum::Known(DomainState::Paused);
        let paused = state.is_some_and(|(state, _)| is_paused(state));
        Ok(Some(Status {
            domain: self.reference(&domain)?,
            active,
            paused,
            persistent,
        }))
    }

    /// A few lists and one or two dumps for each domain that is not remembered: a list says by
    /// itself who is active, who is transient and who has snapshots or checkpoints.
    pub(super) fn describe_all(
        &self,
        must_ask: &dyn Fn(&SecretXml) -> bool,
    ) -> Result<Vec<Described>, HypervisorError> {
        let failed = self.failed("listing the domains");
        let all = self.connection.list_all_domains(ALL).map_err(&failed)?;
        let those = |filter| {
            self.connection
                .list_all_domains(filter)
                .map_err(&failed)?
                .iter()
                .map(|domain| domain.uuid().map_err(&failed))
                .collect::<Result<HashSet<_>, _>>()
        };
        // What is not active is defined, or it would not be there.
        let transient = match all.iter().any(|domain| domain.id().is_some()) {
            true => those(sys::VIR_CONNECT_LIST_DOMAINS_TRANSIENT)?,
            false => HashSet::new(),
        };
        let with_snapshots = those(sys::VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT)?;
        let with_checkpoints = match self.common_version() >= flags::CHECKPOINTS_SINCE.1 {
            true => those(sys::VIR_CONNECT_LIST_DOMAINS_HAS_CHECKPOINT)?,
            false => HashSet::new(),
        };
        let mut listed = Vec::with_capacity(all.len());
        for domain in all {
            let reference = self.reference(&domain)?;
            let status = Status {
                active: domain.id().is_some(),
                paused: false,
                persistent: !transient.contains(&reference.uuid),
                domain: reference,
            };
            let file = self.cached_definitions.as_ref();
            let file = file.and_then(|it| it.file_of(&status.domain));
            let remembered = file.as_ref().filter(|_| !status.active);
            let remembered = remembered.and_then(DefinitionFile::remembered);
            listed.push(Listed {
                has_snapshots: with_snapshots.contains(&status.domain.uuid),
                has_checkpoints: with_checkpoints.contains(&status.domain.uuid),
                remembered: remembered.filter(|xml| !must_ask(xml)),
                file,
                domain,
                status,
            });
        }
        let described = overlapped(listed, |listed| self.describe(listed));
        let described: Vec<Option<Described>> = described.into_iter().collect::<Result<_, _>>()?;
        Ok(described.into_iter().flatten().collect())
    }

    fn describe(&self, listed: Listed) -> Result<Option<Described>, HypervisorError> {
        let Listed {
            domain,
            status,
            has_snapshots,
            has_checkpoints,
            remembered,
            file,
        } = listed;
        let dump = |flags| {
            self.present("reading a domain's XML", domain.xml_desc(flags))
                .map(|xml| xml.map(|xml| SecretXml::new(escape_line_breaks(&xml).into_owned())))
        };
        let first = if status.persistent {
            sys::VIR_DOMAIN_XML_INACTIVE
        } else {
            0
        };
        let xml = match remembered {
            Some(xml) => xml,
            None => {
                let Some(xml) = dump(first)? else {
                    return Ok(None);
                };
                if let Some(file) = file
                    && !status.active
                {
                    file.remember(&xml);
                }
                xml
            }
        };
        // Flags 0 give the live XML of an active domain and the inactive one of any other, so a
        // guest that ends in between does no harm.
        let live_xml = if status.active && status.persistent {
            dump(0)?
        } else {
            None
        };
        Ok(Some(Described {
            status,
            xml,
            live_xml,
            snapshots: match has_snapshots {
                true => self.snapshot_dumps(&domain)?,
                false => Vec::new(),
            },
            checkpoints: match has_checkpoints {
                true => self.checkpoint_dumps(&domain)?,
                false => Vec::new(),
            },
        }))
    }

    pub(super) fn read_live_xml(&self, uuid: Uuid) -> Result<Option<SecretXml>, HypervisorError> {
        let call = "reading the domain's XML";
        let Some(domain) = self.lookup(uuid, call)? else {
            return Ok(None);
        };
        let status = self.status_of(Some(domain.clone()))?;
        if !status.is_some_and(|status| status.active && status.persistent) {
            return Ok(None);
        }
        let xml = self.present(call, domain.xml_desc(0))?;
        Ok(xml.map(|xml| SecretXml::new(escape_line_breaks(&xml).into_owned())))
    }

    /// Backups came with checkpoints, and a domain that is not running has none.
    pub(super) fn read_backup(&self, uuid: Uuid) -> Result<Option<String>, HypervisorError> {
        let call = "reading the backup job";
        let (_, since) = flags::CHECKPOINTS_SINCE;
        let Some(domain) = self.lookup(uuid, call)? else {
            return Ok(None);
        };
        if self.common_version() < since || domain.id().is_none() {
            return Ok(None);
        }
        match backup(&domain) {
            Ok(xml) => Ok(Some(xml)),
            Err(error)
                if errors::is(&error, ErrorNumber::NoDomainBackup)
                    || errors::is(&error, ErrorNumber::NoDomain)
                    || errors::is(&error, ErrorNumber::NoSupport)
                    || errors::is(&error, ErrorNumber::OperationInvalid) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.classify(call, &error)),
        }
    }

    /// One call with every flag: a call that is refused for a missing one may already have dropped
    /// the snapshots' metadata. Answers the name that the domain had.
    pub(super) fn undefine_domain(
        &self,
        uuid: Uuid,
        call: UndefineCall,
    ) -> Result<String, HypervisorError> {
        if call.keep_tpm {
            let (since, version) = flags::KEEP_TPM_SINCE;
            self.require("keeping TPM state", since, version)?;
        }
        if call.checkpoints_metadata {
            let (since, version) = flags::CHECKPOINTS_SINCE;
            self.require("removing checkpoints", since, version)?;
        }
        let call_name = "undefining the domain";
        let domain = self.domain(uuid, call_name)?;
        let name = self.reference(&domain)?.name;
        domain
            .undefine_flags(flags::undefine(call))
            .map_err(self.failed(call_name))?;
        Ok(name)
    }

    pub(super) fn define_domain(&self, xml: &SecretXml) -> Result<DomainRef, HypervisorError> {
        let domain = self
            .connection
            .define_domain_xml_flags(xml.reveal(), 0)
            .map_err(self.failed("defining the domain"))?;
        self.reference(&domain)
    }
}
