//! Data sets of every shape there is, written through a server, and the state of a server as a whole.

use crate::command_script::random_command;
use crate::support::client::encode;
use crate::support::{Client, Value};

/// Databases a server has by default.
pub const DATABASES: usize = 16;

/// Everything a server can be asked for about its data.
#[derive(Debug, PartialEq, Eq)]
pub struct Contents {
    /// What DEBUG DIGEST says.
    pub digest: String,
    /// Every key: its database, its name, and when it expires in milliseconds since the Unix epoch.
    pub keys: Vec<(usize, Vec<u8>, i64)>,
}

/// Writes about `count` commands: all databases, binary keys, expiries, transactions, long values.
pub fn write_mix(client: &mut Client, rng: &mut fastrand::Rng, count: usize) {
    let mut batch = Vec::new();
    let mut sent = 0;
    let mut send = |batch: &mut Vec<u8>, words: &[&[u8]]| {
        batch.extend(encode(words));
        sent += 1;
    };
    for _ in 0..count {
        match rng.u8(..20) {
            0 => {
                let db = [0, 3, 9, DATABASES - 1][rng.usize(..4)].to_string();
                send(&mut batch, &[b"SELECT", db.as_bytes()]);
            }
            1 => {
                let db = rng.usize(..DATABASES).to_string();
                send(&mut batch, &[b"MULTI"]);
                send(&mut batch, &[b"INCR", b"in a transaction"]);
                send(&mut batch, &[b"SELECT", db.as_bytes()]);
                send(&mut batch, &[b"SET", &bytes(rng, 12), &bytes(rng, 40)]);
                send(&mut batch, &[b"EXEC"]);
            }
            2 => send(&mut batch, &[b"SET", &bytes(rng, 12), &vec![b'l'; rng.usize(..30_000)]]),
            3..8 => send(&mut batch, &[b"SET", &bytes(rng, 12), &bytes(rng, 200)]),
            8..10 => {
                let when = (4_102_444_800_000 + rng.u64(..1 << 30)).to_string();
                send(&mut batch, &[b"SET", &bytes(rng, 12), b"v", b"PXAT", when.as_bytes()]);
            }
            _ => {
                let words = random_command(rng, false);
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                send(&mut batch, &words);
            }
        }
    }
    client.send_raw(&batch).expect("sent");
    for _ in 0..sent {
        let reply = client.read().expect("a reply");
        assert!(!format!("{reply:?}").starts_with("-MISCONF"), "{reply:?}");
    }
}

/// What `client`'s server holds.
pub fn contents(client: &mut Client) -> Contents {
    let mut keys = Vec::new();
    for db in 0..DATABASES {
        assert!(client.command(&["SELECT", &db.to_string()]).is_ok());
        for key in client.command(&["KEYS", "*"]).items() {
            let Value::Bulk(key) = key else { panic!("not a key: {key:?}") };
            let expires = client.command_bytes(&[b"PEXPIRETIME", key]).integer();
            keys.push((db, key.clone(), expires));
        }
    }
    keys.sort();
    Contents { digest: client.command(&["DEBUG", "DIGEST"]).text(), keys }
}

fn bytes(rng: &mut fastrand::Rng, len_max: usize) -> Vec<u8> {
    let len = rng.usize(1..=len_max);
    std::iter::repeat_with(|| rng.u8(..)).take(len).collect()
}
