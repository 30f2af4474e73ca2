//! The domain's own policy: our element in its metadata, read strictly (see [`Policy`]).
//!
//! What is not understood is an error: a policy that was half read could remove what its author
//! meant to keep.

use std::collections::HashSet;

use thiserror::Error;

use super::{DomainXml, Element};
use crate::model::{POLICY_NAMESPACE, Policy, Verdict};

/// What is wrong with a policy, in words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct PolicyError(String);

/// The policy in a domain's XML; one that is not there says nothing.
///
/// # Errors
/// [`PolicyError`] for any element, attribute, text or word that [`Policy`]'s format does not have,
/// and for a target that is named twice. Whether the targets are the domain's is not asked here.
pub fn read_policy(domain: &DomainXml) -> Result<Policy, PolicyError> {
    domain
        .metadata_element(POLICY_NAMESPACE)
        .map_or_else(|| Ok(Policy::default()), read)
}

/// The same from what `virDomainGetMetadata` gives: the element without its namespace.
///
/// # Errors
/// As [`read_policy`].
pub fn read_policy_element(text: &str) -> Result<Policy, PolicyError> {
    let named = text.replacen("<policy", &format!("<policy xmlns='{POLICY_NAMESPACE}'"), 1);
    let domain = format!(
        "<domain type='qemu'><name>policy</name><uuid>00000000-0000-4000-8000-000000000000</uuid>\
         <metadata>{named}</metadata></domain>"
    );
    let domain = DomainXml::read(&domain).map_err(|error| PolicyError(error.to_string()))?;
    match domain.metadata_element(POLICY_NAMESPACE) {
        Some(element) => read(element),
        None => Err(PolicyError("it is not a <policy>".into())),
    }
}

fn read(element: &Element) -> Result<Policy, PolicyError> {
    let wrong = |cause: String| Err(PolicyError(cause));
    if element.name != "policy" {
        return wrong(format!("unknown element <{}>", element.name));
    }
    no_text(element)?;
    let mut policy = Policy::default();
    for (name, value) in &element.attributes {
        match name.as_str() {
            "default" => policy.default = Some(verdict("default", value)?),
            "protected" => {
                policy.protected = match value.as_str() {
                    "yes" => true,
                    "no" => false,
                    _ => return wrong(format!("protected='{value}' is neither yes nor no")),
                }
            }
            "expires" => match value.parse() {
                Ok(at) => policy.expires_at = Some(at),
                Err(_) => {
                    return wrong(format!("expires='{value}' is not a moment as in RFC 3339"));
                }
            },
            "stop" => {
                policy.stop = match value.as_str() {
                    "yes" => true,
                    "no" => false,
                    _ => return wrong(format!("stop='{value}' is neither yes nor no")),
                }
            }
            _ => return wrong(format!("unknown attribute '{name}' of <policy>")),
        }
    }
    if policy.stop && policy.expires_at.is_none() {
        return wrong("stop='yes' without a moment at which it expires".into());
    }
    let mut seen = HashSet::new();
    for child in &element.children {
        let (target, verdict) = disk(child)?;
        if !seen.insert(target.clone()) {
            return wrong(format!("target '{target}' is named twice"));
        }
        policy.disks.push((target, verdict));
    }
    Ok(policy)
}

fn disk(element: &Element) -> Result<(String, Verdict), PolicyError> {
    let wrong = |cause: String| Err(PolicyError(cause));
    if element.name != "disk" || element.namespace.as_deref() != Some(POLICY_NAMESPACE) {
        return wrong(format!("unknown element <{}> in <policy>", element.name));
    }
    no_text(element)?;
    if let Some(child) = element.children.first() {
        return wrong(format!("unknown element <{}> in <disk>", child.name));
    }
    let (mut target, mut fate) = (None, None);
    for (name, value) in &element.attributes {
        match name.as_str() {
            "target" => target = Some(value.clone()),
            "fate" => fate = Some(verdict("fate", value)?),
            _ => return wrong(format!("unknown attribute '{name}' of <disk>")),
        }
    }
    match (target, fate) {
        (Some(target), Some(fate)) if !target.is_empty() => Ok((target, fate)),
        (Some(target), None) => wrong(format!("no fate for target '{target}'")),
        _ => wrong("a <disk> without a target".into()),
    }
}

fn verdict(attribute: &str, value: &str) -> Result<Verdict, PolicyError> {
    Verdict::from_word(value)
        .ok_or_else(|| PolicyError(format!("{attribute}='{value}' is neither remove nor keep")))
}

fn no_text(element: &Element) -> Result<(), PolicyError> {
    match element.text.trim() {
        "" => Ok(()),
        text => Err(PolicyError(format!("text in <{}>: '{text}'", element.name))),
    }
}

/// The element for `virDomainSetMetadata`, which adds namespace and prefix to all of it itself
/// (`virXMLInjectNamespace`).
pub fn write_policy(policy: &Policy) -> String {
    let mut xml = String::from("<policy");
    if let Some(default) = policy.default {
        xml.push_str(&format!(" default='{}'", default.word()));
    }
    if policy.protected {
        xml.push_str(" protected='yes'");
    }
    if let Some(at) = policy.expires_at {
        xml.push_str(&format!(" expires='{at}'"));
    }
    if policy.stop {
        xml.push_str(" stop='yes'");
    }
    xml.push('>');
    for (target, verdict) in &policy.disks {
        xml.push_str(&format!(
            "<disk target='{}' fate='{}'/>",
            escape(target),
            verdict.word()
        ));
    }
    xml.push_str("</policy>");
    xml
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\'', "&apos;")
}

#[cfg(test)]
mod tests {
    //! A policy that is misread removes a disk its author wrote down to keep.
    use super::*;

    fn domain(policy: &str) -> DomainXml {
        DomainXml::read(&format!(
            "<domain type='qemu'><name>web1</name>\
             <uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid><metadata>{policy}</metadata></domain>"
        ))
        .unwrap()
    }

    fn with(attributes: &str, inside: &str) -> DomainXml {
        domain(&format!(
            "<retire:policy xmlns:retire='{POLICY_NAMESPACE}' xmlns:o='urn:o' \
             {attributes}>{inside}</retire:policy>"
        ))
    }

    #[test]
    fn a_whole_policy_is_read_under_any_prefix() {
        let expected = Policy {
            default: Some(Verdict::Keep),
            protected: true,
            expires_at: None,
            stop: false,
            disks: vec![
                ("vda".into(), Verdict::Remove),
                ("vdb".into(), Verdict::Keep),
            ],
        };
        let prefixed = with(
            "default='keep' protected='yes'",
            "<!-- why --><retire:disk target='vda' fate='remove'/>\n  <retire:disk target='vdb' \
             fate='keep'/>",
        );
        assert_eq!(read_policy(&prefixed).unwrap(), expected);
        let plain = domain(&format!(
            "<policy xmlns='{POLICY_NAMESPACE}' default='keep' protected='yes'>\
             <disk target='vda' fate='remove'/><disk target='vdb' fate='keep'/></policy>"
        ));
        assert_eq!(read_policy(&plain).unwrap(), expected);
    }

    #[test]
    fn no_policy_says_nothing() {
        assert_eq!(read_policy(&domain("")).unwrap(), Policy::default());
        let foreign = domain("<x:policy xmlns:x='urn:x' default='remove'/>");
        assert_eq!(read_policy(&foreign).unwrap(), Policy::default());
    }

    #[test]
    fn whatever_is_not_understood_is_an_error() {
        for (attributes, inside, says) in [
            ("default='erase'", "", "neither remove nor keep"),
            ("default=''", "", "neither remove nor keep"),
            ("protected='true'", "", "neither yes nor no"),
            ("expires='soon'", "", "not a moment"),
            ("expires='2026-12-25'", "", "not a moment"),
            ("stop='yes'", "", "without a moment"),
            (
                "expires='2026-12-25T00:00:00Z' stop='now'",
                "",
                "neither yes nor no",
            ),
            ("defualt='keep'", "", "unknown attribute 'defualt'"),
            ("o:default='keep'", "", "unknown attribute '{urn:o}default'"),
            ("", "keep", "text in <policy>"),
            (
                "",
                "<retire:disc target='vda' fate='keep'/>",
                "unknown element <disc>",
            ),
            (
                "",
                "<disk target='vda' fate='keep'/>",
                "unknown element <disk>",
            ),
            (
                "",
                "<o:disk target='vda' fate='keep'/>",
                "unknown element <disk>",
            ),
            (
                "",
                "<retire:disk target='vda'/>",
                "no fate for target 'vda'",
            ),
            ("", "<retire:disk fate='keep'/>", "without a target"),
            (
                "",
                "<retire:disk target='' fate='keep'/>",
                "without a target",
            ),
            (
                "",
                "<retire:disk target='vda' fate='Keep'/>",
                "neither remove nor keep",
            ),
            (
                "",
                "<retire:disk target='vda' fate='keep' when='now'/>",
                "unknown attribute 'when'",
            ),
            (
                "",
                "<retire:disk target='vda' fate='keep'>x</retire:disk>",
                "text in <disk>",
            ),
            (
                "",
                "<retire:disk target='vda' fate='keep'/><retire:disk target='vda' fate='remove'/>",
                "named twice",
            ),
        ] {
            let error = read_policy(&with(attributes, inside)).unwrap_err();
            assert!(
                error.to_string().contains(says),
                "{attributes} {inside}: {error}"
            );
        }
        let root = domain(&format!("<r:rules xmlns:r='{POLICY_NAMESPACE}'/>"));
        assert!(read_policy(&root).is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let policy = Policy {
            default: Some(Verdict::Remove),
            protected: true,
            expires_at: Some("2026-12-25T00:00:00Z".parse().unwrap()),
            stop: true,
            disks: vec![
                ("vda".into(), Verdict::Keep),
                ("x'<&".into(), Verdict::Remove),
            ],
        };
        // libvirt puts the namespace in, as this does.
        let xml = write_policy(&policy).replacen(
            "<policy",
            &format!("<policy xmlns='{POLICY_NAMESPACE}'"),
            1,
        );
        assert_eq!(read_policy(&domain(&xml)).unwrap(), policy);
        assert_eq!(read_policy_element(&write_policy(&policy)).unwrap(), policy);
        assert!(read_policy_element("<rules/>").is_err());
    }
}
