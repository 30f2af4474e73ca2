//! One transaction with everything in it that a record can hold.
#![allow(dead_code)]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use virt_retire::adapters::sled_journal::SledJournal;
use virt_retire::model::*;
use virt_retire::ports::{Journal, JournalError};

/// What the engine has no need of: a transaction alone, and nothing said of it yet.
pub trait BeginOne {
    fn begin(&mut self, draft: Draft) -> Result<Transaction, JournalError>;
}

impl BeginOne for SledJournal {
    fn begin(&mut self, draft: Draft) -> Result<Transaction, JournalError> {
        let mut begun = self.begin_all(vec![(draft, Vec::new())])?;
        Ok(begun.pop().unwrap())
    }
}

/// A path that is no UTF-8, has a quote, a line break and a space.
pub fn hostile_path() -> PathBuf {
    OsString::from_vec(b"/srv/im\xffges/it's\na disk.qcow2".to_vec()).into()
}

pub fn facts(inode: u64) -> FileFacts {
    FileFacts {
        identity: Identity {
            device: 0xfe01,
            inode,
            born: Some(file_time(-1, 999_999_999)),
        },
        kind: FileKind::Regular,
        size: u64::MAX / 1024,
        allocated: 4096,
        mode: 0o4640,
        uid: 64055,
        gid: u32::MAX - 1,
        links: 2,
        modified: file_time(1_700_000_000, 5),
        attributes: 0x10,
        link_target: Some("../elsewhere".into()),
    }
}

fn file_time(seconds: i64, nanoseconds: u32) -> FileTime {
    FileTime {
        seconds,
        nanoseconds,
    }
}

fn moved(inode: u64, role: FileRole, path: impl Into<PathBuf>) -> FileMove {
    FileMove {
        role,
        path: path.into(),
        pooled: Some(Pooled {
            pool: "de fault".into(),
            volume: "a disk.qcow2".into(),
        }),
        facts: facts(inode),
    }
}

fn user(kind: UserKind) -> User {
    User {
        kind,
        name: "4711 (qemu-system-x86)".into(),
        how: "open by".into(),
    }
}

/// What format 2 knows and format 1 did not.
pub fn circumstances() -> Circumstances {
    Circumstances {
        login_uid: Some(1000),
        sudo_user: Some("mira".into()),
        terminal: Some("/dev/pts/3".into()),
        remote: Some("192.0.2.7".into()),
        session: Some(12),
        unit: Some("/user.slice/session-12.scope".into()),
        boot: Some(uuid(5)),
        since_boot: Some(86_400_000),
        machine: Some("0123456789abcdef0123456789abcdef".into()),
        libvirt: Some("11.3.0".into()),
        qemu: Some("10.0.2".into()),
    }
}

const OVERRIDES: [OverrideFlag; 9] = [
    OverrideFlag::AcceptUnseen,
    OverrideFlag::AcceptNotRedefinable,
    OverrideFlag::AcceptBrokenChain,
    OverrideFlag::OverrideProtection,
    OverrideFlag::AcceptChangedBase,
    OverrideFlag::Files,
    OverrideFlag::Xml,
    OverrideFlag::Path,
    OverrideFlag::From,
];

pub fn volumes() -> Vec<SavedVolume> {
    let saved = |volume: &str, path, xml| SavedVolume {
        pooled: Pooled {
            pool: "de fault".into(),
            volume: volume.into(),
        },
        path,
        xml,
    };
    vec![
        saved(
            "a disk.qcow2",
            hostile_path(),
            Ok("<volume>\n  <name>a disk.qcow2</name>\n</volume>\n".into()),
        ),
        saved(
            "b",
            "/srv/b".into(),
            Err("storage pool 'de fault' is not active".into()),
        ),
    ]
}

pub fn evidence() -> Evidence {
    Evidence {
        uid: 0,
        user: "root".into(),
        login: Some("mira".into()),
        host: "host.example".into(),
        from: Some("pts/3 192.0.2.7".into()),
        reason: Some("moved to the new cluster — ticket 17".into()),
        command: vec!["virt-retire".into(), "undefine".into(), "web 1".into()],
        pid: 4711,
        version: "0.1.0".into(),
        uri: "qemu:///system".into(),
        accepted_unseen: vec!["processes of other users".into()],
        overrides: OVERRIDES
            .map(|flag| Override::new(flag, "what was accepted"))
            .into(),
        circumstances: circumstances(),
    }
}

pub const PASSWORD: &str = "s3cret-of-the-console";

pub fn definition() -> Definition {
    let xml = |text: &str| SecretXml::new(text.to_owned());
    Definition {
        xml: xml(&format!(
            "<domain><graphics passwd='{PASSWORD}'/></domain>\n"
        )),
        autostart: Autostart {
            always: true,
            once: true,
        },
        snapshots: vec![
            Snapshot {
                name: "base".into(),
                parent: None,
                xml: xml("<domainsnapshot/>"),
            },
            Snapshot {
                name: "up to date".into(),
                parent: Some("base".into()),
                xml: xml("<domainsnapshot/>"),
            },
        ],
        current_snapshot: Some("up to date".into()),
        checkpoints: vec![Checkpoint {
            name: "monday".into(),
            parent: None,
            xml: xml("<domaincheckpoint/>"),
        }],
    }
}

pub fn removal() -> Removal {
    Removal {
        storage: StorageFlags {
            named: Some(vec!["vda".into()]),
            all: true,
            managed: true,
            unmanaged: true,
            keep: true,
        },
        managed_save: true,
        snapshots_metadata: true,
        checkpoints_metadata: true,
        nvram: Some(Verdict::Remove),
        tpm: Some(Verdict::Keep),
        wipe_storage: true,
        delete_volume_snapshots: true,
        accept_unseen: true,
        accept_not_redefinable: true,
        accept_broken_chain: true,
        override_protection: true,
        stop_first: true,
        graceful: Some(90),
    }
}

pub fn plan() -> Plan {
    let target = || "vda".to_owned();
    let disk = |path: Option<PathBuf>| DiskPlan {
        target: target(),
        path,
        spelled: Some("/srv/link".into()),
        pooled: Some(Pooled {
            pool: "default".into(),
            volume: "web.qcow2".into(),
        }),
        access: Access::Shared,
        fate: Fate::Quarantine,
        reason: Reason::RemoveUnmanaged,
        size: 1 << 40,
        allocated: 3 << 20,
        chain: vec![ChainLink {
            facts: Some(facts(30)),
            reason: Some("it is garbage".into()),
            path: hostile_path(),
            fate: Fate::Keep,
            used_by: vec![user(UserKind::Domain), user(UserKind::Image)],
        }],
        used_by: vec![
            user(UserKind::Process),
            user(UserKind::Mount),
            user(UserKind::Loop),
        ],
        remembered_by: Some("snapshot base".into()),
    };
    let quarantined = [
        FileRole::Disk { target: target() },
        FileRole::Backing { target: target() },
        FileRole::DataFile { target: target() },
        FileRole::Link { target: target() },
        FileRole::Nvram,
        FileRole::TpmState,
        FileRole::SnapshotMemory {
            snapshot: "base".into(),
        },
    ];
    let mut steps = vec![
        Step::SaveDefinition { bytes: 60 },
        Step::SaveSnapshots {
            names: vec!["base".into(), "up to date".into()],
            bytes: 34,
        },
        Step::SaveCheckpoints {
            names: vec!["monday".into()],
            bytes: 17,
        },
        Step::SaveAutostart {
            always: true,
            once: false,
        },
        Step::LinkManagedSave(SavedState {
            image: moved(7, FileRole::ManagedSave, "/srv/save/web.save"),
            disks: vec![DiskState {
                path: "/srv/a".into(),
                facts: moved(8, FileRole::Nvram, "/srv/a").facts,
            }],
        }),
        Step::CopyState(moved(5, FileRole::TpmState, "/srv/swtpm/web")),
        Step::MakePersistent,
        Step::Stop { graceful: Some(90) },
        Step::Undefine(UndefineCall {
            managed_save: true,
            snapshots_metadata: true,
            checkpoints_metadata: true,
            keep_nvram: true,
            keep_tpm: true,
        }),
        Step::ConfirmInactive,
        Step::Quarantine(StorageItem::File(moved(
            8,
            FileRole::Disk { target: target() },
            hostile_path(),
        ))),
    ];
    for (index, role) in quarantined.into_iter().enumerate() {
        let path = format!("/srv/images/file {index}");
        steps.push(Step::Quarantine(StorageItem::File(moved(
            20 + index as u64,
            role,
            path,
        ))));
    }
    steps.push(Step::RefreshPool {
        pool: "default".into(),
    });
    Plan {
        domain: DomainRef {
            name: "web 1 — ünïcode".into(),
            uuid: uuid(1),
        },
        title: Some("the web".into()),
        active: true,
        paused: true,
        persistent: true,
        refusals: vec![Refusal {
            code: RefusalCode::PolicyInvalid,
            subject: "vda".into(),
            message: "no".into(),
            hint: "type something".into(),
        }],
        disks: vec![disk(Some(hostile_path())), disk(None)],
        steps,
        unseen: vec!["processes".into()],
        kept: Some(vec![moved(60, FileRole::Nvram, hostile_path())]),
        not_redefinable: Some("no such machine".into()),
        unread: vec!["disk vda: /gone: there is no such file".into()],
    }
}

pub fn uuid(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number)
}

pub fn draft() -> Draft {
    Draft {
        uuid: uuid(77),
        evidence: evidence(),
        removal: removal(),
        plan: plan(),
        definition: definition(),
        volumes: volumes(),
        home: "/srv/quarantine/77".into(),
        places: vec![
            QuarantineFolder {
                source: hostile_path().parent().unwrap().into(),
                folder: "/srv/.virt-retire/77".into(),
            },
            QuarantineFolder {
                source: "/srv/images".into(),
                folder: "/srv/.virt-retire/77".into(),
            },
            QuarantineFolder {
                source: "/srv/save".into(),
                folder: "/srv/.virt-retire/77".into(),
            },
        ],
        commit_at_once: true,
        started_at: "2026-03-01T12:00:00.123456789Z".parse().unwrap(),
        uptime: Some(Uptime {
            boot: uuid(3),
            seconds: 77,
        }),
        expires_at: Some("2026-04-01T12:00:00Z".parse().unwrap()),
    }
}

pub fn transaction() -> Transaction {
    Transaction {
        id: TransactionId(12),
        draft: draft(),
        events: Vec::new(),
    }
}

/// What format 1 has of [`transaction`].
pub fn of_format_1() -> Transaction {
    let mut transaction = transaction();
    transaction.removal.accept_not_redefinable = false;
    transaction.removal.accept_broken_chain = false;
    transaction.plan.not_redefinable = None;
    transaction.plan.unread.clear();
    transaction.plan.kept = None;
    transaction.evidence.circumstances = Circumstances::default();
    transaction.evidence.overrides.clear();
    transaction.volumes.clear();
    transaction.uptime = None;
    transaction.expires_at = None;
    transaction.plan.paused = false;
    for disk in &mut transaction.plan.disks {
        disk.allocated = 0;
    }
    let disks = transaction.plan.disks.iter_mut();
    for link in disks.flat_map(|disk| &mut disk.chain) {
        link.facts = None;
        link.reason = None;
    }
    transaction
}

/// Those of [`kinds`] that format 1 has.
pub fn kinds_of_format_1() -> Vec<EventKind> {
    let mut kinds = kinds();
    kinds.retain(|kind| {
        !matches!(
            kind,
            EventKind::Amended(_)
                | EventKind::Withdrawn { .. }
                | EventKind::Released { .. }
                | EventKind::Wiping { .. }
                | EventKind::Wiped { .. }
                | EventKind::SetAside { .. }
                | EventKind::Imported { .. }
                | EventKind::Destroying { .. }
                | EventKind::Destroyed { .. }
                | EventKind::Digested { .. }
        )
    });
    for kind in &mut kinds {
        match kind {
            // It had neither a name nor a reason.
            EventKind::Held { name, reason, user } => {
                for part in [name, reason, user] {
                    part.clear();
                }
            }
            EventKind::Decided { by, .. } => {
                by.circumstances = Circumstances::default();
                by.overrides.clear();
            }
            // And told of apparent sizes alone.
            EventKind::Settled { bytes, size, .. } => *bytes = *size,
            _ => {}
        }
    }
    kinds
}

pub fn held() -> EventKind {
    EventKind::Held {
        name: "audit".into(),
        reason: "ticket 17 — until it is closed".into(),
        user: "mira".into(),
    }
}

/// Every kind of event.
pub fn kinds() -> Vec<EventKind> {
    let mut kinds = vec![
        held(),
        EventKind::Released {
            name: "audit".into(),
            user: "mira".into(),
        },
        EventKind::Wiped {
            step: 3,
            wiped: Box::new(Wiped {
                method: WipeMethod::Random,
                overwritten: 4096,
                shared: 1,
                elsewhere: 2,
                discarded: 3,
                file_system: "ext4".into(),
                medium: "rotational (sda)".into(),
                claim: "clear".into(),
            }),
        },
        EventKind::Wiping {
            method: WipeMethod::Discard,
        },
        EventKind::SetAside {
            step: 4,
            why: "the domain is running".into(),
            waits_at: Some(hostile_path()),
        },
        EventKind::SetAside {
            step: 4,
            why: "somebody has removed it".into(),
            waits_at: None,
        },
        EventKind::Imported {
            from: hostile_path(),
        },
        EventKind::Destroying { step: 3 },
        EventKind::Withdrawn {
            step: 3,
            direction: Direction::Back,
        },
        EventKind::Destroyed {
            step: 3,
            result: Ok(u64::MAX),
        },
        EventKind::Destroyed {
            step: 3,
            result: Err("disk on fire".into()),
        },
        EventKind::Digested {
            step: 3,
            result: Ok(Digest {
                kind: DigestKind::Sha256,
                hex: "00ff".into(),
            }),
        },
        EventKind::Digested {
            step: 3,
            result: Err("disk on fire".into()),
        },
        // Of a step that moves no file, so that the plan stays the sample's.
        EventKind::Settled {
            files: vec![(0, moved(9, FileRole::Nvram, "/srv/a").facts)],
            bytes: plan().allocated(),
            size: plan().bytes(),
        },
        EventKind::Noted {
            text: "the saved state does not fit".into(),
        },
        EventKind::Renamed(Rename {
            domain: DomainRef {
                name: "web2".into(),
                uuid: uuid::Uuid::from_u128(9),
            },
            macs: vec![("52:54:00:00:00:01".into(), "52:54:00:00:00:02".into())],
        }),
        EventKind::Amended(Amendment {
            xml: Some(SecretXml::new("<domain/>".into())),
            files_only: true,
            paths: vec![("/old".into(), hostile_path())],
        }),
        EventKind::Decided {
            verb: Verb::Recover,
            by: Box::new(evidence()),
        },
    ];
    for direction in [Direction::Forward, Direction::Back] {
        kinds.push(EventKind::Intent { step: 3, direction });
        for result in [Ok(true), Ok(false), Err("disk on fire".to_owned())] {
            kinds.push(EventKind::Outcome {
                step: 3,
                direction,
                result,
            });
        }
    }
    kinds.extend(State::ALL.map(|state| EventKind::Entered {
        state,
        cause: Some("a cause".into()),
    }));
    kinds
}

/// Opens a journal that nobody else holds for long: a process that a neighbouring test starts has
/// every lock of this one until it becomes another program.
pub fn open(state_dir: &Path) -> Result<SledJournal, JournalError> {
    SledJournal::open(state_dir, Duration::from_secs(20), "a test", &mut |_| {})
}
