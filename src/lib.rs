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
//! | [`ports`] | narrow traits: hypervisor, storage, journal, clock, control | model |
//! | [`journal`] | what lies on disk: versioned structs of its own | model |
//! | [`survey`] | from libvirt and the files to the planner's facts; changes nothing | ports, xml |
//! | [`engine`] | executes, undoes, decides, recovers | ports, journal, xml |
//! | [`adapters`] | the ports' real implementations: `virt`, the file system, `sled` | ports and below |
//! | [`cli`] | the command line; the only place that prints | all |
//!
//! # The life of a request
//!
//! `cli` finds the domain, [`survey`] looks at the host, [`planner`] makes the
//! [`Plan`](model::Plan). The same value is shown, saved, and executed. [`engine`] writes it to the
//! journal as a [`Transaction`](model::Transaction) and runs its [`Step`](model::Step)s, each with a
//! durable intent before and a durable outcome after. Where a step fails, the steps done are undone
//! in reverse; where that fails too, the transaction is `stuck` and keeps both causes. `recover` does
//! after a crash what the process would have done.
//!
//! # Where to put a new kind of step
//!
//! See [`engine`]: five places, four of which the compiler names.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod adapters;
pub mod cli;
pub mod engine;
pub mod image;
pub mod journal;
pub mod model;
pub mod planner;
pub mod ports;
pub mod survey;
pub mod xml;
