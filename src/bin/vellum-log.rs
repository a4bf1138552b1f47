//! `vellum-log`: inspects, verifies and repairs a Vellum data directory.

use std::io::{self, BufWriter, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use vellum::base::alloc::CountingAllocator;
use vellum::inspect::{self, Cli, EXIT_CLEAN, EXIT_FAILED, EXIT_USAGE, Environment};
use vellum::storage::RealDisk;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; nobody is left to tell if even this cannot be printed.
            let _ = error.print();
            return if error.use_stderr() { EXIT_USAGE } else { EXIT_CLEAN }.into();
        }
    };
    let mut env = Environment {
        storage: &RealDisk,
        input: &mut io::stdin().lock(),
        out: &mut BufWriter::new(io::stdout().lock()),
        notices: &mut io::stderr(),
        is_terminal: io::stderr().is_terminal(),
    };
    match inspect::run(cli, &mut env) {
        Ok(status) => status.into(),
        Err(error) if error.is_closed_pipe() => EXIT_CLEAN.into(),
        Err(error) => {
            let _ = env.out.flush();
            let _ = writeln!(env.notices, "vellum-log: {error}");
            EXIT_FAILED.into()
        }
    }
}
