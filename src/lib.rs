//! Transactional removal of libvirt domains and their storage.
