//! What libvirt knows of a domain, and which files that names.

use std::collections::BTreeSet;

use roxmltree::{Document, Node};

use super::{Identity, words};
use crate::support::host::PrivateHost;

pub fn capture(
    host: &PrivateHost,
    domain: &str,
    identity: &mut Identity,
    files: &mut BTreeSet<String>,
) {
    let defined = host.try_virsh(&["dumpxml", domain, "--inactive", "--security-info"]);
    if defined.code != 0 {
        identity.state("domain".into(), "is not defined");
        return;
    }
    let xml = defined.stdout;
    let document = Document::parse(&xml).expect("libvirt's XML should parse");
    let text = |name| {
        let node = document
            .root_element()
            .children()
            .find(|node| node.has_tag_name(name));
        node.and_then(|node| node.text())
            .unwrap_or_default()
            .to_owned()
    };
    let (name, uuid) = (text("name"), text("uuid"));
    collect_files(host, document.root_element(), files);
    identity.state("domain: XML".into(), xml.clone());

    // "Managed save" is libvirt's memory of it, which a restored file changes only at its next start.
    for line in host.virsh(&["dominfo", domain]).lines() {
        if let Some((key @ ("Persistent" | "Autostart" | "Autostart Once"), value)) =
            line.split_once(':')
        {
            identity.state(format!("domain: {key}"), value.trim());
        }
    }
    for kind in ["snapshot", "checkpoint"] {
        capture_tree(host, domain, kind, identity, files);
    }
    // The save file holds its own XML, so its bytes are both.
    files.insert(format!("/var/lib/libvirt/qemu/save/{name}.save"));
    files.insert(format!("/var/lib/libvirt/swtpm/{uuid}"));
}

/// Every snapshot or checkpoint with its XML, its parent, and which is the current one.
fn capture_tree(
    host: &PrivateHost,
    domain: &str,
    kind: &str,
    identity: &mut Identity,
    files: &mut BTreeSet<String>,
) {
    let call = |verb: &str, arguments: &[&str]| {
        let verb = format!("{kind}-{verb}");
        let mut command = vec![verb.as_str(), domain];
        command.extend(arguments);
        host.try_virsh(&command)
    };
    let list = call("list", &["--name"]).expect(0).stdout;
    for name in list.lines().filter(|line| !line.is_empty()) {
        let xml = call("dumpxml", &[name, "--security-info"]).expect(0).stdout;
        if let Ok(document) = Document::parse(&xml) {
            collect_files(host, document.root_element(), files);
        }
        identity.state(format!("{kind} {name}: XML"), xml);
        // Fails where there is none; that too is an answer.
        let parent = call("parent", &[name]);
        let parent = if parent.code == 0 {
            words(&parent.stdout)
        } else {
            "none".into()
        };
        identity.state(format!("{kind} {name}: parent"), parent);
    }
    // There is no `checkpoint-current`: the list's filter finds it, and in libvirt the current one is
    // always a leaf.
    let current = match kind {
        "snapshot" => call("current", &["--name"]),
        _ => call("list", &["--name", "--leaves"]),
    };
    let current = if current.code == 0 {
        words(&current.stdout)
    } else {
        "none".into()
    };
    identity.state(format!("{kind}s: current"), current);
}

/// Every file that a domain or snapshot names: sources of disks, memory and firmware's NVRAM.
fn collect_files(host: &PrivateHost, root: Node<'_, '_>, files: &mut BTreeSet<String>) {
    for node in root.descendants() {
        let attribute = |name| node.attribute(name).map(str::to_owned);
        let path = match node.tag_name().name() {
            "source" if attribute("volume").is_some() => {
                let (pool, volume) = (attribute("pool").unwrap(), attribute("volume").unwrap());
                let found = host.try_virsh(&["vol-path", &volume, "--pool", &pool]);
                (found.code == 0).then(|| found.stdout.trim().to_owned())
            }
            "source" | "memory" => attribute("file"),
            "nvram" => node.text().map(|text| text.trim().to_owned()),
            _ => None,
        };
        files.extend(path.filter(|path| path.starts_with('/')));
    }
}
