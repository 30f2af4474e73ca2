//! `rebuild`: a new journal from the manifests in quarantine, when the old one is lost; with
//! `--add`, what the journal lacks.

use std::path::PathBuf;

use crate::retire::Rebuild;

use super::super::answers;
use super::super::args::Confirmation;
use super::super::confirm::{can_ask, confirm};
use super::super::context::Context;
use super::super::error::CliError;

pub fn run(
    context: &Context,
    from: &[PathBuf],
    add: bool,
    confirmation: Confirmation,
) -> Result<(), CliError> {
    if !confirmation.yes {
        can_ask()?;
    }
    let rebuild = Rebuild::new(context, from, add)?;
    if !(confirmation.yes || rebuild.changes_nothing()) {
        confirm(&question(&rebuild))?;
    }
    let rebuilt = rebuild.carry_out()?;
    answers::rebuild::tell(context, &rebuilt)?;
    Ok(rebuilt.refuse_unusable()?)
}

fn question(rebuild: &Rebuild) -> String {
    let found = rebuild.found();
    let count = found.len();
    let imported = found.iter().filter(|it| it.imported_from.is_some()).count();
    let unproven = match imported {
        0 => String::new(),
        imported => format!(" (nothing proves that {imported} of them are this program's)"),
    };
    match rebuild.adds() {
        true => format!("Take {count} transactions into the journal{unproven}?"),
        false => format!(
            "Make a new journal of {count} transactions{unproven}, and put what is left of the old \
             one aside?"
        ),
    }
}
