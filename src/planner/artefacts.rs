//! Managed save, snapshots, checkpoints, NVRAM, TPM state: as in virsh, each needs its flag.

use crate::model::{
    Access, Artefact, DiskState, DomainFacts, FileKind, FileMove, FileRef, FileRole, Refusal,
    RefusalCode, Removal, SavedState, Verdict,
};

use super::disks::moved;
use super::kept::{self, KeptFile};
use super::obstacles::names_of;

/// What the flags make of a domain's artefacts.
#[derive(Default)]
pub struct Decided {
    /// The managed save image, which undefine is allowed to unlink.
    pub managed_save: Option<SavedState>,
    /// NVRAM, TPM state, memory files.
    pub moves: Vec<FileMove>,
    /// NVRAM and TPM state of a guest that runs on and takes them along when it ends.
    pub copies: Vec<FileMove>,
    /// NVRAM that stays where it is.
    pub kept: Vec<FileMove>,
}

pub fn decide(
    facts: &DomainFacts,
    removal: &Removal,
    disks_go: bool,
    kept: &[KeptFile],
    refusals: &mut Vec<Refusal>,
) -> Decided {
    // A running domain becomes transient and keeps all of this until it ends.
    let runs_on = facts.active && !removal.stop_first;
    let mut decided = Decided::default();
    if !runs_on {
        refusals.extend(metadata(facts, removal));
    }
    for artefact in &facts.artefacts {
        match artefact {
            Artefact::ManagedSave(file) if removal.managed_save => {
                decided.managed_save = Some(SavedState {
                    image: moved(file, FileRole::ManagedSave),
                    disks: written_to(facts),
                });
                refusals.extend(obstacle(facts, "managed save image", file, kept));
            }
            Artefact::ManagedSave(file) => refusals.push(Refusal {
                code: RefusalCode::ManagedSaveExists,
                subject: file.path.display().to_string(),
                message: format!(
                    "domain {} has a managed save image, {}",
                    facts.domain.name,
                    file.path.display()
                ),
                hint: "add --managed-save (or --all) to retire it too".into(),
            }),
            Artefact::Nvram(file) if runs_on => {
                decided.copies.push(moved(file, FileRole::Nvram));
                refusals.extend(untouchable(facts, "NVRAM", file));
                refusals.extend(held(facts, removal.nvram, "NVRAM", "--keep-nvram"));
            }
            // Removing it by way of the link, libvirt empties the folder and leaves it there: a
            // copy would find its place taken.
            Artefact::TpmState(file) if runs_on && file.facts.kind == FileKind::Symlink => {
                refusals.push(Refusal {
                    code: RefusalCode::Unsupported,
                    subject: file.path.display().to_string(),
                    message: format!(
                        "domain {} is running, and its TPM state is behind the symlink {}: at its \
                         end libvirt empties the folder that the link leads to",
                        facts.domain.name,
                        file.path.display()
                    ),
                    hint: format!(
                        "stop the domain first: virt-retire destroy {}",
                        facts.domain.typed()
                    ),
                });
            }
            Artefact::TpmState(file) if runs_on => {
                decided.copies.push(moved(file, FileRole::TpmState));
                refusals.extend(untouchable(facts, "TPM state", file));
                refusals.extend(held(facts, removal.tpm, "TPM state", "--keep-tpm"));
            }
            Artefact::Nvram(file) => match removal.nvram {
                Some(Verdict::Remove) => {
                    decided.moves.push(moved(file, FileRole::Nvram));
                    refusals.extend(obstacle(facts, "NVRAM", file, kept));
                }
                // What is nobody's NVRAM but a file of the system's or of another user's is not
                // copied for a domain that comes back under another name either.
                Some(Verdict::Keep) if is_protected(facts) => {}
                Some(Verdict::Keep) => decided.kept.push(moved(file, FileRole::Nvram)),
                None => undecided_nvram(facts, &file.path.display().to_string(), refusals),
            },
            // Left where it is, it is there when the XML that names it comes back.
            Artefact::NvramElsewhere(place) => match removal.nvram {
                Some(Verdict::Remove) => refusals.push(Refusal {
                    code: RefusalCode::RemoteFiles,
                    subject: place.clone(),
                    message: format!(
                        "the NVRAM of domain {} is not a file of this host ({place})",
                        facts.domain.name
                    ),
                    hint: "leave it where it is, with --keep-nvram".into(),
                }),
                None if !runs_on => undecided_nvram(facts, place, refusals),
                Some(Verdict::Keep) | None => {}
            },
            // virsh deletes TPM state unless told to keep it; ours waits in quarantine instead.
            Artefact::TpmState(file) => {
                if removal.tpm != Some(Verdict::Keep) {
                    decided.moves.push(moved(file, FileRole::TpmState));
                    refusals.extend(obstacle(facts, "TPM state", file, kept));
                }
            }
            Artefact::SnapshotMemory { snapshot, file } => {
                // The memory of a snapshot whose disks go is of no use where it is; one that
                // belongs to kept disks stays with them.
                if disks_go && removal.snapshots_metadata && !runs_on {
                    let role = FileRole::SnapshotMemory {
                        snapshot: snapshot.clone(),
                    };
                    decided.moves.push(moved(file, role));
                    refusals.extend(obstacle(facts, "snapshot memory", file, kept));
                }
            }
        }
    }
    decided
}

fn is_protected(facts: &DomainFacts) -> bool {
    facts
        .artefacts
        .iter()
        .any(|artefact| matches!(artefact, Artefact::Nvram(file) if file.protected.is_some()))
}

/// Said once, though a symlink and its target are two.
fn undecided_nvram(facts: &DomainFacts, place: &str, refusals: &mut Vec<Refusal>) {
    let code = RefusalCode::NvramUndecided;
    if refusals.iter().any(|refusal| refusal.code == code) {
        return;
    }
    refusals.push(Refusal {
        code,
        subject: place.to_owned(),
        message: format!(
            "domain {} has NVRAM ({place}), and nothing says whether to remove it",
            facts.domain.name
        ),
        hint: "add --nvram (or --all) to retire it, or --keep-nvram".into(),
    });
}

/// The images that the guest writes to, whatever becomes of them: what its saved memory fits.
/// Of a disk on the network or a block device no file tells when it was written to.
fn written_to(facts: &DomainFacts) -> Vec<DiskState> {
    facts
        .disks
        .iter()
        .filter(|disk| disk.access == Access::ReadWrite)
        .filter_map(|disk| disk.file.as_ref())
        .filter(|file| file.facts.kind == FileKind::Regular)
        .map(|file| DiskState {
            path: file.path.clone(),
            facts: file.facts.clone(),
        })
        .collect()
}

/// A running guest's firmware and TPM hold their state open.
fn held(facts: &DomainFacts, wanted: Option<Verdict>, what: &str, flag: &str) -> Option<Refusal> {
    let name = &facts.domain.name;
    (wanted == Some(Verdict::Remove)).then(|| Refusal {
        code: RefusalCode::ActiveDomain,
        subject: name.clone(),
        message: format!("domain {name} is running, and its {what} cannot be removed under it"),
        hint: format!(
            "leave it with {flag} (a copy is kept for rollback), or stop the domain first: \
             virt-retire destroy {}",
            facts.domain.typed()
        ),
    })
}

fn metadata(facts: &DomainFacts, removal: &Removal) -> Vec<Refusal> {
    let definition = &facts.definition;
    let mut refusals = Vec::new();
    let mut exist = |code, names: Vec<&str>, what: &str, flag: &str| {
        refusals.push(Refusal {
            code,
            subject: facts.domain.name.clone(),
            message: format!("domain {} has {}", facts.domain.name, some_of(&names, what)),
            hint: format!("add {flag} (or --all) to retire their metadata too"),
        });
    };
    if !definition.snapshots.is_empty() && !removal.snapshots_metadata {
        exist(
            RefusalCode::SnapshotsExist,
            definition
                .snapshots
                .iter()
                .map(|it| it.name.as_str())
                .collect(),
            "snapshot",
            "--snapshots-metadata",
        );
    }
    if !definition.checkpoints.is_empty() && !removal.checkpoints_metadata {
        exist(
            RefusalCode::CheckpointsExist,
            definition
                .checkpoints
                .iter()
                .map(|it| it.name.as_str())
                .collect(),
            "checkpoint",
            "--checkpoints-metadata",
        );
    }
    refusals
}

/// `2 snapshots (a, b)`; of many the first few.
fn some_of(names: &[&str], what: &str) -> String {
    const MOST: usize = 10;
    let count = names.len();
    let plural = if count == 1 { "" } else { "s" };
    let shown = names[..count.min(MOST)].join(", ");
    let more = if count > MOST { ", …" } else { "" };
    format!("{count} {what}{plural} ({shown}{more})")
}

fn obstacle(facts: &DomainFacts, what: &str, file: &FileRef, kept: &[KeptFile]) -> Option<Refusal> {
    if let Some(refusal) = untouchable(facts, what, file) {
        return Some(refusal);
    }
    let path = file.path.display();
    let mut users = file.users.clone();
    users.extend(kept::users(facts, file, kept));
    (!users.is_empty()).then(|| Refusal {
        code: RefusalCode::InUse,
        subject: path.to_string(),
        message: format!("the {what} {path} is in use: {}", names_of(&users)),
        hint: format!("end that use first{}", or_leave(facts, what)),
    })
}

/// How the domain is retired without it.
fn or_leave(facts: &DomainFacts, what: &str) -> String {
    let domain = facts.domain.typed();
    match what {
        "NVRAM" => ", or keep it with --keep-nvram".into(),
        "TPM state" => ", or keep it with --keep-tpm".into(),
        "managed save image" => format!(", or give it up: virsh managedsave-remove {domain}"),
        _ => format!(", or delete its snapshot: virsh snapshot-delete {domain} SNAPSHOT"),
    }
}

fn untouchable(facts: &DomainFacts, what: &str, file: &FileRef) -> Option<Refusal> {
    let path = file.path.display();
    file.protected.as_ref().map(|why| Refusal {
        code: RefusalCode::ProtectedPath,
        subject: path.to_string(),
        message: format!("the {what} {path} must not be moved: {why}"),
        hint: format!("put it elsewhere{}", or_leave(facts, what)),
    })
}
