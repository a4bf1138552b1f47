//! What `vellum-server` does before there is a server: arguments, configuration, background, log.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use super::config::{Config, Invocation, Loaded, Sources, options};
use super::logging::{self, LogHandle};
use super::panics;
use super::process::{self, Supervisor};
use crate::storage::RealDisk;

/// Reads the command line and runs `start` with the configuration, or does what else was asked for.
/// What goes wrong is told on standard error, or in the log once that is set up.
pub fn main<E: Display>(start: impl FnOnce(Loaded, LogHandle) -> Result<ExitCode, E>) -> ExitCode {
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Invocation::Run(sources)) => run(&sources, start),
        Ok(Invocation::CheckConfig(sources)) => check(&sources),
        Ok(Invocation::Help) => print(options::HELP),
        Ok(Invocation::Version) => print(&format!("{}\n", options::version_text())),
        Err(problem) => fail(&problem),
    }
}

fn run<E: Display>(
    sources: &Sources,
    start: impl FnOnce(Loaded, LogHandle) -> Result<ExitCode, E>,
) -> ExitCode {
    let loaded = match load(sources) {
        Ok(loaded) => loaded,
        Err(problem) => return fail(&problem),
    };
    if loaded.config.daemonize && Supervisor::find(loaded.config.supervised) == Supervisor::None {
        if sources.stdin {
            return fail(
                "daemonize yes needs its configuration from a file: standard input is closed",
            );
        }
        match process::daemonize() {
            Ok(true) => return ExitCode::SUCCESS,
            Ok(false) => {}
            Err(error) => return fail(&format!("cannot run in the background: {error}")),
        }
    }
    let log = match logging::init(&loaded.config) {
        Ok(log) => log,
        Err(error) => return fail(&error.to_string()),
    };
    panics::install_hook();
    logging::announce_start(&loaded);
    match start(loaded, log) {
        Ok(status) => status,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn load(sources: &Sources) -> Result<Loaded, String> {
    Config::load(&RealDisk, sources, &mut io::stdin().lock()).map_err(|error| error.to_string())
}

fn check(sources: &Sources) -> ExitCode {
    match load(sources) {
        Ok(loaded) => {
            let notes: String = loaded.notes.iter().map(|note| format!("{note}\n")).collect();
            print(&format!("{notes}The configuration is right.\n"))
        }
        Err(problem) => fail(&problem),
    }
}

/// Prints what was asked for; a closed pipe is no error.
fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

fn fail(problem: &str) -> ExitCode {
    process::complain(problem);
    ExitCode::FAILURE
}
