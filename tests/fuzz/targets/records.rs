//! What a disk that lies, or somebody with an editor, gives for records of ours. Whatever the
//! bytes, decoding ends in a value or an error, and a value is stored as what it was read from
//! means.

use std::fmt::Debug;

use virt_retire::cli::configuration_of;
use virt_retire::journal::checkpoint::Checkpoint;
use virt_retire::journal::envelope::{self, Kind};
use virt_retire::journal::lines::{self, Part};
use virt_retire::journal::log::{self, Change, Memory, Tree};
use virt_retire::journal::manifest::{self, Key};
use virt_retire::journal::{
    Begin, Block, Entry, Format, Head, Load, Mark, Mirror, Record, Sealed, Summary, Watched,
    decode, encode, legacy, saved_plan, version_of,
};
use virt_retire::model;

/// A record of any kind and format: as it is, which few get past the checksum of, and as the
/// payload of one that is sealed well.
pub fn record(data: &[u8]) {
    every_kind(data);
    if let Some((kind, payload)) = data.split_first() {
        for version in 1..=2 {
            every_kind(&envelope::seal(u16::from(kind % 12), version, payload));
        }
    }
}

fn every_kind(bytes: &[u8]) {
    again::<Format>(bytes);
    again::<Mark>(bytes);
    again::<Sealed>(bytes);
    again::<Block>(bytes);
    again::<Watched>(bytes);
    if let Some(head) = again::<Head>(bytes)
        && head.frontier.is_sound()
    {
        let _ = head.mark();
    }
    if let Some(begin) = again::<Begin>(bytes) {
        let transaction = begin.with_events(Vec::new());
        // The model and back changes nothing.
        let stored = encode(&Begin::from(&transaction)).expect("it was decoded");
        let read = manifest::read_record(&stored).expect("it was just stored");
        assert_eq!(read, transaction);
        let _ = manifest::files_for(&transaction).expect("it was decoded");
        let _ = (transaction.summary(), transaction.folders());
    }
    if let Some(entry) = again::<Entry>(bytes) {
        let _ = entry.event();
    }
    if let Some(summary) = again::<Summary>(bytes) {
        let _ = model::Summary::from(summary);
    }
    let _ = (
        legacy::mark(bytes),
        legacy::previous(bytes),
        version_of(bytes),
    );
}

fn again<R: Record + PartialEq + Debug>(bytes: &[u8]) -> Option<R> {
    let record: R = decode(bytes).ok()?;
    let stored = encode(&record).expect("it was decoded");
    // Not the same bytes: an integer may have been written longer than it need be.
    assert_eq!(decode::<R>(&stored).as_ref(), Ok(&record));
    Some(record)
}

/// A transaction that is folded into one record, and what is compressed in there.
pub fn sealed(data: &[u8]) {
    let mut records = vec![envelope::seal(Kind::Sealed as u16, 2, data)];
    let honest = |packed| Sealed {
        id: 1,
        size: data.len() as u64,
        packed,
    };
    records.extend(encode(&honest(data.to_vec())).ok());
    let packed = miniz_oxide::deflate::compress_to_vec(data, 1);
    records.extend(encode(&honest(packed)).ok());
    for record in records {
        let mut shelf = Memory::default();
        shelf.apply(&[Change {
            tree: Tree::Sealed,
            key: 1_u64.to_be_bytes().to_vec(),
            value: Some(record),
        }]);
        let _ = log::records(&shelf, 1);
        let _ = log::read(&shelf, 1);
    }
    block(data);
}

/// The same of many in one record: what is compressed, and how it is said to be divided.
fn block(data: &[u8]) {
    let half = data.len() as u64 / 2;
    let packed = miniz_oxide::deflate::compress_to_vec(data, 1);
    for part in [0, 1] {
        let honest = |members, packed: &[u8]| Block {
            number: 0,
            part,
            members,
            packed: packed.to_vec(),
        };
        let mut records = vec![envelope::seal(Kind::Block as u16, 2, data)];
        for members in [
            vec![(1, data.len() as u64)],
            vec![(1, half), (2, data.len() as u64 - half)],
        ] {
            records.extend(encode(&honest(members.clone(), &packed)).ok());
            records.extend(encode(&honest(members, data)).ok());
        }
        for record in records {
            let mut shelf = Memory::default();
            let mut key = 0_u64.to_be_bytes().to_vec();
            key.push(part);
            shelf.apply(&[Change {
                tree: Tree::Blocks,
                key,
                value: Some(record),
            }]);
            let _ = log::records(&shelf, 1);
            let _ = log::summary(&shelf, 2);
        }
    }
}

/// What lies beside quarantined files: the manifest, and the key that proves it.
pub fn manifest(data: &[u8]) {
    let _ = manifest::read_manifest(data);
    let _ = manifest::read_record(data);
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(key) = Key::from_text(text)
    {
        assert_eq!(Key::from_text(&key.to_text()), Some(key));
    }
}

pub fn saved_plan(data: &[u8]) {
    let mut candidates = vec![data.to_vec()];
    candidates.extend((1..=2).map(|it| envelope::seal(Kind::SavedPlan as u16, it, data)));
    for bytes in candidates {
        if let Ok(saved) = saved_plan::decode(&bytes) {
            let stored = saved_plan::encode(&saved).expect("it was decoded");
            assert_eq!(saved_plan::decode(&stored).as_ref(), Ok(&saved));
        }
    }
}

/// One line of `journal import`.
pub fn import_line(data: &[u8]) {
    let Ok(part) = lines::read(data) else {
        return;
    };
    let mut line = Vec::new();
    lines::write(part.clone(), &mut line).expect("it is memory");
    assert_eq!(lines::read(&line), Ok(part.clone()));
    match part {
        Part::Journal { format, .. } => drop(encode(&format)),
        Part::Begin(record) | Part::Entry { record, .. } => every_kind(&record),
    }
}

/// What `verify --checkpoint` is given.
pub fn checkpoint_text(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(checkpoint) = Checkpoint::parse(&text) {
        let again = Checkpoint::parse(&checkpoint.text());
        assert_eq!(again.as_ref(), Ok(&checkpoint));
    }
}

/// A guest that `watch` follows, in a file of its own: as it is, and as the payload of a file that
/// is sealed well.
pub fn watched(data: &[u8]) {
    let mut candidates = vec![data.to_vec()];
    candidates.extend((1..=2).map(|it| envelope::seal(Kind::Watched as u16, it, data)));
    for bytes in candidates {
        let Ok(watched) = decode::<Watched>(&bytes) else {
            continue;
        };
        let followed: model::Watched = watched.clone().load();
        assert!(followed.has_same_files(&followed));
        // The model and back changes nothing.
        let stored = encode(&Watched::store(&followed)).expect("it was decoded");
        assert_eq!(decode(&stored).as_ref(), Ok(&watched));
    }
}

/// A configuration file. What `config show` tells of it is the same as a file.
pub fn configuration(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(shown) = configuration_of(&text) {
        assert_eq!(configuration_of(&shown).as_ref(), Ok(&shown));
    }
}
