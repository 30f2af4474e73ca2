//! Line breaks in attributes, which libvirt forgets to escape.
//!
//! A path may hold a newline, and libvirt 11.3 dumps it raw: `file='/a⏎b'`. Every XML parser,
//! libvirt's own included, reads a raw line break in an attribute as a blank (XML 1.0, 3.3.3), so
//! such a dump names another file than libvirt does. Escaped, it says what libvirt meant, to
//! our readers and to libvirt when it is defined again.

use std::borrow::Cow;

#[derive(Clone, Copy)]
enum In {
    Text,
    Tag,
    Value(char),
    /// A comment, CDATA or processing instruction, until this.
    Opaque(&'static str),
}

/// The same document with `\n`, `\r` and `\t` in attribute values written as references. What is
/// no XML stays as it is, or as wrong as it was.
pub fn escape_line_breaks(xml: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut state = In::Text;
    let mut at = 0;
    while let Some(character) = xml[at..].chars().next() {
        let rest = &xml[at..];
        let mut width = character.len_utf8();
        state = match (state, character) {
            (In::Text, '<') => opaque(rest).map_or(In::Tag, In::Opaque),
            (In::Opaque(end), _) if rest.starts_with(end) => {
                width = end.len();
                In::Text
            }
            (In::Tag, '>') => In::Text,
            (In::Tag, '\'' | '"') => In::Value(character),
            (In::Value(quote), _) if character == quote => In::Tag,
            (In::Value(_), '\n' | '\r' | '\t') => {
                out.push_str(&xml[copied..at]);
                out.push_str(match character {
                    '\n' => "&#10;",
                    '\r' => "&#13;",
                    _ => "&#9;",
                });
                copied = at + width;
                state
            }
            _ => state,
        };
        at += width;
    }
    if copied == 0 {
        return Cow::Borrowed(xml);
    }
    out.push_str(&xml[copied..]);
    Cow::Owned(out)
}

fn opaque(rest: &str) -> Option<&'static str> {
    [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")]
        .into_iter()
        .find_map(|(start, end)| rest.starts_with(start).then_some(end))
}

#[cfg(test)]
mod tests {
    use super::escape_line_breaks as escaped;

    #[test]
    fn a_line_break_in_an_attribute_is_kept() {
        assert_eq!(
            escaped("<a\n b='x\ny\t\"' c=\"'\r\"\n>t\n</a>"),
            "<a\n b='x&#10;y&#9;\"' c=\"'&#13;\"\n>t\n</a>"
        );
    }

    #[test]
    fn quotes_outside_of_tags_mean_nothing() {
        let plain = "<?x 'a\n?><a>it's\n<!-- <b c='\n --> <![CDATA[<b c='\n]]><d e='f'/>\n</a>";
        assert_eq!(escaped(plain), plain);
        assert!(matches!(escaped(plain), std::borrow::Cow::Borrowed(_)));
    }
}
