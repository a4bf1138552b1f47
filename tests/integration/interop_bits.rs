//! Bits and HyperLogLogs against a real redis-server under random commands: the answers, the strings
//! and how they are held, byte for byte.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use crate::bit_script::{KEYS, random_command};
use crate::command_runner::Runner;
use crate::redis_server::RedisServer;

/// Runs random commands on both, where sparse HyperLogLogs may become so long.
fn compare(seed: u64, hll_sparse_len_max: usize, commands: usize) {
    let dir = tempfile::tempdir().unwrap();
    let len_max = hll_sparse_len_max.to_string();
    let mut redis = RedisServer::start_with(dir.path(), &["--hll-sparse-max-bytes", &len_max]);
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut runner = Runner::new();
    runner.settings.hll_sparse_len_max = hll_sparse_len_max;
    let mut history: Vec<String> = Vec::new();
    for number in 0..commands {
        let words = random_command(&mut rng);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        history.push(words.iter().map(|w| w.escape_ascii().to_string() + " ").collect());
        let mut check = |asked: &[&[u8]]| {
            let (ours, theirs) = (runner.run(asked), redis.raw(asked));
            assert!(
                ours == theirs,
                "command {number}, {}\n...\n{}\n{}\nours   {}\ntheirs {}",
                asked[0].escape_ascii(),
                history[history.len().saturating_sub(4)..].join("\n"),
                asked.iter().map(|w| w.escape_ascii().to_string() + " ").collect::<String>(),
                ours.escape_ascii(),
                theirs.escape_ascii()
            );
        };
        check(&words);
        let used = KEYS.chunks(1).filter(|key| words[1..].contains(key));
        for key in used {
            check(&[b"GET", key]);
            check(&[b"OBJECT", b"ENCODING", key]);
        }
    }
}

#[test]
fn random_commands_on_bits_lead_to_the_bytes_that_redis_has() {
    compare(1, 3000, 20_000);
}

#[test]
fn sparse_hyperloglogs_become_dense_where_those_of_redis_do() {
    for (seed, len_max) in [(2, 0), (3, 100), (4, 12_000)] {
        compare(seed, len_max, 4000);
    }
}
