//! The server's own log: `tracing` events written as Redis writes its lines, or as JSON.
//!
//! ```text
//! pid:role day month year hour:minute:second.ms level message
//! 4711:M 23 Nov 2026 09:14:09.867 * Ready to accept connections tcp
//! ```
//!
//! Roles: `M` master, `S` replica, `C` not serving yet. Levels: `.` debug, `-` verbose, `*` notice,
//! `#` warning; they are tracing's TRACE, DEBUG, INFO, and WARN with ERROR.
//!
//! A line is one write call. A log file is opened for each line, so that a rotated file is let go at
//! once; this is the one place beside `storage` that writes a file, because its loss loses no data.

use std::fmt::{self, Write as _};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::{Registry, registry::LookupSpan, reload};

use super::config::choices::{LogFormat, LogLevel};
use super::config::{Config, Loaded};
use crate::base::version::{REDIS_VERSION, VELLUM_VERSION};

/// What the process is, as a line of the log shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum LogRole {
    /// Not serving yet.
    Starting = b'C',
    /// A master.
    Master = b'M',
    /// A replica.
    Replica = b'S',
}

/// Why the log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The log file cannot be opened.
    #[error("cannot open the log file {}: {source}", path.display())]
    Open {
        /// `logfile`.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else in this process has set up tracing.
    #[error("the log is already set up")]
    Twice,
}

/// Changes the log while the server runs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogHandle {
    level: reload::Handle<LevelFilter, Registry>,
    role: Arc<AtomicU8>,
}

impl LogHandle {
    /// Lets through what `level` says from now on.
    pub fn set_level(&self, level: LogLevel) {
        // Fails only when the subscriber is gone, and with it the log.
        let _ = self.level.reload(filter_of(level));
    }

    /// Shows another role in the lines from now on.
    pub fn set_role(&self, role: LogRole) {
        self.role.store(role as u8, Ordering::Relaxed);
    }
}

/// Sets up the process's log by `loglevel`, `logfile` and `log-format`. Once in a process.
pub fn init(config: &Config) -> Result<LogHandle, LoggingError> {
    let target = Target::open(&config.logfile)?;
    let role = Arc::new(AtomicU8::new(LogRole::Starting as u8));
    let (filter, level) = reload::Layer::new(filter_of(config.loglevel));
    let lines = Lines {
        target,
        format: config.log_format,
        role: Arc::clone(&role),
        pid: std::process::id(),
    };
    let subscriber = Registry::default().with(filter).with(lines);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LoggingError::Twice)?;
    Ok(LogHandle { level, role })
}

/// Says what is starting and with which configuration; the banner only on a terminal.
pub fn announce_start(loaded: &Loaded) {
    let config = &loaded.config;
    if config.logfile.is_empty()
        && config.log_format == LogFormat::Text
        && io::stdout().is_terminal()
    {
        // A banner that cannot be written is not worth an error.
        let _ = io::stdout().write_all(banner(config).as_bytes());
    }
    let pid = std::process::id();
    tracing::info!("Vellum {VELLUM_VERSION} is starting, redis_version={REDIS_VERSION}, pid={pid}");
    match &loaded.file {
        Some(path) => tracing::info!("Configuration loaded from {}", path.display()),
        None => {
            tracing::info!("No configuration file given, the defaults and the command line hold")
        }
    }
    for note in &loaded.notes {
        tracing::warn!("{note}");
    }
}

fn banner(config: &Config) -> String {
    format!(
        "\n   \\\\    //   Vellum {VELLUM_VERSION}, speaks the Redis {REDIS_VERSION} protocol\n    \
         \\\\  //    port {}, pid {}\n     \\\\//     data in {}, appendonly {}, appendfsync {}\n\n",
        config.port,
        std::process::id(),
        config.dir.display(),
        if config.appendonly { "yes" } else { "no" },
        config.appendfsync.as_str(),
    )
}

fn filter_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Nothing => LevelFilter::OFF,
    }
}

/// Where lines go.
#[derive(Debug)]
enum Target {
    Stdout,
    File(PathBuf),
}

impl Target {
    fn open(logfile: &str) -> Result<Self, LoggingError> {
        if logfile.is_empty() {
            return Ok(Self::Stdout);
        }
        // Made absolute now: the working directory may change, the file may not.
        let path = std::path::absolute(logfile).unwrap_or_else(|_| PathBuf::from(logfile));
        match OpenOptions::new().create(true).append(true).open(&path) {
            Ok(_) => Ok(Self::File(path)),
            Err(source) => Err(LoggingError::Open { path, source }),
        }
    }

    /// Writes one line; there is nobody to tell when that fails.
    fn write(&self, line: &[u8]) {
        let _ = match self {
            Self::Stdout => io::stdout().lock().write_all(line),
            Self::File(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                file.and_then(|mut file| file.write_all(line))
            }
        };
    }
}

/// Writes each event as one line.
#[derive(Debug)]
struct Lines {
    target: Target,
    format: LogFormat,
    role: Arc<AtomicU8>,
    pid: u32,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let now = chrono::Local::now();
        let role = self.role.load(Ordering::Relaxed);
        let level = *event.metadata().level();
        let line = match self.format {
            LogFormat::Text => text_line(self.pid, role, &now, level, event),
            LogFormat::Json => json_line(self.pid, role, &now, level, event),
        };
        self.target.write(line.as_bytes());
    }
}

type LocalTime = chrono::DateTime<chrono::Local>;

fn text_line(pid: u32, role: u8, now: &LocalTime, level: Level, event: &Event<'_>) -> String {
    let mark = match level {
        Level::TRACE => '.',
        Level::DEBUG => '-',
        Level::INFO => '*',
        _ => '#',
    };
    let time = now.format("%d %b %Y %H:%M:%S%.3f");
    let mut line = format!("{pid}:{} {time} {mark} ", char::from(role));
    event.record(&mut TextFields(&mut line));
    line.push('\n');
    line
}

fn json_line(pid: u32, role: u8, now: &LocalTime, level: Level, event: &Event<'_>) -> String {
    let role = match role {
        b'M' => "master",
        b'S' => "replica",
        _ => "starting",
    };
    let level = match level {
        Level::TRACE => "debug",
        Level::DEBUG => "verbose",
        Level::INFO => "notice",
        _ => "warning",
    };
    let mut fields = serde_json::Map::new();
    let time = now.to_rfc3339_opts(chrono::SecondsFormat::Millis, false);
    fields.insert("time".to_owned(), time.into());
    fields.insert("pid".to_owned(), pid.into());
    fields.insert("role".to_owned(), role.into());
    fields.insert("level".to_owned(), level.into());
    event.record(&mut JsonFields(&mut fields));
    let mut line = serde_json::Value::Object(fields).to_string();
    line.push('\n');
    line
}

/// The message as it is, then ` name=value` for every other field, all on one line.
struct TextFields<'a>(&'a mut String);

impl Visit for TextFields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let start = self.0.len();
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        if self.0[start..].contains(['\n', '\r']) {
            let flat = self.0[start..].replace(['\n', '\r'], " ");
            self.0.truncate(start);
            self.0.push_str(&flat);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

struct JsonFields<'a>(&'a mut serde_json::Map<String, serde_json::Value>);

impl JsonFields<'_> {
    fn insert(&mut self, field: &Field, value: impl Into<serde_json::Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for JsonFields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `log` with the log going to a file and gives the file's lines.
    fn lines_of(format: LogFormat, log: impl FnOnce(&LogHandle)) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let target = Target::open(path.to_str().unwrap()).unwrap();
        let role = Arc::new(AtomicU8::new(LogRole::Starting as u8));
        let (filter, level) = reload::Layer::new(filter_of(LogLevel::Notice));
        let lines = Lines { target, format, role: Arc::clone(&role), pid: 42 };
        let subscriber = Registry::default().with(filter).with(lines);
        let handle = LogHandle { level, role };
        tracing::subscriber::with_default(subscriber, || log(&handle));
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn text_lines_look_like_those_of_redis() {
        let lines = lines_of(LogFormat::Text, |handle| {
            tracing::info!("hello");
            tracing::debug!("not at this level");
            handle.set_role(LogRole::Master);
            tracing::warn!(offset = 7, file = "a b", "two\nlines");
            handle.set_level(LogLevel::Debug);
            tracing::trace!("deep");
            handle.set_level(LogLevel::Nothing);
            tracing::error!("silence");
        });
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert!(lines[0].starts_with("42:C ") && lines[0].ends_with(" * hello"), "{lines:?}");
        assert!(lines[1].starts_with("42:M "));
        assert!(lines[1].ends_with(" # two lines offset=7 file=a b"), "{lines:?}");
        assert!(lines[2].ends_with(" . deep"));
        let words: Vec<&str> = lines[0].split(' ').collect();
        assert_eq!(words.len(), 7, "pid:role, day, month, year, time, level, message");
        assert_eq!(words[4].len(), "09:14:09.867".len());
    }

    #[test]
    fn json_lines_hold_every_field() {
        let lines = lines_of(LogFormat::Json, |handle| {
            handle.set_role(LogRole::Replica);
            tracing::warn!(offset = 7u64, path = "x", "say \"no\"");
        });
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["message"], "say \"no\"");
        assert_eq!(line["offset"], 7);
        assert_eq!((&line["role"], &line["level"]), (&"replica".into(), &"warning".into()));
        assert!(line["time"].as_str().is_some_and(|t| t.contains('T')));
    }

    #[test]
    fn a_log_file_that_cannot_be_opened_is_an_error() {
        let error = Target::open("/nonexistent/directory/log").unwrap_err();
        assert!(
            error.to_string().starts_with("cannot open the log file /nonexistent/directory/log")
        );
    }

    #[test]
    fn the_banner_tells_where_the_data_is() {
        let banner = banner(&Config::default());
        assert!(banner.contains("./data") && banner.contains("6379"), "{banner}");
    }
}
