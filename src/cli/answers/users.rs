//! Who uses a file, or which transaction has it.

use std::path::Path;

use serde::Serialize;

use crate::model::{Claim, FileRef, Transaction};
use crate::retire::FileFound;

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::safe::{lossless, safe, safe_path};
use super::standing::Clock;
use super::user::{UserJson, user};
use super::{out, print};

pub fn tell(context: &Context, found: FileFound) -> Result<(), CliError> {
    let (file, unseen, retired) = match found {
        FileFound::Retired { path, by } => return tell_retired(context, &path, &by),
        FileFound::There {
            file,
            unseen,
            retired,
        } => (file, unseen, retired),
    };
    match context.output {
        Output::Json => {
            let pooled = file.pooled.as_ref();
            print(&Users {
                path: lossless(file.path.as_os_str()),
                pool: pooled.map(|pooled| pooled.pool.clone()),
                volume: pooled.map(|pooled| pooled.volume.clone()),
                users: file.users.iter().map(UserJson::from).collect(),
                protected: file.protected.clone(),
                retired_by: retired.as_ref().map(|one| one.id.0),
                unseen,
            })
        }
        Output::Text => {
            out(&told(&file, &unseen))?;
            match &retired {
                Some(retired) => out(&format!(
                    "{} {}",
                    match retired.state().claim() {
                        Claim::Unfinished => "A transaction that is not at its end takes it.",
                        _ => "Another file of that path is in quarantine.",
                    },
                    way_back(retired)
                )),
                None => Ok(()),
            }
        }
    }
}

/// It is not there, because a transaction has it.
fn tell_retired(context: &Context, what: &Path, by: &Transaction) -> Result<(), CliError> {
    match context.output {
        Output::Json => print(&Users {
            path: lossless(what.as_os_str()),
            pool: None,
            volume: None,
            users: Vec::new(),
            protected: None,
            retired_by: Some(by.id.0),
            unseen: Vec::new(),
        }),
        Output::Text => out(&format!(
            "{} was retired with domain {}, {}. {}",
            safe_path(what),
            safe(&by.domain().name),
            Clock::here().moment(by.started_at),
            way_back(by)
        )),
    }
}

fn way_back(by: &Transaction) -> String {
    match by.state().claim() {
        Claim::Unfinished => format!(
            "To finish or undo transaction {}, if nobody is at work on it:  virt-retire recover",
            by.id
        ),
        _ => format!("Undo:  virt-retire rollback {}", by.id),
    }
}

#[derive(Serialize)]
struct Users {
    /// Real: no symlink in it.
    path: String,
    pool: Option<String>,
    volume: Option<String>,
    users: Vec<UserJson>,
    /// Why it would never be removed, whoever asks.
    protected: Option<String>,
    /// The newest transaction that has a file of this path in quarantine, or is open and takes it.
    retired_by: Option<u64>,
    unseen: Vec<String>,
}

fn told(file: &FileRef, unseen: &[String]) -> String {
    let mut lines = vec![match &file.pooled {
        Some(pooled) => format!(
            "{} is volume {} of pool {}",
            safe_path(&file.path),
            safe(&pooled.volume),
            safe(&pooled.pool)
        ),
        None => format!(
            "{} is unmanaged: it belongs to no pool",
            safe_path(&file.path)
        ),
    }];
    if let Some(why) = &file.protected {
        lines.push(format!("protected: {}", safe(why)));
    }
    if file.users.is_empty() {
        lines.push("Nobody uses it.".into());
    }
    lines.extend(file.users.iter().map(user));
    lines.extend(
        unseen
            .iter()
            .map(|what| format!("not looked at: {}", safe(what))),
    );
    lines.join("\n")
}
