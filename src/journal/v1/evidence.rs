//! Who asked (law 7).

use crate::journal::mirror::frozen;
use crate::model;

frozen!(struct Evidence = model::Evidence {
    uid: u32,
    user: String,
    login: Option<String>,
    host: String,
    from: Option<String>,
    reason: Option<String>,
    command: Vec<String>,
    pid: u32,
    version: String,
    uri: String,
    accepted_unseen: Vec<String>,
} else {
    overrides: Vec::new(),
    circumstances: model::Circumstances::default(),
});
