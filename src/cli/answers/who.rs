//! Who it was: of a transaction as of every later decision on it.

use crate::model::Evidence;

use super::super::safe::safe;

/// The user, who that was before any `su`, from where, and on which host.
pub(super) fn who(by: &Evidence) -> String {
    let login = by.login.as_ref();
    let from = by.from.as_ref();
    format!(
        "{}{}{} on {}",
        safe(&by.user),
        login.map_or(String::new(), |login| format!(
            ", logged in as {}",
            safe(login)
        )),
        from.map_or(String::new(), |from| format!(", {}", safe(from))),
        safe(&by.host),
    )
}
