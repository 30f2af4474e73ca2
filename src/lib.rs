//! Transactional removal of libvirt domains and their storage.
//!
//! # The layers
//!
//! Dependencies run downwards only; `tests/house.rs` holds them to it.
//!
//! | module | what it is | may use |
//! |---|---|---|
//! | [`model`] | the words of the project as values: plan, step, state, transaction | nothing |
//! | [`image`] | readers of image headers: bytes in, references out | nothing |
//! | [`xml`] | readers of libvirt's XML | model |
//! | [`planner`] | facts and flags in, a plan or refusals out; pure | model |
//! | [`journal`] | what lies on disk: versioned structs of its own; the log's chain and proofs | model |
//! | [`ports`] | narrow traits: hypervisor, storage, journal, clock, control | model, journal |
//! | [`survey`] | from libvirt and the files to the planner's facts; changes nothing | ports, xml, image |
//! | [`engine`] | executes, undoes, decides, recovers | ports, journal, xml, survey |
//! | [`retire`] | from domains and flags to a batch that the engine runs | all above |
//! | [`watch`] | follows guests that take their storage along when they end | all above |
//! | [`doctor`] | what would stop a retirement on this host, and what others left | all above |
//! | [`adapters`] | the ports' real implementations: `virt`, the file system, `sled` | ports and below |
//! | [`cli`] | the command line; the only place that prints | all |
//!
//! # The life of a request
//!
//! `cli` finds the domain, [`survey`] looks at the host, [`planner`] makes the
//! [`Plan`](model::Plan). The same value is shown, saved, and executed. [`engine`] writes it to the
//! journal as a [`Transaction`](model::Transaction) and runs its [`Step`](model::Step)s, each with
//! a durable intent before and a durable outcome after. Where a step fails, the steps done are
//! undone in reverse; where that fails too, the transaction is `stuck` and keeps both causes.
//! `recover` does after a crash what the process would have done.
//!
//! # The laws
//!
//! "Law N" in the code means one of these. Whatever else changes, they hold.
//!
//! 1. **All or nothing.** After any failure, crash, kill or power cut, one `recover` leaves each
//!    domain either fully there or fully retired. Never half.
//! 2. **Nothing is destroyed before purge.** Commit is a decision, not a deletion. Every undefine
//!    can be rolled back until it is purged.
//! 3. **Intent, effect, outcome.** An intent is durable on the disk before its effect starts; an
//!    effect is durable (files and directories synced) before its outcome is written.
//! 4. **Rollback is identity.** What comes back is what was there: domain XML with its secrets,
//!    UUID, autostart, snapshot and checkpoint trees with the current ones, managed save, NVRAM,
//!    TPM state, volumes on their pools' lists, and every file with its bytes, holes, owner, mode,
//!    times, xattrs, ACLs, hard links and symlinks. Rollback never overwrites: an occupied path or
//!    a taken name is an error that names it, and nothing has moved.
//! 5. **What someone else uses stays.** Another domain, another image's backing chain, a mount, a
//!    loop device, a process that has the file open: any of them makes the disk untouchable.
//!    Judged by device and inode, not by the spelling of the path.
//! 6. **Refuse rather than guess.** A disk whose fate is not decided, a chain that cannot be read,
//!    a URI whose files are elsewhere: the plan is refused, says why and what to do, and nothing
//!    has changed.
//! 7. **Evidence first.** Who, when, from where, why, what and how big is in the journal before
//!    the first effect, with the domain's XML, the XML of each pool volume among its disks, and
//!    what was overridden; the record is append-only, and tampering shows.
//! 8. **The exit code tells the truth.** No success for partial work.
//!
//! # The words
//!
//! - **transaction**: one undefine-with-storage of one domain, as the journal records it. Its id
//!   is a small whole number, counted per journal, beside a UUID that is unique across hosts.
//! - **plan**: the whole list of steps, as data, written before the first step runs. A dry run
//!   prints the same value.
//! - **step**: one effect and its inverse. Idempotent both ways: doing it again answers "already
//!   done".
//! - **quarantine**: where removed files wait. Nothing in it is lost until **purge**, the one
//!   irreversible verb.
//! - **journal**: the sled database. **manifest**: the same facts, readable without it, beside the
//!   quarantined files.
//! - **log**: the journal's events in their one order, append-only, the leaves of an RFC 6962
//!   Merkle tree (SHA-256). **checkpoint**: that tree's size and root as text; kept elsewhere, it
//!   proves later that nothing before it was changed.
//! - **hold**: a named reason why a transaction must not be purged. **expiry**: stamped on a
//!   transaction when it is begun; changing the configuration later changes no stamp.
//!
//! # The states
//!
//! ```text
//! planned → executing → prepared → committed → purging → purged
//!               └──────────┴───────────┴─→ rolling-back → rolled-back
//! ```
//!
//! `stuck`: neither direction could finish; the cause of each is recorded, and `recover` tries
//! again. `undefine` runs to `committed` by itself; `--prepare` stops at `prepared`. The arrows
//! that are allowed are in [`model::State::may_become`].
//!
//! # Where to put a new kind of storage, or of step
//!
//! See [`engine`]: ten places for a kind of storage, all but the last named by the compiler.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod adapters;
pub mod cli;
pub mod doctor;
pub mod engine;
pub mod image;
pub mod journal;
pub mod model;
pub mod planner;
pub mod ports;
pub mod retire;
pub mod survey;
pub mod watch;
pub mod xml;
