//! The environment that the program is started in.

use std::ffi::OsString;

/// An empty variable is none.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
