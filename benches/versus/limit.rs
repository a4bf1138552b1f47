//! GET beside a server that does nothing: what is left of the time is redis-benchmark's and the
//! kernel's, and no server can answer more requests than that one.

use std::io;
use std::net::TcpListener;
use std::thread::JoinHandle;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::contest::Contest;
use crate::redis_benchmark::{Load, Work};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure::plain("requests/s", 0),
    Figure::plain("% of the limit", 1),
    Figure::plain("p99 ms", 2),
];
/// The row of the server that only answers.
const LIMIT: &str = "only +OK";

/// The limit and the servers take turns; the share is taken run by run.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "The limit: GET, 50 clients, {} keys, no log, medians of {} rounds",
        options.keys, options.rounds
    );
    let mut table = Table::of_one(title, &["server", "depth"], FIGURES);
    for sides in contest.rounds() {
        let servers = contest.start_all(&sides, "off", options.keys);
        let limit = Limit::start();
        for &depth in &options.depths {
            let requests = options.requests * if depth > 1 { 5 } else { 1 };
            let load = Load { depth, ..Load::new(Work::Test("GET"), requests, options.keys) };
            let depth = depth.to_string();
            let most = load.run(limit.port);
            let figures = [most.requests_per_s, 100.0, most.p99_ms];
            table.add([LIMIT, &depth], 0, figures);
            for (side, server) in &servers {
                let outcome = load.run(server.port);
                let share = 100.0 * outcome.requests_per_s / most.requests_per_s;
                table.add([side.name, &depth], 0, [outcome.requests_per_s, share, outcome.p99_ms]);
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
