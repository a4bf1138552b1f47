//! What a panic means: the end of the process, but for the catalogue's threads.
//!
//! A thread that dies in the middle of a command, a commit or a load leaves a state nobody can answer
//! for; the log on disk is whole, and the next start goes on from it. The catalogue is the exception: it
//! is a copy, and the library it is kept in panics on some damage.

use std::panic::{self, PanicHookInfo};

use crate::log::catalogue::THREAD_NAMES;

/// Has every panic reported in the log, and end the process where it must.
pub fn install_hook() {
    panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        report(name, info);
        if !is_expendable(name) {
            std::process::abort();
        }
    }));
}

fn is_expendable(thread: &str) -> bool {
    THREAD_NAMES.iter().any(|beginning| thread.starts_with(beginning))
}

fn report(thread: &str, info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let message = text.or(payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    if is_expendable(thread) {
        tracing::warn!(thread, place, "the catalogue's library gave up: {message}");
    } else {
        let backtrace = std::backtrace::Backtrace::force_capture();
        tracing::error!(thread, place, "panic, the process ends: {message}");
        super::process::complain(&format!(
            "panic in thread {thread} at {place}: {message}\n{backtrace}"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_catalogue_may_fail() {
        assert!(THREAD_NAMES.iter().all(|name| is_expendable(name)));
        for name in
            ["main", "log", "log-sync", "load", "snapshot", "unnamed", "tokio-runtime-worker"]
        {
            assert!(!is_expendable(name), "{name}");
        }
    }
}
