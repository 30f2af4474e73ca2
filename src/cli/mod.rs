//! The command line: the only place that prints, asks, and turns results into exit codes.

mod announce;
mod answers;
mod args;
mod batch;
mod commands;
mod complete;
mod confirm;
mod context;
mod control;
mod environment;
mod error;
mod evidence;
mod help;
mod ids;

mod leave;
mod limits;
mod notice;
mod own_folders;
mod pager;
mod patient;
mod plans;
mod progress;
mod retired;
mod running;
mod safe;
mod settings;
mod site;

mod usage;
mod verbs;
mod wiping;

use clap::FromArgMatches;

pub use answers::config::of_file as configuration_of;
pub use error::Exit;

/// Runs the program with the process's arguments, and ends the process.
pub fn main() -> ! {
    leave::leave(run())
}

fn run() -> Exit {
    if let Err(error) = limits::make_room_on_the_stack() {
        error::print(&error, args::Output::Text);
        return error.exit;
    }
    complete::answer();
    let parsed = help::command()
        .try_get_matches()
        .and_then(|found| args::Arguments::from_arg_matches(&found));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => return usage::end(&error),
    };
    // Whatever the caller's umask: what we make is for its owner alone, and for its owner indeed.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    context::trace(&arguments);
    let output = arguments.output.into();
    match limits::refuse_too_little_memory().and_then(|()| verbs::run(arguments)) {
        Ok(()) => Exit::Done,
        Err(error) => {
            error::print(&error, output);
            error.exit
        }
    }
}
