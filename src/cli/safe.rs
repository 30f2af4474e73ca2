//! Names from outside, made safe for a terminal: a domain's title may hold escape sequences, a
//! path may hold bytes that are no text.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// Text with control characters, and those that change the reading direction, written as escapes.
pub fn safe(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || turns_text_around(character) {
            result.extend(character.escape_default());
        } else {
            result.push(character);
        }
    }
    result
}

/// A path as text: bytes that are no UTF-8 as `\xNN`, the rest as [`safe`] has it.
pub fn safe_path(path: impl AsRef<OsStr>) -> String {
    safe(&lossless(path.as_ref()))
}

/// A path for JSON, where control characters are the encoder's care.
pub fn lossless(path: &OsStr) -> String {
    let mut result = String::new();
    for chunk in path.as_bytes().utf8_chunks() {
        result.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(result, "\\x{byte:02x}");
        }
    }
    result
}

fn turns_text_around(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_never_reach_the_terminal() {
        assert_eq!(
            safe("a\u{1b}[31mb\n\u{202e}c"),
            "a\\u{1b}[31mb\\n\\u{202e}c"
        );
        assert_eq!(safe("größer"), "größer");
    }

    #[test]
    fn bytes_that_are_no_text_are_shown() {
        assert_eq!(safe_path(OsStr::from_bytes(b"/a\xff b")), "/a\\xff b");
    }
}
