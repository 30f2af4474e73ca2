//! The small closed words: access, fate, user.

use crate::journal::mirror::frozen;
use crate::model;

frozen!(enum Access = model::Access { ReadWrite, ReadOnly, Shared });
frozen!(enum Fate = model::Fate { Quarantine, Keep, Refuse });
frozen!(enum Verdict = model::Verdict { Remove, Keep });
frozen!(enum Direction = model::Direction { Forward, Back });
frozen!(enum UserKind = model::UserKind { Domain, Image, Process, Mount, Loop });
frozen!(enum State = model::State {
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

// One user of one file.
frozen!(struct User = model::User {
    kind: UserKind,
    name: String,
    how: String,
});
