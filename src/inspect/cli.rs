//! The command line of `vellum-log`: what may be asked, and how it is explained.

use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::base::{Clock, Offset, SystemClock};
use crate::log::Layout;

/// Looks into a Vellum data directory: what is in it, whether every byte of it is sound, which
/// commands were written when.
///
/// Works beside a running server, on a copy, and on a damaged directory. Nothing is ever changed in
/// the directory but by `repair`.
#[derive(Debug, Parser)]
#[command(name = "vellum-log", version, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 done (verify: clean), 1 verify found a torn tail, 2 verify \
    found damage, 3 it could not be done, 64 the command line is wrong.\n\n\
    Times are read as `2026-03-31T12:00:00Z`, `2026-03-31 12:00:00` (UTC), seconds since 1970 \
    (`1774958400`), milliseconds (`1774958400000`), or an age (`90s`, `2h 30m`, `1day`)."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub action: Action,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Show what is in a directory: snapshot, segments, offsets, times, replication ID.
    Info(InfoArgs),
    /// Read every byte and compare every checksum.
    ///
    /// Manifest, lock file, segment headers, frames, the space after the last frame, snapshot
    /// blocks and whole-file checksums, in the log's folder and in the archive.
    /// Exit status 0: clean. 1: the log has a torn tail, which a server trims at its start.
    /// 2: damaged; every place is named with file, position and offset.
    Verify(VerifyArgs),
    /// Print the commands in the log, oldest first.
    ///
    /// In text, a line holds offset, time, database and command; a command that a replica's own
    /// clients wrote is marked `local`, one that a redis-server appended has no offset. Damage is
    /// named on standard error and passed over, and the exit status is then 2.
    Dump(DumpArgs),
    /// Follow the log of a running server, across rotations, until interrupted.
    Tail(TailArgs),
    /// Count commands and bytes by command, by key prefix and by hour.
    Stats(StatsArgs),
    /// Make a damaged directory loadable again, keeping everything before the damage.
    ///
    /// Says what it would do and asks. Every file it changes is copied first. A log that lost
    /// something goes on under a new replication ID, so that replicas notice.
    Repair(RepairArgs),
    /// Build or extend the index that `history` uses.
    Index(IndexArgs),
    /// Show when a key was written, by which commands, at which offsets.
    History(HistoryArgs),
}

/// Which directory.
#[derive(Clone, Debug, Args)]
pub struct DirArgs {
    /// Data directory (the server's `dir`).
    #[arg(default_value = "data")]
    pub dir: PathBuf,
    #[command(flatten)]
    names: NameArgs,
}

#[derive(Clone, Debug, Args)]
struct NameArgs {
    /// Folder of the log inside the data directory, as in the server's configuration.
    #[arg(long, value_name = "NAME", default_value = "appendonlydir", global = true)]
    appenddirname: String,
    /// First part of the log's file names, as in the server's configuration.
    #[arg(long, value_name = "NAME", default_value = "appendonly.aof", global = true)]
    appendfilename: String,
    /// Name of the snapshot in the data directory, as in the server's configuration.
    #[arg(long, value_name = "NAME", default_value = "dump.rdb", global = true)]
    dbfilename: String,
}

impl DirArgs {
    /// Where the files are.
    pub fn layout(&self) -> Layout {
        let names = &self.names;
        Layout::with_names(
            &self.dir,
            &names.appenddirname,
            &names.appendfilename,
            &names.dbfilename,
        )
    }
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    #[command(flatten)]
    pub(super) dir: DirArgs,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
}

/// `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub(super) dir: DirArgs,
    /// Print nothing but findings.
    #[arg(short, long)]
    pub(super) quiet: bool,
}

/// Which commands; those that pass every filter given.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct FilterArgs {
    /// Only commands that begin at this offset or later.
    #[arg(long, value_name = "OFFSET", value_parser = offset)]
    pub(super) from_offset: Option<Offset>,
    /// Only commands that begin before this offset.
    #[arg(long, value_name = "OFFSET", value_parser = offset)]
    pub(super) to_offset: Option<Offset>,
    /// Only commands written at this time or later.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub(super) since: Option<u64>,
    /// Only commands written before this time.
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub(super) until: Option<u64>,
    /// Only commands with a key that matches this glob pattern, as KEYS takes it.
    #[arg(long, value_name = "PATTERN")]
    pub(super) key: Option<String>,
    /// Only these commands (repeat it, or separate names by commas).
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) command: Vec<String>,
    /// Only this database.
    #[arg(long, value_name = "N")]
    pub(super) db: Option<u32>,
}

/// `dump`.
#[derive(Debug, Args)]
pub struct DumpArgs {
    #[command(flatten)]
    pub(super) dir: DirArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Stop after this many commands.
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
}

/// How commands are printed.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputArgs {
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
    /// Show at most this many bytes of each argument in text.
    #[arg(long, value_name = "BYTES")]
    pub(super) clip: Option<usize>,
}

/// `tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    #[command(flatten)]
    pub(super) dir: DirArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// First show this many of the commands that are there already.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(super) lines: usize,
    /// End after this time without a new command instead of waiting for ever.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) idle: Option<Duration>,
}

/// `stats`.
#[derive(Debug, Args)]
pub struct StatsArgs {
    #[command(flatten)]
    pub(super) dir: DirArgs,
    #[command(flatten)]
    pub(super) filter: FilterArgs,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
    /// What ends a part of a key.
    #[arg(long, value_name = "TEXT", default_value = ":")]
    pub(super) separator: String,
    /// How many parts of a key make up its prefix.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) depth: usize,
    /// How many prefixes to show; the others are summed up.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) top: usize,
}

/// `repair`.
#[derive(Debug, Args)]
pub struct RepairArgs {
    #[command(flatten)]
    pub(super) dir: DirArgs,
    /// Do not ask.
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Folder for the copies [default: a new one inside the data directory].
    #[arg(long, value_name = "FOLDER")]
    pub(super) backup: Option<PathBuf>,
}

/// `index`.
#[derive(Debug, Args)]
pub struct IndexArgs {
    #[command(flatten)]
    pub(super) dir: DirArgs,
    #[command(flatten)]
    pub(super) place: IndexPlaceArgs,
}

/// Where the index is.
#[derive(Clone, Debug, Args)]
pub struct IndexPlaceArgs {
    /// Folder of the index; never one inside the data directory [default: one for this directory
    /// in the user's cache folder].
    #[arg(long, value_name = "FOLDER")]
    pub(super) index: Option<PathBuf>,
}

/// `history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The key.
    pub(super) key: String,
    #[command(flatten)]
    pub(super) dir: DirArgs,
    #[command(flatten)]
    pub(super) place: IndexPlaceArgs,
    /// Only this database.
    #[arg(long, value_name = "N")]
    pub(super) db: Option<u32>,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
}

fn offset(text: &str) -> Result<Offset, String> {
    text.parse().map(Offset::new).map_err(|_| "an offset is a number of bytes".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|e| e.to_string())
}

/// Milliseconds since the Unix epoch.
fn time_ms(text: &str) -> Result<u64, String> {
    // Later than this, in seconds, is the year 5138: such a number is milliseconds.
    const SECONDS_MAX: u64 = 100_000_000_000;
    if let Ok(number) = text.parse::<u64>() {
        return Ok(if number < SECONDS_MAX { number * 1000 } else { number });
    }
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        return time.duration_since(UNIX_EPOCH).map(ms).map_err(|e| e.to_string());
    }
    match humantime::parse_duration(text) {
        Ok(age) => Ok(SystemClock::new().unix_ms().saturating_sub(ms(age))),
        Err(_) => Err("expected a time such as 2026-03-31T12:00:00Z or 2h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read_in_every_form() {
        let noon = 1_774_958_400_000;
        for text in ["2026-03-31T12:00:00Z", "2026-03-31 12:00:00", "1774958400", "1774958400000"] {
            assert_eq!(time_ms(text), Ok(noon), "{text}");
        }
        let hour_ago = time_ms("1h").unwrap();
        let age = SystemClock::new().unix_ms() - hour_ago;
        assert!((3_600_000..3_700_000).contains(&age), "{age}");
        assert!(time_ms("yesterday").is_err());
    }

    #[test]
    fn options_may_follow_the_directory() {
        let cli = Cli::try_parse_from([
            "vellum-log",
            "dump",
            "/data",
            "--command",
            "set,DEL",
            "--key",
            "user:*",
            "--db",
            "3",
            "--from-offset",
            "100",
            "--format",
            "json",
        ]);
        let Action::Dump(args) = cli.unwrap().action else { panic!("not a dump") };
        assert_eq!(args.dir.dir, PathBuf::from("/data"));
        assert_eq!(args.filter.command, ["set", "DEL"]);
        assert_eq!(args.filter.from_offset, Some(Offset::new(100)));
        assert_eq!(args.output.format, Format::Json);
    }
}
