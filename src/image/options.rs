//! QEMU's block-device options: as an object (`json:` file names), nested (`"file": {…}`) or
//! flattened (`"file.filename"`), or both; and as a list (`-drive`, `-blockdev`).

use std::collections::BTreeMap;
use std::path::Path;

use super::dialect::{self, Tree};
use super::filename;
use super::named::{
    LOCAL, Location, Named, NamedFile, START, is_remote, relative, without_secrets,
};

/// Drivers that present an image format. `file` below them is where the bytes are.
const FORMATS: &[&str] = &[
    "bochs",
    "cloop",
    "dmg",
    "luks",
    "parallels",
    "qcow",
    "qcow2",
    "qed",
    "vdi",
    "vhdx",
    "vmdk",
    "vpc",
];
/// Drivers that pass on the bytes of the images below them, and how they call those.
const FILTERS: &[&str] = &[
    "blkdebug",
    "blklogwrites",
    "blkreplay",
    "blkverify",
    "compress",
    "copy-before-write",
    "copy-on-read",
    "preallocate",
    "quorum",
    "replication",
    "snapshot-access",
    "throttle",
];
/// What a driver may call an image below it.
const CHILDREN: &[&str] = &["file", "image", "test", "raw", "log", "target", "header"];
/// More layers than anyone stacks.
const DEEPEST: usize = 16;

/// One block device's options, flattened.
pub struct Options(BTreeMap<String, String>);

/// What the layers above make of the next one.
#[derive(Clone, Default)]
struct Above {
    format: Option<String>,
    offset: u64,
}

impl Options {
    /// The text after `json:`.
    ///
    /// # Errors
    /// What completes "which is …".
    pub fn from_json(text: &[u8]) -> Result<Self, String> {
        let tree = dialect::parse(text)?;
        let Tree::Object(_) = tree else {
            return Err("no JSON object".into());
        };
        let mut options = BTreeMap::new();
        flatten(tree, "", &mut options)?;
        Ok(Self(options))
    }

    /// `key=value,…`; in a value two commas stand for one. What has no `=` is passed over.
    pub fn from_list(list: &str) -> Self {
        let items = items(list);
        let pairs = items
            .iter()
            .filter_map(|item| item.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        Self(pairs.collect())
    }

    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }

    /// Whether they describe a block device at all.
    pub fn names_a_node(&self) -> bool {
        self.0
            .keys()
            .any(|key| key.ends_with("filename") || key.ends_with("driver"))
    }

    /// The files of the block device that they describe.
    pub fn node(&self) -> Named {
        let named = self.layer("", Above::default(), DEEPEST);
        self.unaccounted(named)
    }

    /// Whatever is called a file is one, though the driver that has it is not known to have it.
    fn unaccounted(&self, named: Named) -> Named {
        let is_known = |named: &Named, path: &Path| {
            (named.files.iter())
                .any(|file| matches!(&file.location, Location::File(known) if known == path))
        };
        let names = |key: &str| key == "filename" || key.ends_with(".filename");
        (self.0.iter())
            .filter(|(key, value)| names(key) && value.starts_with('/'))
            .fold(named, |named, (key, value)| {
                match is_known(&named, Path::new(value)) {
                    true => named,
                    false => named
                        .and(Named::file(value))
                        .doubted(format!("whose '{}' is not understood", key.escape_debug())),
                }
            })
    }

    fn option(&self, prefix: &str, name: &str) -> Option<&str> {
        self.0.get(&format!("{prefix}{name}")).map(String::as_str)
    }

    fn has_group(&self, group: &str) -> bool {
        let group = format!("{group}.");
        self.0.keys().any(|key| key.starts_with(&group))
    }

    /// One layer's options begin with `prefix`.
    fn layer(&self, prefix: &str, above: Above, depth: usize) -> Named {
        let Some(depth) = depth.checked_sub(1) else {
            return Named::doubt("which has too many layers");
        };
        let mut named = self.driver(prefix, above, depth);
        for extra in ["backing", "data-file"] {
            let group = format!("{prefix}{extra}");
            if self.has_group(&group) {
                let below = self.layer(&format!("{group}."), Above::default(), depth);
                named = named.and(below);
            }
            if self.has_group(&group) || self.0.contains_key(&group) {
                named = named.doubted("which overrides what the image's own header says");
            }
        }
        named
    }

    fn driver(&self, prefix: &str, above: Above, depth: usize) -> Named {
        let with = |named: Named| Named {
            files: (named.files.into_iter())
                .map(|file| NamedFile {
                    format: file.format.or_else(|| above.format.clone()),
                    offset: file.offset.saturating_add(above.offset),
                    ..file
                })
                .collect(),
            ..named
        };
        match self.option(prefix, "driver") {
            Some(driver) if LOCAL.contains(&driver) => match self.option(prefix, "filename") {
                Some(path) if path.starts_with('/') => with(Named::file(path)),
                Some(path) => with(relative(path.as_bytes(), Path::new(START))),
                None => Named::doubt("which names no file"),
            },
            Some("raw") => {
                let offset = self.option(prefix, "offset").map(str::parse::<u64>);
                let mut next = above.clone();
                // A format above reads what this one shows of the file below.
                next.format = next.format.or_else(|| Some("raw".to_owned()));
                match offset {
                    None => {}
                    Some(Ok(offset)) => next.offset = next.offset.saturating_add(offset),
                    Some(Err(_)) => {
                        return self
                            .below(prefix, &next, depth)
                            .doubted("whose offset is not a number of bytes");
                    }
                }
                self.below(prefix, &next, depth)
            }
            Some(driver) if FORMATS.contains(&driver) => {
                let next = Above {
                    format: Some(driver.to_owned()),
                    offset: 0,
                };
                let named = self.below(prefix, &next, depth);
                // An image within an image: its header is not where it could be read.
                match above.format.as_deref() {
                    Some(format) if format != "raw" => {
                        named.doubted("which is an image within an image")
                    }
                    _ => named,
                }
            }
            Some(driver) if FILTERS.contains(&driver) => self.below(prefix, &above, depth),
            Some("vvfat") => {
                let named = match self.option(prefix, "dir") {
                    Some(path) if path.starts_with('/') => Named::file(path),
                    Some(path) => relative(path.as_bytes(), Path::new(START)),
                    None => Named::default(),
                };
                named.of_folder()
            }
            Some(driver) if is_remote(driver) => with(Named::one(Location::Remote(format!(
                "json:{{{}}}",
                without_secrets(driver.as_bytes())
            )))),
            Some(driver) => {
                let named = self.anything(prefix);
                let driver = driver.escape_debug();
                named.doubted(format!("whose driver '{driver}' is not understood"))
            }
            None => match self.option(prefix, "filename") {
                // QEMU takes a lone file name as it takes one on the command line.
                Some(name) => with(lone(name)),
                None => self.below(prefix, &above, depth),
            },
        }
    }

    /// The images below one layer, all of them in the format that it expects.
    fn below(&self, prefix: &str, above: &Above, depth: usize) -> Named {
        let listed = (0..self.0.len()).map(|index| format!("children.{index}"));
        let groups = CHILDREN.iter().map(|&name| name.to_owned()).chain(listed);
        let mut named = Named::default();
        let mut is_any = false;
        for name in groups {
            let group = format!("{prefix}{name}");
            if self.has_group(&group) {
                is_any = true;
                named = named.and(self.layer(&format!("{group}."), above.clone(), depth));
            } else if self.0.contains_key(&group) {
                is_any = true;
                named = named.doubted("which refers to a block node by its name");
            } else if name.starts_with("children.") {
                break;
            }
        }
        if let Some(name) = self.option(prefix, "x-image") {
            is_any = true;
            named = named.and(lone(name));
        }
        match is_any {
            true => named,
            false => self
                .anything(prefix)
                .doubted("which names neither a driver nor a file"),
        }
    }

    /// Every value below that may be a path.
    fn anything(&self, prefix: &str) -> Named {
        let values = self.0.iter().filter(|(key, value)| {
            key.starts_with(prefix) && value.starts_with('/') && value.len() > 1
        });
        values.fold(Named::default(), |named, (_, value)| {
            named.and(Named::file(value))
        })
    }
}

/// A file name by itself, as QEMU takes one on its command line.
fn lone(name: &str) -> Named {
    let within = |_: &[u8]| Named::doubt("which names JSON within JSON");
    match name.starts_with('/') || name.contains(':') {
        true => filename::locate(name.as_bytes(), Path::new(START), &within),
        false => relative(name.as_bytes(), Path::new(START)),
    }
}

/// The items of one of QEMU's lists: a comma ends an item, and two stand for one (`opts_do_parse`).
pub fn items(list: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut rest = list.chars().peekable();
    while let Some(one) = rest.next() {
        if one == ',' && rest.next_if_eq(&',').is_none() {
            items.push(String::new());
        } else if let Some(last) = items.last_mut() {
            last.push(one);
        }
    }
    items
}

/// Nested objects and flattened keys become one map; an option that is given twice is an error,
/// as it is for QEMU, because two readers would choose differently.
fn flatten(tree: Tree, prefix: &str, options: &mut BTreeMap<String, String>) -> Result<(), String> {
    let dot = if prefix.is_empty() { "" } else { "." };
    match tree {
        Tree::Leaf(value) => match options.insert(prefix.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(format!("one that gives '{}' twice", prefix.escape_debug())),
        },
        Tree::Object(members) => members
            .into_iter()
            .try_for_each(|(key, value)| flatten(value, &format!("{prefix}{dot}{key}"), options)),
        Tree::Array(items) => items
            .into_iter()
            .enumerate()
            .try_for_each(|(index, value)| {
                flatten(value, &format!("{prefix}{dot}{index}"), options)
            }),
    }
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
