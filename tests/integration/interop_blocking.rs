//! Clients that wait, beside a real redis-server: who is served with what, in which order, byte for byte.
//!
//! What a consumer is told whose group goes is not here: Redis 7.0 has other words for it than 7.2. Nor is
//! what one gets who waits for several streams that come at once: 7.0 tells of one of them, 7.2 of all.

use crate::support::pair::{Pair, digest};
use crate::support::{Client, Server, wait_until};

/// A conversation: what there is before, who waits for what, and what is done then. `$0` is the ID of the
/// first client that waits, and so on.
struct Scene {
    before: &'static [&'static str],
    waiting: &'static [&'static str],
    then: &'static [&'static str],
}

const SCENES: &[Scene] = &[
    Scene {
        before: &[],
        waiting: &["BLPOP a b 0", "BRPOP b a 0", "BLMPOP 0 2 a b LEFT COUNT 2", "BLPOP a 0"],
        then: &["RPUSH a 1 2 3 4 5", "EXISTS a"],
    },
    Scene {
        before: &["RPUSH c x"],
        waiting: &["BLMOVE a b LEFT RIGHT 0", "BRPOPLPUSH b c 0", "BLPOP b 0"],
        then: &["MULTI", "RPUSH a 1", "LPUSH a 2", "EXEC", "RPUSH b 3", "LRANGE c 0 -1"],
    },
    Scene {
        before: &[],
        waiting: &["BZPOPMIN z 0", "BZPOPMAX y z 0", "BZMPOP 0 2 y z MAX COUNT 2", "BZPOPMIN z 0"],
        then: &["ZADD z 1 a 2 b 3.5 c 4 d -inf e", "EXISTS z"],
    },
    Scene {
        before: &["ZADD other 1 m 2 n 3 o"],
        waiting: &["BZPOPMAX z 0", "BZMPOP 0 1 z MIN"],
        then: &["SET z v", "DEL z", "ZUNIONSTORE z 1 other WEIGHTS 0.125", "ZRANGE z 0 -1"],
    },
    Scene {
        before: &["XADD x 1-0 f old"],
        waiting: &["XREAD BLOCK 0 STREAMS x $", "XREAD COUNT 1 BLOCK 0 STREAMS y x 0 $"],
        then: &["MULTI", "XADD x 2-0 f v", "XADD x 3-0 f v", "EXEC"],
    },
    Scene {
        before: &["XGROUP CREATE x g $ MKSTREAM"],
        waiting: &[
            "XREADGROUP GROUP g alice COUNT 1 BLOCK 0 STREAMS x >",
            "XREADGROUP GROUP g bob BLOCK 0 STREAMS x >",
            "XREADGROUP GROUP g carol NOACK BLOCK 0 STREAMS x >",
        ],
        then: &[
            "XADD x 1-0 f v",
            "MULTI",
            "XADD x 2-0 f v",
            "XADD x 3-0 f v",
            "EXEC",
            "XADD x 4-0 f v g w",
            "XPENDING x g",
            "XINFO GROUPS x",
            "XRANGE x - +",
        ],
    },
    Scene {
        before: &[],
        waiting: &[
            "BLPOP a 0.02",
            "BLMOVE a b LEFT LEFT 0.02",
            "BZPOPMIN z 0.02",
            "BZMPOP 0.02 1 z MIN",
            "XREAD BLOCK 20 STREAMS x $",
        ],
        then: &[],
    },
    Scene {
        before: &["XGROUP CREATE x g $ MKSTREAM"],
        waiting: &["XREADGROUP GROUP g alice BLOCK 0 STREAMS x >", "XREAD BLOCK 0 STREAMS x $"],
        then: &["CLIENT UNBLOCK $0 ERROR", "CLIENT UNBLOCK $1", "XADD x 1-0 f v", "XPENDING x g"],
    },
    Scene {
        before: &[],
        waiting: &["BZPOPMIN z 0", "BZMPOP 0 1 z MAX"],
        then: &["CLIENT UNBLOCK $1 TIMEOUT", "CLIENT UNBLOCK $0 ERROR", "ZADD z 1 a", "ZCARD z"],
    },
    Scene {
        before: &["XGROUP CREATE x g $ MKSTREAM", "SET s v"],
        waiting: &[],
        then: &[
            "MULTI",
            "BLPOP a 0",
            "BZPOPMIN z 0",
            "BZMPOP 0 1 z MIN",
            "XREAD BLOCK 0 STREAMS x $",
            "XREADGROUP GROUP g c BLOCK 0 STREAMS x >",
            "EXEC",
            "BZPOPMIN s 0",
            "BZMPOP 0 1 s MIN",
            "BZMPOP 0 0 z MIN",
            "BZMPOP x 1 z MIN",
            "BZPOPMAX z -1",
            "XREAD BLOCK 0 STREAMS s $",
            "XREAD BLOCK -1 STREAMS x $",
            "XREAD BLOCK x STREAMS x $",
            "XREADGROUP GROUP none c BLOCK 0 STREAMS x >",
            "XREADGROUP GROUP g c BLOCK 0 STREAMS x 0",
        ],
    },
];

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// All answers of a scene, and the digest at its end.
fn play(scene: &Scene, protocol: &str, server: &Server) -> Vec<String> {
    let connect = || {
        let mut client = server.client();
        client.command(&["HELLO", protocol]);
        client
    };
    let text = |client: &mut Client| {
        let reply = client.read_raw().expect("a reply");
        reply.escape_ascii().to_string()
    };
    let (mut client, mut watcher) = (connect(), server.client());
    client.command(&["FLUSHALL"]);
    for line in scene.before {
        client.command(&words(line));
    }
    let (mut waiting, mut ids) = (Vec::new(), Vec::new());
    for line in scene.waiting {
        let before: usize = watcher.info("blocked_clients").parse().expect("a number");
        let mut one = connect();
        ids.push(one.command(&["CLIENT", "ID"]).integer().to_string());
        one.send(&words(line)).expect("a connection");
        // One that waits for a moment only may be over before it is seen.
        if !scene.then.is_empty() {
            wait_until("the client to wait", || {
                watcher.info("blocked_clients").parse::<usize>().expect("a number") > before
            });
        }
        waiting.push(one);
    }
    let mut answers = Vec::new();
    for line in scene.then {
        let line = words(line).into_iter().map(|word| match word {
            "$0" => ids[0].as_str(),
            "$1" => ids[1].as_str(),
            word => word,
        });
        let line: Vec<&str> = line.collect();
        client.send(&line).expect("a connection");
        answers.push(text(&mut client));
    }
    answers.extend(waiting.iter_mut().map(text));
    answers.push(digest(&mut watcher));
    answers
}

#[test]
fn those_who_wait_are_served_as_by_redis() {
    let pair = Pair::start(&[]);
    for (number, scene) in SCENES.iter().enumerate() {
        for protocol in ["2", "3"] {
            let ours = play(scene, protocol, &pair.vellum);
            let theirs = play(scene, protocol, &pair.redis);
            assert_eq!(ours, theirs, "scene {number} in RESP{protocol}: {:?}", scene.waiting);
        }
    }
}
