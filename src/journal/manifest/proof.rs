//! `record.mac`: what proves that a record was written by this state folder.
//!
//! Three lines of text: the format, and a blake3 keyed hash of the record and of the manifest, each
//! under a label of its own, in hex. The key is in `STATE/key`, likewise text.

use std::fmt;

/// Says which format it is, and is hashed with what follows: no code of one serves as another.
const TITLE: &str = "virt-retire proof 1";
const KEY_TITLE: &str = "virt-retire key 1";

/// The state folder's secret. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key as its file holds it, with a checksum: one that was cut off or changed must not
    /// quietly make every record a stranger's.
    pub fn to_text(&self) -> String {
        let hex = blake3::Hash::from_bytes(self.0).to_hex();
        format!("{KEY_TITLE}\n{hex}\n{}\n", self.checksum())
    }

    /// `None` for what [`Key::to_text`] did not write.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != KEY_TITLE {
            return None;
        }
        let key = Self(*blake3::Hash::from_hex(lines.next()?).ok()?.as_bytes());
        (lines.next()? == key.checksum() && lines.next().is_none()).then_some(key)
    }

    fn checksum(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(KEY_TITLE.as_bytes()).update(&self.0);
        hasher.finalize().to_hex().as_str()[..16].to_owned()
    }

    /// The bytes of `record.mac`.
    pub fn prove(&self, record: &[u8], manifest: &[u8]) -> Vec<u8> {
        let record = self.code("record", record).to_hex();
        let manifest = self.code("manifest", manifest).to_hex();
        format!("{TITLE}\nrecord {record}\nmanifest {manifest}\n").into_bytes()
    }

    /// Whether `proof`, as [`Key::prove`] made it, is for this record.
    pub fn proves_record(&self, proof: &[u8], record: &[u8]) -> bool {
        self.proves(proof, "record", record)
    }

    /// The same for the manifest beside it, which is for people: a record counts without it.
    pub fn proves_manifest(&self, proof: &[u8], manifest: &[u8]) -> bool {
        self.proves(proof, "manifest", manifest)
    }

    fn proves(&self, proof: &[u8], label: &str, bytes: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(proof) else {
            return false;
        };
        let mut lines = text.lines();
        lines.next() == Some(TITLE)
            && lines
                .filter_map(|line| line.split_once(' '))
                .filter(|(its, _)| *its == label)
                .filter_map(|(_, hex)| blake3::Hash::from_hex(hex).ok())
                // Hashes are compared in constant time.
                .any(|hash| hash == self.code(label, bytes))
    }

    fn code(&self, label: &str, bytes: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        // Neither the title nor a label has a line end in it.
        hasher.update(TITLE.as_bytes()).update(b"\n");
        hasher.update(label.as_bytes()).update(b"\n");
        hasher.update(bytes);
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_for_one_record_under_one_key() {
        let (ours, theirs) = (Key::new([1; 32]), Key::new([2; 32]));
        let proof = ours.prove(b"record", b"manifest");
        assert!(ours.proves_record(&proof, b"record"));
        assert!(ours.proves_manifest(&proof, b"manifest"));
        assert!(!ours.proves_record(&proof, b"manifest"));
        assert!(!ours.proves_record(&proof, b"recorD"));
        assert!(!theirs.proves_record(&proof, b"record"));
        assert!(!ours.proves_record(b"", b"record"));
        assert!(!ours.proves_record(b"\xff\n", b"record"));
        // The code of the one is no code of the other.
        let swapped = String::from_utf8(proof).unwrap();
        let swapped = swapped
            .replace("record ", "x ")
            .replace("manifest ", "record ");
        assert!(!ours.proves_record(swapped.as_bytes(), b"manifest"));
    }

    #[test]
    fn a_key_that_was_changed_or_cut_off_is_no_key() {
        let text = Key::new([7; 32]).to_text();
        assert_eq!(Key::from_text(&text), Some(Key::new([7; 32])));
        for at in 0..text.len() {
            assert_eq!(
                Key::from_text(&text[..at.min(text.len() - 2)]),
                None,
                "{at}"
            );
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert_ne!(Key::from_text(&changed), Some(Key::new([7; 32])), "{at}");
            }
        }
    }

    #[test]
    fn nothing_prints_a_key() {
        assert_eq!(format!("{:?}", Key::new([7; 32])), "Key(…)");
    }
}
