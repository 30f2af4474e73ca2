//! Failure story: a header that is cut off or forged made a reader crash, or believe that an
//! overlay has no backing file, and the base was then removed as if nobody used it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use proptest::prelude::*;

/// A version 3 header with 64 KiB clusters.
fn header(version: u32, incompatible: u64, extensions: &[(u32, &[u8])], backing: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; if version == 2 { V2_HEADER } else { V3_HEADER }];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4..8].copy_from_slice(&version.to_be_bytes());
    bytes[20..24].copy_from_slice(&16u32.to_be_bytes());
    if version == 3 {
        bytes[72..80].copy_from_slice(&incompatible.to_be_bytes());
        bytes[100..104].copy_from_slice(&104u32.to_be_bytes());
    }
    for (kind, value) in extensions {
        bytes.extend(kind.to_be_bytes());
        bytes.extend((value.len() as u32).to_be_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    bytes.extend([0; 8]);
    if !backing.is_empty() {
        let offset = bytes.len() as u64;
        bytes[8..16].copy_from_slice(&offset.to_be_bytes());
        bytes[16..20].copy_from_slice(&(backing.len() as u32).to_be_bytes());
        bytes.extend(backing);
    }
    bytes
}

fn whole(bytes: &[u8]) -> Qcow2 {
    match parse(bytes) {
        Ok(Outcome::Whole(found)) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_versions_name_their_backing_file_and_its_format() {
    for version in [2, 3] {
        let found = whole(&header(
            version,
            0,
            &[(BACKING_FORMAT, b"raw")],
            b"base.img",
        ));
        assert_eq!(found.backing.as_deref(), Some(&b"base.img"[..]));
        assert_eq!(found.backing_format.as_deref(), Some(&b"raw"[..]));
    }
}

#[test]
fn a_data_file_counts_only_with_its_feature_bit() {
    let named: &[(u32, &[u8])] = &[(DATA_FILE, b"data.raw")];
    assert_eq!(
        whole(&header(3, EXTERNAL_DATA_FILE, named, b"")).data_file,
        Some(b"data.raw".to_vec())
    );
    assert_eq!(whole(&header(3, 0, named, b"")).data_file, None);
    assert!(parse(&header(3, EXTERNAL_DATA_FILE, &[], b"")).is_err());
}

#[test]
fn a_header_cut_off_anywhere_is_never_taken_for_whole() {
    let bytes = header(3, EXTERNAL_DATA_FILE, &[(DATA_FILE, b"d")], b"/base");
    for length in 0..bytes.len() {
        match parse(&bytes[..length]) {
            Ok(Outcome::Need(need)) => assert!(need > length && need <= bytes.len()),
            other => panic!("cut at {length}: {other:?}"),
        }
    }
    whole(&bytes);
}

#[test]
fn impossible_numbers_are_damage() {
    let sound = header(3, 0, &[], b"/base");
    let with = |at: usize, value: &[u8]| {
        let mut bytes = sound.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        parse(&bytes)
    };
    for (at, value) in [
        (8, &u64::MAX.to_be_bytes()[..]),
        (8, &65_537u64.to_be_bytes()[..]),
        (8, &80u64.to_be_bytes()[..]),
        (16, &1024u32.to_be_bytes()[..]),
        (20, &8u32.to_be_bytes()[..]),
        (20, &22u32.to_be_bytes()[..]),
        (100, &103u32.to_be_bytes()[..]),
        (100, &u32::MAX.to_be_bytes()[..]),
    ] {
        assert!(
            matches!(with(at, value), Err(HeaderError::Damaged(_))),
            "{at} {value:?}"
        );
    }
    assert_eq!(with(4, &4u32.to_be_bytes()), Err(HeaderError::Version(4)));
    assert_eq!(
        with(72, &(1u64 << 5).to_be_bytes()),
        Err(HeaderError::Features(1 << 5))
    );
}

#[test]
fn an_extension_must_end_before_the_backing_name() {
    let mut bytes = header(3, 0, &[(7, b"12345678")], b"/base");
    bytes[108..112].copy_from_slice(&u32::MAX.to_be_bytes());
    assert!(matches!(parse(&bytes), Err(HeaderError::Damaged(_))));
}

#[test]
fn a_name_ends_at_its_first_zero() {
    assert_eq!(
        whole(&header(3, 0, &[], b"/base\0/other")).backing,
        Some(b"/base".to_vec())
    );
    assert_eq!(whole(&header(3, 0, &[], b"\0")).backing, None);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn a_header_with_some_bytes_changed_never_panics_nor_asks_for_too_much(
        changes in proptest::collection::vec((0usize..160, any::<u8>()), 1..8),
    ) {
        let mut bytes = header(3, 4, &[(DATA_FILE, b"d"), (BACKING_FORMAT, b"qcow2")], b"/base");
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        if let Ok(Outcome::Need(need)) = parse(&bytes) {
            prop_assert!(need > bytes.len() && need <= 2 << 20);
        }
    }
}
