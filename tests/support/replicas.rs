//! Masters, replicas and writers under them, as tests of replication need them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::client::encode;
use super::{Client, Server, Value, wait_until};

/// How long expiry may go on changing data that nobody writes to.
const SETTLING_MAX: Duration = Duration::from_secs(20);

/// Orders a server to follow the server on a port, once it has loaded what it is loading.
pub fn follow(replica: &Server, master_port: u16) {
    let port = master_port.to_string();
    wait_until("SLAVEOF to be taken", || {
        let reply = replica.client().command(&["SLAVEOF", "127.0.0.1", &port]).text();
        assert!(reply.starts_with("OK") || reply.starts_with("LOADING"), "{reply}");
        reply.starts_with("OK")
    });
}

/// Waits until a server follows its master's stream.
pub fn wait_for_link(replica: &Server) {
    wait_until("the link to be up", || {
        let mut client = Client::connect(replica.port).ok();
        client.as_mut().is_some_and(|c| c.info("master_link_status") == "up")
    });
}

/// Waits until everything a master has written is in a replica's memory.
pub fn wait_to_catch_up(master: &Server, replica: &Server) {
    wait_for_link(replica);
    let (mut master, mut replica) = (master.client(), replica.client());
    wait_until("the replica to catch up", || {
        let offset = master.info("master_repl_offset");
        replica.info("master_link_status") == "up" && replica.info("slave_repl_offset") == offset
    });
}

/// Sends a command that must be answered with `+OK`.
pub fn ok(server: &Server, words: &[&str]) {
    let reply = server.client().command(words);
    assert!(reply.is_ok(), "{words:?}: {reply:?}");
}

/// The digest of a server's data.
pub fn digest(server: &Server) -> String {
    server.client().command(&["DEBUG", "DIGEST"]).text()
}

/// Waits for a replica and compares the data. Keys may expire between two looks: what counts is that the
/// data come to be the same and stay so when nobody writes.
pub fn assert_same_data(master: &Server, replica: &Server) {
    wait_to_catch_up(master, replica);
    let started = Instant::now();
    while digest(master) != digest(replica) {
        let differences = differences(master, replica);
        assert!(started.elapsed() < SETTLING_MAX, "the data differ: {differences:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What keys of the first databases have in one server and in the other, where that is not the same.
fn differences(one: &Server, other: &Server) -> Vec<String> {
    let contents = |server: &Server| {
        let mut client = server.client();
        let mut found = BTreeMap::new();
        for db in ["0", "1", "2"] {
            client.command(&["SELECT", db]);
            for key in client.command(&["KEYS", "*"]).items() {
                let key = key.text();
                let value = match client.command(&["GET", &key]) {
                    // A collection.
                    Value::Error(_) => client.command(&["DEBUG", "DIGEST-VALUE", &key]),
                    string => string,
                };
                let expiry = client.command(&["PEXPIRETIME", &key]);
                found.insert(format!("{db}/{key}"), format!("{value:?} until {expiry:?}"));
            }
        }
        found
    };
    let (one, other) = (contents(one), contents(other));
    let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let different = keys.into_iter().filter(|key| one.get(*key) != other.get(*key));
    different.map(|key| format!("{key}: {:?}, {:?}", one.get(key), other.get(key))).collect()
}

/// A number of INFO.
pub fn count(server: &Server, field: &str) -> u64 {
    let text = server.client().info(field);
    text.parse().unwrap_or_else(|_| panic!("{field} is '{text}'"))
}

/// Writes to a port until it is stopped, whatever becomes of the server there. Dropped, it is stopped.
#[derive(Debug)]
pub struct Load {
    stopped: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Begins to write: all kinds of changes to keys of all types, transactions, in three databases.
    pub fn start(port: u16, seed: u64) -> Self {
        let (stopped, acknowledged) = (Arc::default(), Arc::default());
        let writer = Writer {
            port,
            random: fastrand::Rng::with_seed(seed),
            stopped: Arc::clone(&stopped),
            acknowledged: Arc::clone(&acknowledged),
        };
        let thread = Some(std::thread::spawn(move || writer.run()));
        Self { stopped, acknowledged, thread }
    }

    /// Replies received so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Waits until so many more writes have been acknowledged.
    pub fn wait_for_more(&self, writes: u64) {
        let goal = self.acknowledged() + writes;
        wait_until("writes to be acknowledged", || self.acknowledged() >= goal);
    }

    /// Ends the writer.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // What it has to say it has said.
            let _ = thread.join();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

struct Writer {
    port: u16,
    random: fastrand::Rng,
    stopped: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self) {
        while !self.stopped.load(Ordering::SeqCst) {
            if let Ok(mut client) = Client::connect(self.port) {
                // The server may go away at any moment: the next round finds it again.
                let _ = self.write(&mut client);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn write(&mut self, client: &mut Client) -> std::io::Result<()> {
        while !self.stopped.load(Ordering::SeqCst) {
            let (mut batch, mut replies) = (Vec::new(), 0);
            for _ in 0..self.random.u32(1..100) {
                replies += self.random_write(&mut batch);
            }
            client.send_raw(&batch)?;
            for _ in 0..replies {
                client.read()?;
                self.acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        }
        Ok(())
    }

    /// Appends one random write; returns the number of replies it will get.
    fn random_write(&mut self, batch: &mut Vec<u8>) -> u64 {
        let number = self.random.u32(0..400).to_string();
        let key = format!("key:{number}");
        let value = self.random.u64(..).to_string().repeat(self.random.usize(1..8));
        let mut push = |words: &[&str]| {
            let words: Vec<&[u8]> = words.iter().map(|w| w.as_bytes()).collect();
            batch.extend_from_slice(&encode(&words));
        };
        let db = ["0", "1", "2"][self.random.usize(0..3)];
        if self.random.u32(0..3) == 0 {
            let line = self.random_change(&number);
            push(&line.split(' ').collect::<Vec<_>>());
            return 1;
        }
        let replies = match self.random.u32(0..40) {
            0..12 => vec![vec!["SET", &key, &value]],
            12..15 => vec![vec!["DEL", &key]],
            15..18 => vec![vec!["SET", &key, &value, "PX", "300"]],
            18..22 => vec![vec!["INCR", &number]],
            22..25 => vec![vec!["SELECT", db]],
            25 => vec![vec!["APPEND", &key, "more"]],
            26 => vec![vec!["EXPIRE", &key, "1"]],
            27 => vec![vec!["PERSIST", &key]],
            28 => vec![vec!["RENAME", &key, &number]],
            29 => vec![vec!["MOVE", &key, db]],
            30 => vec![vec!["COPY", &key, &number, "DB", db, "REPLACE"]],
            31 => vec![vec!["INCRBYFLOAT", &number, "0.5"]],
            32 => vec![vec!["GETEX", &key, "PX", "200"]],
            33 => vec![vec!["GETDEL", &key]],
            34 => vec![vec!["SETRANGE", &key, "3", "xyz"]],
            35 => vec![vec!["MSET", &key, "1", &number, "2"]],
            36 => vec![vec!["GETSET", &key, &value]],
            37 if self.random.u32(0..50) == 0 => vec![vec!["FLUSHDB"]],
            37 => vec![vec!["SWAPDB", db, "1"]],
            _ => vec![vec!["MULTI"], vec!["SET", &key, "1"], vec!["INCR", &key], vec!["EXEC"]],
        };
        replies.iter().for_each(|words| push(words));
        replies.len() as u64
    }

    /// A change to a collection: few of each type, so that they grow, and some of other types than expected.
    fn random_change(&mut self, number: &str) -> String {
        let short = number.len() + usize::from(number.starts_with('1'));
        let (key, other) = (format!("key:{short}"), format!("other:{short}"));
        let member = self.random.u32(0..300);
        let value = "v".repeat(self.random.usize(0..60));
        match self.random.u32(0..40) {
            0..3 => format!("RPUSH list:{key} {member} {value}"),
            3..5 => format!("LPUSH list:{key} {value}"),
            5 => format!("LPOP list:{key} 3"),
            6 => format!("LMOVE list:{key} list:{other} RIGHT LEFT"),
            7 => format!("LTRIM list:{key} -200 -1"),
            8 => format!("LTRIM list:{other} 0 99"),
            9..12 => format!("HSET hash:{key} {member} x{value}"),
            12 => format!("HINCRBY hash:{key} count {member}"),
            13 => format!("HINCRBYFLOAT hash:{key} sum 0.5"),
            14 => format!("HDEL hash:{key} {member} count"),
            15..18 => format!("SADD set:{key} {member} m{member}"),
            18 => format!("SPOP set:{key} 3"),
            19 => format!("SMOVE set:{key} set:{other} {member}"),
            20 => format!("SUNIONSTORE set:{other} set:{key} set:none"),
            21..24 => format!("ZADD zset:{key} {member} m{member}"),
            24 => format!("ZINCRBY zset:{key} 1.5 m{member}"),
            25 => format!("ZPOPMIN zset:{key} 2"),
            26 => format!("ZREMRANGEBYRANK zset:{key} 250 -1"),
            27 => format!("ZUNIONSTORE zset:{other} 2 zset:{key} set:{key}"),
            28..31 => format!("XADD stream:{key} MAXLEN ~ 300 * f {member} g x{value}"),
            31 => format!("XADD stream:{key} * f {member}"),
            32 => format!("XTRIM stream:{key} MAXLEN 100"),
            33 => format!("XGROUP CREATE stream:{key} g 0 MKSTREAM"),
            34 => format!("XREADGROUP GROUP g c COUNT 5 STREAMS stream:{key} >"),
            35 => format!("XAUTOCLAIM stream:{key} g d 0 0 COUNT 5"),
            36 => format!("BITOP OR {number} key:{number} {number}"),
            37 => format!("PFADD hll:{key} {member}"),
            38 => format!("COPY set:{key} key:{number} REPLACE"),
            _ => format!("DEL zset:{other} set:{other}"),
        }
    }
}
