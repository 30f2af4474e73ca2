//! Image headers: bytes in, facts out.
//!
//! Pure, because what it reads was written by whoever had the image: a guest, another host, a
//! download. It opens nothing, so a hostile header can make it answer wrongly at worst, and the
//! answers it is unsure of are errors (law 6). `adapters::files` does the reading.

mod arguments;
mod dialect;
mod filename;
mod label;
mod magic;
mod named;
mod options;
mod pool;
mod qcow2;
mod reference;
mod saved;
mod vmdk;

use thiserror::Error;

pub use arguments::{Arguments, arguments, words};
pub use label::{LABEL_BYTES, label};
pub use magic::{MAGIC_BYTES, SAVED_STATE, guess};
pub use named::{FOLDER, Location, Named, NamedFile, without_secrets};
pub use pool::{POOL_PROBE, stops_a_pool};
pub use qcow2::{Outcome, Qcow2, parse};
pub use reference::locate;
pub use saved::{SAVED_HEADER, saved_length, saved_xml};
pub use vmdk::{Descriptor, HEADER as VMDK_HEADER, Vmdk, descriptor, names as vmdk_names};

/// Why a header, or a name in one, is not understood.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HeaderError {
    #[error("its header is damaged: {0}")]
    Damaged(&'static str),
    #[error("it is not a qcow2 image, as which it is declared")]
    NotQcow2,
    #[error("it is qcow2 version {0}; versions 2 and 3 are known")]
    Version(u32),
    #[error("it uses qcow2 features that are not known (incompatible bits {0:#x})")]
    Features(u64),
}
