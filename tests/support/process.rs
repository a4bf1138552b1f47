//! Servers as processes.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;

use super::{Client, wait_for};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The one of this package.
    Vellum,
    /// Debian's.
    #[cfg(feature = "interop")]
    Redis,
    /// The one of this name or path.
    At(&'static str),
}

/// A running server. Dropped, it is killed.
#[derive(Debug)]
pub struct Server {
    /// Its port.
    pub port: u16,
    /// Its data directory.
    pub dir: PathBuf,
    program: Program,
    file: Option<PathBuf>,
    args: Vec<String>,
    variables: Vec<(String, String)>,
    child: Option<Child>,
}

/// A port that nobody listens on at this moment and that this process has not given out before: a server
/// that is restarted must find its own again, and not another test's server on it.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        if GIVEN.lock().expect("no test panics in here").insert(port) {
            return port;
        }
    }
}

impl Server {
    /// Starts Vellum on `dir` and waits until it answers.
    pub fn vellum(dir: &Path, args: &[&str]) -> Self {
        Self::start(Program::Vellum, dir, args)
    }

    /// Starts redis-server on `dir` and waits until it answers.
    #[cfg(feature = "interop")]
    pub fn redis(dir: &Path, args: &[&str]) -> Self {
        Self::start(Program::Redis, dir, args)
    }

    /// Starts a server and waits until it answers.
    pub fn start(program: Program, dir: &Path, args: &[&str]) -> Self {
        let mut server = Self::prepare(program, dir, args);
        server.launch();
        server
    }

    /// A server that has not been started; its port is free.
    pub fn prepare(program: Program, dir: &Path, args: &[&str]) -> Self {
        std::fs::create_dir_all(dir).expect("a data directory");
        let args = args.iter().map(|a| (*a).to_owned()).collect();
        Self {
            port: free_port(),
            dir: dir.to_owned(),
            program,
            file: None,
            args,
            variables: Vec::new(),
            child: None,
        }
    }

    /// Has the next start read a configuration file, which the other arguments override.
    pub fn read_file(&mut self, file: &Path) {
        self.file = Some(file.to_owned());
    }

    /// Sets a variable of the environment that the process gets when it is started next.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Has the next start take these arguments instead of the present ones.
    pub fn set_args(&mut self, args: &[&str]) {
        self.args = args.iter().map(|a| (*a).to_owned()).collect();
    }

    /// Starts the process; does not wait for it.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "the server runs already");
        let binary = match self.program {
            Program::Vellum => env!("CARGO_BIN_EXE_vellum-server"),
            #[cfg(feature = "interop")]
            Program::Redis => "redis-server",
            Program::At(path) => path,
        };
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a log file");
        let child = Command::new(binary)
            .args(&self.file)
            .args(["--port", &self.port.to_string(), "--dir"])
            .arg(&self.dir)
            .args(["--bind", "127.0.0.1", "--enable-debug-command", "yes"])
            .args(&self.args)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap_or_else(|e| panic!("{binary}: {e}")));
    }

    /// Starts the process and waits until it answers.
    pub fn launch(&mut self) {
        // Some other connection may have its end there for a moment.
        wait_for("the port to be free", || TcpListener::bind(("127.0.0.1", self.port)).ok());
        self.spawn();
        self.wait_until_it_answers();
    }

    /// Waits until the process answers PING with PONG, or asks for a password.
    pub fn wait_until_it_answers(&mut self) {
        wait_for("the server to answer", || {
            if let Some(child) = &mut self.child
                && let Ok(Some(status)) = child.try_wait()
            {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            let mut client = Client::connect(self.port).ok()?;
            let pong = client.try_command(&["PING"]).ok()?;
            (pong.text() == "PONG" || pong.text().starts_with("NOAUTH")).then_some(())
        });
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        Client::connect(self.port).expect("a connection")
    }

    /// Kills the process as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }

    /// Asks the process to stop (SIGTERM) and waits for it.
    pub fn stop(&mut self) -> ExitStatus {
        assert!(self.signal("TERM"));
        self.wait_end()
    }

    /// Sends the process a signal, by its name without `SIG`; whether it was there to get it.
    pub fn signal(&self, name: &str) -> bool {
        let arguments = [format!("-{name}"), self.pid().to_string()];
        Command::new("kill").args(arguments).status().expect("kill runs").success()
    }

    /// Waits for the process to end by itself.
    pub fn wait_end(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("a running server");
        wait_for("the server to end", || child.try_wait().expect("a status"))
    }

    /// How the process ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut().expect("a server that was started");
        let status = child.try_wait().expect("a status")?;
        self.child = None;
        Some(status)
    }

    /// Stops and starts again on the same port and directory.
    pub fn restart(&mut self) {
        assert!(self.stop().success(), "{}", self.log());
        self.launch();
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running server").id()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.with_extension(format!("{}.log", self.port))
    }

    /// What the server printed.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- {:?} on port {}:\n{}", self.program, self.port, self.log());
        }
    }
}
