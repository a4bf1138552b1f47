//! Counters behind INFO: by command, by error code, and rates over the last moments.
//!
//! Recording costs an index and a few additions; names are looked up only when somebody asks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::histogram::Histogram;
use crate::resp::Reply;

/// Most error codes counted apart; a client can make up codes only through scripts, but then many.
const ERROR_CODES_MAX: usize = 128;
/// Counts what comes after [`ERROR_CODES_MAX`].
const ERROR_OVERFLOW: &str = "ERRORSTATS_OVERFLOW";
/// Samples a rate is averaged over.
const RATE_SAMPLES: usize = 16;

/// What is counted of one command.
#[derive(Clone, Debug, Default)]
pub struct CommandCounters {
    /// Times it was executed.
    pub calls: u64,
    /// Time spent, in microseconds.
    pub usec: u64,
    /// Times it was refused before execution: arity, permission, memory, state.
    pub rejected_calls: u64,
    /// Times it answered an error.
    pub failed_calls: u64,
    /// Durations, while `latency-tracking` is on.
    pub histogram: Option<Histogram>,
}

/// Counters of all commands, indexed by the number the command table gives each.
#[derive(Clone, Debug, Default)]
pub struct CommandStats {
    rows: Vec<CommandCounters>,
    tracks_latency: bool,
}

impl CommandStats {
    /// Counters for commands `0..commands`; `tracks_latency` is `latency-tracking`.
    pub fn new(commands: usize, tracks_latency: bool) -> Self {
        Self { rows: vec![CommandCounters::default(); commands], tracks_latency }
    }

    /// Switches the histograms; turning them off forgets them.
    pub fn set_latency_tracking(&mut self, on: bool) {
        self.tracks_latency = on;
        if !on {
            self.rows.iter_mut().for_each(|row| row.histogram = None);
        }
    }

    /// Counts an execution. A number out of range is passed over.
    #[inline]
    pub fn record(&mut self, command: usize, duration_us: u64, failed: bool) {
        let Some(row) = self.rows.get_mut(command) else { return };
        row.calls += 1;
        row.usec += duration_us;
        row.failed_calls += u64::from(failed);
        if self.tracks_latency {
            row.histogram.get_or_insert_default().record_us(duration_us);
        }
    }

    /// Counts a command refused before execution.
    pub fn reject(&mut self, command: usize) {
        if let Some(row) = self.rows.get_mut(command) {
            row.rejected_calls += 1;
        }
    }

    /// Forgets everything (CONFIG RESETSTAT).
    pub fn reset(&mut self) {
        self.rows.fill(CommandCounters::default());
    }

    /// The counters of one command.
    pub fn get(&self, command: usize) -> Option<&CommandCounters> {
        self.rows.get(command)
    }

    /// Commands with their counters, those that were never called or refused left out.
    fn used(&self) -> impl Iterator<Item = (usize, &CommandCounters)> {
        let is_used = |(_, row): &(usize, &CommandCounters)| row.calls + row.rejected_calls > 0;
        self.rows.iter().enumerate().filter(is_used)
    }

    /// Appends the lines of `INFO commandstats`; `name` gives `get` or `config|get` for a number.
    pub fn write_commandstats<'n>(&self, out: &mut String, name: impl Fn(usize) -> &'n str) {
        for (command, row) in self.used() {
            let per_call = if row.calls == 0 { 0.0 } else { row.usec as f64 / row.calls as f64 };
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "cmdstat_{}:calls={},usec={},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}\r\n",
                name(command),
                row.calls,
                row.usec,
                row.rejected_calls,
                row.failed_calls,
            );
        }
    }

    /// Appends the lines of `INFO latencystats` with these percentiles.
    pub fn write_latencystats<'n>(
        &self,
        out: &mut String,
        percentiles: &[f64],
        name: impl Fn(usize) -> &'n str,
    ) {
        for (command, row) in self.used() {
            let Some(histogram) = &row.histogram else { continue };
            let figure = |p: &f64| format!("p{p}={:.3}", histogram.percentile_us(*p));
            let figures: Vec<String> = percentiles.iter().map(figure).collect();
            // Writing to a String cannot fail.
            let _ =
                write!(out, "latency_percentiles_usec_{}:{}\r\n", name(command), figures.join(","));
        }
    }

    /// Answers LATENCY HISTOGRAM for these commands, those without calls left out; for all commands
    /// when `commands` is `None`.
    pub fn reply_histogram<'n>(
        &self,
        commands: Option<&[usize]>,
        name: impl Fn(usize) -> &'n str,
        reply: &mut Reply,
    ) {
        let wanted: Vec<(usize, &CommandCounters, &Histogram)> = match commands {
            None => {
                self.used().filter_map(|(n, row)| Some((n, row, row.histogram.as_ref()?))).collect()
            }
            Some(numbers) => {
                let row = |n: &usize| Some((*n, self.rows.get(*n)?));
                let rows = numbers.iter().filter_map(row);
                rows.filter_map(|(n, row)| Some((n, row, row.histogram.as_ref()?))).collect()
            }
        };
        reply.map(wanted.len());
        for (command, row, histogram) in wanted {
            reply.bulk(name(command).as_bytes());
            reply.map(2);
            reply.bulk(b"calls");
            reply.integer(row.calls.try_into().unwrap_or(i64::MAX));
            reply.bulk(b"histogram_usec");
            let bounds = histogram.cumulative_us();
            reply.map(bounds.len());
            for (bound_us, calls) in bounds {
                reply.integer(bound_us.try_into().unwrap_or(i64::MAX));
                reply.integer(calls.try_into().unwrap_or(i64::MAX));
            }
        }
    }
}

/// Error replies by code.
#[derive(Clone, Debug, Default)]
pub struct ErrorStats {
    counts: BTreeMap<String, u64>,
    total: u64,
}

impl ErrorStats {
    /// Counts an error reply by its text without the leading `-`: the code is its first word.
    pub fn record(&mut self, text: &[u8]) {
        self.total += 1;
        let end = text.iter().position(|b| matches!(b, b' ' | b'\r' | b'\n')).unwrap_or(text.len());
        let code = text.get(..end).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.filter(|code| !code.is_empty()).unwrap_or("ERR");
        if let Some(count) = self.counts.get_mut(code) {
            *count += 1;
        } else {
            let code = if self.counts.len() < ERROR_CODES_MAX { code } else { ERROR_OVERFLOW };
            *self.counts.entry(code.to_owned()).or_default() += 1;
        }
    }

    /// All error replies.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Forgets everything (CONFIG RESETSTAT).
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Appends the lines of `INFO errorstats`.
    pub fn write_errorstats(&self, out: &mut String) {
        for (code, count) in &self.counts {
            // Writing to a String cannot fail.
            let _ = write!(out, "errorstat_{code}:count={count}\r\n");
        }
    }
}

/// How fast a counter grows, averaged over its last 16 samples. Redis samples each 100 ms.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    last_total: u64,
    last_us: u64,
    per_second: [u64; RATE_SAMPLES],
    next: usize,
}

impl Rate {
    /// Takes a sample: the counter's value at a moment of the monotonic clock.
    pub fn sample(&mut self, total: u64, now_us: u64) {
        let elapsed_us = now_us.saturating_sub(self.last_us);
        if elapsed_us > 0 {
            let grown = u128::from(total.saturating_sub(self.last_total));
            let per_second = grown * 1_000_000 / u128::from(elapsed_us);
            if let Some(slot) = self.per_second.get_mut(self.next) {
                *slot = u64::try_from(per_second).unwrap_or(u64::MAX);
            }
            self.next = (self.next + 1) % RATE_SAMPLES;
        }
        self.last_total = total;
        self.last_us = now_us;
    }

    /// The average of the samples, a second.
    pub fn per_second(&self) -> u64 {
        self.per_second.iter().sum::<u64>() / RATE_SAMPLES as u64
    }

    /// The same in units of 1024: bytes become the kilobytes of `instantaneous_input_kbps`.
    pub fn kilo_per_second(&self) -> f64 {
        self.per_second() as f64 / 1024.0
    }

    /// Forgets the samples, not the counter.
    pub fn reset(&mut self) {
        self.per_second = [0; RATE_SAMPLES];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["get", "set", "config|get"];

    #[test]
    fn commandstats_read_as_those_of_redis() {
        let mut stats = CommandStats::new(3, true);
        stats.record(2, 626, false);
        stats.record(2, 627, true);
        stats.reject(0);
        stats.record(99, 1, false);
        let mut out = String::new();
        stats.write_commandstats(&mut out, |n| NAMES[n]);
        let expected = "cmdstat_get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0\r\n\
             cmdstat_config|get:calls=2,usec=1253,usec_per_call=626.50,rejected_calls=0,failed_calls=1\r\n";
        assert_eq!(out, expected);
        out.clear();
        stats.write_latencystats(&mut out, &[50.0, 99.9], |n| NAMES[n]);
        assert_eq!(out, "latency_percentiles_usec_config|get:p50=626.687,p99.9=630.783\r\n");
        let mut reply = Reply::default();
        stats.reply_histogram(Some(&[0, 2, 77]), |n| NAMES[n], &mut reply);
        let expected = "*2\r\n$10\r\nconfig|get\r\n*4\r\n$5\r\ncalls\r\n:2\r\n$14\r\nhistogram_usec\r\n*2\r\n:1056\r\n:2\r\n";
        assert_eq!(String::from_utf8(reply.buffer).unwrap(), expected);
        stats.set_latency_tracking(false);
        assert!(stats.get(2).is_some_and(|row| row.histogram.is_none()));
        stats.reset();
        assert_eq!(stats.used().count(), 0);
    }

    #[test]
    fn errors_are_counted_by_code_and_bounded() {
        let mut stats = ErrorStats::default();
        for text in ["ERR unknown", "WRONGTYPE x", "ERR", "", " x"] {
            stats.record(text.as_bytes());
        }
        let mut out = String::new();
        stats.write_errorstats(&mut out);
        assert_eq!(out, "errorstat_ERR:count=4\r\nerrorstat_WRONGTYPE:count=1\r\n");
        for n in 0..1000 {
            stats.record(format!("CODE{n} x").as_bytes());
        }
        assert_eq!(stats.total(), 1005);
        assert!(stats.counts.len() <= ERROR_CODES_MAX + 1);
    }

    #[test]
    fn a_rate_is_the_mean_of_its_samples() {
        let mut rate = Rate::default();
        rate.sample(0, 1);
        for n in 1..=16 {
            rate.sample(n * 100, 1 + n * 100_000);
        }
        assert_eq!(rate.per_second(), 1000);
        rate.sample(1600, 1 + 1_600_000);
        assert_eq!(rate.per_second(), 1000, "no time has passed: no sample");
        rate.reset();
        assert_eq!(rate.per_second(), 0);
    }
}
