//! The small closed words: access, fate, user.

use crate::journal::mirror::mirror;
use crate::model;

mirror!(enum Access = model::Access { ReadWrite, ReadOnly, Shared });
mirror!(enum Fate = model::Fate { Quarantine, Keep, Refuse });
mirror!(enum Verdict = model::Verdict { Remove, Keep });
mirror!(enum Direction = model::Direction { Forward, Back });
mirror!(enum UserKind = model::UserKind { Domain, Image, Process, Mount, Loop });
mirror!(enum State = model::State {
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
mirror!(struct User = model::User {
    kind: UserKind,
    name: String,
    how: String,
});
