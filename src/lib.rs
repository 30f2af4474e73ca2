//! Transactional removal of libvirt domains and their storage.
pub mod adapters;
pub mod image;
pub mod model;
pub mod ports;
