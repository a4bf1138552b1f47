//! Client-side caching beside redis-server: the same messages to the same clients, and the same errors.

use crate::support::client::encode;
use crate::support::{Client, Program, Server, wait_until};

/// Both servers, with the same connections to each, numbered alike.
struct Pair {
    servers: [Server; 2],
    clients: Vec<[Client; 2]>,
    ids: Vec<i64>,
    steps: usize,
    _dir: tempfile::TempDir,
}

impl Pair {
    /// Servers with `clients` connections each.
    fn start(clients: usize) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let args = ["--save", "", "--appendonly", "no"];
        let start = |program, name| Server::start(program, &dir.path().join(name), &args);
        let servers = [start(Program::Vellum, "vellum"), start(Program::Redis, "redis")];
        let mut pair = Self { servers, clients: Vec::new(), ids: Vec::new(), steps: 0, _dir: dir };
        for _ in 0..clients {
            pair.connect();
        }
        pair
    }

    /// Connects once more to both, so that both give the connection the same number.
    fn connect(&mut self) -> usize {
        let mut fresh = self.servers.each_ref().map(Server::client);
        loop {
            let ids = fresh.each_mut().map(|client| client.command(&["CLIENT", "ID"]).integer());
            if ids[0] == ids[1] {
                self.ids.push(ids[0]);
                self.clients.push(fresh);
                return self.clients.len() - 1;
            }
            let behind = usize::from(ids[0] > ids[1]);
            fresh[behind] = self.servers[behind].client();
        }
    }

    /// Has a client send commands, with `; ` between them, to both servers, and compares what each client is
    /// told by it. Words like `$2` stand for the number of a client. Returns how many messages there were.
    fn run(&mut self, client: usize, line: &str) -> usize {
        let commands: Vec<&str> = line.split("; ").collect();
        let request: Vec<u8> = commands.iter().flat_map(|command| self.encode(command)).collect();
        for side in &mut self.clients[client] {
            side.send_raw(&request).expect("sent");
        }
        self.steps += 1;
        let mut messages = 0;
        // Once the client has its replies the others can have their messages.
        let others = (0..self.clients.len()).filter(|&n| n != client);
        for n in std::iter::once(client).chain(others).collect::<Vec<_>>() {
            let replies = if n == client { commands.len() } else { 0 };
            let [mut ours, mut theirs] = [0, 1].map(|side| self.told(n, side, replies));
            if n == client && line.starts_with("HELLO") {
                // They are different servers, but speak the same protocol.
                for told in [&mut ours, &mut theirs] {
                    told[0].truncate(1);
                }
            }
            assert_eq!(ours, theirs, "client {n}, after {line} of client {client}");
            messages += ours.len() - replies;
        }
        messages
    }

    fn encode(&self, command: &str) -> Vec<u8> {
        let words = command.split(' ').map(|word| match word.strip_prefix('$') {
            Some(n) => self.ids[n.parse::<usize>().expect("a client")].to_string(),
            None => word.replace("\"\"", ""),
        });
        let words: Vec<String> = words.collect();
        encode(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>())
    }

    /// All that a client has been told since the last call, byte for byte; so many replies are among it.
    fn told(&mut self, client: usize, side: usize, replies: usize) -> Vec<String> {
        let marker = format!("marker-{}", self.steps);
        let client = &mut self.clients[client][side];
        let mut told = Vec::new();
        let mut missing = replies;
        while missing > 0 {
            let reply = client.read_raw().expect("a reply").escape_ascii().to_string();
            let is_message = is_message(&reply);
            missing -= usize::from(!is_message);
            told.push(if is_message { with_one_null(&reply) } else { reply });
        }
        // Not before the replies: what a turn has changed is told behind all that was asked in it.
        client.send(&["PING", &marker]).expect("sent");
        loop {
            let reply = client.read_raw().expect("a reply").escape_ascii().to_string();
            if reply.contains(&marker) {
                return told;
            }
            told.push(if is_message(&reply) { with_one_null(&reply) } else { reply });
        }
    }

    fn script(&mut self, script: &str) -> usize {
        let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
        lines
            .map(|line| {
                let (client, command) = line.split_once(": ").expect("a client and a command");
                self.run(client.parse().expect("a number"), command)
            })
            .sum()
    }
}

/// Whether it is nobody's answer.
fn is_message(reply: &str) -> bool {
    let words = ["$10\\r\\ninvalidate", "$21\\r\\ntracking-redir-broken", "$7\\r\\nmessage"];
    let body = reply.get(6..).unwrap_or_default();
    reply.starts_with(['>', '*']) && words.iter().any(|word| body.starts_with(word))
}

/// A message with the null of RESP3. Redis 7.0 takes that of the client that tracks, in whose place another
/// is told, and a client of RESP2 cannot make anything of it; Vellum that of the one that is told.
fn with_one_null(message: &str) -> String {
    match message.strip_suffix("$-1\\r\\n") {
        Some(start) => format!("{start}_\\r\\n"),
        None => message.to_owned(),
    }
}

#[test]
fn messages_are_those_of_redis() {
    let mut pair = Pair::start(5);
    let messages = pair.script(
        "0: HELLO 3
        0: CLIENT TRACKING ON
        0: GET a
        0: GET a
        1: SET a 1
        1: SET a 2
        0: MGET a b c
        0: SET a 3
        1: DEL b c
        0: EXISTS a b
        0: TTL a
        1: EXPIRE a 100
        0: TYPE a
        1: PERSIST a
        0: STRLEN a
        1: SELECT 1
        1: SET a other
        1: SELECT 0
        0: GET a
        1: RENAME a z
        0: GET z
        0: LRANGE z 0 1
        1: DEL z
        0: GET z
        1: FLUSHDB
        0: GET z
        0: FLUSHALL
        1: SET z 1
        0: LINDEX l 0
        0: LLEN l
        1: RPUSH l 1
        0: XREAD STREAMS s t 0 0
        1: XADD t 1-1 a b
        0: SUBSCRIBE z
        0: GET z
        1: SET z 2
        1: PUBLISH z z
        0: MULTI; GET m; SET m 1; GET n; EXEC
        1: MSET m 1 n 2 o 3
        0: GET m
        0: CLIENT TRACKING OFF
        1: SET m 2
        0: CLIENT TRACKING ON
        1: SET m 3
        0: GET m
        0: RESET
        1: SET m 4",
    );
    assert!(messages > 12, "{messages}");
}

#[test]
fn redirected_messages_are_those_of_redis() {
    let mut pair = Pair::start(5);
    let messages = pair.script(
        "4: CLIENT TRACKING ON
        0: CLIENT TRACKING ON REDIRECT $1
        0: GET a
        2: SET a 1
        1: SUBSCRIBE __redis__:invalidate
        0: GET a
        2: SET a 2
        0: GET a
        0: SET a 3
        0: CLIENT TRACKINGINFO
        0: CLIENT GETREDIR
        2: FLUSHALL
        0: FLUSHDB
        1: UNSUBSCRIBE
        0: GET a
        2: SET a 2
        1: HELLO 3
        0: GET a
        2: SET a 2
        2: FLUSHALL
        0: CLIENT TRACKING ON REDIRECT $0
        0: GET a
        2: SET a 3
        0: HELLO 3
        0: GET a
        2: SET a 3
        0: CLIENT TRACKING ON REDIRECT $3
        0: CLIENT TRACKINGINFO",
    );
    assert!(messages > 6, "{messages}");
    pair.clients.remove(3);
    let gone = format!("id={} ", pair.ids.remove(3));
    for server in &pair.servers {
        let mut client = server.client();
        wait_until("the connection to be forgotten", || {
            let list = client.command(&["CLIENT", "LIST"]).text();
            !list.lines().any(|line| line.starts_with(&gone))
        });
    }
    let messages = pair.script(
        "0: GET a
        2: SET a 4
        0: CLIENT TRACKINGINFO
        0: GET a
        0: SET a 5
        2: FLUSHALL
        0: CLIENT GETREDIR
        0: CLIENT TRACKING ON
        0: CLIENT TRACKINGINFO",
    );
    assert_eq!(messages, 3);
}

#[test]
fn modes_are_those_of_redis() {
    let mut pair = Pair::start(4);
    let messages = pair.script(
        "0: HELLO 3
        1: HELLO 3
        0: CLIENT TRACKING ON OPTIN
        0: GET a
        2: SET a 1
        0: CLIENT CACHING YES; CLIENT TRACKINGINFO; CLIENT ID; GET a; GET b; CLIENT TRACKINGINFO
        2: MSET a 1 b 1
        0: CLIENT CACHING YES; MULTI; GET a; GET b; EXEC; CLIENT TRACKINGINFO; GET c
        2: MSET b 2 a 2 c 2
        0: CLIENT CACHING YES; NOSUCH; GET a
        0: CLIENT CACHING YES; GET; GET a
        0: CLIENT CACHING YES; MULTI; GET a; DISCARD; GET a
        2: MSET b 2 a 2
        0: CLIENT CACHING NO
        0: CLIENT CACHING MAYBE
        0: CLIENT TRACKING ON OPTOUT
        0: CLIENT TRACKING ON
        0: CLIENT TRACKING ON OPTOUT
        0: CLIENT CACHING YES
        0: CLIENT CACHING NO; CLIENT TRACKINGINFO; GET a; GET b
        2: MSET b 2 a 2
        0: CLIENT TRACKING OFF
        0: CLIENT TRACKING ON NOLOOP
        0: MGET a b
        0: SET a 1
        2: SET a 2
        2: SET b 3
        0: FLUSHALL
        0: CLIENT TRACKING OFF
        0: CLIENT TRACKING ON BCAST PREFIX user: PREFIX object:
        0: CLIENT TRACKINGINFO
        1: CLIENT TRACKING ON BCAST NOLOOP
        1: CLIENT TRACKINGINFO
        2: MSET user:1 1 user:2 2 object:1 3 none 4 users 5 user: 6
        1: MSET user:1 1 user:2 2 object:1 3 none 4
        0: MSET user:2 1 user:1 2
        2: FLUSHALL
        1: FLUSHDB
        2: MULTI; SET user:9 1; SET user:8 1; DEL user:9 user:7; EXEC
        0: CLIENT TRACKING ON BCAST PREFIX more
        2: SET more 1
        0: CLIENT TRACKINGINFO
        0: CLIENT TRACKING OFF
        2: SET user:1 1
        1: RESET
        2: SET user:1 1",
    );
    assert!(messages > 20, "{messages}");
}

#[test]
fn errors_and_answers_are_those_of_redis() {
    let mut pair = Pair::start(3);
    pair.script(
        "0: CLIENT TRACKING
        0: CLIENT TRACKING MAYBE
        0: CLIENT TRACKING ON MAYBE
        0: CLIENT TRACKING OFF MAYBE
        0: CLIENT TRACKING ON REDIRECT
        0: CLIENT TRACKING ON REDIRECT x
        0: CLIENT TRACKING ON REDIRECT 0
        0: CLIENT TRACKING ON REDIRECT -1
        0: CLIENT TRACKING ON REDIRECT 999999
        0: CLIENT TRACKING ON REDIRECT $1 REDIRECT $2
        0: CLIENT TRACKING OFF REDIRECT 999999
        0: CLIENT TRACKING ON PREFIX
        0: CLIENT TRACKING ON PREFIX a
        0: CLIENT TRACKING ON PREFIX a BCAST PREFIX ab
        0: CLIENT TRACKING ON BCAST PREFIX ab PREFIX a
        0: CLIENT TRACKING ON BCAST PREFIX a PREFIX a
        0: CLIENT TRACKING ON BCAST PREFIX a PREFIX \"\"
        0: CLIENT TRACKING ON BCAST OPTIN
        0: CLIENT TRACKING ON BCAST OPTOUT
        0: CLIENT TRACKING ON OPTIN OPTOUT
        0: CLIENT TRACKINGINFO
        0: CLIENT GETREDIR
        0: CLIENT CACHING YES
        0: CLIENT CACHING MAYBE
        0: CLIENT CACHING
        0: CLIENT TRACKINGINFO x
        0: CLIENT GETREDIR x
        0: CLIENT TRACKING ON BCAST PREFIX b PREFIX c
        0: CLIENT TRACKING ON
        0: CLIENT TRACKING ON BCAST PREFIX ba
        0: CLIENT TRACKING ON BCAST PREFIX d PREFIX ca
        0: CLIENT TRACKING ON BCAST OPTIN PREFIX d
        0: CLIENT TRACKING ON BCAST
        0: CLIENT TRACKINGINFO
        0: CLIENT TRACKING ON BCAST PREFIX d
        0: CLIENT CACHING NO
        0: CLIENT TRACKING OFF
        0: CLIENT TRACKING ON OPTIN
        0: CLIENT TRACKING ON OPTOUT
        0: CLIENT TRACKING ON BCAST
        0: CLIENT CACHING NO
        0: CLIENT TRACKING ON NOLOOP
        0: CLIENT TRACKINGINFO
        0: CLIENT CACHING YES
        0: HELLO 3
        0: CLIENT TRACKINGINFO
        0: RESET
        0: CLIENT TRACKINGINFO",
    );
}

#[test]
fn clients_and_figures_show_what_redis_shows() {
    let mut pair = Pair::start(4);
    pair.script(
        "0: CLIENT TRACKING ON REDIRECT $1
        2: CLIENT TRACKING ON BCAST PREFIX a PREFIX b
        3: CLIENT TRACKING ON
        0: MGET x y z
        3: MGET x y",
    );
    let figures = [
        "tracking_clients",
        "tracking_total_keys",
        "tracking_total_items",
        "tracking_total_prefixes",
    ];
    let ids: Vec<String> = pair.ids.iter().map(|id| format!("id={id} ")).collect();
    let is_wanted = |word: &&str| ["flags=", "redir="].iter().any(|field| word.starts_with(field));
    for script in ["0: GET x", "1: SET x 1", "2: CLIENT TRACKING OFF", "1: FLUSHALL"] {
        pair.script(script);
        let shown = pair.clients[1].each_mut().map(|client| {
            let list = client.command(&["CLIENT", "LIST"]).text();
            let lines = list.lines().filter(|line| ids.iter().any(|id| line.starts_with(id)));
            let words = lines.map(|line| line.split(' ').filter(is_wanted).collect::<Vec<_>>());
            let words: Vec<String> = words.map(|words| words.join(" ")).collect();
            (words, figures.map(|name| client.info(name)))
        });
        assert_eq!(shown[0], shown[1], "after {script}");
    }
}

/// One of these words.
fn pick(words: &[&str], rng: &mut fastrand::Rng) -> String {
    words[rng.usize(..words.len())].to_owned()
}

fn key(rng: &mut fastrand::Rng) -> String {
    format!("{}{}", pick(&["", "a", "ab", "user:"], rng), rng.u8(..4))
}

fn read(rng: &mut fastrand::Rng) -> String {
    let command = pick(&["GET", "MGET", "EXISTS", "STRLEN", "LLEN", "SMEMBERS", "TYPE"], rng);
    let many = matches!(command.as_str(), "MGET" | "EXISTS");
    let keys = (0..if many { 3 } else { 1 }).map(|_| key(rng)).collect::<Vec<_>>();
    format!("{command} {}", keys.join(" "))
}

fn write(rng: &mut fastrand::Rng) -> String {
    match rng.u8(..10) {
        0..=3 => format!("SET {} {}", key(rng), rng.u8(..9)),
        4 => format!("MSET {} 1 {} 2 {} 3", key(rng), key(rng), key(rng)),
        5 => {
            let command = pick(&["DEL", "RENAME", "COPY", "UNLINK"], rng);
            format!("{command} {} {}", key(rng), key(rng))
        }
        6 => format!("{} {} x", pick(&["APPEND", "RPUSH", "SADD", "SETNX"], rng), key(rng)),
        7 => format!("{} {}", pick(&["INCR", "LPOP", "PERSIST", "GETDEL", "SPOP"], rng), key(rng)),
        8 => format!("EXPIRE {} {}", key(rng), pick(&["-1", "1000"], rng)),
        _ => pick(&["SET a 1", "SET b 2", "DEL a b", "FLUSHALL", "FLUSHDB", "SWAPDB 0 1"], rng),
    }
}

/// What clients may do that track; others get the messages of some.
fn random_line(rng: &mut fastrand::Rng) -> String {
    const MODES: &[&str] = &[
        "BCAST",
        "BCAST",
        "NOLOOP",
        "OPTIN",
        "OPTOUT",
        "PREFIX a",
        "PREFIX user:",
        "PREFIX b",
        "REDIRECT $3",
        "REDIRECT $4",
        "REDIRECT $5",
    ];
    match rng.u8(..20) {
        0 => {
            let mut line = format!("CLIENT TRACKING {}", pick(&["ON", "ON", "ON", "OFF"], rng));
            for _ in 0..rng.usize(..3) {
                line += " ";
                line += &pick(MODES, rng);
            }
            line
        }
        1 => format!("CLIENT CACHING {}; {}", pick(&["YES", "NO"], rng), read(rng)),
        2 => {
            let words = ["HELLO 3", "HELLO 3", "HELLO 2", "CLIENT TRACKINGINFO", "CLIENT GETREDIR"];
            pick(&words, rng)
        }
        3 => pick(&["SELECT 0", "SELECT 0", "SELECT 1", "SELECT 1", "SELECT 2", "RESET"], rng),
        4 => format!("MULTI; {}; {}; {}; EXEC", write(rng), read(rng), write(rng)),
        5..=12 => read(rng),
        _ => write(rng),
    }
}

#[test]
fn random_commands_are_told_of_as_redis_tells_of_them() {
    for seed in 0..3 {
        let mut pair = Pair::start(7);
        let mut rng = fastrand::Rng::with_seed(seed);
        // Redis forgets no key while nobody tracks; here all are then.
        pair.script(
            "6: CLIENT TRACKING ON
            0: HELLO 3
            0: CLIENT TRACKING ON
            1: HELLO 3
            1: CLIENT TRACKING ON BCAST NOLOOP
            2: CLIENT TRACKING ON REDIRECT $4
            3: HELLO 3
            4: SUBSCRIBE x",
        );
        let mut messages = 0;
        for _ in 0..4000 {
            if rng.u8(..50) == 0 {
                let words = ["HELLO 3", "HELLO 2", "SUBSCRIBE x", "UNSUBSCRIBE x", "RESET"];
                let line = pick(&words, &mut rng);
                messages += pair.run(rng.usize(3..6), &line);
            } else {
                let line = random_line(&mut rng);
                messages += pair.run(rng.usize(..3), &line);
            }
        }
        assert!(messages > 200, "{messages}");
    }
}
