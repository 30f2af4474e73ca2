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

    let mut calls = vec![vec!["dominfo", domain]];
    for [names, current, _] in TREES {
        calls.push([&[names[0], domain], &names[1..]].concat());
        calls.push([&[current[0], domain], &current[1..]].concat());
    }
    let answers = host.virsh_batch(&calls);
    assert!(
        !answers[0].is_empty(),
        "dominfo of a domain that is defined"
    );
    // "Managed save" is libvirt's memory of it, which a restored file changes only at its next
    // start.
    for line in answers[0].lines() {
        if let Some((key @ ("Persistent" | "Autostart" | "Autostart Once"), value)) =
            line.split_once(':')
        {
            identity.state(format!("domain: {key}"), value.trim());
        }
    }
    for ([_, _, kind], answers) in TREES.iter().zip(answers[1..].chunks(2)) {
        identity.state(format!("{}s: current", kind[0]), words(&answers[1]));
        let names: Vec<&str> = answers[0].lines().filter(|line| !line.is_empty()).collect();
        capture_tree(host, domain, kind[0], &names, identity, files);
    }
    // The save file holds its own XML, so its bytes are both.
    files.insert(format!("/var/lib/libvirt/qemu/save/{name}.save"));
    files.insert(format!("/var/lib/libvirt/swtpm/{uuid}"));
}

/// For each kind of tree: the call that lists it, the call that names its current one, and the
/// kind.
///
/// There is no `checkpoint-current`; libvirt takes the one leaf for it.
const TREES: [[&[&str]; 3]; 2] = [
    [
        &["snapshot-list", "--name"],
        &["snapshot-current", "--name"],
        &["snapshot"],
    ],
    [
        &["checkpoint-list", "--name"],
        &["checkpoint-list", "--name", "--leaves"],
        &["checkpoint"],
    ],
];

/// Every snapshot or checkpoint with its XML and its parent.
fn capture_tree(
    host: &PrivateHost,
    domain: &str,
    kind: &str,
    names: &[&str],
    identity: &mut Identity,
    files: &mut BTreeSet<String>,
) {
    let (dump, parent) = (format!("{kind}-dumpxml"), format!("{kind}-parent"));
    let calls: Vec<Vec<&str>> = names
        .iter()
        .flat_map(|name| {
            [
                vec![&*dump, domain, name, "--security-info"],
                vec![&*parent, domain, name],
            ]
        })
        .collect();
    if calls.is_empty() {
        return;
    }
    for (name, answers) in names.iter().zip(host.virsh_batch(&calls).chunks(2)) {
        let document = Document::parse(&answers[0]).expect("libvirt's XML should parse");
        collect_files(host, document.root_element(), files);
        identity.state(format!("{kind} {name}: XML"), &*answers[0]);
        // The call fails where there is none, and answers nothing.
        identity.state(format!("{kind} {name}: parent"), words(&answers[1]));
    }
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
