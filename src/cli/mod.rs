//! The command line: the only place that prints, asks, and turns results into exit codes.

mod args;
mod confirm;
mod context;
mod control;
mod error;
mod evidence;
mod json;
mod safe;
mod text;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

pub use error::Exit;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    // Usage errors leave here, with clap's own exit code 2, as the contract has it.
    let arguments = args::Arguments::parse();
    context::trace(&arguments);
    let output = arguments.output;
    match verbs::run(arguments) {
        Ok(()) => ExitCode::from(Exit::Done as u8),
        Err(error) => {
            error::print(&error, output);
            ExitCode::from(error.exit as u8)
        }
    }
}
