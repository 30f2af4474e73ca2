//! Narrow traits between the engine and the world. Each has one real implementation in
//! [`crate::adapters`]; the engine and the survey know no other way out.

mod census;
mod clock;
mod control;
mod events;
mod hypervisor;
mod intake;
mod journal;
mod keeper;
mod lock;
mod log;
mod overlays;
mod quarantine;
mod storage;
mod watchlist;
mod whereabouts;

pub use census::{Asked, Census, Outsider, Sighting};
pub use clock::Clock;
pub use control::Control;
pub use events::{LifeEvent, Monitor};
pub use hypervisor::{
    BackingChain, Described, Examined, FilesAre, Hypervisor, HypervisorError, HypervisorView,
    Located, Pool, Refreshed, StateFolders, Status, Version, Volume,
};
pub use intake::Intake;
pub use journal::{Journal, JournalError, JournalReader};
pub use keeper::{Finder, Keeper, Seen};
pub use lock::{LockError, LockedDomains};
pub use log::{Imported, Log, Migrated, Outlook};
pub use overlays::{Layered, Mounted, Overlays};
pub use quarantine::{Folder, Found, Proof, Quarantine, Record};
pub use storage::{
    Below, Demand, Entry, Image, Medium, Moved, Part, Reference, Resolved, Room, Root, Storage,
    StorageError, StorageView,
};
pub use watchlist::Watchlist;
pub use whereabouts::{Place, Presence, Whereabouts};
