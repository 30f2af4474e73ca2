//! Transactional removal of libvirt domains and their storage.
pub mod model;
pub mod planner;
pub mod ports;
