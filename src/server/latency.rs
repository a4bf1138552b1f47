//! LATENCY: spikes by event (`command`, `log-sync`, ...), for the events that took at least
//! `latency-monitor-threshold` milliseconds.
//!
//! Each event keeps its last 160 samples, at most one a second (the worst).

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use crate::resp::Reply;

/// Samples kept of an event.
const SAMPLES_MAX: usize = 160;
/// Columns of a graph.
const GRAPH_COLUMNS: usize = 80;
/// Rows of a graph.
const GRAPH_ROWS: usize = 4;
/// From the lowest to the highest third of a graph's cell.
const GRAPH_MARKS: [char; 3] = ['_', 'o', '#'];

/// One spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When, in seconds since the Unix epoch.
    pub unix_s: u64,
    /// How long, in milliseconds.
    pub latency_ms: u64,
}

#[derive(Clone, Debug, Default)]
struct Series {
    samples: VecDeque<Sample>,
    max_ms: u64,
}

/// All events that had a spike.
#[derive(Clone, Debug, Default)]
pub struct LatencyMonitor {
    events: BTreeMap<&'static str, Series>,
}

/// Figures of an event for the doctor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Number of samples.
    pub count: usize,
    /// Mean, in milliseconds.
    pub mean_ms: u64,
    /// Mean distance from the mean, in milliseconds.
    pub deviation_ms: u64,
    /// Seconds between two samples, on average.
    pub period_s: f64,
    /// The worst since the last reset, in milliseconds.
    pub max_ms: u64,
}

impl LatencyMonitor {
    /// Records a spike. The threshold has been looked at by the caller.
    pub fn record(&mut self, event: &'static str, latency_ms: u64, unix_s: u64) {
        let series = self.events.entry(event).or_default();
        series.max_ms = series.max_ms.max(latency_ms);
        match series.samples.back_mut() {
            Some(last) if last.unix_s == unix_s => {
                last.latency_ms = last.latency_ms.max(latency_ms)
            }
            _ => {
                if series.samples.len() == SAMPLES_MAX {
                    series.samples.pop_front();
                }
                series.samples.push_back(Sample { unix_s, latency_ms });
            }
        }
    }

    /// The samples of an event, oldest first.
    pub fn history(&self, event: &[u8]) -> impl ExactSizeIterator<Item = Sample> + '_ {
        static NONE: VecDeque<Sample> = VecDeque::new();
        self.series(event).map_or(&NONE, |series| &series.samples).iter().copied()
    }

    fn series(&self, event: &[u8]) -> Option<&Series> {
        self.events.get(std::str::from_utf8(event).ok()?)
    }

    /// Forgets the named events, or all when none is named; the number forgotten.
    pub fn reset<'e>(&mut self, events: impl ExactSizeIterator<Item = &'e [u8]>) -> usize {
        let before = self.events.len();
        if events.len() == 0 {
            self.events.clear();
        }
        for event in events {
            self.events.retain(|name, _| name.as_bytes() != event);
        }
        before - self.events.len()
    }

    /// Figures of an event at a moment.
    pub fn summary(&self, event: &[u8], now_s: u64) -> Option<Summary> {
        let series = self.series(event)?;
        let first = series.samples.front()?;
        let count = series.samples.len() as u64;
        let total = |of: &dyn Fn(&Sample) -> u64| series.samples.iter().map(of).sum::<u64>();
        let mean_ms = total(&|s| s.latency_ms) / count;
        let deviation_ms = total(&|s| s.latency_ms.abs_diff(mean_ms)) / count;
        let span_s = now_s.saturating_sub(first.unix_s).max(1);
        let period_s = span_s as f64 / count as f64;
        let count = series.samples.len();
        Some(Summary { count, mean_ms, deviation_ms, period_s, max_ms: series.max_ms })
    }

    /// Answers LATENCY LATEST: name, time and length of the last spike, longest of all.
    pub fn reply_latest(&self, reply: &mut Reply) {
        reply.array(self.events.len());
        for (event, series) in &self.events {
            let last = series.samples.back();
            reply.array(4);
            reply.bulk(event.as_bytes());
            reply_integer(reply, last.map_or(0, |s| s.unix_s));
            reply_integer(reply, last.map_or(0, |s| s.latency_ms));
            reply_integer(reply, series.max_ms);
        }
    }

    /// Answers LATENCY HISTORY.
    pub fn reply_history(&self, event: &[u8], reply: &mut Reply) {
        let samples = self.history(event);
        reply.array(samples.len());
        for sample in samples {
            reply.array(2);
            reply_integer(reply, sample.unix_s);
            reply_integer(reply, sample.latency_ms);
        }
    }

    /// The text of LATENCY GRAPH; `None` when there are no samples.
    pub fn graph(&self, event: &[u8], now_s: u64) -> Option<String> {
        let series = self.series(event)?;
        let skipped = series.samples.len().saturating_sub(GRAPH_COLUMNS);
        let shown: Vec<Sample> = series.samples.iter().skip(skipped).copied().collect();
        let high = shown.iter().map(|s| s.latency_ms).max()?;
        let low = shown.iter().map(|s| s.latency_ms).min()?;
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{} - high {high} ms, low {low} ms (all time high {} ms)",
            String::from_utf8_lossy(event),
            series.max_ms
        );
        let _ = writeln!(text, "{}", "-".repeat(GRAPH_COLUMNS));
        for row in (0..GRAPH_ROWS).rev() {
            text.extend(shown.iter().map(|s| graph_mark(s.latency_ms, low, high, row)));
            text.push('\n');
        }
        text.push('\n');
        let ages: Vec<Vec<char>> = shown.iter().map(|s| age(now_s, s.unix_s)).collect();
        for line in 0..ages.iter().map(Vec::len).max().unwrap_or_default() {
            text.extend(ages.iter().map(|age| age.get(line).copied().unwrap_or(' ')));
            text.push('\n');
        }
        Some(text)
    }

    /// The text of LATENCY DOCTOR.
    pub fn doctor(&self, now_s: u64, threshold_ms: u64) -> String {
        let mut text = String::new();
        if threshold_ms == 0 {
            text.push_str(
                "Spikes are not being recorded: CONFIG SET latency-monitor-threshold <milliseconds> \
                 turns that on.\n",
            );
        }
        if self.events.is_empty() {
            text.push_str("No spike has been recorded.\n");
            return text;
        }
        text.push_str("Spikes recorded since the last LATENCY RESET:\n\n");
        for (n, (event, advice)) in self.events.keys().map(|e| (e, advice(e))).enumerate() {
            let Some(summary) = self.summary(event.as_bytes(), now_s) else { continue };
            let _ = writeln!(
                text,
                "{}. {event}: {} spikes, mean {} ms, mean deviation {} ms, one in {:.2} s, worst {} ms. {advice}",
                n + 1,
                summary.count,
                summary.mean_ms,
                summary.deviation_ms,
                summary.period_s,
                summary.max_ms,
            );
        }
        text
    }
}

/// What to look at when an event is slow.
fn advice(event: &str) -> &'static str {
    match event {
        "command" | "fast-command" => "SLOWLOG GET shows which commands were slow.",
        "expire-cycle" | "expire-del" => {
            "Many keys expire at once; active-expire-effort and lazyfree-lazy-expire matter here."
        }
        "eviction-cycle" | "eviction-del" => "The data set is over maxmemory.",
        name if name.contains("sync") || name.contains("write") || name.starts_with("aof") => {
            "The disk is slow or busy; vellum-log and the disk's own statistics tell more."
        }
        _ => "",
    }
}

fn reply_integer(reply: &mut Reply, number: u64) {
    reply.integer(number.try_into().unwrap_or(i64::MAX));
}

/// The mark of a value in a row of the graph, row 0 being the lowest.
fn graph_mark(value: u64, low: u64, high: u64, row: usize) -> char {
    let steps = (GRAPH_ROWS * GRAPH_MARKS.len()) as u64;
    let scaled = (value - low) * (steps - 1) / (high - low).max(1);
    let scaled = usize::try_from(scaled).unwrap_or_default();
    if scaled / GRAPH_MARKS.len() == row { GRAPH_MARKS[scaled % GRAPH_MARKS.len()] } else { ' ' }
}

/// How long ago, as `7s`, `3m`, `2h` or `1d`.
fn age(now_s: u64, then_s: u64) -> Vec<char> {
    let seconds = now_s.saturating_sub(then_s);
    let text = match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    };
    text.chars().collect()
}

/// The lines LATENCY HELP answers.
pub const HELP: &[&str] = &[
    "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
    "HELP",
    "    Prints this help.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sample_a_second_and_160_at_most() {
        let mut monitor = LatencyMonitor::default();
        monitor.record("command", 10, 1000);
        monitor.record("command", 20, 1000);
        monitor.record("command", 15, 1000);
        assert_eq!(monitor.history(b"command").len(), 1);
        for second in 1001..2000 {
            monitor.record("command", 5, second);
        }
        let samples: Vec<Sample> = monitor.history(b"command").collect();
        assert_eq!(samples.len(), 160);
        assert_eq!(samples[159], Sample { unix_s: 1999, latency_ms: 5 });
        let mut reply = Reply::default();
        monitor.reply_latest(&mut reply);
        assert_eq!(reply.buffer, b"*1\r\n*4\r\n$7\r\ncommand\r\n:1999\r\n:5\r\n:20\r\n");
        assert_eq!(monitor.history(b"other").len(), 0);
    }

    #[test]
    fn reset_takes_names_or_all() {
        let mut monitor = LatencyMonitor::default();
        monitor.record("command", 1, 1);
        monitor.record("log-sync", 1, 1);
        assert_eq!(monitor.reset([&b"log-sync"[..], b"none"].into_iter()), 1);
        assert_eq!(monitor.reset(std::iter::empty()), 1);
        assert!(monitor.doctor(5, 0).contains("not being recorded"));
    }

    #[test]
    fn graph_and_doctor_read_well() {
        let mut monitor = LatencyMonitor::default();
        for (n, latency_ms) in [10, 30, 20, 40].into_iter().enumerate() {
            monitor.record("command", latency_ms, 100 + n as u64);
        }
        let graph = monitor.graph(b"command", 162).unwrap();
        let lines: Vec<&str> = graph.lines().collect();
        assert_eq!(lines[0], "command - high 40 ms, low 10 ms (all time high 40 ms)");
        assert_eq!(&lines[2..6], ["   #", " o  ", "  _ ", "_   "]);
        assert_eq!(&lines[7..], ["1115", "mmm9", "   s"]);
        assert!(monitor.graph(b"none", 1).is_none());
        let doctor = monitor.doctor(104, 1);
        assert!(doctor.contains("1. command: 4 spikes, mean 25 ms, mean deviation 10 ms, one in 1.00 s, worst 40 ms."), "{doctor}");
    }
}
