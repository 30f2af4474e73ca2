//! Changes of an XML text that leave every other byte as libvirt wrote it.

use std::ops::Range;

use roxmltree::Node;

/// What is put in place of a range of bytes.
pub(super) type Edits = Vec<(Range<usize>, String)>;

/// With texts and values, unescaped.
pub(super) fn applied(xml: &str, mut edits: Edits) -> String {
    for (_, new) in &mut edits {
        *new = escaped(new);
    }
    spliced(xml, edits)
}

/// The same with pieces of XML, which are put in as they are.
pub(super) fn spliced(xml: &str, mut edits: Edits) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut changed = String::with_capacity(xml.len());
    let mut copied = 0;
    for (range, new) in edits {
        changed.push_str(&xml[copied..range.start]);
        changed.push_str(&new);
        copied = range.end;
    }
    changed.push_str(&xml[copied..]);
    changed
}

/// What stands between an element's tags.
pub(super) fn inside(node: Node<'_, '_>) -> Option<Range<usize>> {
    let (first, last) = (node.first_child()?, node.last_child()?);
    Some(first.range().start..last.range().end)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}
