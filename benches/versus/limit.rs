//! GET beside a server that does nothing: what is left of the time is redis-benchmark's and the
//! kernel's, and no server can answer more requests than that one.

use std::io;
use std::net::TcpListener;
use std::thread::JoinHandle;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::contest::Contest;
use crate::process::ProcessorTime;
use crate::redis_benchmark::{Load, Outcome, Work};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure::plain("requests/s", 0),
    Figure::plain("% of the limit", 1),
    Figure::plain("p99 ms", 2),
    Figure::plain("CPU us/request", 2),
];
/// The row of the server that only answers.
const LIMIT: &str = "only +OK";

/// The limit and the servers take turns; the share is taken round by round.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "The limit: GET, 50 clients, {} keys, no log, medians of {} rounds",
        options.keys, options.rounds
    );
    let mut table = Table::of_one(title, &["server", "depth"], FIGURES);
    for (sides, round) in contest.rounds().zip(0..) {
        let servers = contest.start_all(&sides, "off", options.keys);
        let limit = Limit::start();
        let mut all = vec![(LIMIT, limit.port, std::process::id())];
        all.extend(servers.iter().map(|(side, server)| (side.name, server.port, server.pid())));
        let turns = all.len();
        all.rotate_left(round % turns);
        for &depth in &options.depths {
            let requests = options.requests * if depth > 1 { 5 } else { 1 };
            let load = Load { depth, ..Load::new(Work::Test("GET"), requests, options.keys) };
            let outcomes = all.iter().map(|&(name, port, pid)| {
                let time = ProcessorTime::of(pid);
                let outcome = load.run(port);
                (name, outcome, time.us_each(requests))
            });
            let outcomes: Vec<_> = outcomes.collect();
            let most = outcomes.iter().find(|(name, ..)| *name == LIMIT);
            let most = most.map_or(f64::NAN, |(_, outcome, _)| outcome.requests_per_s);
            for (name, Outcome { requests_per_s, p99_ms }, cpu_us) in outcomes {
                let share = 100.0 * requests_per_s / most;
                let key = [name, &depth.to_string()];
                table.add(key, 0, [requests_per_s, share, p99_ms, cpu_us]);
            }
        }
    }
    vec![table]
}

/// A server on a thread of its own that answers every command with `+OK`, until it is dropped.
struct Limit {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Limit {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let serve = async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A client that breaks off is of no interest.
                tokio::spawn(async { answer(stream).await.ok() });
            }
        };
        let both = async move {
            tokio::select! {
                () = serve => {}
                _ = stopped => {}
            }
        };
        let thread = std::thread::spawn(move || runtime.block_on(both));
        Self { port, stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic, if there was one, has been printed.
            let _ = thread.join();
        }
    }
}

async fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (Vec::with_capacity(16 * 1024), Vec::new());
    while stream.read_buf(&mut input).await? > 0 {
        let mut at = 0;
        output.clear();
        while let Some(len) = command_len(&input[at..]) {
            at += len;
            output.extend_from_slice(b"+OK\r\n");
        }
        input.drain(..at);
        tokio::io::AsyncWriteExt::write_all(&mut stream, &output).await?;
    }
    Ok(())
}

/// Length of the command that begins here; nothing if it is not all there, or is none.
fn command_len(bytes: &[u8]) -> Option<usize> {
    let (arguments, mut at) = number(bytes, 0)?;
    for _ in 0..arguments {
        let (len, start) = number(bytes, at)?;
        at = start + len + 2;
    }
    (at <= bytes.len()).then_some(at)
}

/// The number behind the character at a place, and where its line ends.
fn number(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let line = bytes.get(at + 1..)?;
    let len = line.iter().position(|&byte| byte == b'\r')?;
    let digits = line[..len].iter();
    let number = digits.fold(0, |sum: usize, digit| sum * 10 + usize::from(digit & 15));
    Some((number, at + len + 3))
}
