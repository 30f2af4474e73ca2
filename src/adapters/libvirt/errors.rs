//! libvirt's error codes as the port's few answers.

use virt::error::{Error, ErrorNumber};

use super::Libvirt;
use crate::ports::HypervisorError;
use crate::xml::XmlError;

/// Whether an error means this, and not whether it means anything else.
pub(super) fn is(error: &Error, number: ErrorNumber) -> bool {
    error.code().to_raw() == virt::error::ErrorNumberEnum::from(number).to_raw()
}

impl Libvirt {
    /// For `map_err`: what became of `call`, a verb phrase such as `undefining the domain`.
    pub(super) fn failed(&self, call: &'static str) -> impl Fn(Error) -> HypervisorError + '_ {
        move |error| self.classify(call, &error)
    }

    pub(super) fn classify(&self, call: &'static str, error: &Error) -> HypervisorError {
        let cause = error.message().to_owned();
        if is(error, ErrorNumber::NoDomain) {
            return HypervisorError::NoSuchDomain(subject(&cause));
        }
        if self.is_lost(error) {
            HypervisorError::Lost { call, cause }
        } else {
            HypervisorError::Refused { call, cause }
        }
    }

    /// A broken connection shows in many codes: RPC, system errors of a socket, internal errors of
    /// the client. Whether it is still open is the question, and the client answers it without
    /// asking the server.
    fn is_lost(&self, error: &Error) -> bool {
        is(error, ErrorNumber::NoConnect)
            || is(error, ErrorNumber::InvalidConn)
            || !self.connection.is_alive().unwrap_or(false)
    }
}

/// "Domain not found: no domain with matching uuid 'U' (NAME)": what is between the quotes.
fn subject(message: &str) -> String {
    let mut parts = message.splitn(3, '\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(quoted), Some(_)) => quoted.to_owned(),
        _ => message.to_owned(),
    }
}

pub(super) fn xml(subject: impl Into<String>) -> impl FnOnce(XmlError) -> HypervisorError {
    move |error| HypervisorError::Xml {
        subject: subject.into(),
        cause: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_that_is_missing_is_named() {
        assert_eq!(
            subject("Domain not found: no domain with matching name 'vm'"),
            "vm"
        );
        assert_eq!(subject("Domain not found"), "Domain not found");
    }
}
