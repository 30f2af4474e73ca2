//! What the application needs of whoever runs it: what it opens, and by whom it is asked.

use std::path::Path;
use std::time::Duration;

use crate::engine::{Finding, World};
use crate::journal::lines::Lines;
use crate::model::{DigestKind, DomainRef, Evidence, Notice, Topic, TransactionId};
use crate::ports::{
    Clock, Imported, Intake, Journal, JournalError, JournalReader, LockedDomains, Log, Monitor,
    Outlook, Quarantine, StorageView,
};

use super::Error;

/// One libvirt that is connected, and this host's files beside it.
pub trait Connected {
    fn world(&self) -> World<'_>;
    fn monitor(&self) -> &dyn Monitor;
}

/// Where the application works. Each thing is opened when it is first asked for.
pub trait Site {
    /// Connects to where the settings say.
    ///
    /// # Errors
    /// libvirt does not answer; its domains' files are not on this host.
    fn connect(&self) -> Result<Box<dyn Connected>, Error>;

    /// Connects to where a transaction was made.
    ///
    /// # Errors
    /// As [`Site::connect`]; [`Error::Elsewhere`] where the operator named another place.
    fn connect_to(&self, made_at: &str) -> Result<Box<dyn Connected>, Error>;

    /// Connects as without a transaction, and only if it says that it was made there: where nothing
    /// proves who wrote that, its URI is not followed.
    ///
    /// # Errors
    /// As [`Site::connect`]; [`Error::Elsewhere`].
    fn connect_if_at(&self, made_at: &str) -> Result<Box<dyn Connected>, Error>;

    /// Whether there is a journal. Where there is none there are no transactions, and a command
    /// that only asks for them makes none.
    ///
    /// # Errors
    /// The state folder is not ours alone.
    fn has_journal(&self) -> Result<bool, Error>;

    /// Holds the journal; `purpose` is what another process is told that it waits for.
    ///
    /// # Errors
    /// Another process holds it; it cannot be read or made.
    fn journal(&self, purpose: &str) -> Result<Box<dyn Journal>, Error>;

    /// The same, to look at its log whole.
    ///
    /// # Errors
    /// As [`Site::journal`].
    fn log(&self, purpose: &str) -> Result<Box<dyn Log>, Error>;

    /// The same, to take in transactions that it lacks.
    ///
    /// # Errors
    /// As [`Site::journal`].
    fn intake(&self, purpose: &str) -> Result<Box<dyn Intake>, Error>;

    /// A new journal, to be put in the place of one that is lost; with why it is not good any more,
    /// where there is a reason.
    ///
    /// # Errors
    /// [`Error::JournalHealthy`].
    fn new_journal(&self, purpose: &str) -> Result<(Box<dyn Intake>, Option<String>), Error>;

    /// What opening the journal would make of its format; `None`: nothing.
    ///
    /// # Errors
    /// As [`Site::journal`].
    fn outlook(&self) -> Result<Option<Outlook>, Error>;

    /// Makes the journal, where there is none, from the lines of an export. Whole or not at all.
    /// Gives the number of its entries.
    ///
    /// # Errors
    /// There is one; the lines are not those of a whole export.
    fn import(&self, lines: &mut Lines) -> Result<Imported, Error>;

    /// The journal for reading, whoever holds it.
    ///
    /// # Errors
    /// It cannot be read.
    fn reader(&self, purpose: &str) -> Result<Box<dyn JournalReader>, Error>;

    /// What waits in quarantine and is not in the journal.
    ///
    /// # Errors
    /// A folder or the journal cannot be read.
    fn compare(&self, journal: &dyn JournalReader) -> Result<Vec<Finding>, Error>;

    /// Holds these domains; after the journal, never before it.
    ///
    /// # Errors
    /// Another process holds one of them.
    fn lock(
        &self,
        world: &World,
        domains: &[DomainRef],
        purpose: &str,
    ) -> Result<Box<dyn LockedDomains>, Error>;

    /// From here on a signal no longer ends the process at once.
    ///
    /// # Errors
    /// A signal has come already; nothing was changed.
    fn begin(&self) -> Result<(), Error>;

    fn state_dir(&self) -> &Path;

    /// This host's files, without a connection.
    fn storage(&self) -> &dyn StorageView;

    fn quarantine(&self) -> &dyn Quarantine;

    fn clock(&self) -> &dyn Clock;

    /// Whether this host wants a reason for every retirement.
    fn requires_reason(&self) -> bool;

    /// How long what is retired is kept; `None`: for ever.
    fn retention(&self) -> Option<Duration>;

    /// Younger ones are purged by their number alone.
    fn minimum_age(&self) -> Duration;

    /// Whether what is retired is read to its end, for a digest of it.
    fn digest(&self) -> Option<DigestKind>;

    /// Who asks (law 7), at the libvirt of this URI.
    fn evidence(&self, uri: &str, reason: Option<String>, unseen: Vec<String>) -> Evidence;
}

/// What is to be in the log and belongs to no transaction: by whoever asks, now.
pub(super) fn notice(
    site: &dyn Site,
    topic: Topic,
    text: impl Into<String>,
    domain: Option<&DomainRef>,
) -> Notice {
    Notice {
        topic,
        text: text.into(),
        domain: domain.cloned(),
        by: site.evidence("", None, Vec::new()),
    }
}

/// The same after the work is done: that it cannot be written makes the work no failure.
pub(super) fn note_done(
    site: &dyn Site,
    journal: &mut dyn Journal,
    topic: Topic,
    text: impl Into<String>,
) {
    if let Err(error) = journal.notice(notice(site, topic, text, None)) {
        tracing::warn!(%error, "not in the log");
    }
}

/// Holds the journal that has these transactions.
///
/// # Errors
/// There is no journal, and so no such transaction.
pub(super) fn journal_of(
    site: &dyn Site,
    ids: &[TransactionId],
    purpose: &str,
) -> Result<Box<dyn Journal>, Error> {
    match ids.first() {
        Some(first) if !site.has_journal()? => Err(JournalError::NoSuchTransaction(*first).into()),
        _ => site.journal(purpose),
    }
}
