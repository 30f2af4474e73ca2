//! Someone else who uses a file.

use serde::Serialize;

use crate::model::User;

use super::super::safe::safe;

#[derive(Serialize)]
pub struct UserJson {
    kind: &'static str,
    name: String,
    how: String,
}

impl From<&User> for UserJson {
    fn from(user: &User) -> Self {
        Self {
            kind: user.kind.word(),
            name: user.name.clone(),
            how: user.how.clone(),
        }
    }
}

/// One user as a sentence has it: `disk vda of domain web`.
pub fn user(user: &User) -> String {
    safe(&user.phrase())
}
