//! What the system says of a process. Linux only; elsewhere there is nothing to say.

use std::time::Duration;

/// Resident memory that is not a file's, in bytes: pages of mapped files are the kernel's to drop.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Processor time used so far by all its threads.
pub fn processor_time(pid: u32) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let run_ns = threads.flatten().filter_map(|thread| {
        // The scheduler's own count, in nanoseconds: stat counts in ticks of a hundredth of a second.
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Some(Duration::from_nanos(run_ns.sum()))
}
