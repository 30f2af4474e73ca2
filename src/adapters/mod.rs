//! The ports' real implementations, one folder each. The only importers of `virt` and of `sled`.

pub mod census;
pub mod clock;
pub mod domain_lock;
pub mod files;
pub mod libvirt;
pub mod sled_journal;
pub mod survey_cache;
pub mod system_journal;
pub mod watchlist;
