//! The contract's command line. Arguments become the model's values before any work starts.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::engine::Wish;
use crate::model::{Removal, StorageFlags, TransactionId, Verdict};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

const GLOBAL: &str = "Global options";

const AFTER: &str = "\
Examples:
  virt-retire plan web1 --remove-all-storage       what would happen, and why
  virt-retire undefine web1 --remove-all-storage   the same, and after a yes it happens
  virt-retire rollback 1                           undo it, whole
  virt-retire list                                 what was retired, when and by whom

Exit codes: 0 done; 1 error, nothing changed; 2 usage; 3 refused, nothing changed;
4 a step failed and everything was put back; 5 work is left for `recover`; 6 another process
holds the journal or the domain";

/// Retire libvirt domains and their storage: undoable until purged, durable, never half.
#[derive(Debug, Parser)]
#[command(name = "virt-retire", version, max_term_width = 100, after_help = AFTER)]
pub struct Arguments {
    /// libvirt's URI; without it LIBVIRT_DEFAULT_URI, then libvirt's own default
    #[arg(short, long, value_name = "URI", global = true, help_heading = GLOBAL)]
    pub connect: Option<String>,

    /// Folder of the journal [default: /var/lib/virt-retire for root, else
    /// $XDG_STATE_HOME/virt-retire]
    #[arg(
        long,
        value_name = "DIR",
        env = "VIRT_RETIRE_STATE_DIR",
        hide_env_values = true,
        global = true,
        help_heading = GLOBAL
    )]
    pub state_dir: Option<PathBuf>,

    /// Folder for removed files, tried before others on the same file system; may be repeated
    #[arg(
        long,
        value_name = "DIR",
        env = "VIRT_RETIRE_QUARANTINE",
        hide_env_values = true,
        value_delimiter = ':',
        global = true,
        help_heading = GLOBAL
    )]
    pub quarantine: Vec<PathBuf>,

    /// One JSON document on stdout, errors as JSON on stderr, or text for people
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        default_value = "text",
        global = true,
        help_heading = GLOBAL
    )]
    pub output: Output,

    /// Print no more than what was asked for
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub quiet: bool,

    /// Tell each step; repeated, tell more of what is done
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = GLOBAL)]
    pub verbose: u8,

    /// How long to wait for another command that holds the journal or the domain; 0: not at all
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        global = true,
        help_heading = GLOBAL
    )]
    pub wait: u64,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show every step, every disk's fate and the reason; change nothing
    Plan {
        #[command(flatten)]
        what: What,
        /// Save the plan of one domain for `apply`
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
        what: What,
        #[command(flatten)]
        how: How,
    },
    /// Stop a running or transient domain, then the same as `undefine`
    Destroy {
        #[command(flatten)]
        what: What,
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
        sure: Sure,
    },
    /// Bring a prepared or committed transaction's domain and files back
    Rollback {
        #[command(flatten)]
        ids: Ids,
        /// Start the domain again; one that was transient is transient again
        #[arg(long)]
        start: bool,
        #[command(flatten)]
        identity: Identity,
        #[command(flatten)]
        sure: Sure,
    },
    /// Finish or undo whatever a crash left open
    Recover {
        #[command(flatten)]
        sure: Sure,
    },
    /// Follow transient guests whose policy removes storage, and retire it when they end by
    /// themselves
    Watch {
        /// Only catch up: retire what ended since the last time, take note of who runs now, and end
        #[arg(long)]
        once: bool,
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
        /// One more folder to look for manifests in; may be repeated
        #[arg(long, value_name = "DIR", num_args = 1..)]
        from: Vec<PathBuf>,
        #[command(flatten)]
        sure: Sure,
    },
    /// Every piece of storage a domain uses, with pool and volume, chains included
    Volumes {
        /// Name, UUID or id
        domain: String,
    },
    /// The pool that owns a file, and everything that uses it
    Users {
        /// A path, or POOL/VOLUME
        #[arg(value_name = "PATH|POOL/VOLUME")]
        what: PathBuf,
    },
    /// All transactions
    List,
    /// One transaction, whole
    Show {
        /// A transaction's number, as `list` shows it
        #[arg(value_parser = transaction_id)]
        id: TransactionId,
        /// Show the domain's XML with its secrets
        #[arg(long)]
        security_info: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show it
    Show {
        #[arg(value_name = "DOMAIN")]
        domain: String,
    },
    /// Write what shall become of a disk, of the read-write disks without a word of their own, or
    /// of the whole domain
    Set {
        #[arg(value_name = "DOMAIN")]
        domain: String,
        /// A disk's target, such as vda
        #[arg(value_name = "TARGET", required_unless_present_any = ["default", "protected"])]
        target: Option<String>,
        #[arg(value_name = "FATE", value_enum)]
        fate: Option<Word>,
        /// For read-write disks that the policy does not name
        #[arg(long, value_name = "FATE", value_enum)]
        default: Option<Word>,
        /// Refuse undefine and destroy
        #[arg(long)]
        protected: bool,
        #[command(flatten)]
        sure: Sure,
    },
    /// Take one word away, or the whole policy
    Clear {
        #[arg(value_name = "DOMAIN")]
        domain: String,
        #[arg(value_name = "TARGET")]
        target: Option<String>,
        /// Only the default
        #[arg(long)]
        default: bool,
        /// Only the protection
        #[arg(long)]
        protected: bool,
        #[command(flatten)]
        sure: Sure,
    },
}

/// What a policy may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Word {
    Remove,
    Keep,
}

impl From<Word> for Verdict {
    fn from(word: Word) -> Self {
        match word {
            Word::Remove => Verdict::Remove,
            Word::Keep => Verdict::Keep,
        }
    }
}

#[derive(Debug, Args)]
pub struct Ids {
    /// A transaction's number, as `list` shows it
    #[arg(required = true, value_name = "ID", value_parser = transaction_id)]
    pub ids: Vec<TransactionId>,
}

/// For a domain whose name or UUID somebody has taken. Of one transaction at a time.
#[derive(Debug, Clone, Args)]
pub struct Identity {
    /// Define the domain under this name; its disks come back at their own paths
    #[arg(long, value_name = "NAME", value_parser = domain_name)]
    pub as_name: Option<String>,
    /// Give it a new UUID
    #[arg(long)]
    pub new_uuid: bool,
    /// Give its network cards new MAC addresses
    #[arg(long)]
    pub new_macs: bool,
}

impl Identity {
    pub fn wish(self) -> Wish {
        Wish {
            name: self.as_name,
            new_uuid: self.new_uuid,
            new_macs: self.new_macs,
        }
    }
}

#[derive(Debug, Clone, Copy, Args)]
pub struct Sure {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "How it is done")]
pub struct How {
    /// Stop before the decision; `commit` or `rollback` takes it later
    #[arg(long)]
    pub prepare: bool,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    #[command(flatten)]
    pub sure: Sure,
}

/// How a running domain is stopped.
#[derive(Debug, Args)]
pub struct Power {
    /// Ask the guest to switch itself off, and wait for it
    #[arg(long)]
    graceful: bool,
    /// How long it has for that; a guest that has not done so is left running
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60,
        requires = "graceful"
    )]
    timeout: u64,
}

impl Power {
    pub const AT_ONCE: Self = Self {
        graceful: false,
        timeout: 0,
    };

    fn patience(&self) -> Option<u64> {
        self.graceful.then_some(self.timeout)
    }
}

#[derive(Debug, Args)]
pub struct What {
    /// Name, UUID or id
    #[arg(required = true, value_name = "DOMAIN")]
    pub domains: Vec<String>,
    #[command(flatten)]
    pub removal: RemovalFlags,
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
    /// Remove these disks, by target or source path, and keep the rest
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    storage: Option<Vec<String>>,
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
    /// Go on although the domain's policy protects it; needs --reason
    #[arg(long)]
    override_protection: bool,
}

impl RemovalFlags {
    /// `power`: how `destroy` stops a running domain; none for the verbs that stop nothing.
    pub fn removal(&self, power: Option<&Power>) -> Removal {
        Removal {
            storage: StorageFlags {
                named: self.storage.clone(),
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
            override_protection: self.override_protection,
            stop_first: power.is_some(),
            graceful: power.and_then(Power::patience),
        }
    }
}

/// A flag that keeps is the more careful one: it wins over `--all`.
fn verdict(remove: bool, keep: bool) -> Option<Verdict> {
    match (keep, remove) {
        (true, _) => Some(Verdict::Keep),
        (false, true) => Some(Verdict::Remove),
        (false, false) => None,
    }
}

/// What libvirt takes as a name: it becomes part of file names.
fn domain_name(text: &str) -> Result<String, String> {
    // NAME.save, NAME_VARS.qcow2 and the like must fit into 255 bytes.
    const LONGEST: usize = 200;
    let is_name = !matches!(text, "" | "." | "..") && text.len() <= LONGEST;
    if is_name && !text.chars().any(|c| c == '/' || c.is_control()) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "a domain's name has 1 to {LONGEST} bytes, no slash and no control characters"
    ))
}

fn transaction_id(text: &str) -> Result<TransactionId, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(TransactionId(number)),
        _ => Err("a transaction's id is a whole number from 1 (see `virt-retire list`)".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
