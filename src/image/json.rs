//! QEMU's `json:` file names: block-device options as an object, nested (`"file": {…}`) or
//! flattened (`"file.filename"`), or both.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::reference::{LOCAL, Location, Named, is_remote, locate, without_secrets};

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
    "raw",
    "vdi",
    "vhdx",
    "vmdk",
    "vpc",
];
/// Drivers that pass one child's bytes through.
const FILTERS: &[&str] = &["compress", "copy-on-read", "preallocate", "throttle"];
/// More layers than anyone stacks.
const DEEPEST: usize = 16;

type Options = BTreeMap<String, String>;

/// Understands the text after `json:`. The error completes "it names its … as …,".
pub(super) fn locate_options(text: &[u8]) -> Result<Named, String> {
    let tree: Tree = serde_json::from_slice(text).map_err(|e| format!("which is no JSON: {e}"))?;
    let Tree::Object(_) = tree else {
        return Err("which is no JSON object".into());
    };
    let mut options = Options::new();
    flatten(tree, "", &mut options)?;
    layer(&options, "", None, DEEPEST)
}

/// One layer's options begin with `prefix`. `format` is what the layers above declare.
fn layer(
    options: &Options,
    prefix: &str,
    format: Option<String>,
    depth: usize,
) -> Result<Named, String> {
    if depth == 0 {
        return Err("which has too many layers".into());
    }
    let option = |name: &str| options.get(&format!("{prefix}{name}")).map(String::as_str);
    let has = |name: &str| {
        let group = format!("{prefix}{name}.");
        option(name).is_some() || options.keys().any(|key| key.starts_with(&group))
    };
    if has("backing") || has("data-file") {
        return Err("which overrides what the image's own header says".into());
    }
    let below = |format| layer(options, &format!("{prefix}file."), format, depth - 1);
    if option("file").is_some() {
        return Err("which refers to a block node by its name".into());
    }
    match option("driver") {
        Some(driver) if LOCAL.contains(&driver) => match option("filename") {
            Some(path) if path.starts_with('/') => Ok(Named {
                location: Location::File(path.into()),
                format,
            }),
            Some(_) => Err("which depends on the folder that QEMU is started in".into()),
            None => Err("which names no file".into()),
        },
        // The innermost format is that of the file itself, and decides how its header is read.
        Some(driver) if FORMATS.contains(&driver) && has("file") => below(Some(driver.to_owned())),
        Some(driver) if FILTERS.contains(&driver) && has("file") => below(format),
        Some(driver) if is_remote(driver) => Ok(Named {
            location: Location::Remote(format!("json:{{{}}}", without_secrets(driver.as_bytes()))),
            format,
        }),
        Some(driver) => Err(format!(
            "whose driver '{}' is not understood",
            driver.escape_debug()
        )),
        None if has("file") => below(format),
        None => match option("filename") {
            // QEMU takes a lone file name as it takes one on the command line.
            Some(name)
                if name.starts_with('/') || name.contains(':') && !name.starts_with("json:") =>
            {
                let named = locate(name.as_bytes(), std::path::Path::new("/"), "file")
                    .map_err(|e| format!("and within: {e}"))?;
                Ok(Named { format, ..named })
            }
            Some(_) => Err("which depends on the folder that QEMU is started in".into()),
            None => Err("which names neither a driver nor a file".into()),
        },
    }
}

/// Nested objects and flattened keys become one map; an option that is given twice is an error,
/// as it is for QEMU, because two readers would choose differently.
fn flatten(tree: Tree, prefix: &str, options: &mut Options) -> Result<(), String> {
    let dot = if prefix.is_empty() { "" } else { "." };
    match tree {
        Tree::Leaf(value) => match options.insert(prefix.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(format!("which gives '{}' twice", prefix.escape_debug())),
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

/// JSON that keeps repeated keys, which `serde_json::Value` drops.
enum Tree {
    Object(Vec<(String, Tree)>),
    Array(Vec<Tree>),
    Leaf(String),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf(if value { "on" } else { "off" }.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(String::new()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Tree::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Tree::Array(items))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn ok(text: &str) -> (String, Option<String>) {
        match locate_options(text.as_bytes()).unwrap() {
            Named {
                location: Location::File(path),
                format,
            } => (path.to_str().unwrap().to_owned(), format),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nested_flattened_and_mixed_options_mean_the_same() {
        for text in [
            r#"{"driver":"qcow2","file":{"driver":"file","filename":"/x"}}"#,
            r#"{"driver":"qcow2","file.driver":"file","file.filename":"/x"}"#,
            r#"{"file.driver":"file","file":{"filename":"/x"},"driver":"qcow2"}"#,
        ] {
            assert_eq!(ok(text), ("/x".into(), Some("qcow2".into())), "{text}");
        }
    }

    #[test]
    fn the_innermost_format_is_the_files() {
        let text = r#"{"driver":"raw","offset":0,"file":{"driver":"throttle","throttle-group":"g",
            "file":{"driver":"qcow2","file":{"driver":"file","filename":"/x","locking":null}}}}"#;
        assert_eq!(ok(text), ("/x".into(), Some("qcow2".into())));
    }

    #[test]
    fn without_a_format_none_is_declared() {
        assert_eq!(
            ok(r#"{"driver":"file","filename":"/x"}"#),
            ("/x".into(), None)
        );
        assert_eq!(ok(r#"{"file":{"filename":"/x"}}"#), ("/x".into(), None));
        assert_eq!(ok(r#"{"filename":"/x"}"#), ("/x".into(), None));
    }

    #[test]
    fn a_remote_driver_is_remote_at_any_depth() {
        let text = r#"{"driver":"raw","file":{"driver":"nbd","server":{"host":"h"},"x":[1,2]}}"#;
        let named = locate_options(text.as_bytes()).unwrap();
        assert_eq!(named.location, Location::Remote("json:{nbd}".into()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for text in [
            "",
            "{",
            "[]",
            "1",
            "{}",
            r#"{"driver":"qcow2"}"#,
            r#"{"driver":"qcow2","file":"node0"}"#,
            r#"{"driver":"file","filename":"x"}"#,
            r#"{"driver":"file"}"#,
            r#"{"driver":"quorum","children":[]}"#,
            r#"{"driver":"vvfat","dir":"/etc"}"#,
            r#"{"driver":"file","filename":"/x","filename":"/y"}"#,
            r#"{"file.filename":"/x","file":{"filename":"/y"}}"#,
            r#"{"driver":"qcow2","backing":null,"file":{"filename":"/x"}}"#,
            r#"{"driver":"qcow2","backing":{"driver":"file","filename":"/b"},"file":{"filename":"/x"}}"#,
            r#"{"filename":"json:{\"filename\":\"/x\"}"}"#,
        ] {
            assert!(locate_options(text.as_bytes()).is_err(), "{text}");
        }
        let deep = format!("{}1{}", r#"{"file":"#.repeat(100), "}".repeat(100));
        assert!(locate_options(deep.as_bytes()).is_err());
        let deeper = r#"{"file":"#.repeat(100_000);
        assert!(locate_options(deeper.as_bytes()).is_err());
    }
}
