//! `users`: the pool that owns a file, or that it is unmanaged, and everything that uses it.

use std::path::Path;

use crate::retire;

use super::super::answers;
use super::super::context::Context;
use super::super::error::CliError;

pub fn run(context: &Context, what: &Path) -> Result<(), CliError> {
    context.look_ahead();
    answers::users::tell(context, retire::users(context, what)?)
}
