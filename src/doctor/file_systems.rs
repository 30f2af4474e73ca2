//! Where files would wait, and the space there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::size;

use crate::ports::{Room, StorageError};

use super::journal::Known;
use super::libvirt::Folders;
use super::{Patient, Report};

/// Less than this, and neither a manifest nor the journal has room to grow.
const TOO_LITTLE: u64 = 16 << 20;

pub(super) fn look(patient: &dyn Patient, known: &Known, pools: &Folders, report: &mut Report) {
    let avoid: Vec<PathBuf> = pools.iter().map(|(_, folder)| folder.clone()).collect();
    for (pool, folder) in pools {
        let shown = folder.display();
        match patient.storage().foreseen_place(folder, &avoid) {
            Ok(place) => report.ok(
                "quarantine-place",
                format!(
                    "files of pool {pool} in {shown} go to {} by rename",
                    place.display()
                ),
            ),
            Err(error) => report.fail(
                "quarantine-place",
                format!(
                    "files of pool {pool} in {shown} have nowhere to wait: {}",
                    cause(&error)
                ),
                "make a folder on its file system that is root's alone, and name it: --quarantine \
                 DIR, or quarantine in the configuration",
            ),
        }
    }
    for (folder, room) in rooms(patient, pools) {
        space(&folder, &room, known, report);
    }
}

fn cause(error: &StorageError) -> String {
    match error {
        StorageError::NoPlace { cause, .. } => cause.clone(),
        other => other.to_string(),
    }
}

/// Each file system once, by its device, with a folder on it.
fn rooms(patient: &dyn Patient, pools: &Folders) -> Vec<(PathBuf, Room)> {
    let storage = patient.storage();
    let mut found: BTreeMap<u64, (PathBuf, Room)> = BTreeMap::new();
    let mut state = patient.state_dir().ancestors().map(PathBuf::from);
    let state = state.find(|folder| matches!(storage.room(folder), Ok(Some(_))));
    for folder in state.into_iter().chain(pools.iter().map(|it| it.1.clone())) {
        let real = storage.resolve(&folder).map(|it| it.real);
        if let Ok(Ok(Some(room))) = real.map(|real| storage.room(&real)) {
            found.entry(room.device).or_insert((folder, room));
        }
    }
    found.into_values().collect()
}

fn space(folder: &std::path::Path, room: &Room, known: &Known, report: &mut Report) {
    let held = known.space.iter().find(|it| it.device == room.device);
    let (bytes, freed) = held.map_or((0, 0), |it| (it.held.bytes, it.held.freed()));
    let told = format!(
        "{} of {} free on the file system of {}; {} held in quarantine",
        size(room.free),
        size(room.size),
        folder.display(),
        size(bytes)
    );
    let hint = match freed {
        0 => "free space there; nothing of it is held in quarantine".to_owned(),
        _ => format!(
            "a purge frees {} there: virt-retire purge --dry-run --until-free 1G",
            size(freed)
        ),
    };
    if room.free < TOO_LITTLE {
        report.fail("space", told, hint);
    } else if room.free < room.size / 20 {
        report.warn("space", told, hint);
    } else {
        report.ok("space", told);
    }
}
