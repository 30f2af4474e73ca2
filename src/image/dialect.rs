//! QEMU's JSON (`qobject/json-lexer.c`): strings may stand in single quotes.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// JSON that keeps repeated keys, which `serde_json::Value` drops.
pub enum Tree {
    Object(Vec<(String, Tree)>),
    Array(Vec<Tree>),
    Leaf(String),
}

/// # Errors
/// What completes "which is …".
pub fn parse(text: &[u8]) -> Result<Tree, String> {
    serde_json::from_slice(&plain(text)).map_err(|error| format!("no JSON: {error}"))
}

/// The same in plain JSON: each single quote that begins or ends a string is a double one.
fn plain(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut within: Option<u8> = None;
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        match (within, byte) {
            (None, b'\'' | b'"') => {
                within = Some(byte);
                plain.push(b'"');
            }
            (Some(quote), _) if byte == quote => {
                within = None;
                plain.push(b'"');
            }
            (Some(_), b'\\') => match bytes.next() {
                Some(b'\'') => plain.push(b'\''),
                Some(escaped) => plain.extend([b'\\', escaped]),
                None => plain.push(b'\\'),
            },
            // Only within single quotes does it come to this.
            (Some(_), b'"') => plain.extend(br#"\""#),
            (_, other) => plain.push(other),
        }
    }
    plain
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
    use super::*;

    #[test]
    fn a_string_may_stand_in_either_kind_of_quotes() {
        for (theirs, ours) in [
            (r"{'a':'b'}", r#"{"a":"b"}"#),
            (r#"{'a':"b'c"}"#, r#"{"a":"b'c"}"#),
            (r#"{'a':'b"c'}"#, r#"{"a":"b\"c"}"#),
            (r"{'a':'b\'c\\'}", r#"{"a":"b'c\\"}"#),
            (r#"{"a":"b\"c"}"#, r#"{"a":"b\"c"}"#),
        ] {
            assert_eq!(String::from_utf8_lossy(&plain(theirs.as_bytes())), ours);
        }
        assert!(parse(b"{'a':'b").is_err());
    }
}
