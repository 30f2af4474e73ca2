//! `journal`: the journal as a thing.

use std::path::PathBuf;

use clap::Subcommand;

use super::how::Confirmation;

#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Its format, size and health; changes nothing
    Info,
    /// Write all of it as JSON lines, which `journal import` takes
    Export {
        /// The file to write; stdout without it
        file: Option<PathBuf>,
    },
    /// Make the journal of an empty state folder from an export
    Import {
        /// What `journal export` wrote; stdin without it
        file: Option<PathBuf>,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Bring it to the format of this program, as the first command that opens it does
    Upgrade {
        /// Tell what would be done, and do nothing
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
}
