//! The log's checkpoint and proofs as text, for whoever keeps or checks them elsewhere: the C2SP
//! formats [tlog-checkpoint] and [tlog-proof].
//!
//! Nothing here is signed. A checkpoint proves something if it was kept where whoever holds the
//! journal's files could not change it; from then on what it covers cannot be changed unseen.
//!
//! [tlog-checkpoint]: https://c2sp.org/tlog-checkpoint
//! [tlog-proof]: https://c2sp.org/tlog-proof

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::primitive::Hash;

/// The log at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Of the journal.
    pub journal: uuid::Uuid,
    pub size: u64,
    pub root: Hash,
}

const ORIGIN: &str = "virt-retire.org/journal/";

impl Checkpoint {
    /// Three lines: origin, size, root.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin(), self.size, self.root.base64())
    }

    pub fn origin(&self) -> String {
        format!("{ORIGIN}{}", self.journal)
    }

    /// Reads what [`Checkpoint::text`] wrote. Extension lines and signatures may follow, as the
    /// format has them; they are not looked at.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence that begins with "it".
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().map(str::trim_end);
        let mut next = |what: &str| lines.next().ok_or(format!("ends before {what}"));
        let origin = next("its origin")?;
        let journal = origin
            .strip_prefix(ORIGIN)
            .and_then(|uuid| uuid::Uuid::try_parse(uuid).ok())
            .ok_or_else(|| format!("does not begin with {ORIGIN} and a journal's UUID"))?;
        let size = next("the log's size")?;
        let is_plain = size.bytes().all(|byte| byte.is_ascii_digit())
            && (size == "0" || !size.starts_with('0'));
        let size = size.parse().ok().filter(|_| is_plain);
        let size = size.ok_or("has no size in its second line")?;
        let root = STANDARD.decode(next("the log's root")?);
        let root = root.ok().and_then(|root| <[u8; 32]>::try_from(root).ok());
        let root = root.ok_or("has no SHA-256 root in its third line")?;
        Ok(Self {
            journal,
            size,
            root: Hash(root),
        })
    }

    /// The proof that the record with this index (from 0) is in the log. `record` goes along as
    /// extra data: whose hash is proved must be at hand, and it is not secret to who may ask.
    pub fn proof(&self, index: u64, record: &[u8], path: &[Hash]) -> String {
        let mut text = String::from("c2sp.org/tlog-proof@v1\n");
        text.push_str(&format!("extra {}\n", STANDARD.encode(record)));
        text.push_str(&format!("index {index}\n"));
        for hash in path {
            text.push_str(&hash.base64());
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.text());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_comes_back() {
        let checkpoint = Checkpoint {
            journal: uuid::Uuid::from_u128(7),
            size: 12,
            root: Hash::sha256(b"root"),
        };
        let text = checkpoint.text();
        assert_eq!(Checkpoint::parse(&text).as_ref(), Ok(&checkpoint));
        let signed = format!("{text}\n— somebody c2lnbmVk\n");
        assert_eq!(Checkpoint::parse(&signed).as_ref(), Ok(&checkpoint));
        for wrong in [
            "",
            "example.com/log\n1\nAAAA\n",
            &text.replace("12", "012"),
            &text.replace("12", "-1"),
            &text.replace('=', ""),
        ] {
            assert!(Checkpoint::parse(wrong).is_err(), "{wrong}");
        }
    }
}
