//! Which domains, and what of theirs is removed: virsh's flags as the model's [`Removal`].

use clap::Args;

use crate::model::{Removal, StorageFlags, Verdict, quoted};

use super::super::complete;
use super::how::Power;

#[derive(Debug, Args)]
pub struct RemovalTargets {
    /// Name, UUID or id
    #[arg(
        required_unless_present = "domain",
        value_name = "DOMAIN",
        add = complete::domains()
    )]
    pub domains: Vec<String>,
    /// The same, as virsh writes it
    #[arg(long, value_name = "DOMAIN", add = complete::domains())]
    domain: Vec<String>,
    #[command(flatten)]
    pub removal: RemovalFlags,
}

impl RemovalTargets {
    /// All of them in `domains`, however they were named.
    pub fn gathered(mut self) -> Self {
        self.domains.append(&mut self.domain);
        self
    }
}

/// The removal flags, with virsh's names.
#[derive(Debug, Args)]
#[command(next_help_heading = "Removal flags")]
pub struct RemovalFlags {
    /// Remove every read-write disk
    #[arg(long, conflicts_with_all = ["storage", "keep_storage"])]
    remove_all_storage: bool,
    /// Remove the read-write disks that belong to a pool
    #[arg(long, conflicts_with_all = ["storage", "keep_storage"])]
    remove_managed_storage: bool,
    /// Remove the read-write disks that belong to no pool
    #[arg(long, conflicts_with_all = ["storage", "keep_storage"])]
    remove_unmanaged_storage: bool,
    /// Remove these disks, by target or source path, and keep the rest; a comma in a path is
    /// written twice
    #[arg(long, value_name = "LIST", value_parser = names, add = complete::targets())]
    storage: Option<Vec<Names>>,
    /// Keep every disk that nothing else decides about
    #[arg(long, conflicts_with = "storage")]
    keep_storage: bool,
    /// Retire the managed save image
    #[arg(long)]
    managed_save: bool,
    /// Retire the snapshots' metadata
    #[arg(long)]
    snapshots_metadata: bool,
    /// Retire the checkpoints' metadata
    #[arg(long)]
    checkpoints_metadata: bool,
    /// Retire the NVRAM file
    #[arg(long, conflicts_with = "keep_nvram")]
    nvram: bool,
    /// Leave the NVRAM file where it is
    #[arg(long)]
    keep_nvram: bool,
    /// Retire the TPM state (as without this flag)
    #[arg(long, conflicts_with = "keep_tpm")]
    tpm: bool,
    /// Leave the TPM state where it is
    #[arg(long)]
    keep_tpm: bool,
    /// Overwrite the removed files at purge
    #[arg(long)]
    wipe_storage: bool,
    /// Retire volumes' own snapshots with them
    #[arg(long)]
    delete_storage_volume_snapshots: bool,
    /// All of --managed-save, --snapshots-metadata, --checkpoints-metadata, and --nvram and --tpm
    /// unless kept
    #[arg(long)]
    all: bool,
    /// Go on although not everyone who may use the disks could be looked for
    #[arg(long)]
    accept_unseen: bool,
    /// Go on although libvirt would not define the domain again as it is (its machine type,
    /// emulator or firmware is gone): a rollback then needs `--xml` or `--files`
    #[arg(long)]
    accept_not_redefinable: bool,
    /// Of a disk whose chain cannot be read to its end, take what can be read and leave the rest
    #[arg(long)]
    accept_broken_chain: bool,
    /// Go on although the domain's policy protects it; needs --reason
    #[arg(long)]
    override_protection: bool,
}

impl RemovalFlags {
    /// `power`: how `destroy` stops a running domain; none for the verbs that stop nothing.
    pub fn removal(&self, power: Option<&Power>) -> Removal {
        Removal {
            storage: StorageFlags {
                named: self.storage.as_ref().map(|lists| {
                    let names = lists.iter().flat_map(|list| &list.0);
                    names.cloned().collect()
                }),
                all: self.remove_all_storage,
                managed: self.remove_managed_storage,
                unmanaged: self.remove_unmanaged_storage,
                keep: self.keep_storage,
            },
            managed_save: self.managed_save || self.all,
            snapshots_metadata: self.snapshots_metadata || self.all,
            checkpoints_metadata: self.checkpoints_metadata || self.all,
            nvram: verdict(self.nvram || self.all, self.keep_nvram),
            tpm: verdict(self.tpm || self.all, self.keep_tpm),
            wipe_storage: self.wipe_storage,
            delete_volume_snapshots: self.delete_storage_volume_snapshots,
            accept_unseen: self.accept_unseen,
            accept_not_redefinable: self.accept_not_redefinable,
            accept_broken_chain: self.accept_broken_chain,
            override_protection: self.override_protection,
            stop_first: power.is_some(),
            graceful: power.and_then(Power::patience),
        }
    }
}

/// The flags that ask for this, for a line to be typed; `--all` where they are many.
pub fn typed(removal: &Removal) -> Vec<String> {
    let Removal {
        storage,
        managed_save,
        snapshots_metadata,
        checkpoints_metadata,
        nvram,
        tpm,
        wipe_storage,
        delete_volume_snapshots,
        accept_unseen,
        accept_not_redefinable,
        accept_broken_chain,
        override_protection,
        stop_first: _,
        graceful,
    } = removal;
    let mut flags = Vec::new();
    if let Some(named) = &storage.named {
        let names: Vec<String> = named.iter().map(|name| name.replace(',', ",,")).collect();
        flags.push(format!("--storage {}", quoted(&names.join(","))));
    }
    let all = *managed_save
        && *snapshots_metadata
        && *checkpoints_metadata
        && nvram.is_some()
        && tpm.is_some();
    let is = |verdict: &Option<Verdict>, wanted| *verdict == Some(wanted);
    let switches = [
        (storage.all, "--remove-all-storage"),
        (storage.managed, "--remove-managed-storage"),
        (storage.unmanaged, "--remove-unmanaged-storage"),
        (storage.keep, "--keep-storage"),
        (all, "--all"),
        (*managed_save && !all, "--managed-save"),
        (*snapshots_metadata && !all, "--snapshots-metadata"),
        (*checkpoints_metadata && !all, "--checkpoints-metadata"),
        (is(nvram, Verdict::Remove) && !all, "--nvram"),
        (is(nvram, Verdict::Keep), "--keep-nvram"),
        (is(tpm, Verdict::Remove) && !all, "--tpm"),
        (is(tpm, Verdict::Keep), "--keep-tpm"),
        (*wipe_storage, "--wipe-storage"),
        (
            *delete_volume_snapshots,
            "--delete-storage-volume-snapshots",
        ),
        (*accept_unseen, "--accept-unseen"),
        (*accept_not_redefinable, "--accept-not-redefinable"),
        (*accept_broken_chain, "--accept-broken-chain"),
        (*override_protection, "--override-protection"),
    ];
    let given = switches.into_iter().filter(|(given, _)| *given);
    flags.extend(given.map(|(_, flag)| flag.to_owned()));
    flags.extend(graceful.map(|seconds| format!("--graceful --timeout {seconds}")));
    flags
}

/// One list of disks, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Names(Vec<String>);

/// As virsh reads a list: `,,` is a comma (`vshStringToArray`). An entry that is empty (a shell
/// variable without a value, most often) names no disk of any domain: it is wrong before one is
/// looked at.
fn names(list: &str) -> Result<Names, &'static str> {
    let mut names = vec![String::new()];
    let mut rest = list.chars().peekable();
    while let Some(one) = rest.next() {
        if one == ',' && rest.next_if_eq(&',').is_none() {
            names.push(String::new());
        } else if let Some(last) = names.last_mut() {
            last.push(one);
        }
    }
    if names.iter().any(String::is_empty) {
        return Err("an entry of the list is empty");
    }
    Ok(Names(names))
}

/// A flag that keeps is the more careful one: it wins over `--all`.
fn verdict(remove: bool, keep: bool) -> Option<Verdict> {
    match (keep, remove) {
        (true, _) => Some(Verdict::Keep),
        (false, true) => Some(Verdict::Remove),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn flags_that_are_shown_mean_what_was_meant() {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            what: RemovalTargets,
        }
        let read = |flags: &str| {
            let words = ["x", "web1"].into_iter().chain(flags.split(' '));
            let line = Line::try_parse_from(words.filter(|word| !word.is_empty()));
            line.ok().map(|line| line.what.removal.removal(None))
        };
        for flags in [
            "",
            "--storage vda,/srv/a,,b.img",
            "--remove-all-storage --all",
            "--remove-managed-storage --remove-unmanaged-storage --all --keep-nvram",
            "--keep-storage --managed-save --snapshots-metadata --nvram",
            "--checkpoints-metadata --keep-tpm --wipe-storage --delete-storage-volume-snapshots",
            "--accept-unseen --accept-not-redefinable --accept-broken-chain --override-protection",
        ] {
            let meant = read(flags).unwrap();
            let shown = typed(&meant).join(" ");
            assert_eq!(shown, flags);
            assert_eq!(read(&shown), Some(meant));
        }
    }

    #[test]
    fn a_list_is_read_as_virsh_reads_it() {
        for (list, expected) in [
            ("vda", &["vda"][..]),
            ("vda,/srv/x.img", &["vda", "/srv/x.img"]),
            ("/srv/a,,b.img,vda", &["/srv/a,b.img", "vda"]),
            ("a,,,b", &["a,", "b"]),
        ] {
            let read = names(list).map(|names| names.0);
            assert_eq!(read, Ok(expected.iter().map(ToString::to_string).collect()));
        }
        for list in ["", ",", "vda,", ",vda", "vda,,,"] {
            let read = names(list);
            assert!(read.is_err(), "{list:?}: {read:?}");
        }
    }
}
