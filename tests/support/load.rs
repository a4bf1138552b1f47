//! Writers that load a server and know what they were told.
//!
//! Writer `w` sends rising numbers in pipelines of [`DEPTH`] transactions. Number `n` sets `w<w>:<n % 100>`
//! and `pair<w>:<n % 100>`, so that a half-applied one shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::client::{Client, Value, encode};

const DEPTH: u64 = 16;
const KEYS: u64 = 100;

/// How far a writer has come.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Numbers up to this one were acknowledged.
    pub acknowledged: u64,
    /// Numbers up to this one were sent.
    pub sent: u64,
}

/// Writers at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Written>>,
}

impl Load {
    /// Starts a writer for each of `last`, to go on behind that number.
    pub fn begin(port: u16, last: &[u64]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let writers = last.iter().enumerate().map(|(writer, last)| {
            let (stop, last) = (Arc::clone(&stop), *last);
            std::thread::spawn(move || write(port, writer, last, &stop))
        });
        Self { writers: writers.collect(), stop }
    }

    /// Stops the writers, or waits until they have noticed that the server is gone.
    pub fn end(self) -> Vec<Written> {
        self.stop.store(true, Ordering::Relaxed);
        self.writers.into_iter().map(|writer| writer.join().expect("a writer's result")).collect()
    }
}

fn write(port: u16, writer: usize, last: u64, stop: &AtomicBool) -> Written {
    let mut written = Written { acknowledged: last, sent: last };
    let Ok(mut client) = Client::connect(port) else { return written };
    while !stop.load(Ordering::Relaxed) {
        let mut batch = Vec::new();
        for number in written.sent + 1..=written.sent + DEPTH {
            let (slot, value) = (number % KEYS, number.to_string());
            batch.extend(encode(&[b"MULTI"]));
            for key in [format!("w{writer}:{slot}"), format!("pair{writer}:{slot}")] {
                batch.extend(encode(&[b"SET", key.as_bytes(), value.as_bytes()]));
            }
            batch.extend(encode(&[b"EXEC"]));
        }
        written.sent += DEPTH;
        if client.send_raw(&batch).is_err() {
            break;
        }
        for _ in 0..DEPTH {
            // MULTI and two times QUEUED say nothing yet.
            let replies: Result<Vec<_>, _> = (0..4).map(|_| client.read()).collect();
            match replies.as_deref() {
                Ok([.., Value::Array(results)]) if results.iter().all(Value::is_ok) => {
                    written.acknowledged += 1;
                }
                _ => return written,
            }
        }
    }
    written
}

fn value(client: &mut Client, key: &str) -> u64 {
    match client.command(&["GET", key]) {
        Value::Null => 0,
        value => value.text().parse().expect("a number"),
    }
}

/// The newest number of a writer that the server has.
pub fn newest(client: &mut Client, writer: usize) -> u64 {
    (0..KEYS).map(|slot| value(client, &format!("w{writer}:{slot}"))).max().unwrap_or(0)
}

/// Everything of a writer up to `newest` is there: whole, and nothing older in its place.
pub fn check_whole(client: &mut Client, writer: usize, newest: u64) {
    for number in newest.saturating_sub(KEYS - 1).max(1)..=newest {
        let slot = number % KEYS;
        for name in ["w", "pair"] {
            let found = value(client, &format!("{name}{writer}:{slot}"));
            assert_eq!(found, number, "{name}{writer}:{slot}");
        }
    }
}
