//! The manifest's words for whoever has to restore without this program.
//!
//! The order is the one that rollback takes, and each command was tried by hand (field notes:
//! define, then snapshots parents first, then checkpoints, then autostart).

use super::json::{File, Manifest, Tree};
use crate::model::is_shown;

pub(super) fn by_hand(manifest: &Manifest) -> Vec<String> {
    let uri = quoted(&manifest.uri);
    let domain = quoted(&manifest.domain_uuid);
    let mut lines = vec![
        "To restore without virt-retire, type these as root in the folder of this file.".to_owned(),
        "Leave out files that are at their place already; never overwrite one.".to_owned(),
    ];
    for file in manifest.files.iter().rev() {
        lines.push(back(file));
    }
    lines.push(format!("virsh -c {uri} define {}", manifest.domain_xml));
    redefine(&mut lines, &uri, &domain, "snapshot", &manifest.snapshots);
    redefine(
        &mut lines,
        &uri,
        &domain,
        "checkpoint",
        &manifest.checkpoints,
    );
    if manifest.autostart {
        lines.push(format!("virsh -c {uri} autostart {domain}"));
    }
    if manifest.autostart_once {
        lines.push(format!("virsh -c {uri} autostart --once {domain}"));
    }
    let mut pools: Vec<&String> = manifest
        .files
        .iter()
        .filter_map(|f| f.pool.as_ref())
        .collect();
    pools.sort();
    pools.dedup();
    for pool in pools {
        lines.push(format!("virsh -c {uri} pool-refresh {}", quoted(pool)));
    }
    lines
}

/// Owner, mode and times come along with a rename. `-T`, so that a folder that stands in the way
/// does not swallow the file; `-n`, so that nothing is overwritten.
fn back(file: &File) -> String {
    let name = |text: &str, hex: &Option<String>| match hex {
        Some(hex) => format!("\"$(printf '{}')\"", escaped(hex)),
        None => quoted(text),
    };
    format!(
        "mv -nT {} {}",
        name(&file.stored, &file.stored_hex),
        name(&file.original, &file.original_hex)
    )
}

fn redefine(lines: &mut Vec<String>, uri: &str, domain: &str, what: &str, trees: &[Tree]) {
    let create = |tree: &Tree| {
        format!(
            "virsh -c {uri} {what}-create {domain} {} --redefine",
            tree.file
        )
    };
    lines.extend(trees.iter().map(create));
    // Defining the current one again, marked so, makes it the current one. Checkpoints have no
    // such flag: there the one defined last is it.
    if what == "snapshot" {
        let current = trees.iter().filter(|tree| tree.current);
        lines.extend(current.map(|tree| format!("{} --current", create(tree))));
    }
}

/// `printf`'s escapes for bytes in hex.
fn escaped(hex: &str) -> String {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let value = std::str::from_utf8(pair).ok();
            let value = value.and_then(|pair| u8::from_str_radix(pair, 16).ok());
            format!("\\{:03o}", value.unwrap_or(b'?'))
        })
        .collect()
}

/// As the shell reads it back unchanged.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if !text.chars().all(is_shown) {
        let bytes: String = text.bytes().map(|byte| format!("\\{byte:03o}")).collect();
        return format!("\"$(printf '{bytes}')\"");
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
