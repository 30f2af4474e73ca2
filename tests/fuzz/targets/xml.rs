//! XML: libvirt's own, what an operator hands to `rollback --xml`, what another program left in a
//! domain's metadata.

use virt_retire::model::POLICY_NAMESPACE;
use virt_retire::xml::{
    BackupXml, CheckpointXml, DomainXml, IdentityChange, PoolXml, SnapshotXml, VolumeXml,
    change_identity, change_paths, emulators, escape_line_breaks, interfaces_need_qemu,
    mac_addresses, paths, read_policy, untouching, without_overlays, write_policy,
};

pub fn domain(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let escaped = escape_line_breaks(text);
    let is_domain = DomainXml::read(&escaped).is_ok();
    if let Ok(domain) = DomainXml::read(text) {
        let _ = (domain.uses(), domain.qemu(), domain.tpm_ends_with_it());
        assert!(domain.says_the_same_as(&domain));
        let _ = read_policy(&domain);
    }
    edited(text, is_domain);
    for argument in text.split(['\'', '"']) {
        let _ = virt_retire::image::words(argument);
    }
}

/// What is changed in a document is well-formed afterwards.
fn edited(text: &str, is_domain: bool) {
    let change = IdentityChange {
        name: ("web".into(), "a<b>&'\"c".into()),
        uuid: (
            "11111111-1111-1111-1111-111111111111".into(),
            "22222222-2222-2222-2222-222222222222".into(),
        ),
        macs: vec![("52:54:00:00:00:01".into(), "52:54:00:00:00:02".into())],
        nvram: Some(("/nvram/web".into(), "/nvram/a & b".into())),
    };
    let results = [
        change_identity(text, &change),
        change_paths(text, |path| Some(format!("/<new>&'\"{path}"))),
        without_overlays(text),
        untouching(text),
    ];
    for result in results.into_iter().flatten() {
        let read = paths(&result);
        assert!(read.is_ok(), "no XML any more: {read:?}\n{result}");
        if is_domain {
            let _ = DomainXml::read(&result);
        }
    }
    let _ = (paths(text), emulators(text), mac_addresses(text));
    let _ = interfaces_need_qemu(text);
}

pub fn snapshot(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = SnapshotXml::read(text);
        edited(text, false);
    }
}

pub fn checkpoint(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = CheckpointXml::read(text);
        let _ = BackupXml::read(text);
        edited(text, false);
    }
}

/// Pools and volumes.
pub fn pool(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = (PoolXml::read(text), VolumeXml::read(text));
    }
}

/// The inside of a domain's metadata. What is read as a policy is written as one that says the
/// same.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let wrapped = |element: &str| {
        DomainXml::read(&format!(
            "<domain type='qemu'><name>a</name>\
             <uuid>11111111-1111-1111-1111-111111111111</uuid>\
             <metadata>{element}</metadata><os><type>hvm</type></os><devices/></domain>"
        ))
    };
    let Ok(domain) = wrapped(text) else {
        return;
    };
    if let Ok(policy) = read_policy(&domain) {
        // libvirt adds the namespace.
        let written = write_policy(&policy);
        let element =
            written.replacen("<policy", &format!("<policy xmlns='{POLICY_NAMESPACE}'"), 1);
        let read = wrapped(&element).expect("it was just written");
        assert_eq!(read_policy(&read).as_ref(), Ok(&policy), "{element}");
    }
}
