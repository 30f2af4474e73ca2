//! What the tests against a real libvirt share. A test file says `mod support;` and uses what it
//! needs.
//!
//! - [`host`]: a libvirt of one's own, and commands inside it; [`outcome`]: what a command
//!   answered.
//! - [`retire`]: the program under test, plain, on a terminal, with other variables.
//! - [`filesystem`]: XFS or ext4 of one's own, whose power can be cut.
//! - [`guest`] and [`disk`]: domains with real disks, and everything libvirt keeps about them.
//! - [`heaviest`]: one guest with all of that at once.
//! - [`power`]: transient guests, guests that obey, guests that die.
//! - [`identity`]: all that a rollback must bring back, taken before and compared after.
//! - [`faults`]: a kill or an error at the Nth system call, by strace; [`tracer`]: anything at the
//!   Nth change over all threads; [`sweep`]: the same at every change.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod disk;
pub mod faults;
pub mod filesystem;
pub mod guest;
pub mod heaviest;
pub mod host;
pub mod identity;
pub mod outcome;
pub mod power;
pub mod retire;
pub mod sweep;
pub mod tracer;

// Which of these a test names is its own affair.
#[allow(unused_imports)]
pub use self::{
    disk::Disk,
    faults::Fault,
    filesystem::Filesystem,
    guest::{Guest, GuestBuilder},
    heaviest::Heaviest,
    host::PrivateHost,
    identity::{Identity, assert_same},
    outcome::Outcome,
};
