//! The binary `camera-service`: becomes a child when told so, else a command of `server::cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    // Before any thread and any open file: the child inherits what is there.
    if args.next().is_some_and(|word| word == "__child") {
        return control::run_child(args);
    }
    server::cli::main()
}
