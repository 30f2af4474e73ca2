//! What `policy` is asked to do, and the words that a policy may say.

use clap::{Subcommand, ValueEnum};

use crate::model::Verdict;

use super::super::complete;
use super::how::Confirmation;

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show it
    Show {
        /// Name, UUID or id
        #[arg(value_name = "DOMAIN", add = complete::domains())]
        domain: String,
        /// Only this disk
        #[arg(value_name = "TARGET", add = complete::targets())]
        target: Option<String>,
    },
    /// Write what shall become of a disk, of the read-write disks without a word of their own, or
    /// of the whole domain
    Set {
        /// Name, UUID or id
        #[arg(value_name = "DOMAIN", add = complete::domains())]
        domain: String,
        /// A disk's target, such as vda; keep or remove in its place is --default
        #[arg(
            value_name = "TARGET",
            required_unless_present_any = ["default", "protected", "expires"],
            add = complete::targets()
        )]
        target: Option<String>,
        /// What becomes of it
        #[arg(value_name = "FATE", value_enum)]
        fate: Option<Word>,
        /// For read-write disks that the policy does not name
        #[arg(long, value_name = "FATE", value_enum)]
        default: Option<Word>,
        /// Refuse undefine and destroy
        #[arg(long)]
        protected: bool,
        /// Have `watch` retire the domain after that moment, once it is shut off: RFC 3339, a date,
        /// or a span from now such as 30d
        #[arg(long, value_name = "TIME", value_parser = super::filter::to_come)]
        expires: Option<jiff::Timestamp>,
        /// It is stopped for that where it runs then
        #[arg(long, requires = "expires")]
        stop: bool,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Take one word away, or the whole policy
    Clear {
        /// Name, UUID or id
        #[arg(value_name = "DOMAIN", add = complete::domains())]
        domain: String,
        /// Only this disk's word
        #[arg(value_name = "TARGET", add = complete::targets())]
        target: Option<String>,
        /// Only the default
        #[arg(long)]
        default: bool,
        /// Only the protection
        #[arg(long)]
        protected: bool,
        /// Only the moment at which it expires
        #[arg(long)]
        expires: bool,
        #[command(flatten)]
        confirmation: Confirmation,
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
