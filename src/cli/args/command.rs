//! The verbs, each with its arguments, in the order in which the help shows them.

use std::path::PathBuf;

use clap::Subcommand;

use super::super::complete;
use super::config::ConfigCommand;
use super::filter::FilterArgs;
use super::how::{Confirmation, How, Power};
use super::journal::JournalCommand;
use super::policy::PolicyCommand;
use super::purge::{PurgeWhat, Wipe};
use super::removal::RemovalTargets;
use super::transactions::{Departure, Identity, Ids, Meant, Undone, hold_name, meant, one_meant};
use crate::model::Logged;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every step, every disk's fate and the reason; change nothing
    Plan {
        #[command(flatten)]
        what: RemovalTargets,
        /// Save the plan for `apply`
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
        /// Plan what `destroy` would do
        #[arg(long)]
        destroy: bool,
    },
    /// Run a saved plan, if nothing has changed since
    Apply {
        /// What `plan --save` wrote
        file: PathBuf,
        #[command(flatten)]
        how: How,
    },
    /// Plan, ask, execute, commit; on a failed step, roll back
    Undefine {
        #[command(flatten)]
        what: RemovalTargets,
        #[command(flatten)]
        how: How,
    },
    /// Stop a running or transient domain, then the same as `undefine`
    Destroy {
        #[command(flatten)]
        what: RemovalTargets,
        #[command(flatten)]
        power: Power,
        #[command(flatten)]
        how: How,
    },
    /// Keep the decision of a prepared transaction
    Commit {
        #[command(flatten)]
        ids: Ids,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Bring a prepared or committed transaction's domain and files back
    #[command(visible_alias = "undo")]
    Rollback {
        #[command(flatten)]
        ids: Undone,
        /// Start the domain again; one that was transient is transient again
        #[arg(long)]
        start: bool,
        #[command(flatten)]
        identity: Identity,
        #[command(flatten)]
        departure: Departure,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Keep transactions from being purged by anything, under a name and with a reason
    Hold {
        #[command(flatten)]
        ids: Ids,
        /// Why, for whoever wants to purge it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// What the hold is called; a transaction may have several [default: hold, hold-2 …]
        #[arg(long, value_name = "NAME", value_parser = hold_name)]
        name: Option<String>,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Take a hold away; when the last one is gone, a transaction can be purged
    Release {
        #[command(flatten)]
        ids: Ids,
        /// Which one; needed where there are several
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Destroy what waits in quarantine, for good; what is held is never touched
    Purge {
        #[command(flatten)]
        what: PurgeWhat,
        /// Overwrite what is allocated first, where it lies; what may be said of it is in the log
        #[arg(
            long,
            value_name = "HOW",
            value_enum,
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "zero"
        )]
        wipe: Option<Wipe>,
        /// Only show which would be purged, and why the others not
        #[arg(short = 'n', long)]
        dry_run: bool,
        /// Why, for the journal
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Finish or undo whatever a crash left open
    Recover {
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Follow transient guests whose policy removes storage, and retire it when they end by
    /// themselves
    Watch {
        /// Only catch up: retire what ended since the last time, take note of who runs now, and end
        #[arg(long)]
        once: bool,
        /// How often to look at every guest, beside listening to libvirt's events: a block job
        /// changes a disk, and a libvirtd that is restarted gives a guest up, and neither says so
        #[arg(
            long,
            value_name = "SECONDS",
            default_value_t = 30,
            value_parser = clap::value_parser!(u64).range(1..),
            conflicts_with = "once"
        )]
        interval: u64,
        /// Accepted as everywhere; the guests' policies are the consent, and nothing is asked
        #[arg(short, long)]
        yes: bool,
    },
    /// The domain's own word on each of its disks, kept in its metadata
    Policy {
        #[command(subcommand)]
        what: PolicyCommand,
    },
    /// Make a new journal from the manifests in quarantine, when the old one is lost or damaged
    Rebuild {
        /// One more folder to look for manifests in; may be repeated. What nothing proves ours is
        /// imported: listed, and brought back by `rollback` alone
        #[arg(long, value_name = "DIR", num_args = 1..)]
        from: Vec<PathBuf>,
        /// Take what the journal lacks into it, as after it was restored from a backup
        #[arg(long)]
        add: bool,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Every piece of storage a domain uses, with pool and volume, chains included
    Volumes {
        /// Name, UUID or id
        #[arg(add = complete::domains())]
        domain: String,
    },
    /// The pool that owns a file, and everything that uses it
    Users {
        /// A path, or POOL/VOLUME
        #[arg(value_name = "PATH|POOL/VOLUME", add = complete::volumes())]
        what: PathBuf,
    },
    /// What would stop a retirement on this host, and leftovers of other tools
    ///
    /// Looks at libvirt, the rights, each file system with a pool on it, the journal and what waits
    /// in quarantine, and for disks that are gone, volumes that no domain uses, and NVRAM, TPM
    /// state, managed saves and snapshot metadata without a domain. Changes nothing. Exits 1 if a
    /// check failed; leftovers alone do not count.
    Doctor,
    /// The settings of this program
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// All transactions, the newest first
    List {
        #[command(flatten)]
        filter: FilterArgs,
    },
    /// The event log: what happened, in order
    #[command(visible_alias = "history")]
    Log {
        #[command(flatten)]
        filter: FilterArgs,
        /// Only entries of this kind, as JSON has it (begun, state, decided, policy …); may be
        /// repeated
        #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind)]
        kind: Vec<&'static str>,
        /// Print the log's checkpoint instead: origin, size and root, to be kept elsewhere
        #[arg(long)]
        checkpoint: bool,
    },
    /// Quarantine against journal, and the log's integrity; exits 1 when anything differs
    Verify {
        /// Only the files of these transactions
        #[arg(value_name = "ID", value_parser = meant, add = complete::ids())]
        ids: Vec<Meant>,
        /// Read every file whole, and hold it against its digest where the setting `digest` took
        /// one
        #[arg(long)]
        deep: bool,
        /// A checkpoint kept elsewhere: prove that the log still contains it
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// A proof of one transaction's events, which a stranger checks without this program
    Prove {
        /// A transaction's number, as `list` shows it; last, last-1
        #[arg(value_parser = one_meant, add = complete::ids())]
        id: Meant,
    },
    /// The journal as a thing: format, size, health; to and from JSON lines; migration
    Journal {
        #[command(subcommand)]
        what: JournalCommand,
    },
    /// Write the manual's pages into a folder, for a package
    #[command(hide = true)]
    Manual {
        /// It must exist
        folder: PathBuf,
    },
    /// One transaction, whole
    Show {
        /// A transaction's number, as `list` shows it; last, last-1
        #[arg(value_parser = one_meant, add = complete::ids())]
        id: Meant,
        /// Show the domain's XML with its secrets
        #[arg(long)]
        security_info: bool,
    },
}

fn kind(word: &str) -> Result<&'static str, String> {
    let mut kinds = Logged::WORDS.into_iter();
    kinds.find(|kind| *kind == word).ok_or_else(|| {
        let all = Logged::WORDS.join(", ");
        format!("'{word}' is not a kind of entry; there are {all}")
    })
}
