//! A journal of format 1 becomes one of the present format.
//!
//! The new one is made whole in a folder beside and checked there; a rename of that folder decides.
//! Before it there is the old journal and a folder that nobody reads; after it, whoever opens next
//! finishes what is left to rename. The old files are kept.

use std::fs;
use std::path::{Path, PathBuf};

use super::fault::Fault;
use super::folder::{self, Names, Passing, make_private};
use super::store::Store;
use super::sync::sync_folder;
use super::watermark::Watermark;
use crate::journal::log::{self, Change, Shelf, Tree, Writer};
use crate::journal::{CURRENT, Format, Head, Mark, encode, legacy, version_of};
use crate::ports::{JournalError, Migrated, Outlook};

/// Entries that are written at once.
const AT_ONCE: usize = 500;

fn beside(names: &Names) -> PathBuf {
    names.state_dir.join("upgrade.new")
}

fn decided(names: &Names) -> PathBuf {
    names.state_dir.join("upgrade.ready")
}

fn kept(names: &Names) -> PathBuf {
    names.state_dir.join("format-1")
}

/// A copy of the old one, which is looked at in its place.
fn looked_at(names: &Names) -> PathBuf {
    names.state_dir.join("upgrade.look")
}

/// What a migration or a look ahead at one leaves that is killed, and nobody needs after
/// [`finish`].
pub(super) fn left_behind(names: &Names) -> [PathBuf; 2] {
    [beside(names), looked_at(names)]
}

/// Makes the new journal out of `old`, which is open, and puts it into its place.
pub(super) fn run(
    names: &Names,
    old: Store,
    format: &[u8],
    floor: Option<&Mark>,
) -> Result<Migrated, Fault> {
    let past = legacy::whole(&old, format, floor)?;
    let folder = beside(names);
    remove(&folder)?;
    make_private(&folder).map_err(|error| Fault::io(&folder, error))?;
    let new = Names::below(&folder);
    make_private(&new.sled).map_err(|error| Fault::io(&new.sled, error))?;
    let mut store = Store::open(&new.sled)?;
    let head = copy(&old, &past, &mut store)?;
    same(&old, &past, &store, &head)?;
    Watermark::create(&new.watermark, &head.mark())?;
    // sled writes at its end, and its files must not move under it.
    drop(store);
    drop(old);
    for made in [&new.sled, &folder] {
        sync_folder(made).map_err(|error| Fault::io(made, error))?;
    }
    let ready = decided(names);
    fs::rename(&folder, &ready).map_err(|error| Fault::io(&folder, error))?;
    sync_folder(&names.state_dir).map_err(|error| Fault::io(&names.state_dir, error))?;
    finish(names)?.ok_or_else(|| Fault::Io(format!("{} is gone", ready.display())))
}

/// Byte for byte, in the log's order.
fn copy(old: &Store, past: &legacy::Past, store: &mut Store) -> Result<Head, Fault> {
    let format = Format {
        journal: past.journal,
        created_at: past.created_at,
        migrated: past.order.len() as u64,
    };
    let mut head = Head::new(past.journal);
    let put = |key: &[u8], value| Change {
        tree: Tree::Meta,
        key: key.to_vec(),
        value: Some(value),
    };
    store.write(vec![
        put(log::FORMAT, encode(&format)?),
        put(log::HEAD, encode(&head)?),
    ])?;
    let mut sequence = 0;
    for chunk in past.order.chunks(AT_ONCE) {
        let mut writer = Writer::new(&*store, &head);
        for (id, begins) in chunk {
            sequence += 1;
            let (begin, entry) = legacy::records(old, *id, sequence, *begins)?;
            if let Some(begin) = begin {
                writer.begin_record(begin)?;
            }
            writer.entry_record(entry)?;
        }
        let appended = writer.finish()?;
        head = appended.head;
        store.write(appended.changes)?;
    }
    Ok(head)
}

/// The new journal is whole, and says of every transaction what the old one said.
fn same(old: &Store, past: &legacy::Past, new: &Store, head: &Head) -> Result<(), Fault> {
    let migrated = past.order.len() as u64;
    let checked = log::whole(new, head, migrated, &[], &mut |_, _| {})?;
    if let Some(finding) = checked.findings.first() {
        return Err(Fault::Io(format!("the copy is not whole: {finding}")));
    }
    for (id, begins) in &past.order {
        if !begins {
            continue;
        }
        let copied = log::read(new, *id)?.map(|(transaction, _)| transaction);
        if copied != Some(legacy::read(old, *id)?) {
            return Err(Fault::Io(format!("the copy of transaction {id} differs")));
        }
    }
    Ok(())
}

/// Puts a new journal into its place that was decided on; `None` where there is none. Killed in
/// between, it goes on where it was.
pub(super) fn finish(names: &Names) -> Result<Option<Migrated>, Fault> {
    let ready = decided(names);
    if !ready.exists() {
        return Ok(None);
    }
    let (new, kept) = (Names::below(&ready), kept(names));
    make_private(&kept).map_err(|error| Fault::io(&kept, error))?;
    for (from, to) in [
        (Some(&new.watermark), &names.watermark),
        (Some(&new.sled), &names.sled),
        (None, &names.view),
    ] {
        // While the new one is still there, what is in its place is the old one.
        if from.is_some_and(|from| !from.exists()) {
            continue;
        }
        let aside = kept.join(to.file_name().unwrap_or_default());
        match (to.exists(), aside.exists()) {
            (true, false) => rename(to, &aside)?,
            // Kept already, and made again since by a program that does not know of this.
            (true, true) => remove(to)?,
            (false, _) => {}
        }
        if let Some(from) = from {
            rename(from, to)?;
        }
    }
    for folder in [&kept, &names.state_dir] {
        sync_folder(folder).map_err(|error| Fault::io(folder, error))?;
    }
    remove(&ready)?;
    sync_folder(&names.state_dir).map_err(|error| Fault::io(&names.state_dir, error))?;
    Ok(Some(Migrated {
        from: 1,
        to: CURRENT,
        kept,
    }))
}

fn rename(from: &Path, to: &Path) -> Result<(), Fault> {
    fs::rename(from, to).map_err(|error| Fault::io(from, error))
}

fn remove(path: &Path) -> Result<(), Fault> {
    folder::remove(path).map_err(|error| Fault::io(path, error))
}

/// What opening the journal in `state_dir` would do to it; `None` where it has the present format,
/// or there is none. Its files are looked at and not changed.
///
/// # Errors
/// [`JournalError::Damaged`] where it could not be migrated; [`JournalError::Held`],
/// [`JournalError::Io`].
pub fn outlook(
    state_dir: &Path,
    wait: std::time::Duration,
) -> Result<Option<Outlook>, JournalError> {
    super::folder::check(state_dir)?;
    let names = Names::below(state_dir);
    let _lock = super::lock::Lock::take(&names.lock, wait, "journal upgrade", &mut |_| {})?;
    look(&names).map_err(|fault| fault.at("look at", state_dir))
}

fn look(names: &Names) -> Result<Option<Outlook>, Fault> {
    if decided(names).exists() || !names.sled.join("db").exists() {
        return Ok(None);
    }
    if Watermark::is_present(&names.watermark) {
        return Ok(None);
    }
    let floor = Watermark::open(&names.watermark)?.map(|(_, mark)| mark);
    // sled writes where it opens, so it opens a copy.
    let copy = Passing::new(looked_at(names));
    remove(copy.path())?;
    make_private(copy.path()).map_err(|error| Fault::io(copy.path(), error))?;
    copy_files(&names.sled, copy.path())?;
    let store = Store::open(copy.path())?;
    let Some(format) = store.get(Tree::Meta, log::FORMAT)? else {
        return Ok(None);
    };
    let version = version_of(&format).map_err(|error| Fault::record("its first record", error))?;
    if version >= CURRENT {
        return Ok(None);
    }
    let past = legacy::whole(&store, &format, floor.as_ref())?;
    Ok(Some(Outlook {
        from: version,
        to: CURRENT,
        transactions: past.order.iter().filter(|(_, begins)| *begins).count() as u64,
        entries: past.order.len() as u64,
    }))
}

fn copy_files(from: &Path, to: &Path) -> Result<(), Fault> {
    let fault = |error: std::io::Error| Fault::io(from, error);
    for entry in fs::read_dir(from).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let to = to.join(entry.file_name());
        if entry.file_type().map_err(fault)?.is_dir() {
            make_private(&to).map_err(fault)?;
            copy_files(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), &to).map_err(fault)?;
        }
    }
    Ok(())
}
