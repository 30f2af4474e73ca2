//! The journal's own syncs.
//!
//! Its files are synced through these two and nowhere else, so that the counter-proof of the
//! power-cut test goes without every one of them. Where the head alone was still synced, XFS forced
//! its log for it, and sled's records survived the cut by somebody else's sync.

use std::fs::File;
use std::io;
use std::path::Path;

/// `fdatasync`: a file's bytes and its size.
pub(super) fn sync_data(file: &File) -> io::Result<()> {
    if power_cut_test_goes_without() {
        return Ok(());
    }
    file.sync_data()
}

/// `fsync` of a folder: the names in it.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if power_cut_test_goes_without() {
        return Ok(());
    }
    File::open(folder)?.sync_all()
}

/// The counter-proof of the power-cut test, which shows what sled's flush alone is worth. Not in a
/// release build.
fn power_cut_test_goes_without() -> bool {
    cfg!(debug_assertions) && std::env::var_os("VIRT_RETIRE_TEST_NO_BARRIER").is_some()
}
