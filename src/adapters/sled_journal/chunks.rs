//! Records in pieces, so that sled never makes a file of its own for one.
//!
//! Beyond a quarter of a segment (128 KiB) sled 0.34.7 keeps a page in a file under `blobs/`. After
//! a power cut it silently skips a page whose file did not get to the disk, and goes on with the
//! rest of the batch: a transaction over several trees is then there in part (seen in 2 of 48
//! cuts). A leaf page holds up to 17 items before it splits, so pieces of 4 KiB stay below the
//! limit twice over.

use super::fault::Fault;

/// Bytes.
const PIECE: usize = 4096;

/// The keys and values that `record` is stored as under `key`.
pub(super) fn pieces<'a>(
    key: &'a [u8],
    record: &'a [u8],
) -> impl Iterator<Item = (Vec<u8>, &'a [u8])> {
    let numbered = record.chunks(PIECE).zip(0u32..);
    numbered.map(move |(piece, number)| (piece_key(key, number), piece))
}

pub(super) fn piece_key(key: &[u8], number: u32) -> Vec<u8> {
    [key, &number.to_be_bytes()].concat()
}

/// One record with the key it is stored under.
pub(super) struct Keyed {
    pub(super) key: Vec<u8>,
    pub(super) bytes: Vec<u8>,
}

/// Records put together again, in the order of their keys. That no piece is missing is for the
/// record's own frame to say.
pub(super) fn joined(
    items: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
) -> impl Iterator<Item = Result<Keyed, Fault>> {
    let mut items = items.peekable();
    std::iter::from_fn(move || {
        let mut record: Option<Keyed> = None;
        loop {
            match (items.peek(), &record) {
                (None, _) => break,
                (Some(Ok((key, _))), Some(record)) if prefix(key) != record.key => break,
                (Some(_), _) => {}
            }
            match items.next()? {
                Ok((key, piece)) => record
                    .get_or_insert_with(|| Keyed {
                        key: prefix(&key).to_vec(),
                        bytes: Vec::new(),
                    })
                    .bytes
                    .extend_from_slice(&piece),
                Err(error) => return Some(Err(error.into())),
            }
        }
        record.map(Ok)
    })
}

/// The record's key, of a piece's.
pub(super) fn prefix(key: &[u8]) -> &[u8] {
    &key[..key.len().saturating_sub(4)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_what_they_were() {
        let long: Vec<u8> = (0..3 * PIECE + 1).map(|at| at as u8).collect();
        let records = [(1u64, &long[..PIECE]), (2, &long[..]), (3, b"short")];
        let items: Vec<_> = (records.iter())
            .flat_map(|(key, record)| {
                pieces(&key.to_be_bytes(), record)
                    .map(|(key, piece)| Ok((key.into(), piece.into())))
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(items.len(), 1 + 4 + 1);
        let found: Vec<_> = joined(items.into_iter())
            .map(|record| record.unwrap())
            .map(|record| (record.key, record.bytes))
            .collect();
        let wanted: Vec<_> = (records.iter())
            .map(|(key, record)| (key.to_be_bytes().to_vec(), record.to_vec()))
            .collect();
        assert_eq!(found, wanted);
    }
}
