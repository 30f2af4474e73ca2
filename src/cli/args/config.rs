//! What `config` is asked to do.

use clap::Subcommand;

#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigCommand {
    /// Every setting in force, and where it comes from
    Show,
}
