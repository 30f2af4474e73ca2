//! `users`: the pool that owns a file, or that it is unmanaged, and everything that uses it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::model::{FileRef, Transaction};
use crate::ports::HypervisorError;
use crate::survey::{CachedStorage, Survey, SurveyError};

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::json::{self, UserJson};
use super::super::notice;
use super::super::safe::{lossless, safe, safe_path};
use super::super::text;

pub fn run(context: &Context, what: &Path) -> Result<(), CliError> {
    context.look_ahead();
    let host = context.host()?;
    let cached = CachedStorage::new(&host.storage);
    let survey = Survey::new(&host.hypervisor, &cached, &host.census)?;
    let path = match meant(&survey, what) {
        Ok(path) => path,
        Err(error) => {
            let names = what.to_str().and_then(|text| text.split_once('/'));
            let retired = names
                .and_then(|(pool, volume)| notice::with_volume(context, pool, volume))
                .ok_or(error)?;
            return tell_retired(context, what, &retired);
        }
    };
    let retired = notice::with_path(context, &path);
    let Some(file) = survey.users_of(&path)? else {
        if let Some(retired) = retired {
            return tell_retired(context, &path, &retired);
        }
        return Err(CliError::new(
            Exit::Error,
            "no-such-file",
            format!("there is no file {}", path.display()),
            "give a path, or POOL/VOLUME; to see them: virsh pool-list, virsh vol-list POOL",
        ));
    };
    let unseen = survey.unseen();
    match context.output {
        Output::Json => {
            let pooled = file.pooled.as_ref();
            json::print(&Users {
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
            text::out(&told(&file, &unseen))?;
            match &retired {
                Some(retired) => text::out(&format!(
                    "Another file of that path is in quarantine. {}",
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
        Output::Json => json::print(&Users {
            path: lossless(what.as_os_str()),
            pool: None,
            volume: None,
            users: Vec::new(),
            protected: None,
            retired_by: Some(by.id.0),
            unseen: Vec::new(),
        }),
        Output::Text => text::out(&format!(
            "{} was retired with domain {}, {}. {}",
            safe_path(what),
            safe(&by.domain().name),
            text::Clock::here().moment(by.started_at),
            way_back(by)
        )),
    }
}

fn way_back(by: &Transaction) -> String {
    format!("Undo:  virt-retire rollback {}", by.id)
}

/// A path where it can be one only; else a volume, if there is a pool of that name and the volume
/// in it; else a path relative to the working folder.
fn meant(survey: &Survey, what: &Path) -> Result<PathBuf, CliError> {
    let is_path = what.is_absolute() || what.starts_with(".") || what.starts_with("..");
    let volume = what
        .to_str()
        .filter(|_| !is_path)
        .and_then(|text| text.split_once('/'));
    if let Some((pool, volume)) = volume {
        match survey.volume_path(pool, volume) {
            Ok(path) => return Ok(path),
            Err(error @ SurveyError::Hypervisor(HypervisorError::NoSuchVolume { .. })) => {
                if std::fs::symlink_metadata(what).is_err() {
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    std::path::absolute(what).map_err(|error| {
        CliError::new(
            Exit::Error,
            "no-such-file",
            format!("{} is no path: {error}", what.display()),
            "give an absolute path, or POOL/VOLUME",
        )
    })
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
    /// The newest transaction that has a file of this path in quarantine.
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
    lines.extend(file.users.iter().map(text::user));
    lines.extend(
        unseen
            .iter()
            .map(|what| format!("not looked at: {}", safe(what))),
    );
    lines.join("\n")
}
