//! `doctor`: what would stop a retirement on this host, and leftovers of other tools.

use crate::doctor::{self, Status};

use super::super::args::Output;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::patient::ThisHost;
use super::super::{json, text};

pub fn run(context: &Context) -> Result<(), CliError> {
    let report = doctor::examine(&ThisHost(context));
    match context.output {
        Output::Json => json::print(&json::Examined::from(&report))?,
        Output::Text => text::out(&text::examined(&report, context.quiet))?,
    }
    match report.count(Status::Error) {
        0 => Ok(()),
        count => Err(CliError::unchanged(
            Exit::Error,
            "unwell",
            match count {
                1 => "one check failed".to_owned(),
                _ => format!("{count} checks failed"),
            },
            "each error above says what to type",
        )),
    }
}
