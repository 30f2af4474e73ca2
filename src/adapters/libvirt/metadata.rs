//! The domain's own metadata: one element per namespace.

use uuid::Uuid;
use virt::error::ErrorNumber;
use virt::sys;

use super::{Libvirt, errors, flags};
use crate::ports::{HypervisorError, Status};

const ELEMENT: i32 = sys::VIR_DOMAIN_METADATA_ELEMENT as i32;

impl Libvirt {
    /// Of a persistent domain the metadata it will start with, as [`Libvirt::read_definition`]
    /// has it; a transient one has live metadata only.
    pub(super) fn read_metadata(
        &self,
        uuid: Uuid,
        namespace: &str,
    ) -> Result<Option<String>, HypervisorError> {
        let failed = self.failed("reading the domain's metadata");
        self.without_nul("reading the domain's metadata", &[namespace])?;
        let domain = self.domain(uuid, "reading the domain's metadata")?;
        let persistent = domain.is_persistent().map_err(&failed)?;
        match domain.metadata(
            ELEMENT,
            Some(namespace),
            flags::impact(!persistent, persistent),
        ) {
            Ok(xml) => Ok(Some(xml)),
            Err(error) if errors::is(&error, ErrorNumber::NoDomainMetadata) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// One call for each domain, and its state by two lists.
    pub(super) fn all_with_metadata(
        &self,
        namespace: &str,
    ) -> Result<Vec<(Status, String)>, HypervisorError> {
        let failed = self.failed("listing the domains");
        let list = |filter| self.connection.list_all_domains(filter).map_err(&failed);
        let transient = list(sys::VIR_CONNECT_LIST_DOMAINS_TRANSIENT)?
            .iter()
            .map(|domain| domain.uuid().map_err(&failed))
            .collect::<Result<std::collections::HashSet<_>, _>>()?;
        let mut all = Vec::new();
        for domain in list(0)? {
            let reference = self.reference(&domain)?;
            let found = match self.read_metadata(reference.uuid, namespace) {
                // It is gone meanwhile.
                Err(HypervisorError::NoSuchDomain(_)) => None,
                other => other?,
            };
            all.extend(found.map(|xml| {
                let status = Status {
                    active: domain.id().is_some(),
                    paused: false,
                    persistent: !transient.contains(&reference.uuid),
                    domain: reference,
                };
                (status, xml)
            }));
        }
        Ok(all)
    }

    pub(super) fn write_metadata(
        &self,
        uuid: Uuid,
        namespace: &str,
        prefix: &str,
        xml: Option<&str>,
        impact: u32,
    ) -> Result<(), HypervisorError> {
        let call = "setting the domain's metadata";
        self.without_nul(call, &[namespace, prefix, xml.unwrap_or_default()])?;
        let result = self.domain(uuid, call)?.set_metadata(
            ELEMENT,
            xml,
            // libvirt wants a prefix with an element, and none without.
            xml.map(|_| prefix),
            Some(namespace),
            impact,
        );
        match result {
            Err(error) if xml.is_none() && errors::is(&error, ErrorNumber::NoDomainMetadata) => {
                Ok(())
            }
            other => other.map_err(self.failed(call)),
        }
    }

    /// The virt crate unwraps while it makes C strings of these.
    fn without_nul(&self, call: &'static str, texts: &[&str]) -> Result<(), HypervisorError> {
        if texts.iter().any(|text| text.contains('\0')) {
            return Err(HypervisorError::Refused {
                call,
                cause: "the text contains a NUL".into(),
            });
        }
        Ok(())
    }
}
