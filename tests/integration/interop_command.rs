//! The command layer against a real redis-server under random commands, byte for byte.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::time::{SystemTime, UNIX_EPOCH};

use vellum::command::Run;

use crate::command_runner::Runner;
use crate::command_script::random_command;
use crate::redis_server::RedisServer;

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Whether a relative time is compared with one set before: the two servers run at different moments,
/// so that equal requests may come out different.
pub(crate) fn is_decided_by_a_millisecond(words: &[&[u8]]) -> bool {
    let command = words.first().copied().unwrap_or_default();
    let compares = (command.eq_ignore_ascii_case(b"EXPIRE")
        || command.eq_ignore_ascii_case(b"PEXPIRE"))
        && words.iter().any(|w| w.eq_ignore_ascii_case(b"GT") || w.eq_ignore_ascii_case(b"LT"));
    // The two servers begin to count a time that is over before the test is at different moments.
    let is_short = |pair: &[&[u8]]| {
        let number = std::str::from_utf8(pair[1]).ok().and_then(|text| text.parse::<u64>().ok());
        (pair[0].eq_ignore_ascii_case(b"EX") || pair[0].eq_ignore_ascii_case(b"PX"))
            && number.is_some_and(|number| (1..100_000).contains(&number))
    };
    compares || words.windows(2).any(is_short)
}

/// Whether two replies say the same: times may be told some milliseconds apart.
pub(crate) fn agree(command: &[u8], ours: &[u8], theirs: &[u8]) -> bool {
    let number = |reply: &[u8]| -> Option<i64> {
        std::str::from_utf8(reply.strip_prefix(b":")?).ok()?.trim().parse().ok()
    };
    if command.to_ascii_uppercase().ends_with(b"EXPIRETIME")
        && let (Some(ours), Some(theirs)) = (number(ours), number(theirs))
    {
        return ours.abs_diff(theirs) < 1000;
    }
    if command == b"DUMP" {
        // Two compressors need not find the same repetitions; `interop_rdb` restores payloads.
        return ours.starts_with(b"$-1") == theirs.starts_with(b"$-1");
    }
    ours == theirs
}

#[test]
fn random_commands_are_answered_as_redis_answers_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut redis = RedisServer::start(dir.path());
    let mut rng = fastrand::Rng::with_seed(2026);
    let mut runner = Runner::new();
    for _ in 0..30_000 {
        let words = random_command(&mut rng, false);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        // The host's commands are not here, and orders and sizes are our own.
        let resolved = runner.resolve(&words);
        if resolved.is_some_and(|spec| {
            !matches!(spec.run, Run::Handler(_))
                || matches!(spec.name, "scan" | "memory|usage" | "command|list" | "object|help")
        }) {
            continue;
        }
        if is_decided_by_a_millisecond(&words) {
            continue;
        }
        runner.now_ms = unix_ms();
        let (ours, theirs) = (runner.run(&words), redis.raw(&words));
        let told: Vec<String> = words.iter().map(|w| w.escape_ascii().to_string()).collect();
        assert!(
            agree(words[0], &ours, &theirs),
            "{}\nours   {}\ntheirs {}",
            told.join(" "),
            ours.escape_ascii(),
            theirs.escape_ascii()
        );
    }
}
