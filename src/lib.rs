//! Transactional removal of libvirt domains and their storage.
pub mod adapters;
pub mod model;
pub mod ports;
pub mod xml;
