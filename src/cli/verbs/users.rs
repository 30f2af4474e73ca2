//! `users`: the pool that owns a file, or that it is unmanaged, and everything that uses it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::model::FileRef;
use crate::ports::HypervisorError;
use crate::survey::{CachedStorage, Survey, SurveyError};

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::json::{self, UserJson};
use super::super::safe::{lossless, safe, safe_path};
use super::super::text;

pub fn run(context: &Context, what: &Path) -> Result<(), CliError> {
    let host = context.host()?;
    let cached = CachedStorage::new(&host.storage);
    let survey = Survey::new(&host.hypervisor, &cached, &host.census)?;
    let path = meant(&survey, what)?;
    let Some(file) = survey.users_of(&path)? else {
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
                unseen,
            })
        }
        Output::Text => text::out(&told(&file, &unseen)),
    }
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
