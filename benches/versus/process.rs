//! What the system says of a process. Linux only; elsewhere there is nothing to say.

use std::time::Duration;

/// Resident memory that is not a file's, in bytes: pages of mapped files are the kernel's to drop.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Processor time used so far by all its threads that are there now.
fn processor_time(pid: u32) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let run_ns = threads.flatten().filter_map(|thread| {
        // The scheduler's own count, in nanoseconds: stat counts in ticks of a hundredth of a second.
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Some(Duration::from_nanos(run_ns.sum()))
}

/// Processor time used since the process began, by threads that have ended as well; in ticks.
pub fn processor_time_since_start(pid: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in parentheses and may hold anything; utime and stime are the 12th and 13th behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().ok());
    let ticks: u64 = ticks.sum::<Option<u64>>()?;
    Some(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Processor time of a process from one moment to another.
pub struct ProcessorTime {
    pid: u32,
    before: Option<Duration>,
}

impl ProcessorTime {
    /// From now on.
    pub fn of(pid: u32) -> Self {
        Self { pid, before: processor_time(pid) }
    }

    /// Microseconds up to now for each of so many requests; not a number where the system does not say.
    pub fn us_each(&self, requests: u64) -> f64 {
        let used = processor_time(self.pid).zip(self.before);
        used.map_or(f64::NAN, |(after, before)| {
            after.saturating_sub(before).as_secs_f64() * 1e6 / requests as f64
        })
    }
}
