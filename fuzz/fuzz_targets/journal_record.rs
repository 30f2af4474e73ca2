//! Decoding a record from a disk that lies. Whatever the bytes, decoding ends in a value or an
//! error, and a value that decodes is stored as the same bytes' meaning again.
//!
//! Run: `RUSTC_BOOTSTRAP=1 cargo fuzz run journal_record -- -max_total_time=60`
#![no_main]

use libfuzzer_sys::fuzz_target;
use virt_retire::journal::{
    Begin, Entry, Format, Head, Record, Summary, Watched, decode, encode, envelope, manifest,
    saved_plan,
};
use virt_retire::model;

fuzz_target!(|data: &[u8]| {
    // As they are: the frame's own checks. Few inputs get past its checksum.
    everything(data);
    // Sealed well: what is behind the checksum.
    if let Some((kind, payload)) = data.split_first() {
        for version in 1..=2 {
            everything(&envelope::seal(u16::from(kind % 8), version, payload));
        }
    }
});

fn everything(bytes: &[u8]) {
    again::<Format>(bytes);
    again::<Head>(bytes);
    again::<Watched>(bytes);
    if let Some(begin) = again::<Begin>(bytes) {
        let transaction = begin.with_events(Vec::new());
        // The model and back changes nothing.
        let stored = encode(&Begin::from(&transaction)).expect("it was decoded");
        let read = manifest::read_record(&stored).expect("it was just stored");
        assert_eq!(read, transaction);
        let _ = manifest::files_for(&transaction).expect("it was decoded");
    }
    if let Some(entry) = again::<Entry>(bytes) {
        let _ = entry.event();
    }
    if let Some(summary) = again::<Summary>(bytes) {
        let _ = model::Summary::from(summary);
    }
    if let Ok(saved) = saved_plan::decode(bytes) {
        let stored = saved_plan::encode(&saved).expect("it was decoded");
        assert_eq!(saved_plan::decode(&stored).as_ref(), Ok(&saved));
    }
    let _ = manifest::read_manifest(bytes);
}

fn again<R: Record>(bytes: &[u8]) -> Option<R> {
    let record: R = decode(bytes).ok()?;
    let stored = encode(&record).expect("it was decoded");
    // Not the same bytes: an integer may have been written longer than it need be.
    decode::<R>(&stored).expect("it was just stored");
    Some(record)
}
