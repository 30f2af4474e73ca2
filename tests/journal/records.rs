//! The failure story: a record that comes back changed restores a changed domain, and a record
//! that no longer decodes restores none. Whatever the model can say must survive the disk, byte
//! for byte, and bytes from elsewhere must be refused, not believed.

use std::os::unix::ffi::OsStringExt;

use crate::sample;
use proptest::prelude::*;
use virt_retire::journal;
use virt_retire::journal::manifest::{self, files_for, read_manifest, read_record};
use virt_retire::journal::saved_plan::{self, SavedPlan, fingerprint};
use virt_retire::journal::{
    Begin, DecodeError, Entry, Format, Head, Time, decode, decode_first, encode, envelope,
};
use virt_retire::model::*;

fn entry(kind: &EventKind) -> Entry {
    Entry {
        sequence: 9,
        transaction: 12,
        clock_back: Some(3_600_000),
        at: Time(jiff::Timestamp::MAX),
        kind: kind.into(),
    }
}

#[test]
fn a_transaction_with_everything_in_it_comes_back() {
    let transaction = sample::transaction();
    let bytes = encode(&Begin::from(&transaction)).unwrap();
    assert_eq!(read_record(&bytes).unwrap(), transaction);
}

#[test]
fn every_kind_of_event_comes_back() {
    for kind in sample::kinds() {
        // `log --kind` takes it.
        assert!(Logged::WORDS.contains(&kind.word()), "{}", kind.word());
        let bytes = encode(&entry(&kind)).unwrap();
        let event = decode::<Entry>(&bytes).unwrap().event();
        assert_eq!(event.unwrap().kind, kind);
    }
}

#[test]
fn every_word_of_the_closed_lists_comes_back() {
    let mut transaction = sample::transaction();
    for (device, kind) in [
        FileKind::Regular,
        FileKind::Directory,
        FileKind::Symlink,
        FileKind::BlockDevice,
        FileKind::Other,
    ]
    .into_iter()
    .enumerate()
    {
        let Step::Quarantine(StorageItem::File(moved)) = &mut transaction.plan.steps[10 + device]
        else {
            panic!("the sample's files moved");
        };
        moved.facts.kind = kind;
        moved.facts.identity.born = None;
    }
    for access in [Access::ReadWrite, Access::ReadOnly, Access::Shared] {
        for fate in [Fate::Quarantine, Fate::Keep, Fate::Refuse] {
            transaction.plan.disks[0].access = access;
            transaction.plan.disks[0].fate = fate;
            let bytes = encode(&Begin::from(&transaction)).unwrap();
            assert_eq!(read_record(&bytes).unwrap(), transaction);
        }
    }
}

/// A change of format 1 is a format 2 (`migrations/README.md`): what the first version wrote of
/// the sample is kept, and this number stands.
#[test]
fn the_bytes_of_format_1_are_the_released_ones() {
    let bytes = include_bytes!("../golden/format-1/records.bin");
    let hash = blake3::hash(bytes).to_hex();
    assert_eq!(&hash.as_str()[..16], "7cc3c0c9617f05ab");
    let (begin, mut rest) = decode_first::<Begin>(bytes).unwrap();
    assert_eq!(begin.with_events(Vec::new()), sample::of_format_1());
    for kind in sample::kinds_of_format_1() {
        let (found, after) = decode_first::<Entry>(rest).unwrap();
        let wanted = Entry {
            clock_back: None,
            ..entry(&kind)
        };
        assert_eq!(found, wanted);
        rest = after;
    }
    assert_eq!(rest, b"");
}

#[test]
fn what_a_newer_version_wrote_is_newer_and_not_damaged() {
    let bytes = envelope::seal(envelope::Kind::Event as u16, 3, b"who knows");
    assert_eq!(
        decode::<Entry>(&bytes),
        Err(DecodeError::Newer { found: 3, known: 2 })
    );
}

#[test]
fn a_record_of_another_kind_or_with_a_tail_is_refused() {
    let bytes = encode(&entry(&sample::held())).unwrap();
    assert!(matches!(
        decode::<Head>(&bytes),
        Err(DecodeError::Kind { found: 3, .. })
    ));
    let longer = [bytes.as_slice(), b"x"].concat();
    assert!(matches!(
        decode::<Entry>(&longer),
        Err(DecodeError::Malformed(_))
    ));
    // A tail inside the frame, where its checksum holds.
    let inner = [envelope::open(&bytes).unwrap().payload, b"x"].concat();
    let sealed = envelope::seal(envelope::Kind::Event as u16, 1, &inner);
    assert!(matches!(
        decode::<Entry>(&sealed),
        Err(DecodeError::Malformed(_))
    ));
}

/// A time that no clock shows is found when the record is read, not where it is used.
#[test]
fn a_time_out_of_range_is_malformed() {
    let bytes = encode(&entry(&sample::held())).unwrap();
    let mut payload = envelope::open(&bytes).unwrap().payload.to_vec();
    let seconds = jiff::Timestamp::MAX.as_second() as u64 * 2;
    // Two short numbers, the mark of a long one, then the seconds.
    assert_eq!(payload[3..11], seconds.to_le_bytes());
    payload[3..11].copy_from_slice(&(seconds + 2).to_le_bytes());
    let sealed = envelope::seal(envelope::Kind::Event as u16, 1, &payload);
    assert!(matches!(
        decode::<Entry>(&sealed),
        Err(DecodeError::Malformed(_))
    ));
}

/// A length of 2^60 in a well-sealed record must not become an allocation.
#[test]
fn a_huge_length_is_malformed() {
    let payload = [&[253u8][..], &(1u64 << 60).to_le_bytes()].concat();
    let sealed = envelope::seal(envelope::Kind::SavedPlan as u16, 1, &payload);
    assert!(matches!(
        saved_plan::decode(&sealed),
        Err(DecodeError::Malformed(_))
    ));
}

#[test]
fn a_record_beyond_the_limit_is_refused_when_written() {
    let mut transaction = sample::transaction();
    transaction.definition.xml = SecretXml::new("x".repeat(65 << 20));
    assert!(encode(&Begin::from(&transaction)).is_err());
}

#[test]
fn a_saved_plan_comes_back_without_the_secrets() {
    let saved = SavedPlan {
        uri: "qemu:///system".into(),
        removal: sample::removal(),
        plan: sample::plan(),
        definition: fingerprint(&sample::definition()).unwrap(),
    };
    let both = [saved.clone(), saved.clone()];
    let bytes = saved_plan::encode(&both).unwrap();
    assert_eq!(saved_plan::decode(&bytes).unwrap(), both);
    let cut = saved_plan::decode(&bytes[..bytes.len() - 1]);
    assert!(cut.is_err(), "{cut:?}");
    assert!(saved_plan::decode(&[]).is_err());
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains(sample::PASSWORD));
    let mut other = sample::definition();
    other.autostart.always = false;
    assert_ne!(fingerprint(&other).unwrap(), saved.definition);
}

#[test]
fn the_manifest_names_every_file_and_the_record_beside_it_is_whole() {
    let transaction = sample::transaction();
    let files = files_for(&transaction).unwrap();
    let names: Vec<_> = files
        .iter()
        .map(|(name, _)| name.to_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "domain.xml",
            "record.bin",
            "snapshots/000.xml",
            "snapshots/001.xml",
            "checkpoints/000.xml",
            "manifest.json"
        ]
    );
    let bytes = |name: &str| &files[names.iter().position(|n| *n == name).unwrap()].1;
    assert_eq!(read_record(bytes(manifest::RECORD)).unwrap(), transaction);
    assert_eq!(
        bytes(manifest::DOMAIN),
        transaction.definition.xml.reveal().as_bytes()
    );
    let manifest = read_manifest(bytes(manifest::MANIFEST)).unwrap();
    let waiting = transaction.files().count() + transaction.copies().count();
    assert_eq!(manifest.files.len(), waiting);
    assert_eq!(manifest.state_as_of_writing, "planned");
    let hostile = &manifest.files[1];
    let hex = hostile.original_hex.as_ref().unwrap();
    assert!(hex.starts_with("2f7372762f696dff6765732f"));
    assert_eq!(hostile.mode, "4640");
    let json = String::from_utf8(bytes(manifest::MANIFEST).clone()).unwrap();
    assert!(!json.contains(sample::PASSWORD));
}

/// The shell must read back the very bytes of every name.
#[test]
fn the_words_for_restoring_by_hand_survive_a_shell() {
    let transaction = sample::transaction();
    let files = files_for(&transaction).unwrap();
    let manifest = read_manifest(&files.last().unwrap().1).unwrap();
    let line = (manifest.restore.iter())
        .find(|line| line.contains("printf"))
        .unwrap();
    let script = format!("mv() {{ printf '%s' \"$3\"; }}; {line}");
    for shell in ["sh", "bash"] {
        let output = std::process::Command::new(shell)
            .args(["-c", &script])
            .output()
            .unwrap();
        let path = std::ffi::OsString::from_vec(output.stdout);
        assert_eq!(path, sample::hostile_path().into_os_string(), "{shell}");
    }
}

#[test]
fn a_newer_manifest_is_newer() {
    assert_eq!(
        read_manifest(b"{\"version\": 2}").unwrap_err(),
        DecodeError::Newer { found: 2, known: 1 }
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_path_and_any_words_come_back(
        path in prop::collection::vec(1u8..=255, 1..300),
        words in any::<String>(),
        size in any::<u64>(),
        seconds in any::<i64>(),
    ) {
        let mut transaction = sample::transaction();
        transaction.home = std::ffi::OsString::from_vec(path).into();
        transaction.evidence.reason = Some(words);
        if let Step::Quarantine(StorageItem::File(moved)) = &mut transaction.plan.steps[7] {
            moved.facts.size = size;
            moved.facts.modified.seconds = seconds;
        }
        let bytes = encode(&Begin::from(&transaction)).unwrap();
        prop_assert_eq!(read_record(&bytes).unwrap(), transaction);
    }

    /// Sealed well, so that it gets past the checksum.
    #[test]
    fn bytes_from_elsewhere_never_panic(payload in prop::collection::vec(any::<u8>(), 0..400)) {
        for (kind, version) in (1..=7).flat_map(|kind| [(kind, 1), (kind, 2)]) {
            let bytes = envelope::seal(kind, version, &payload);
            let _ = decode::<Format>(&bytes);
            let _ = read_record(&bytes);
            let _ = decode::<Entry>(&bytes).map(Entry::event);
            let _ = decode::<journal::Summary>(&bytes).map(Summary::from);
            let _ = decode::<Head>(&bytes);
            let _ = saved_plan::decode(&bytes);
        }
    }
}
