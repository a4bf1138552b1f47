//! A load generator that can keep to a rate, which redis-benchmark cannot.
//!
//! One thread, many connections. A connection sends `depth` commands, waits for their replies, and sends
//! the next. With a rate every batch has a time at which it is due; the wait of a command is counted from
//! then, also where the batch could only be sent later because the one before was still on its way. So a
//! server that stops for a while is charged for all that should have been sent meanwhile.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::contest::VALUE_LEN;
use crate::ticker::Ticker;

/// What the connections send.
#[derive(Clone, Debug)]
pub enum Work {
    /// Of ten commands nine are GET and one is SET, on random ones of so many keys.
    Mixed {
        /// Keys there are.
        keys: u64,
    },
    /// SET of the keys from `next` to `end`, each once.
    InOrder {
        /// The first key that no connection has taken yet.
        next: Arc<AtomicU64>,
        /// The key behind the last.
        end: u64,
    },
}

/// A load.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What is sent.
    pub work: Work,
    /// Connections.
    pub clients: u64,
    /// Commands in a batch.
    pub depth: u64,
    /// Requests a second of all connections together; as many as go without.
    pub rate: Option<f64>,
    /// When it ends, unless there is nothing left to send before.
    pub lasts: Duration,
}

/// What the clients saw.
#[derive(Debug)]
pub struct Outcome {
    /// How long it took, until the last reply.
    pub took: Duration,
    /// The wait of every command in microseconds, sorted.
    waits_us: Vec<u32>,
}

impl Outcome {
    /// Commands that were answered.
    pub fn requests(&self) -> u64 {
        self.waits_us.len() as u64
    }

    /// Answered commands a second.
    pub fn requests_per_s(&self) -> f64 {
        self.requests() as f64 / self.took.as_secs_f64()
    }

    /// The wait that this share of the commands did not exceed, in milliseconds.
    pub fn wait_ms(&self, share: f64) -> f64 {
        share_of(&self.waits_us, share)
    }
}

/// The wait in milliseconds that this share of sorted waits, in microseconds, did not exceed.
pub fn share_of(sorted_us: &[u32], share: f64) -> f64 {
    let at = (sorted_us.len() as f64 * share) as usize;
    let wait = sorted_us.get(at).or(sorted_us.last());
    wait.map_or(f64::NAN, |&us| f64::from(us) / 1e3)
}

impl Plan {
    /// Runs it on a server of this machine.
    pub fn run(&self, port: u16) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.all(port)).unwrap_or_else(|e| panic!("the load broke off: {e}"))
    }

    async fn all(&self, port: u16) -> io::Result<Outcome> {
        let mut streams = Vec::new();
        for _ in 0..self.clients {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        let started = Instant::now();
        let mut connections = JoinSet::new();
        for (stream, number) in streams.into_iter().zip(0_u64..) {
            let ticker = self.rate.map(|rate| {
                let every = Duration::from_secs_f64((self.depth * self.clients) as f64 / rate);
                // Their turns are spread over the time between two of one connection.
                let first = every.mul_f64(number as f64 / self.clients as f64);
                Ticker::new(started + first, every)
            });
            connections.spawn(
                Connection::new(self, stream, number)
                    .run(ticker.transpose()?, started + self.lasts),
            );
        }
        let mut waits_us = Vec::new();
        while let Some(ended) = connections.join_next().await {
            waits_us.extend(ended.map_err(io::Error::other)??);
        }
        let took = started.elapsed();
        waits_us.sort_unstable();
        Ok(Outcome { took, waits_us })
    }
}

struct Connection {
    stream: TcpStream,
    work: Work,
    depth: u64,
    rng: fastrand::Rng,
    commands: Vec<u8>,
    replies: Replies,
    waits_us: Vec<u32>,
}

impl Connection {
    fn new(plan: &Plan, stream: TcpStream, number: u64) -> Self {
        Self {
            stream,
            work: plan.work.clone(),
            depth: plan.depth,
            rng: fastrand::Rng::with_seed(number),
            commands: Vec::new(),
            replies: Replies::default(),
            waits_us: Vec::new(),
        }
    }

    async fn run(mut self, mut ticker: Option<Ticker>, end: Instant) -> io::Result<Vec<u32>> {
        loop {
            let due = match &mut ticker {
                Some(ticker) => ticker.next().await?,
                None => Instant::now(),
            };
            let mut unanswered = self.compose();
            if due >= end || unanswered == 0 {
                return Ok(self.waits_us);
            }
            self.stream.write_all(&self.commands).await?;
            while unanswered > 0 {
                if self.stream.read_buf(&mut self.replies.bytes).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let answered = self.replies.take()?;
                let wait = u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX);
                self.waits_us.extend((0..answered).map(|_| wait));
                unanswered -= answered;
            }
        }
    }

    /// Writes the next batch; how many commands it has.
    fn compose(&mut self) -> u64 {
        self.commands.clear();
        match &self.work {
            Work::Mixed { keys } => {
                for _ in 0..self.depth {
                    let key = self.rng.u64(..*keys);
                    if self.rng.u8(..10) == 0 {
                        write_set(&mut self.commands, key);
                    } else {
                        self.commands.extend_from_slice(b"*2\r\n$3\r\nGET\r\n");
                        write_key(&mut self.commands, key);
                    }
                }
                self.depth
            }
            Work::InOrder { next, end } => {
                let first = next.fetch_add(self.depth, Ordering::Relaxed).min(*end);
                let last = (first + self.depth).min(*end);
                (first..last).for_each(|key| write_set(&mut self.commands, key));
                last - first
            }
        }
    }
}

fn write_set(out: &mut Vec<u8>, key: u64) {
    out.extend_from_slice(b"*3\r\n$3\r\nSET\r\n");
    write_key(out, key);
    const { assert!(VALUE_LEN == 64) };
    out.extend_from_slice(b"$64\r\n");
    out.extend_from_slice(&[b'v'; VALUE_LEN]);
    out.extend_from_slice(b"\r\n");
}

/// A key as redis-benchmark names it, as an argument.
fn write_key(out: &mut Vec<u8>, mut number: u64) {
    let mut key = *b"$16\r\nkey:000000000000\r\n";
    for digit in key[9..21].iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&key);
}

/// Replies as they come in.
#[derive(Default)]
struct Replies {
    bytes: Vec<u8>,
}

impl Replies {
    /// Takes out the replies that are whole; how many these were.
    fn take(&mut self) -> io::Result<u64> {
        let (mut taken, mut at) = (0, 0);
        while let Some(len) = reply_len(&self.bytes[at..])? {
            at += len;
            taken += 1;
        }
        self.bytes.drain(..at);
        Ok(taken)
    }
}

/// Length of the reply that begins here; nothing if it is not all there.
fn reply_len(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(line_len) = bytes.iter().position(|&byte| byte == b'\n').map(|at| at + 1) else {
        return Ok(None);
    };
    match bytes[0] {
        b'+' => Ok(Some(line_len)),
        // A missing value: the line is all there is.
        b'$' if bytes[1] == b'-' => Ok(Some(line_len)),
        b'$' => {
            let digits = bytes[1..line_len].iter().filter(|byte| byte.is_ascii_digit());
            let len = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
            let whole = line_len + len + 2;
            Ok((whole <= bytes.len()).then_some(whole))
        }
        _ => Err(io::Error::other(String::from_utf8_lossy(&bytes[..line_len]))),
    }
}
