//! What of a file makes libvirt give up the whole pool that it lies in.
//!
//! A refresh reads the beginning of every file in the pool's folder. libvirt 11.3 copes with every
//! header that was tried but one: a qcow2 image of version 3 that ends after its 32nd and before
//! its 100th byte, where `qcow2GetFeatures` (storage_file_probe.c) finds no room for what it wants
//! to read. The refresh fails "for an unknown cause", and leaves the pool stopped.

/// How much of a file [`stops_a_pool`] wants to see.
pub const POOL_PROBE: usize = 512;

/// No image is so short: a qcow2 header of version 3 has 104 bytes at least, and a cluster 512.
const SHORTEST: usize = 112;

/// Whether libvirt would stop a pool in whose folder a file begins like this; `beginning` is all of
/// it where the file has less than [`POOL_PROBE`]. Wider than what 11.3 was seen to do, because
/// another version may want another byte.
pub fn stops_a_pool(beginning: &[u8]) -> bool {
    beginning.starts_with(b"QFI\xfb") && beginning.len() < SHORTEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_is_cut_off_stops_a_pool_and_a_whole_one_does_not() {
        let mut image = b"QFI\xfb\0\0\0\x03".to_vec();
        image.resize(POOL_PROBE, 0);
        assert!(!stops_a_pool(&image));
        for length in [50, 71, 99] {
            assert!(stops_a_pool(&image[..length]), "{length}");
        }
        assert!(!stops_a_pool(b"raw, and short"));
        assert!(!stops_a_pool(b""));
    }
}
