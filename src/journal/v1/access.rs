//! The small closed words: access, fate, user.

use serde::{Deserialize, Serialize};

use crate::model;

/// Mirrors an enum without fields, both ways; a variant without its fellow does not compile.
macro_rules! mirror {
    ($name:ident, $model:path, { $($variant:ident),+ $(,)? }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($variant),+ }

        impl From<$model> for $name {
            fn from(value: $model) -> Self {
                use $model as Model;
                match value { $(Model::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $model {
            fn from(value: $name) -> Self {
                use $model as Model;
                match value { $($name::$variant => Model::$variant),+ }
            }
        }
    };
}
pub(super) use mirror;

mirror!(Access, crate::model::Access, { ReadWrite, ReadOnly, Shared });
mirror!(Fate, crate::model::Fate, { Quarantine, Keep, Refuse });
mirror!(Verdict, crate::model::Verdict, { Remove, Keep });
mirror!(Direction, crate::model::Direction, { Forward, Back });
mirror!(UserKind, crate::model::UserKind, { Domain, Image, Process, Mount, Loop });
mirror!(State, crate::model::State, {
    Planned,
    Executing,
    Prepared,
    Committed,
    RollingBack,
    RolledBack,
    Stuck,
    Purging,
    Purged,
});

/// One user of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub kind: UserKind,
    pub name: String,
    pub how: String,
}

impl From<&model::User> for User {
    fn from(model::User { kind, name, how }: &model::User) -> Self {
        Self {
            kind: (*kind).into(),
            name: name.clone(),
            how: how.clone(),
        }
    }
}

impl From<User> for model::User {
    fn from(User { kind, name, how }: User) -> Self {
        Self {
            kind: kind.into(),
            name,
            how,
        }
    }
}
