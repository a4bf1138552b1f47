//! The process as the system sees it: memory and processor figures for INFO, the limit of open files,
//! the process id file, the init system, the background.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::config::choices::Supervised;

/// Set in the environment of a process that has been sent to the background.
const DAEMON_MARK: &str = "VELLUM_DAEMON";
/// Files the server itself needs beside its clients: log, snapshot, catalogue, listeners.
pub const FILES_RESERVED: u64 = 64;

/// Memory and processor time of this process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessFigures {
    /// Resident bytes; 0 where the system does not tell.
    pub resident_bytes: u64,
    /// Memory of the machine in bytes; 0 where the system does not tell.
    pub machine_bytes: u64,
    /// Processor time in user mode, in seconds.
    pub user_s: f64,
    /// Processor time in the kernel, in seconds.
    pub system_s: f64,
    /// The same for the calling thread.
    pub thread_user_s: f64,
    /// The same for the calling thread.
    pub thread_system_s: f64,
}

impl ProcessFigures {
    /// Reads the figures of this moment.
    pub fn read() -> Self {
        let (user_s, system_s) = cpu_seconds("/proc/self/stat", ClockId::ProcessCPUTime);
        let (thread_user_s, thread_system_s) =
            cpu_seconds("/proc/thread-self/stat", ClockId::ThreadCPUTime);
        Self {
            resident_bytes: resident_bytes().unwrap_or_default(),
            machine_bytes: machine_bytes(),
            user_s,
            system_s,
            thread_user_s,
            thread_system_s,
        }
    }
}

fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

#[cfg(target_os = "linux")]
fn machine_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    #[expect(clippy::useless_conversion, reason = "the field is 32 bits wide on some machines")]
    let bytes = u64::from(info.totalram) * u64::from(info.mem_unit);
    bytes
}

#[cfg(not(target_os = "linux"))]
fn machine_bytes() -> u64 {
    0
}

/// User and kernel time: divided as the kernel's file says, summing up to the finer clock. Where there
/// is no such file all of it counts as user time.
fn cpu_seconds(path: &str, clock: ClockId) -> (f64, f64) {
    let time = clock_gettime(clock);
    let total = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    let ticks = || -> Option<(f64, f64)> {
        let stat = std::fs::read_to_string(path).ok()?;
        // The name in parentheses may hold blanks; user and kernel ticks are fields 14 and 15.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    match ticks() {
        Some((user, system)) if user + system > 0.0 => {
            let share = user / (user + system);
            (total * share, total * (1.0 - share))
        }
        _ => (total, 0.0),
    }
}

/// System, release and machine, as INFO's `os` shows them.
pub fn os_text() -> String {
    let name = rustix::system::uname();
    let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    format!("{} {} {}", part(name.sysname()), part(name.release()), part(name.machine()))
}

/// Raises the limit of open files so that `clients` fit, as far as the system lets; the number of
/// clients that fit.
pub fn make_room_for_clients(clients: u64) -> u64 {
    let wanted = clients.saturating_add(FILES_RESERVED);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(current) = current else { return clients };
    if current >= wanted {
        return clients;
    }
    let target = maximum.map_or(wanted, |max| wanted.min(max));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(target), maximum }) {
        Ok(()) => target.saturating_sub(FILES_RESERVED).min(clients),
        Err(_) => current.saturating_sub(FILES_RESERVED).min(clients),
    }
}

/// Where the kernel keeps the score that decides which process it ends when memory runs out.
const OOM_SCORE_FILE: &str = "/proc/self/oom_score_adj";

/// The score of this process, -1000 to 1000.
pub fn oom_score() -> io::Result<i32> {
    let text = std::fs::read_to_string(OOM_SCORE_FILE)?;
    text.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// Sets it.
pub fn set_oom_score(score: i32) -> io::Result<()> {
    std::fs::write(OOM_SCORE_FILE, score.to_string())
}

/// Starts this program again, apart from the terminal, with the same arguments; `Ok(true)` tells the
/// caller that the other process goes on and this one shall end. Call it before any thread is started.
pub fn daemonize() -> io::Result<bool> {
    if std::env::var_os(DAEMON_MARK).is_some() {
        // The new process: in a session of its own no terminal can signal it.
        rustix::process::setsid()?;
        return Ok(false);
    }
    Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .env(DAEMON_MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(true)
}

/// The file that names this process; removed when the value is dropped.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes `pidfile`.
    pub fn write(path: &Path) -> io::Result<Self> {
        std::fs::write(path, format!("{}\n", std::process::id()))?;
        Ok(Self(std::path::absolute(path)?))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // It may have been removed by hand; there is nothing to do about it at the end.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The init system this process runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervisor {
    /// None, or none that wants to be told.
    None,
    /// systemd.
    Systemd,
    /// Upstart.
    Upstart,
}

impl Supervisor {
    /// The one that `supervised` names or, for `auto`, that the environment shows.
    pub fn find(setting: Supervised) -> Self {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match setting {
            Supervised::No => Self::None,
            Supervised::Systemd => Self::Systemd,
            Supervised::Upstart => Self::Upstart,
            Supervised::Auto if is_set("UPSTART_JOB") => Self::Upstart,
            Supervised::Auto if is_set("NOTIFY_SOCKET") => Self::Systemd,
            Supervised::Auto => Self::None,
        }
    }

    /// As INFO's `process_supervised` shows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "no",
            Self::Systemd => "systemd",
            Self::Upstart => "upstart",
        }
    }

    /// Tells the init system how the server is: `ready` once it serves, `status` in words.
    pub fn tell(self, ready: bool, status: &str) -> io::Result<()> {
        match self {
            Self::None => Ok(()),
            Self::Systemd => {
                let ready = if ready { "READY=1\n" } else { "" };
                notify_systemd(&format!("STATUS={status}\n{ready}"))
            }
            Self::Upstart if ready => {
                let own = rustix::process::getpid();
                Ok(rustix::process::kill_process(own, rustix::process::Signal::STOP)?)
            }
            Self::Upstart => Ok(()),
        }
    }

    /// Tells the init system that the server is about to end by itself.
    pub fn tell_stopping(self) -> io::Result<()> {
        match self {
            Self::Systemd => notify_systemd("STOPPING=1\n"),
            Self::None | Self::Upstart => Ok(()),
        }
    }
}

/// Sends a message to `$NOTIFY_SOCKET`: a path, or a name in the abstract space when it begins with @.
fn notify_systemd(message: &str) -> io::Result<()> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return Err(io::Error::new(io::ErrorKind::NotFound, "NOTIFY_SOCKET is not set"));
    };
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = name.as_encoded_bytes().strip_prefix(b"@") {
        use std::os::linux::net::SocketAddrExt as _;
        let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
        socket.send_to_addr(message.as_bytes(), &address)?;
        return Ok(());
    }
    socket.send_to(message.as_bytes(), Path::new(&name))?;
    Ok(())
}

/// Prints a message for the user on standard error; a closed one is no error.
pub fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "vellum-server: {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_this_process_are_there() {
        let figures = ProcessFigures::read();
        assert!(figures.user_s + figures.system_s > 0.0);
        assert!(figures.thread_user_s + figures.thread_system_s > 0.0);
        if cfg!(target_os = "linux") {
            assert!(figures.resident_bytes > 1 << 20);
            assert!(figures.machine_bytes > figures.resident_bytes);
        }
        assert_eq!(os_text().split(' ').count(), 3);
    }

    #[test]
    fn room_for_clients_is_never_more_than_asked() {
        assert_eq!(make_room_for_clients(1), 1);
        assert!(make_room_for_clients(u64::MAX) < u64::MAX);
    }

    #[test]
    fn the_pid_file_goes_with_its_value() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        let file = PidFile::write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim(), std::process::id().to_string());
        drop(file);
        assert!(!path.exists());
    }
}
