//! What an operator can choose about the log.

const MIB: u64 = 1024 * 1024;

/// What recovery does about the last bytes of a log that were never durable (`aof-load-truncated`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailPolicy {
    /// Cuts them off and says so.
    Trim,
    /// Refuses to start.
    Refuse,
}

/// Sizes and retention of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// A segment is ended once it has this many bytes.
    pub segment_len_max: u64,
    /// Bytes of filler the first segment after a start gets; each later one gets four times as many,
    /// up to `segment_len_max`. 0: no filler at all.
    pub fill_len_first: u64,
    /// Bytes of superseded segments that are kept for late replicas and point-in-time restore.
    pub archive_len_max: u64,
    /// Milliseconds for which superseded segments are kept; `None`: as long as there is room.
    pub archive_age_max_ms: Option<u64>,
    /// Superseded snapshots that are kept beside them.
    pub archive_snapshots_max: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_len_max: 64 * MIB,
            fill_len_first: MIB,
            archive_len_max: 256 * MIB,
            archive_age_max_ms: None,
            archive_snapshots_max: 0,
        }
    }
}
