//! Someone else who uses a file.

use serde::Serialize;

use crate::model::User;

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
