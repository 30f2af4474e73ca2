//! Who asked (law 7).

use crate::journal::mirror::mirror;
use crate::journal::primitive::Uuid;
use crate::model;

mirror!(enum OverrideFlag = model::OverrideFlag {
    AcceptUnseen,
    AcceptNotRedefinable,
    AcceptBrokenChain,
    OverrideProtection,
    AcceptChangedBase,
    Files,
    Xml,
    Path,
    From,
});

mirror!(struct Override = model::Override {
    flag: OverrideFlag,
    what: String,
});

mirror!(struct Evidence = model::Evidence {
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
    overrides: Vec<Override>,
    circumstances: Circumstances,
});

mirror!(struct Circumstances = model::Circumstances {
    login_uid: Option<u32>,
    sudo_user: Option<String>,
    terminal: Option<String>,
    remote: Option<String>,
    session: Option<u32>,
    unit: Option<String>,
    boot: Option<Uuid>,
    since_boot: Option<u64>,
    machine: Option<String>,
    libvirt: Option<String>,
    qemu: Option<String>,
});
