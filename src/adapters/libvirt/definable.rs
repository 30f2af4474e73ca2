//! Whether libvirt would define an XML, without defining it.
//!
//! Two questions, neither of which changes anything (both seen with 11.3):
//!
//! - `virConnectDomainXMLToNative` reads the XML as define does, and then makes QEMU's command line
//!   of it. What it accepts is defined as well. Some of what it refuses could be defined and not
//!   started: a pool that is not active, a host device that is not there.
//! - `virDomainDefineXML` of a domain whose name has a line break in it. libvirt reads and checks
//!   the whole XML first and the name last (`virXMLCheckIllegalChars` in
//!   `qemuDomainDefineXMLFlags`), so that this is always refused: for the XML's own fault where it
//!   has one, and else for the name's.
//!
//! The second is asked where the first said no, because libvirt writes every refusal to its log.
//! What both refuse for one and the same cause is what define would be refused for.
//!
//! The first is asked without the domain's interfaces (see [`untouching`]). Where one of them has
//! what not every QEMU has, the second is asked of the XML with and without them.

use virt::error::{Error, ErrorNumber};
use virt::sys;

use super::{Libvirt, errors};
use crate::model::SecretXml;
use crate::ports::HypervisorError;
use crate::xml::{DomainXml, IdentityChange, change_identity, interfaces_need_qemu, untouching};

/// The only format that QEMU's driver knows: `QEMU_CONFIG_FORMAT_ARGV`.
const FORMAT: &str = "qemu-argv";

/// What is being done, as an error tells it.
const CALL: &str = "checking the domain's XML";

impl Libvirt {
    pub(super) fn would_refuse(&self, xml: &SecretXml) -> Result<Option<String>, HypervisorError> {
        let Some(unnameable) = unnameable(xml)? else {
            return Ok(None);
        };
        let asked = SecretXml::new(untouching(xml.reveal()).map_err(errors::xml("the domain"))?);
        let native = self
            .connection
            .domain_xml_to_native(FORMAT, asked.reveal(), 0);
        match native {
            Ok(_) if interfaces_need_qemu(xml.reveal()).map_err(errors::xml("the domain"))? => {
                self.interfaces_refused(&asked, &unnameable)
            }
            Ok(_) => Ok(None),
            Err(first) if errors::is(&first, ErrorNumber::NoSupport) => Ok(None),
            Err(first) if self.says_nothing_of_xml(&first) => Err(self.classify(CALL, &first)),
            Err(first) => {
                let second = self.refusal_of(&unnameable)?;
                Ok(second.and_then(|second| same_cause(first.message(), &second)))
            }
        }
    }

    /// What define says of the whole XML and not of the same XML without its interfaces. Both are
    /// refused, for the name at last.
    fn interfaces_refused(
        &self,
        without: &SecretXml,
        with: &str,
    ) -> Result<Option<String>, HypervisorError> {
        let Some(without) = unnameable(without)? else {
            return Ok(None);
        };
        let (Some(usual), Some(told)) = (self.refusal_of(&without)?, self.refusal_of(with)?) else {
            return Ok(None);
        };
        Ok(match same_cause(&usual, &told) {
            Some(_) => None,
            None => Some(told.trim().to_owned()),
        })
    }

    /// Why this XML is refused, which has a name that no domain can have.
    fn refusal_of(&self, unnameable: &str) -> Result<Option<String>, HypervisorError> {
        match self.connection.define_domain_xml_flags(unnameable, 0) {
            Err(refusal) if self.says_nothing_of_xml(&refusal) => {
                Err(self.classify(CALL, &refusal))
            }
            Err(refusal) => Ok(Some(refusal.message().to_owned())),
            // No libvirt that is known takes such a name. It must not stay.
            Ok(domain) => {
                let keep = sys::VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | sys::VIR_DOMAIN_UNDEFINE_KEEP_TPM;
                domain.undefine_flags(keep).map_err(self.failed(CALL))?;
                Ok(None)
            }
        }
    }

    fn says_nothing_of_xml(&self, error: &Error) -> bool {
        let denied = [ErrorNumber::AccessDenied, ErrorNumber::OperationDenied];
        denied.into_iter().any(|number| errors::is(error, number))
            || matches!(self.classify(CALL, error), HypervisorError::Lost { .. })
    }
}

/// The XML with a line break at the end of the domain's name; `None` where the name was not found,
/// so that what is sent to be refused never is a domain that could be defined.
fn unnameable(xml: &SecretXml) -> Result<Option<String>, HypervisorError> {
    let failed = errors::xml("the domain");
    let change = |xml: &str| {
        let read = DomainXml::read(xml)?;
        let uuid = read.uuid.to_string();
        change_identity(
            xml,
            &IdentityChange {
                name: (
                    read.name.trim().to_owned(),
                    format!("{}\n", read.name.trim()),
                ),
                uuid: (uuid.clone(), uuid),
                macs: Vec::new(),
                nvram: None,
            },
        )
    };
    let changed = change(xml.reveal()).map_err(failed)?;
    Ok((changed != xml.reveal()).then_some(changed))
}

/// Messages may name the domain, and with it the line break.
fn same_cause(first: &str, second: &str) -> Option<String> {
    let flat = |message: &str| message.replace('\n', "");
    (flat(first) == flat(second)).then(|| first.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_to_be_refused_cannot_be_defined() {
        let xml = "<domain><name>web &amp; co</name>\
                   <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid></domain>";
        let changed = unnameable(&SecretXml::new(xml.into())).unwrap().unwrap();
        assert!(changed.contains("<name>web &amp; co\n</name>"), "{changed}");
    }

    #[test]
    fn only_one_cause_counts() {
        let spice = "unsupported configuration: spice graphics are not supported with this QEMU";
        assert_eq!(same_cause(spice, spice).as_deref(), Some(spice));
        assert_eq!(same_cause("no 'a'", "no 'a\n'").as_deref(), Some("no 'a'"));
        assert_eq!(
            same_cause(
                "host doesn't support passthrough",
                "invalid char in name: \n"
            ),
            None
        );
    }
}
