//! How often the disk is waited for. If this fails, a retirement costs more durable writes than the
//! engine's page says, or a batch pays for each of its domains what it should pay once.

use crate::support::tracer::{After, Point};
use crate::support::{Disk, GuestBuilder, PrivateHost};

/// The syncs of one run: of the journal's log, of its watermark, and of everything else.
#[derive(Debug, PartialEq, Eq)]
struct Syncs {
    records: usize,
    marks: usize,
    others: usize,
}

fn syncs(host: &PrivateHost, arguments: &[&str]) -> Syncs {
    let run = host.traced(arguments, &mut |_| After::GoOn);
    assert_eq!(run.code, 0, "{run}");
    // `sync_file_range`, which sled calls, waits for no medium.
    let waits = |call: &str| matches!(call, "fsync" | "fdatasync" | "syncfs");
    let count = |file: &str| {
        let ours = |point: &&Point| point.call == "fdatasync" && point.target.ends_with(file);
        run.points.iter().filter(ours).count()
    };
    let (records, marks) = (count("/journal/db"), count("/journal.head"));
    let all = run.points.iter().filter(|point| waits(point.call)).count();
    Syncs {
        records,
        marks,
        others: all - records - marks,
    }
}

#[test]
fn a_batch_writes_the_journal_as_often_as_one_domain() {
    const BATCH: [&str; 5] = ["b1", "b2", "b3", "b4", "b5"];
    let host = PrivateHost::start();
    for name in ["warm", "one"].iter().chain(&BATCH) {
        let disk = Disk::pool(&format!("{name}.qcow2"));
        GuestBuilder::new(name).disk(disk).define(&host);
    }
    host.refresh_pools();
    // Journal and quarantine are there from now on.
    host.retire(&["undefine", "warm", "--remove-all-storage", "--yes"])
        .expect(0);
    let alone = syncs(&host, &["undefine", "one", "--remove-all-storage", "--yes"]);
    let batch = [
        &["undefine"],
        &BATCH[..],
        &["--remove-all-storage", "--yes"],
    ]
    .concat();
    let batch = syncs(&host, &batch);
    eprintln!("alone {alone:?}, a batch of {} {batch:?}", BATCH.len());
    // Begun; savings done, and the rest intended; decided.
    assert_eq!((alone.records, batch.records), (3, 3));
    assert!(alone.marks <= 2 && batch.marks <= 2, "{alone:?} {batch:?}");
    // A domain's own: the four files of its record, its disk, and its quarantine folder, once for
    // either.
    const OWN: usize = 7;
    assert!(alone.others <= OWN + 18, "{alone:?}");
    let shared = alone.others - OWN;
    assert!(
        batch.others <= BATCH.len() * OWN + shared,
        "{alone:?} {batch:?}"
    );
    // And back: begun, done.
    let back = syncs(&host, &["rollback", "2", "--yes"]);
    assert_eq!(back.records, 2, "{back:?}");
    // Of several as of one.
    let back = syncs(&host, &["rollback", "3-7", "--yes"]);
    assert_eq!(back.records, 2, "{back:?}");
}
