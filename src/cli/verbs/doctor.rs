//! `doctor`: what would stop a retirement on this host, and leftovers of other tools.

use crate::doctor::{self, Status};

use super::super::answers;
use super::super::context::Context;
use super::super::error::{CliError, Exit};
use super::super::patient::ThisHost;

pub fn run(context: &Context) -> Result<(), CliError> {
    let report = doctor::examine(&ThisHost(context));
    answers::doctor::tell(context, &report)?;
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
