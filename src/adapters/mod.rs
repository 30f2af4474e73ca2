//! The ports' real implementations, one folder each. The only importers of `virt` and of `sled`.

pub mod libvirt;
