//! `verify`: the log's integrity, the quarantine against the journal, and a checkpoint that was
//! kept.

use std::path::Path;

use crate::journal::checkpoint::Checkpoint;
use crate::model::TransactionId;
use crate::retire::{self, Read};

use super::super::answers;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::progress::Progress;

/// Of `ids` alone where there are any; the log is always looked at whole.
pub fn run(
    context: &Context,
    ids: &[TransactionId],
    deep: bool,
    checkpoint: Option<&Path>,
) -> Result<(), CliError> {
    let kept = checkpoint.map(read).transpose()?;
    let mut watched = Watched::new(context);
    let verified = retire::verify(context, ids, deep, kept.as_ref(), &mut |read| {
        watched.hear(read);
    })?;
    watched.progress.end();
    answers::verify::tell(context, &verified)?;
    match verified.looked.differences.len() {
        0 => Ok(()),
        count => Err(CliError::new(
            Exit::Error,
            "differs",
            format!("{count} things are not as they were left"),
            "each finding above says what it means for an undo",
        )),
    }
}

/// For a person who watches: first the log is read, then, if it is asked for, the files.
struct Watched<'a> {
    context: &'a Context,
    progress: Progress,
    /// Of the files; `None` before the first.
    bytes: Option<u64>,
}

impl<'a> Watched<'a> {
    fn new(context: &'a Context) -> Self {
        Self {
            context,
            progress: Progress::new(context, "transactions read"),
            bytes: None,
        }
    }

    fn hear(&mut self, read: Read) {
        match read {
            Read::Transactions { done, all } => self.progress.at(done, all),
            Read::Bytes(count) => {
                if self.bytes.is_none() {
                    let files = Progress::of_bytes(self.context, "of quarantine read");
                    std::mem::replace(&mut self.progress, files).end();
                }
                let so_far = self.bytes.unwrap_or(0) + count;
                self.bytes = Some(so_far);
                self.progress.at(so_far, so_far);
            }
        }
    }
}

/// Bytes. Three lines, and signatures of witnesses after them.
const LARGEST: u64 = 1 << 20;

fn read(file: &Path) -> Result<Checkpoint, CliError> {
    let wrong = |cause: String| {
        CliError::new(
            Exit::Error,
            "checkpoint",
            format!("{} {cause}", file.display()),
            "a checkpoint is what was printed by: virt-retire log --checkpoint",
        )
    };
    let bytes = retire::read_at_most(file, LARGEST).map_err(|error| wrong(format!("{error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| wrong(format!("{error}")))?;
    Checkpoint::parse(&text).map_err(wrong)
}
