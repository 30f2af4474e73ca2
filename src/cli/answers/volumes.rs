//! Every piece of storage that a domain uses.

use serde::Serialize;

use crate::model::{ChainFacts, FileRef, User};
use crate::retire::Volumes;
use crate::survey::Piece;

use super::super::context::Context;
use super::super::error::CliError;
use super::super::safe::{lossless, safe, safe_path};
use super::answer;
use super::user::{UserJson, user};

pub fn tell(context: &Context, found: &Volumes) -> Result<(), CliError> {
    let Volumes {
        domain,
        pieces,
        unseen,
    } = found;
    let document = || VolumesJson {
        domain: &domain.name,
        volumes: pieces.iter().map(PieceJson::from).collect(),
        unseen,
    };
    answer(context, document, || match pieces.is_empty() {
        true => "It uses no storage.".to_owned(),
        false => table(pieces),
    })
}

#[derive(Serialize)]
struct VolumesJson<'a> {
    domain: &'a str,
    volumes: Vec<PieceJson>,
    unseen: &'a [String],
}

#[derive(Serialize)]
struct PieceJson {
    role: &'static str,
    target: String,
    path: Option<String>,
    pool: Option<String>,
    volume: Option<String>,
    access: &'static str,
    chain: Vec<LinkJson>,
    /// As the XML spells it.
    source: Option<String>,
    size_bytes: Option<u64>,
    live_only: bool,
    /// Why the chain could not be read to its end.
    unreadable: Option<String>,
    /// Everyone but the domain.
    users: Vec<UserJson>,
}

#[derive(Serialize)]
struct LinkJson {
    path: String,
    pool: Option<String>,
    volume: Option<String>,
    /// `backing` or `data-file`.
    role: &'static str,
    users: Vec<UserJson>,
}

impl From<&Piece> for PieceJson {
    fn from(piece: &Piece) -> Self {
        let pooled = piece.file.as_ref().and_then(|file| file.pooled.as_ref());
        Self {
            role: piece.role.word(),
            target: piece.target.clone(),
            // As `plan` has it: what is not a file that we reach is named as the XML spells it.
            path: piece
                .file
                .as_ref()
                .map(path)
                .or_else(|| piece.source.clone()),
            pool: pooled.map(|pooled| pooled.pool.clone()),
            volume: pooled.map(|pooled| pooled.volume.clone()),
            access: piece.access.word(),
            chain: piece.chain.iter().map(LinkJson::from).collect(),
            source: piece.source.clone(),
            size_bytes: piece.file.as_ref().map(|file| file.facts.size),
            live_only: piece.live_only,
            unreadable: piece
                .unreadable
                .first()
                .map(|stop| format!("{}: {}", lossless(stop.path.as_os_str()), stop.cause)),
            users: piece.file.as_ref().map_or(Vec::new(), users),
        }
    }
}

impl From<&ChainFacts> for LinkJson {
    fn from(link: &ChainFacts) -> Self {
        let pooled = link.file.pooled.as_ref();
        Self {
            path: path(&link.file),
            pool: pooled.map(|pooled| pooled.pool.clone()),
            volume: pooled.map(|pooled| pooled.volume.clone()),
            role: part(link),
            users: users(&link.file),
        }
    }
}

fn part(link: &ChainFacts) -> &'static str {
    match (link.is_data_file, link.begins_branch) {
        (true, _) => "data-file",
        (false, true) => "snapshot",
        (false, false) => "backing",
    }
}

fn path(file: &FileRef) -> String {
    lossless(file.path.as_os_str())
}

fn users(file: &FileRef) -> Vec<UserJson> {
    file.users.iter().map(UserJson::from).collect()
}

fn table(pieces: &[Piece]) -> String {
    let mut table = super::layout::table(["Target", "Access", "Volume", "Path", "Also used by"]);
    for piece in pieces {
        let shown = match &piece.file {
            Some(file) => safe_path(&file.path),
            None => safe(piece.source.as_deref().unwrap_or("-")),
        };
        table.add_row([
            match piece.live_only {
                true => format!("{} (while it runs)", safe(&piece.target)),
                false => safe(&piece.target),
            },
            piece.access.word().to_owned(),
            piece.file.as_ref().map_or("-".to_owned(), volume),
            shown,
            piece
                .file
                .as_ref()
                .map_or(String::new(), |file| others(&file.users)),
        ]);
        for link in &piece.chain {
            table.add_row([
                format!("  {}", part(link)),
                String::new(),
                volume(&link.file),
                safe_path(&link.file.path),
                others(&link.file.users),
            ]);
        }
        for stop in &piece.unreadable {
            table.add_row([
                "  unreadable".to_owned(),
                String::new(),
                String::new(),
                safe_path(&stop.path),
                safe(&stop.cause),
            ]);
        }
    }
    table.to_string()
}

fn volume(file: &FileRef) -> String {
    match &file.pooled {
        Some(pooled) => safe(&format!("{}/{}", pooled.pool, pooled.volume)),
        None => "unmanaged".into(),
    }
}

fn others(users: &[User]) -> String {
    let lines: Vec<String> = users.iter().map(user).collect();
    lines.join("\n")
}
