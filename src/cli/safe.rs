//! Names from outside, made safe for a terminal: a domain's title may hold escape sequences, a
//! path may hold bytes that are no text.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use crate::model::is_shown;

/// Text with all that cannot be seen written as escapes: control characters, what changes the
/// reading direction, blanks of no width.
pub fn safe(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        if !is_shown(character) {
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

/// A whole text before it is printed: what [`safe`] should have had, and has not. Line ends and
/// what a terminal is steered with are ours by then.
pub fn visible(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_ascii() || is_shown(character) {
            true => result.push(character),
            false => result.extend(character.escape_unicode()),
        }
    }
    result
}

/// A JSON document with the same meaning, in which a person sees all there is.
pub fn visible_json(document: &str) -> String {
    let mut result = String::with_capacity(document.len());
    for character in document.chars() {
        // Below the space the encoder sees to it, and its line ends are layout.
        if character < ' ' || is_shown(character) {
            result.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(result, "\\u{unit:04x}");
        }
    }
    result
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
        assert_eq!(safe("a\u{200b}b\u{2028}"), "a\\u{200b}b\\u{2028}");
        assert_eq!(safe("größer"), "größer");
        assert_eq!(visible("a\n\u{200b}\u{1b}[m"), "a\n\\u{200b}\u{1b}[m");
        assert_eq!(
            visible_json("{\n\"ä\u{200b}\u{e0041}\u{7f}\"}"),
            "{\n\"ä\\u200b\\udb40\\udc41\\u007f\"}"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_shown() {
        assert_eq!(safe_path(OsStr::from_bytes(b"/a\xff b")), "/a\\xff b");
    }
}
