//! If these fail, a command believes of an image or a domain what is not so any more, and takes
//! somebody's disk.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn stamp(inode: u64, seconds: i64) -> Stamp {
    Stamp {
        device: 1,
        inode,
        size: 10,
        modified: (seconds, 1),
        changed: (seconds, 1),
    }
}

const LATER: Option<Duration> = Some(Duration::from_secs(1000));

fn daemon(pid: i32) -> Daemon {
    Daemon {
        boot: "b".into(),
        pid,
        started: 7,
    }
}

fn folder() -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700)).unwrap();
    state
}

/// A state folder that is in use, with what is remembered of two images and a domain.
fn kept() -> (tempfile::TempDir, Uuid) {
    let state = folder();
    fs::write(state.path().join("journal.head"), "").unwrap();
    let cache = SurveyCache::below(state.path());
    let web = Uuid::from_u128(1);
    cache.note_alone(stamp(1, 10), LATER, "qcow2");
    cache.note_alone(stamp(2, 10), LATER, "raw");
    cache.note_definition(&daemon(5), web, (stamp(3, 10), LATER), "<domain/>");
    cache.keep();
    (state, web)
}

#[test]
fn it_holds_as_long_as_everything_is_the_same() {
    let (state, web) = kept();
    let file = state.path().join(NAME);
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let cache = SurveyCache::below(state.path());
    assert_eq!(cache.alone(&stamp(1, 10)).as_deref(), Some("qcow2"));
    let file = stamp(3, 10);
    let told = |pid, domain, file: &Stamp| cache.definition(&daemon(pid), domain, file);
    assert_eq!(told(5, web, &file).as_deref(), Some("<domain/>"));
    assert_eq!(told(6, web, &file), None, "another process");
    assert_eq!(told(5, Uuid::nil(), &file), None);
    let others = [
        Stamp {
            size: 11,
            ..stamp(1, 10)
        },
        Stamp {
            modified: (10, 2),
            ..stamp(1, 10)
        },
        Stamp {
            changed: (10, 2),
            ..stamp(1, 10)
        },
        Stamp {
            device: 2,
            ..stamp(1, 10)
        },
        stamp(4, 10),
    ];
    for other in others {
        assert_eq!(cache.alone(&other), None, "{other:?}");
    }
    // What another process says replaces all of it.
    cache.note_definition(&daemon(6), Uuid::nil(), (stamp(4, 10), LATER), "<x/>");
    assert_eq!(told(5, web, &file), None);
}

#[test]
fn what_changed_a_moment_ago_may_change_again_unseen() {
    let cache = SurveyCache::below(Path::new("/nonexistent"));
    let then = Some(Duration::new(10, 1) + SETTLED - Duration::from_nanos(1));
    cache.note_alone(stamp(1, 10), then, "qcow2");
    // Times in whole seconds tell too little.
    let coarse = Stamp {
        changed: (10, 0),
        ..stamp(2, 10)
    };
    cache.note_alone(coarse, LATER, "qcow2");
    cache.note_alone(stamp(3, 10), None, "qcow2");
    for stamp in [stamp(1, 10), coarse, stamp(3, 10)] {
        assert_eq!(cache.alone(&stamp), None);
    }
    // Nowhere to keep it: no error either.
    cache.note_alone(stamp(1, 10), LATER, "qcow2");
    cache.keep();
    assert!(cache.alone(&stamp(1, 10)).is_some());
}

#[test]
fn damage_costs_time_and_never_an_answer() {
    let (state, web) = kept();
    let path = state.path().join(NAME);
    let good = fs::read(&path).unwrap();
    let knows = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let cache = SurveyCache::below(state.path());
        cache.alone(&stamp(1, 10)).is_some()
            || cache.alone(&stamp(2, 10)).is_some()
            || cache.definition(&daemon(5), web, &stamp(3, 10)).is_some()
    };
    assert!(knows(&good));
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        assert!(!knows(&bad), "byte {at}");
        assert!(!knows(&good[..at]), "cut at {at}");
    }
    assert!(!knows(&[&good[..], b"more"].concat()));
}

#[test]
fn only_a_file_of_ours_alone_is_read_and_only_a_used_state_folder_gets_one() {
    let (state, _) = kept();
    let path = state.path().join(NAME);
    let knows = || {
        SurveyCache::below(state.path())
            .alone(&stamp(1, 10))
            .is_some()
    };
    fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
    assert!(!knows(), "others could have written it");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(knows());
    let elsewhere = state.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    assert!(!knows(), "it is a symlink");

    let unused = folder();
    let cache = SurveyCache::below(unused.path());
    cache.note_alone(stamp(1, 10), LATER, "qcow2");
    cache.keep();
    assert_eq!(fs::read_dir(unused.path()).unwrap().count(), 0);
}
