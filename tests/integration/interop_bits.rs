//! Bits and HyperLogLogs against a real redis-server under random commands: the answers, the strings
//! and how they are held, byte for byte.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use crate::bit_script::{KEYS, random_command};
use crate::command_runner::Runner;
use crate::redis_server::RedisServer;

/// Whether a reply is a sparse HyperLogLog that ends amid a run of two bytes. Redis takes what stands in
/// memory behind the string for the second one.
pub fn is_torn(reply: &[u8]) -> bool {
    let value = reply.split_at(reply.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1)).1;
    let value = &value[..value.len().saturating_sub(2)];
    let Some(mut runs) = value.get(16..).filter(|_| value.starts_with(b"HYLL\x01")) else {
        return false;
    };
    while let [first, rest @ ..] = runs {
        let is_of_two = first & 0xc0 == 0x40;
        if is_of_two && rest.is_empty() {
            return true;
        }
        runs = &rest[usize::from(is_of_two)..];
    }
    false
}

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
        let check = |runner: &mut Runner, redis: &mut RedisServer, asked: &[&[u8]]| {
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
        check(&mut runner, &mut redis, &words);
        let used = KEYS.chunks(1).filter(|key| words[1..].contains(key));
        for key in used {
            check(&mut runner, &mut redis, &[b"GET", key]);
            check(&mut runner, &mut redis, &[b"OBJECT", b"ENCODING", key]);
            let is_torn = is_torn(&runner.run(&[b"GET", key]));
            if is_torn {
                assert_eq!(runner.run(&[b"DEL", key]), redis.raw(&[b"DEL", key]));
            }
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
