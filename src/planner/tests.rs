//! If a cell of these tables is wrong, an operator loses a disk that a rule should have kept, or
//! cannot get rid of one that a flag names.

use std::path::{Path, PathBuf};

use crate::model::*;

pub(super) fn regular(path: &str) -> FileRef {
    let inode = path
        .bytes()
        .fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
    FileRef {
        path: PathBuf::from(path),
        facts: FileFacts {
            identity: Identity {
                device: 1,
                inode,
                born: None,
            },
            kind: FileKind::Regular,
            size: 100,
            allocated: 4096,
            mode: 0o600,
            uid: 0,
            gid: 0,
            links: 1,
            modified: FileTime {
                seconds: 0,
                nanoseconds: 0,
            },
            attributes: 0,
            link_target: None,
        },
        pooled: None,
        users: Vec::new(),
        protected: None,
    }
}

fn managed(path: &str) -> FileRef {
    FileRef {
        pooled: Some(Pooled {
            pool: "default".into(),
            volume: Path::new(path)
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned(),
        }),
        ..regular(path)
    }
}

pub(super) fn disk(target: &str, file: FileRef) -> DiskFacts {
    DiskFacts {
        target: target.into(),
        device: Device::Disk,
        access: Access::ReadWrite,
        kind: SourceKind::File,
        source: file.path.to_str().map(str::to_owned),
        file: Some(file),
        links: Vec::new(),
        chain: Vec::new(),
        unreadable: Vec::new(),
        policy: None,
        live_only: false,
    }
}

fn base(file: FileRef) -> ChainFacts {
    ChainFacts {
        file,
        links: Vec::new(),
        is_data_file: false,
        begins_branch: false,
        unread: None,
    }
}

pub(super) fn facts(disks: Vec<DiskFacts>) -> DomainFacts {
    DomainFacts {
        domain: DomainRef {
            name: "web1".into(),
            uuid: uuid::Uuid::from_u128(1),
        },
        title: None,
        active: false,
        paused: false,
        persistent: true,
        definition: Definition {
            xml: SecretXml::new("<domain/>".into()),
            autostart: Autostart::default(),
            snapshots: Vec::new(),
            current_snapshot: None,
            checkpoints: Vec::new(),
        },
        disks,
        detached: Vec::new(),
        jobs: Vec::new(),
        artefacts: Vec::new(),
        policy: Policy::default(),
        policy_problems: Vec::new(),
        pools_beside: Vec::new(),
        pools_stopped: Vec::new(),
        unsupported: Vec::new(),
        unseen: Vec::new(),
        seen_by_root: false,
        not_redefinable: None,
        protected_by_host: None,
    }
}

fn somebody() -> User {
    User {
        kind: UserKind::Domain,
        name: "db1".into(),
        how: "disk vda of".into(),
    }
}

fn removal(storage: StorageFlags) -> Removal {
    Removal {
        storage,
        ..Removal::default()
    }
}

fn all() -> Removal {
    removal(StorageFlags {
        all: true,
        ..StorageFlags::default()
    })
}

fn named(words: &[&str]) -> Removal {
    removal(StorageFlags {
        named: Some(words.iter().map(|word| word.to_string()).collect()),
        ..StorageFlags::default()
    })
}

fn codes(plan: &Plan) -> Vec<RefusalCode> {
    plan.refusals.iter().map(|refusal| refusal.code).collect()
}

fn moved(plan: &Plan) -> Vec<&str> {
    plan.steps
        .iter()
        .filter_map(Step::file)
        .map(|moved| moved.path.to_str().unwrap())
        .collect()
}

/// access × managed × policy × flag → fate: every cell.
#[test]
fn every_cell_of_the_contract() {
    use Fate::{Keep, Quarantine, Refuse};
    let flags: [(&str, StorageFlags); 7] = [
        ("none", StorageFlags::default()),
        (
            "keep",
            StorageFlags {
                keep: true,
                ..StorageFlags::default()
            },
        ),
        (
            "all",
            StorageFlags {
                all: true,
                ..StorageFlags::default()
            },
        ),
        (
            "managed",
            StorageFlags {
                managed: true,
                ..StorageFlags::default()
            },
        ),
        (
            "unmanaged",
            StorageFlags {
                unmanaged: true,
                ..StorageFlags::default()
            },
        ),
        (
            "named",
            StorageFlags {
                named: Some(vec!["vda".into()]),
                ..StorageFlags::default()
            },
        ),
        (
            "other named",
            StorageFlags {
                named: Some(vec!["vdb".into()]),
                ..StorageFlags::default()
            },
        ),
    ];
    // Per row: fates under the seven flags above.
    let rw = Access::ReadWrite;
    let (remove, keep) = (Some(Verdict::Remove), Some(Verdict::Keep));
    let (q, k, r) = (Quarantine, Keep, Refuse);
    let rows = [
        // access, managed, policy, [none, keep, all, managed, unmanaged, named, other named]
        (rw, true, None, [r, k, q, q, k, q, k]),
        (rw, false, None, [r, k, q, k, q, q, k]),
        (rw, true, remove, [q, q, q, q, q, q, k]),
        (rw, false, remove, [q, q, q, q, q, q, k]),
        (rw, true, keep, [k, k, k, k, k, q, k]),
        (rw, false, keep, [k, k, k, k, k, q, k]),
        (Access::ReadOnly, true, None, [k, k, k, k, k, q, k]),
        (Access::ReadOnly, false, None, [k, k, k, k, k, q, k]),
        (Access::ReadOnly, true, remove, [q, q, q, q, q, q, k]),
        (Access::ReadOnly, false, remove, [q, q, q, q, q, q, k]),
        (Access::ReadOnly, true, keep, [k, k, k, k, k, q, k]),
        (Access::ReadOnly, false, keep, [k, k, k, k, k, q, k]),
        (Access::Shared, true, None, [k, k, k, k, k, q, k]),
        (Access::Shared, false, None, [k, k, k, k, k, q, k]),
        (Access::Shared, true, remove, [q, q, q, q, q, q, k]),
        (Access::Shared, false, remove, [q, q, q, q, q, q, k]),
        (Access::Shared, true, keep, [k, k, k, k, k, q, k]),
        (Access::Shared, false, keep, [k, k, k, k, k, q, k]),
    ];
    for (access, is_managed, policy, fates) in rows {
        let file = if is_managed { managed } else { regular };
        let disk = DiskFacts {
            access,
            policy,
            ..disk("vda", file("/images/a.qcow2"))
        };
        for ((word, flags), expected) in flags.iter().zip(fates) {
            let (fate, reason) = super::fate::of(&disk, None, flags);
            assert_eq!(
                fate, expected,
                "{access:?}, managed {is_managed}, policy {policy:?}, flag {word}: {reason:?}"
            );
        }
    }
}

/// The same under a policy's default, with and without a word of its own for the target.
#[test]
fn every_cell_under_a_default() {
    use Fate::{Keep as K, Quarantine as Q};
    let none = StorageFlags::default;
    let flags: [(&str, StorageFlags); 6] = [
        ("none", none()),
        (
            "keep",
            StorageFlags {
                keep: true,
                ..none()
            },
        ),
        (
            "all",
            StorageFlags {
                all: true,
                ..none()
            },
        ),
        (
            "managed",
            StorageFlags {
                managed: true,
                ..none()
            },
        ),
        (
            "unmanaged",
            StorageFlags {
                unmanaged: true,
                ..none()
            },
        ),
        ("other named", named(&["vdb"]).storage),
    ];
    let (remove, keep) = (Some(Verdict::Remove), Some(Verdict::Keep));
    let (rw, ro, shared) = (Access::ReadWrite, Access::ReadOnly, Access::Shared);
    let rows = [
        // access, default, own word, [none, keep, all, managed, unmanaged, other named]
        (rw, remove, None, [Q, Q, Q, Q, Q, K]),
        (rw, remove, keep, [K, K, K, K, K, K]),
        (rw, remove, remove, [Q, Q, Q, Q, Q, K]),
        (rw, keep, None, [K, K, K, K, K, K]),
        (rw, keep, remove, [Q, Q, Q, Q, Q, K]),
        (rw, keep, keep, [K, K, K, K, K, K]),
        // A default never reaches what is not read-write.
        (ro, remove, None, [K, K, K, K, K, K]),
        (ro, remove, remove, [Q, Q, Q, Q, Q, K]),
        (ro, keep, remove, [Q, Q, Q, Q, Q, K]),
        (shared, remove, None, [K, K, K, K, K, K]),
        (shared, remove, remove, [Q, Q, Q, Q, Q, K]),
        (shared, keep, remove, [Q, Q, Q, Q, Q, K]),
    ];
    for (access, default, policy, fates) in rows {
        for is_managed in [true, false] {
            let file = if is_managed { managed } else { regular };
            let disk = DiskFacts {
                access,
                policy,
                ..disk("vda", file("/images/a.qcow2"))
            };
            for ((word, flags), expected) in flags.iter().zip(fates) {
                let (fate, reason) = super::fate::of(&disk, default, flags);
                assert_eq!(
                    fate, expected,
                    "{access:?}, managed {is_managed}, default {default:?}, policy {policy:?}, \
                     flag {word}: {reason:?}"
                );
            }
        }
    }
    for device in [Device::Cdrom, Device::Floppy] {
        let drive = DiskFacts {
            device,
            ..disk("sda", regular("/iso/install.iso"))
        };
        assert_eq!(super::fate::of(&drive, remove, &none()).0, K);
    }
}

#[test]
fn a_policy_that_speaks_of_every_disk_needs_no_flag() {
    let mut domain = facts(vec![
        DiskFacts {
            policy: Some(Verdict::Remove),
            ..disk("vda", regular("/images/a"))
        },
        disk("vdb", regular("/images/b")),
    ]);
    assert_eq!(
        codes(&super::plan(&domain, &Removal::default())),
        [RefusalCode::UndecidedDisk]
    );
    domain.policy.default = Some(Verdict::Keep);
    let plan = super::plan(&domain, &Removal::default());
    assert!(plan.is_executable());
    assert_eq!(moved(&plan), ["/images/a"]);
}

#[test]
fn a_protected_domain_is_refused_whatever_the_flags() {
    let mut domain = facts(vec![disk("vda", regular("/images/a"))]);
    domain.policy.protected = true;
    let keep = removal(StorageFlags {
        keep: true,
        ..StorageFlags::default()
    });
    for removal in [all(), keep, named(&["vda"])] {
        assert_eq!(
            codes(&super::plan(&domain, &removal)),
            [RefusalCode::Protected]
        );
        let overridden = Removal {
            override_protection: true,
            ..removal
        };
        assert!(super::plan(&domain, &overridden).is_executable());
    }
}

/// Hints are copied into shells.
#[test]
fn a_name_does_not_leave_its_quotes_in_a_hint() {
    let mut domain = facts(vec![disk("vda", regular("/images/a"))]);
    domain.domain.name = "it's".into();
    domain.policy.protected = true;
    domain.policy.set("vd'z", Verdict::Keep);
    let mut invalid = domain.clone();
    invalid.policy_problems = vec!["unknown".into()];
    let plans = [domain, invalid].map(|facts| super::plan(&facts, &all()));
    let refusals = plans.iter().flat_map(|plan| &plan.refusals);
    let hints: Vec<&str> = refusals.map(|one| one.hint.as_str()).collect();
    assert!(hints.len() > 3, "{hints:?}");
    for hint in hints {
        assert!(hint.contains(r"policy clear 'it'\''s'"), "{hint}");
        assert!(!hint.contains("'vd'z'"), "{hint}");
    }
}

#[test]
fn a_policy_that_is_wrong_refuses_even_what_no_rule_asks_it() {
    let mut domain = facts(vec![disk("vda", regular("/images/a"))]);
    domain.policy.set("vdz", Verdict::Keep);
    let plan = super::plan(&domain, &all());
    assert_eq!(codes(&plan), [RefusalCode::PolicyInvalid]);
    assert_eq!(plan.refusals[0].subject, "vdz");
    domain.policy = Policy::default();
    domain.policy_problems = vec!["unknown attribute 'x' of <disk>".into()];
    let plan = super::plan(&domain, &named(&["vda"]));
    assert_eq!(codes(&plan), [RefusalCode::PolicyInvalid]);
    assert!(plan.refusals[0].message.contains("unknown attribute 'x'"));
}

#[test]
fn removable_media_stay_unless_named_or_by_policy() {
    for device in [Device::Cdrom, Device::Floppy] {
        let drive = DiskFacts {
            device,
            ..disk("sda", regular("/iso/install.iso"))
        };
        assert_eq!(super::fate::of(&drive, None, &all().storage).0, Fate::Keep);
        assert_eq!(
            super::fate::of(&drive, None, &named(&["sda"]).storage).0,
            Fate::Quarantine
        );
        let policed = DiskFacts {
            policy: Some(Verdict::Remove),
            ..drive
        };
        assert_eq!(
            super::fate::of(&policed, None, &Default::default()).0,
            Fate::Quarantine
        );
    }
}

#[test]
fn an_undecided_disk_refuses_the_whole_plan_and_names_both_ways_out() {
    let plan = super::plan(
        &facts(vec![disk("vda", regular("/images/a"))]),
        &Removal::default(),
    );
    assert_eq!(codes(&plan), [RefusalCode::UndecidedDisk]);
    assert!(plan.steps.is_empty());
    assert!(plan.refusals[0].hint.contains("--remove-all-storage"));
    assert!(plan.refusals[0].hint.contains("--keep-storage"));
}

#[test]
fn what_somebody_uses_is_refused_whichever_flag_asks() {
    for removal in [all(), named(&["vda"]), named(&["/images/a"])] {
        let file = FileRef {
            users: vec![somebody()],
            ..regular("/images/a")
        };
        let plan = super::plan(&facts(vec![disk("vda", file)]), &removal);
        assert_eq!(codes(&plan), [RefusalCode::InUse]);
        assert_eq!(plan.disks[0].fate, Fate::Refuse);
        assert!(plan.refusals[0].message.contains("db1"));
    }
}

#[test]
fn a_private_base_goes_and_a_shared_one_stays_with_all_below_it() {
    let shared = FileRef {
        users: vec![somebody()],
        ..regular("/images/shared")
    };
    let mut vda = disk("vda", regular("/images/top"));
    vda.chain = vec![
        base(regular("/images/private")),
        base(shared),
        base(regular("/images/deepest")),
    ];
    let plan = super::plan(&facts(vec![vda]), &all());
    assert_eq!(moved(&plan), ["/images/top", "/images/private"]);
    let fates: Vec<_> = plan.disks[0].chain.iter().map(|link| link.fate).collect();
    assert_eq!(fates, [Fate::Quarantine, Fate::Keep, Fate::Keep]);
}

#[test]
fn a_base_under_a_kept_disk_of_the_same_domain_stays() {
    let mut vda = disk("vda", regular("/images/top"));
    vda.chain = vec![base(regular("/images/base"))];
    let mut vdb = disk("vdb", regular("/images/other"));
    vdb.chain = vec![base(regular("/images/base"))];
    let plan = super::plan(&facts(vec![vda, vdb]), &named(&["vda"]));
    assert_eq!(moved(&plan), ["/images/top"]);
}

#[test]
fn a_base_under_two_removed_disks_moves_once() {
    let mut vda = disk("vda", regular("/images/top"));
    vda.chain = vec![base(regular("/images/base"))];
    let mut vdb = disk("vdb", regular("/images/other"));
    vdb.chain = vec![base(regular("/images/base"))];
    let plan = super::plan(&facts(vec![vda, vdb]), &all());
    assert_eq!(
        moved(&plan),
        ["/images/top", "/images/base", "/images/other"]
    );
}

#[test]
fn a_removed_disk_that_a_kept_one_stands_on_is_in_use() {
    let vda = disk("vda", regular("/images/base"));
    let mut vdb = disk("vdb", regular("/images/overlay"));
    vdb.chain = vec![base(regular("/images/base"))];
    let plan = super::plan(&facts(vec![vda, vdb]), &named(&["vda"]));
    assert_eq!(codes(&plan), [RefusalCode::InUse]);
}

#[test]
fn a_chain_that_cannot_be_read_is_refused_not_cut_short() {
    let mut vda = disk("vda", regular("/images/top"));
    vda.unreadable.push(Unreadable {
        path: "/images/base".into(),
        cause: "there is no such file".into(),
        is_apart: true,
    });
    let plan = super::plan(&facts(vec![vda.clone()]), &all());
    assert_eq!(codes(&plan), [RefusalCode::UnreadableChain]);
    // In so many words: what could be read goes, and the rest is told.
    let accepted = Removal {
        accept_broken_chain: true,
        ..all()
    };
    let mut middle = vda.clone();
    middle.chain = vec![
        base(regular("/images/middle")),
        ChainFacts {
            unread: Some("it is garbage".into()),
            ..base(regular("/images/garbage"))
        },
    ];
    let plan = super::plan(&facts(vec![middle]), &accepted);
    let chain: Vec<_> = plan.disks[0]
        .chain
        .iter()
        .map(|link| {
            (
                link.path.to_str().unwrap(),
                link.fate,
                link.reason.is_some(),
            )
        })
        .collect();
    assert_eq!(
        chain,
        [
            ("/images/middle", Fate::Quarantine, false),
            ("/images/garbage", Fate::Keep, true),
            ("/images/base", Fate::Keep, true),
        ]
    );
    assert_eq!(
        plan.unread,
        ["disk vda: /images/base: there is no such file"]
    );
    // Of a disk without its own image nothing is certain.
    let mut topless = vda.clone();
    topless.file = None;
    let plan = super::plan(&facts(vec![topless]), &accepted);
    assert_eq!(codes(&plan), [RefusalCode::UnreadableChain]);
    let keep = removal(StorageFlags {
        keep: true,
        ..StorageFlags::default()
    });
    assert!(super::plan(&facts(vec![vda]), &keep).is_executable());
}

#[test]
fn a_running_domain_keeps_its_disks_or_is_refused() {
    let running = DomainFacts {
        active: true,
        ..facts(vec![disk("vda", regular("/images/a"))])
    };
    assert_eq!(
        codes(&super::plan(&running, &all())),
        [RefusalCode::ActiveDomain]
    );
    let keep = removal(StorageFlags {
        keep: true,
        ..StorageFlags::default()
    });
    let plan = super::plan(&running, &keep);
    assert!(plan.is_executable());
    assert!(moved(&plan).is_empty());
    assert!(!plan.steps.contains(&Step::ConfirmInactive));
    let stopped = Removal {
        stop_first: true,
        ..all()
    };
    assert!(super::plan(&running, &stopped).is_executable());
}

#[test]
fn a_policy_that_removes_refuses_a_running_domain_even_with_keep_storage() {
    let mut vda = disk("vda", regular("/images/a"));
    vda.policy = Some(Verdict::Remove);
    let running = DomainFacts {
        active: true,
        ..facts(vec![vda])
    };
    let keep = removal(StorageFlags {
        keep: true,
        ..StorageFlags::default()
    });
    assert_eq!(
        codes(&super::plan(&running, &keep)),
        [RefusalCode::ActiveDomain]
    );
}

#[test]
fn artefacts_need_their_flags_and_name_them() {
    let mut domain = facts(vec![]);
    domain.artefacts = vec![
        Artefact::ManagedSave(regular("/save/web1.save")),
        Artefact::Nvram(regular("/nvram/web1.fd")),
    ];
    domain.definition.snapshots = vec![Snapshot {
        name: "s1".into(),
        parent: None,
        xml: SecretXml::new("<domainsnapshot/>".into()),
    }];
    domain.definition.checkpoints = vec![Checkpoint {
        name: "c1".into(),
        parent: None,
        xml: SecretXml::new("<domaincheckpoint/>".into()),
    }];
    let plan = super::plan(&domain, &Removal::default());
    assert_eq!(
        codes(&plan),
        [
            RefusalCode::SnapshotsExist,
            RefusalCode::CheckpointsExist,
            RefusalCode::ManagedSaveExists,
            RefusalCode::NvramUndecided,
        ]
    );
    for (refusal, flag) in plan.refusals.iter().zip([
        "--snapshots-metadata",
        "--checkpoints-metadata",
        "--managed-save",
        "--nvram",
    ]) {
        assert!(refusal.hint.contains(flag), "{}", refusal.hint);
    }
    let allowed = Removal {
        managed_save: true,
        snapshots_metadata: true,
        checkpoints_metadata: true,
        nvram: Some(Verdict::Remove),
        ..Removal::default()
    };
    let plan = super::plan(&domain, &allowed);
    assert_eq!(moved(&plan), ["/save/web1.save", "/nvram/web1.fd"]);
    let kept = Removal {
        nvram: Some(Verdict::Keep),
        ..allowed
    };
    assert_eq!(moved(&super::plan(&domain, &kept)), ["/save/web1.save"]);
}

#[test]
fn files_move_only_after_the_domain_is_gone_and_confirmed_inactive() {
    let plan = super::plan(&facts(vec![disk("vda", managed("/pool/a"))]), &all());
    let kinds: Vec<_> = plan.steps.iter().map(Step::kind).collect();
    assert_eq!(
        kinds,
        [
            "save-definition",
            "undefine",
            "confirm-inactive",
            "quarantine-disk",
            "refresh-pool"
        ]
    );
}

#[test]
fn a_name_that_is_no_disk_of_the_domain_is_refused() {
    let plan = super::plan(
        &facts(vec![disk("vda", regular("/images/a"))]),
        &named(&["vda", "vdz"]),
    );
    assert_eq!(codes(&plan), [RefusalCode::NoSuchDisk]);
}

#[test]
fn what_could_not_be_seen_refuses_removal_alone() {
    let mut domain = facts(vec![disk("vda", regular("/images/a"))]);
    domain.unseen = vec!["processes of other users".into()];
    assert_eq!(codes(&super::plan(&domain, &all())), [RefusalCode::Unseen]);
    let accepted = Removal {
        accept_unseen: true,
        ..all()
    };
    assert!(super::plan(&domain, &accepted).is_executable());
    let keep = removal(StorageFlags {
        keep: true,
        ..StorageFlags::default()
    });
    assert!(super::plan(&domain, &keep).is_executable());
}

#[test]
fn storage_that_cannot_be_moved_is_refused_by_name_or_kept() {
    for (kind, code) in [
        (SourceKind::Network("rbd".into()), RefusalCode::RemoteFiles),
        (SourceKind::Block, RefusalCode::Unsupported),
        (SourceKind::Foreign("nvme".into()), RefusalCode::Unsupported),
    ] {
        let mut vda = disk("vda", regular("/images/a"));
        vda.kind = kind;
        let domain = facts(vec![vda]);
        assert_eq!(codes(&super::plan(&domain, &all())), [code]);
        let keep = removal(StorageFlags {
            keep: true,
            ..StorageFlags::default()
        });
        assert!(super::plan(&domain, &keep).is_executable());
    }
}

/// A domain whose policy removes its disks needs no flag, and its snapshots' memory goes as well.
#[test]
fn the_memory_of_a_snapshot_goes_with_the_disks_whichever_rule_takes_them() {
    let memory = |policy| {
        let mut domain = facts(vec![DiskFacts {
            policy,
            ..disk("vda", regular("/images/a"))
        }]);
        domain.artefacts = vec![Artefact::SnapshotMemory {
            snapshot: "s1".into(),
            file: regular("/images/s1.mem"),
        }];
        domain
    };
    let metadata = Removal {
        snapshots_metadata: true,
        ..Removal::default()
    };
    let gone = super::plan(&memory(Some(Verdict::Remove)), &metadata);
    assert_eq!(moved(&gone), ["/images/s1.mem", "/images/a"]);
    let kept = super::plan(&memory(Some(Verdict::Keep)), &metadata);
    assert!(moved(&kept).is_empty());
}

/// Who uses what, and where in the chain it is → what becomes of the disk and of that file. Every
/// kind of user stands in the way alike, and every flag that removes is held back alike.
#[test]
fn every_kind_of_user_in_every_place_of_a_chain() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Where {
        Top,
        LinkToTop,
        Base,
        LinkToBase,
        DataFile,
        DeepBase,
    }
    use Fate::{Keep, Quarantine, Refuse};
    use Where::*;
    let (q, k) = (Quarantine, Keep);
    // Place → fate of the disk, then of base, data file and deep base.
    let rows = [
        (Top, Refuse, [k, k, k]),
        (LinkToTop, Refuse, [k, k, k]),
        // The data file is the base's own: it stays with it.
        (Base, q, [k, k, k]),
        (LinkToBase, q, [k, k, k]),
        (DataFile, q, [q, k, q]),
        (DeepBase, q, [q, q, k]),
    ];
    let kinds = [
        UserKind::Domain,
        UserKind::Image,
        UserKind::Process,
        UserKind::Mount,
        UserKind::Loop,
    ];
    for kind in kinds {
        for (used, disk_fate, [base_fate, data_fate, deep_fate]) in rows {
            for removal in [all(), named(&["vda"])] {
                let file = |place: Where, path: &str| FileRef {
                    users: if place == used {
                        vec![User { kind, ..somebody() }]
                    } else {
                        Vec::new()
                    },
                    ..regular(path)
                };
                let mut vda = disk("vda", file(Top, "/images/top"));
                vda.links = vec![file(LinkToTop, "/images/link-to-top")];
                vda.chain = vec![
                    ChainFacts {
                        links: vec![file(LinkToBase, "/images/link-to-base")],
                        ..base(file(Base, "/images/base"))
                    },
                    ChainFacts {
                        is_data_file: true,
                        ..base(file(DataFile, "/images/data"))
                    },
                    base(file(DeepBase, "/images/deep")),
                ];
                let plan = super::plan(&facts(vec![vda]), &removal);
                let case = format!("{kind:?} at {used:?}");
                assert_eq!(plan.disks[0].fate, disk_fate, "{case}");
                let fates: Vec<_> = plan.disks[0].chain.iter().map(|link| link.fate).collect();
                assert_eq!(fates, [base_fate, data_fate, deep_fate], "{case}");
                let expected: &[RefusalCode] = match disk_fate {
                    Refuse => &[RefusalCode::InUse],
                    _ => &[],
                };
                assert_eq!(codes(&plan), expected, "{case}");
            }
        }
    }
}

#[test]
fn a_detached_image_stays_with_what_it_stands_on_whatever_the_flags() {
    let mut top = disk("vda", regular("/i/a.qcow2"));
    top.chain = vec![base(regular("/i/base.qcow2"))];
    let detached = |image: &str| DetachedFacts {
        target: "vdb".into(),
        remembered_by: "snapshot s1".into(),
        reason: Reason::Detached,
        access: Access::ReadWrite,
        file: regular(image),
        chain: vec![base(regular("/i/base.qcow2"))],
    };
    let with = |image: &str| DomainFacts {
        detached: vec![detached(image)],
        ..facts(vec![top.clone()])
    };
    let plan = super::plan(&with("/i/b.qcow2"), &all());
    let moved: Vec<_> = plan.steps.iter().filter_map(Step::file).collect();
    assert_eq!(moved.len(), 1);
    assert_eq!(moved[0].path, Path::new("/i/a.qcow2"));
    assert_eq!(plan.disks[0].chain[0].fate, Fate::Keep);
    assert_eq!(
        plan.disks[0].chain[0].used_by[0].how,
        "vdb in snapshot s1 of"
    );
    let told = &plan.disks[1];
    assert_eq!((told.fate, &told.reason), (Fate::Keep, &Reason::Detached));
    assert_eq!(told.remembered_by.as_deref(), Some("snapshot s1"));
    // The disk itself is what it stands on.
    let mut below = with("/i/b.qcow2");
    below.detached[0].chain = vec![base(regular("/i/a.qcow2"))];
    let plan = super::plan(&below, &all());
    assert_eq!(plan.refusals[0].code, RefusalCode::InUse);
}
