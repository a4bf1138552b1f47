//! What is recorded of each command: counters, histograms, slow log, latency spikes, the monitors' feed.

use std::cell::RefCell;

use hashbrown::HashMap;

use super::commands::client_list::remote_address;
use super::config::Config;
use super::latency::LatencyMonitor;
use super::monitors::Monitors;
use super::redact::is_secret;
use super::slowlog::SlowLog;
use super::stats::{CommandStats, ErrorStats};
use crate::command::spec::Flags;
use crate::command::{Spec, Table};
use crate::engine::Ran;
use crate::engine::session::Card;
use crate::resp::Args;

/// All observers of one server.
#[derive(Debug)]
pub struct Observers {
    /// Counters by command.
    pub commands: RefCell<CommandStats>,
    /// Counters by error code.
    pub errors: RefCell<ErrorStats>,
    /// Slow commands.
    pub slowlog: RefCell<SlowLog>,
    /// Spikes by event.
    pub latency: RefCell<LatencyMonitor>,
    /// Clients that watch all commands.
    pub monitors: Monitors,
    names: Vec<&'static str>,
    /// Numbers of commands by the address of their row.
    numbers: HashMap<usize, usize, foldhash::fast::FixedState>,
}

fn address(spec: &'static Spec) -> usize {
    std::ptr::from_ref(spec).addr()
}

impl Observers {
    /// Observers of the commands in `table`.
    pub fn new(table: &Table, config: &Config) -> Self {
        let mut names = Vec::new();
        let mut numbers = HashMap::default();
        for (_, command) in table.iter() {
            for spec in std::iter::once(command).chain(command.subcommands) {
                numbers.insert(address(spec), names.len());
                names.push(spec.name);
            }
        }
        Self {
            commands: RefCell::new(CommandStats::new(names.len(), config.latency_tracking)),
            errors: RefCell::default(),
            slowlog: RefCell::new(SlowLog::new(config.slowlog_max_len)),
            latency: RefCell::default(),
            monitors: Monitors::default(),
            names,
            numbers,
        }
    }

    /// The number that the counters know a command by.
    pub fn number(&self, spec: &'static Spec) -> Option<usize> {
        self.numbers.get(&address(spec)).copied()
    }

    /// The name of the command of this number.
    pub fn name(&self, number: usize) -> &'static str {
        self.names.get(number).copied().unwrap_or_default()
    }

    /// Counts a command that has run.
    pub fn count(&self, spec: &'static Spec, took_us: u64, failed: bool) {
        if let Some(number) = self.number(spec) {
            self.commands.borrow_mut().record(number, took_us, failed);
        }
    }

    /// Counts a command that was refused, and its error.
    pub fn count_refused(&self, spec: Option<&'static Spec>, text: &[u8]) {
        if let Some(number) = spec.and_then(|spec| self.number(spec)) {
            self.commands.borrow_mut().reject(number);
        }
        self.errors.borrow_mut().record(text);
    }

    /// Records a command that was slow.
    pub fn note_slow(&self, args: &Args<'_>, ran: &Ran, card: &Card) {
        let name = card.name.borrow();
        let address = remote_address(&card.peer);
        let is_secret = |n| is_secret(args, n);
        let mut slowlog = self.slowlog.borrow_mut();
        slowlog.record(args, is_secret, ran.took_us, ran.now_ms / 1000, address, &name);
    }

    /// Records a spike of an event, if it is one: `threshold_ms` 0 records none.
    pub fn note_latency(&self, event: &'static str, took_us: u64, threshold_ms: u64, now_ms: u64) {
        let took_ms = took_us / 1000;
        if threshold_ms > 0 && took_ms >= threshold_ms {
            self.latency.borrow_mut().record(event, took_ms, now_ms / 1000);
        }
    }

    /// Forgets counters, for CONFIG RESETSTAT.
    pub fn reset_counters(&self) {
        self.commands.borrow_mut().reset();
        self.errors.borrow_mut().reset();
    }
}

/// The event that LATENCY files a command under.
pub fn latency_event(spec: &Spec) -> &'static str {
    if spec.flags.has(Flags::FAST) { "fast-command" } else { "command" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_number_of_its_own() {
        let table = Table::new();
        let observers = Observers::new(&table, &Config::default());
        for (_, command) in table.iter() {
            for spec in std::iter::once(command).chain(command.subcommands) {
                let number = observers.number(spec).unwrap();
                assert_eq!(observers.name(number), spec.name);
            }
        }
    }
}
