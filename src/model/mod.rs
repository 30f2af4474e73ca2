//! The words of the project as values: no I/O, no foreign crate of weight, no serialisation.
//!
//! What lies on disk has structs of its own in [`crate::journal`]; what is printed has its own in
//! `cli`. So a change here never changes a stored byte by accident.

mod access;
mod amendment;
mod definition;
mod digest;
mod evidence;
mod facts;
mod file;
mod filter;
mod hold;
mod ids;
mod notice;
mod overrides;
mod plan;
mod policy;
mod refusal;
mod request;
mod shown;
mod size;
mod space;
mod state;
mod step;
mod taken;
mod transaction;
mod user;
mod verb;
mod volume;
mod watched;
mod wipe;

pub use access::{Access, Device};
pub use amendment::Amendment;
pub use definition::{Autostart, Checkpoint, Definition, SecretXml, Snapshot};
pub use digest::{Digest, DigestKind};
pub use evidence::{Circumstances, Evidence};
pub use facts::{
    Artefact, ChainFacts, DetachedFacts, DiskFacts, DomainFacts, FileRef, JobFacts, Pooled,
    SourceKind, Unreadable,
};
pub use file::{FileFacts, FileKind, FileTime, Identity, RESERVATION_MODE, is_reservation};
pub use filter::Filter;
pub use hold::{Hold, Uptime};
pub use ids::{DomainRef, TransactionId, quoted};
pub use notice::{LogEntry, Logged, Notice, Order, Topic};
pub use overrides::{Overridden, Override, OverrideFlag};
pub use plan::{ChainLink, DiskPlan, Fate, Plan, RUNNING_GUEST, Reason};
pub use policy::{POLICY_NAMESPACE, POLICY_PREFIX, Policy};
pub use refusal::{Refusal, RefusalCode};
pub use request::{Removal, StorageFlags, Verdict};
pub use shown::is_shown;
pub use size::{count, size};
pub use space::{Allocation, FileSystem, Held, Space, Tally, merged};
pub use state::{Claim, State};
pub use step::{DiskState, FileMove, FileRole, SavedState, Step, Trace, UndefineCall, undo_order};
pub use taken::{StorageItem, Taken};
pub use transaction::{
    Direction, Draft, Event, EventKind, Progress, QuarantineFolder, Rename, Summary, Transaction,
};
pub use user::{User, UserKind};
pub use verb::Verb;
pub use volume::SavedVolume;
pub use watched::{Ended, Watched};
pub use wipe::{WipeMethod, Wiped};
