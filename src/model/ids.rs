//! How transactions and domains are named.

use std::fmt;

use super::is_shown;

/// A transaction's small number: 1, 2, 3 … per journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionId(pub u64);

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A domain as libvirt identifies it. The UUID decides; the name is for people.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DomainRef {
    pub name: String,
    pub uuid: uuid::Uuid,
}

impl DomainRef {
    /// The domain as one word of a command that is shown to be typed: its name, or its UUID where
    /// the name could be read as a flag or cannot be shown as it is. Names are other people's, and
    /// hints are copied into shells.
    pub fn typed(&self) -> String {
        if self.name.starts_with('-') || !self.name.chars().all(is_shown) {
            return self.uuid.to_string();
        }
        quoted(&self.name)
    }

    /// Whether a word that somebody typed is its name or its UUID.
    pub fn is_called(&self, word: &str) -> bool {
        self.name == word || self.uuid.to_string() == word.to_lowercase()
    }
}

/// One word for a shell, whatever is in it: hints are copied there. What a shell reads as it is has
/// no quotes.
pub fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,+@%=".contains(&byte);
    // `~` and `=` mean something at the beginning of a word.
    if !text.is_empty() && !text.starts_with('=') && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_does_not_leave_its_quotes() {
        let typed = |name: &str| {
            DomainRef {
                name: name.into(),
                uuid: uuid::Uuid::nil(),
            }
            .typed()
        };
        assert_eq!(typed("web1"), "web1");
        assert_eq!(typed("my web"), "'my web'");
        assert_eq!(typed(""), "''");
        assert_eq!(typed("x'; reboot; '"), r"'x'\''; reboot; '\'''");
        assert_eq!(typed("--all"), uuid::Uuid::nil().to_string());
        assert_eq!(typed("a\u{9b}b"), uuid::Uuid::nil().to_string());
    }
}
