//! The world in memory, whole: what the tests beside it explore, and what the fuzz target `world`
//! does.

#[path = "adversary.rs"]
pub mod adversary;
#[path = "disk.rs"]
pub mod disk;
#[path = "explore.rs"]
pub mod explore;
#[path = "host.rs"]
pub mod host;
#[path = "journal.rs"]
pub mod journal;
#[path = "laws.rs"]
pub mod laws;
#[path = "libvirt.rs"]
pub mod libvirt;
#[path = "scenario.rs"]
pub mod scenario;
#[path = "storage.rs"]
pub mod storage;
#[path = "surroundings.rs"]
pub mod surroundings;
