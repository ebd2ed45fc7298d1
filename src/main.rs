//! The `tongke` binary: see `tongke --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tongke::cli::main()
}
