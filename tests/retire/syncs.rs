//! How often the disk is waited for. If this fails, a retirement costs more durable writes than the engine's
//! page says, or a batch pays for each of its domains what it should pay once.

use crate::support::tracer::After;
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
    let count = |is_one: &dyn Fn(&str) -> bool| {
        let syncs = run.points.iter().filter(|point| point.is_sync());
        syncs.filter(|point| is_one(&point.target)).count()
    };
    let is_log = |target: &str| target.ends_with("/journal/db");
    let is_mark = |target: &str| target.ends_with("/journal.head");
    Syncs {
        records: count(&is_log),
        marks: count(&is_mark),
        others: count(&|target| !is_log(target) && !is_mark(target)),
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
    assert!(alone.marks <= 3 && batch.marks <= 3, "{alone:?} {batch:?}");
    // A domain's own: its quarantine folder, the four files of its record, its disk.
    const OWN: usize = 6;
    assert!(alone.others <= OWN + 14, "{alone:?}");
    let shared = alone.others - OWN;
    assert!(
        batch.others <= BATCH.len() * OWN + shared,
        "{alone:?} {batch:?}"
    );
    // And back: begun, done.
    let back = syncs(&host, &["rollback", "2", "--yes"]);
    assert_eq!(back.records, 2, "{back:?}");
}
