//! Commands as they are typed.

use std::path::Path;

use crate::model::quoted;

pub(super) fn path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

pub(super) fn remove(file: &Path) -> String {
    format!("rm {}", path(file))
}

pub(super) fn remove_folder(folder: &Path) -> String {
    format!("rm -r {}", path(folder))
}

/// `3 transactions`, `1 transaction`.
pub(super) fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// At most eight of them.
pub(super) fn listed(words: &[String]) -> String {
    const MOST: usize = 8;
    let shown: Vec<&str> = words.iter().take(MOST).map(String::as_str).collect();
    match words.len().checked_sub(MOST) {
        None | Some(0) => shown.join(", "),
        Some(more) => format!("{} and {more} more", shown.join(", ")),
    }
}
