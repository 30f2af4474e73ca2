//! The contract's command line. Arguments become the model's values before any work starts.
//!
//! Here are the options of every verb; the verbs are in `command`, and what several of them share
//! is in a file per subject.

mod command;
mod config;
mod filter;
mod how;
mod journal;
mod policy;
mod purge;
mod removal;
mod transactions;

use std::path::PathBuf;

use clap::{ArgAction, Parser, ValueEnum};

pub use command::Command;
pub use config::ConfigCommand;
pub use filter::FilterArgs;
pub use how::{Confirmation, How, Power};
pub use journal::JournalCommand;
pub use policy::PolicyCommand;
pub use purge::PurgeWhat;
pub use removal::{RemovalTargets, typed};
pub use transactions::{Departure, Identity, Meant};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Text,
    Json,
}

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    Text,
    Json,
    /// Of `log` alone
    Csv,
}

impl From<Form> for Output {
    fn from(form: Form) -> Self {
        match form {
            Form::Json => Output::Json,
            Form::Text | Form::Csv => Output::Text,
        }
    }
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
    /// libvirt's URI; without it VIRT_RETIRE_URI, LIBVIRT_DEFAULT_URI, the configuration file's,
    /// then libvirt's own default
    #[arg(short, long, value_name = "URI", global = true, help_heading = GLOBAL)]
    pub connect: Option<String>,

    /// Folder of the journal [default: /var/lib/virt-retire for root, else
    /// $XDG_STATE_HOME/virt-retire] [env: VIRT_RETIRE_STATE_DIR]
    #[arg(long, value_name = "DIR", global = true, help_heading = GLOBAL)]
    pub state_dir: Option<PathBuf>,

    /// Folder for removed files, tried before others on the same file system; may be repeated
    /// [env: VIRT_RETIRE_QUARANTINE]
    #[arg(
        long,
        value_name = "DIR",
        value_delimiter = ':',
        global = true,
        help_heading = GLOBAL
    )]
    pub quarantine: Vec<PathBuf>,

    /// One JSON document on stdout, errors as JSON on stderr; text for people; csv of `log`
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        default_value = "text",
        global = true,
        help_heading = GLOBAL
    )]
    pub output: Form,

    /// Print no more than what was asked for
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub quiet: bool,

    /// Tell each step; repeated, tell more of what is done
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = GLOBAL)]
    pub verbose: u8,

    /// How long to wait for another command that holds the journal or the domain; 0: not at all
    /// [default: 60] [env: VIRT_RETIRE_WAIT]
    #[arg(long, value_name = "SECONDS", global = true, help_heading = GLOBAL)]
    pub wait: Option<u64>,

    #[command(subcommand)]
    pub command: Command,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
