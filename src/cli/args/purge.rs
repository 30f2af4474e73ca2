//! What a purge is about.

use clap::{Args, ValueEnum};

use super::super::complete;
use super::super::settings::{Size, Span};
use crate::model::WipeMethod;

use super::transactions::{Meant, meant};

/// All that is said must fit. Nothing said is an error, never everything.
#[derive(Debug, Args)]
pub struct PurgeWhat {
    /// A transaction's number, as `list` shows it; a range 4-8 or 4..8; last, last-1
    #[arg(
        value_name = "ID",
        value_parser = meant,
        required_unless_present_any = ["expired", "older_than", "keep_last", "until_free"],
        add = complete::ids()
    )]
    pub ids: Vec<Meant>,
    /// Those that have expired
    #[arg(long)]
    pub expired: bool,
    /// Those that were retired longer ago
    #[arg(long, value_name = "SPAN")]
    pub older_than: Option<Span>,
    /// All but the newest N of each domain name
    #[arg(long, value_name = "N")]
    pub keep_last: Option<usize>,
    /// The oldest first, until so much is free on each file system that holds something
    #[arg(long, value_name = "SIZE")]
    pub until_free: Option<Size>,
}

/// With what it is overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wipe {
    Zero,
    Random,
    /// Give the blocks back by punching holes: a hint to the medium, and no overwriting
    Discard,
}

impl From<Wipe> for WipeMethod {
    fn from(wipe: Wipe) -> Self {
        match wipe {
            Wipe::Zero => Self::Zero,
            Wipe::Random => Self::Random,
            Wipe::Discard => Self::Discard,
        }
    }
}
