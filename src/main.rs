//! The `virt-retire` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    virt_retire::cli::main()
}
