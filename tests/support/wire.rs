//! Conversations with a server as text files: what is said, and how much of the answers must agree.
//!
//! ```text
//! == title            a scenario: connections are new and all databases empty
//! # remark
//! SET a "x\r\n"       a command in redis-cli's quoting; %{45:x} is 45 times x, $name a saved answer
//! 2> GET a            the same on connection 2
//! !CLIENT REPLY OFF   a command that is not answered; 2! on connection 2
//! <                   one more answer is read; 2< from connection 2
//! as name             saves the last answer's text
//! = +OK\r\n           what Vellum answers, where Redis 7.2 and the installed server differ;
//! =3 _\r\n            the same for one protocol only
//! ~ ~~ ~word          how answers are compared: see `Rule`
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use vellum::resp::inline;

use super::{Client, Server, client::encode};

/// How two answers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Byte for byte.
    Exact,
    /// `~`: numbers may differ.
    Numbers,
    /// `~~`: the first byte counts.
    Kind,
    /// `~help`: the words are our own; first line and form are not.
    Help,
    /// `~hello`: numbers may differ, and Vellum gives its own version at the end.
    Hello,
    /// `~line`: fields of CLIENT LIST; 7.2 shows the library as well.
    ClientLine,
    /// `~sorted`: Redis answers in no order.
    Sorted,
    /// `~object`: DEBUG OBJECT; addresses and ages differ.
    Object,
    /// `~histogram`: how long it took differs.
    Histogram,
    /// `~role`: numbers may differ, and whether a replica is about to connect or at it.
    Role,
}

impl Rule {
    fn parse(text: &str) -> Self {
        match text {
            "~" => Self::Numbers,
            "~~" => Self::Kind,
            "~help" => Self::Help,
            "~hello" => Self::Hello,
            "~line" => Self::ClientLine,
            "~sorted" => Self::Sorted,
            "~object" => Self::Object,
            "~histogram" => Self::Histogram,
            "~role" => Self::Role,
            other => panic!("no rule: {other}"),
        }
    }

    /// Whether Vellum's answer says what Redis's says.
    pub fn agrees(self, ours: &[u8], theirs: &[u8]) -> bool {
        match self {
            Self::Exact => ours == theirs,
            Self::Numbers => without_numbers(ours) == without_numbers(theirs),
            Self::Kind => ours.first() == theirs.first(),
            Self::Help => {
                // Under the first line come pairs: a form, and what it does.
                lines(ours).get(1) == lines(theirs).get(1) && !lines(ours).len().is_multiple_of(2)
            }
            Self::Hello => {
                let own = b"$#\r\nvellum_version\r\n$#\r\n#.#\r\n";
                let ours = without_numbers(ours);
                ours.strip_suffix(own).unwrap_or(&ours) == without_numbers(theirs)
            }
            Self::ClientLine => {
                let theirs = client_fields(theirs).into_iter().map(|mut fields| {
                    fields.extend(["lib-name".to_owned(), "lib-ver".to_owned()]);
                    fields
                });
                client_fields(ours).into_iter().eq(theirs)
            }
            Self::Sorted => {
                lines(ours).into_iter().collect::<BTreeSet<_>>()
                    == lines(theirs).into_iter().collect::<BTreeSet<_>>()
            }
            Self::Object => object_words(ours) == object_words(theirs),
            Self::Histogram => {
                let counted = |reply: &[u8]| {
                    let lines = lines(reply).into_iter().filter(|line| !line.starts_with(':'));
                    without_numbers(lines.collect::<String>().as_bytes())
                };
                counted(ours) == counted(theirs)
            }
            Self::Role => {
                let role = |reply: &[u8]| {
                    let lines = lines(&without_numbers(reply)).into_iter();
                    let steady =
                        |l: String| if l == "connecting\\r" { "connect\\r".into() } else { l };
                    lines.map(steady).collect::<Vec<String>>()
                };
                role(ours) == role(theirs)
            }
        }
    }
}

/// The lines of an answer; all of its bytes are in them.
fn lines(reply: &[u8]) -> Vec<String> {
    reply.split(|&b| b == b'\n').map(|line| line.escape_ascii().to_string()).collect()
}

/// The answer with `#` for every number, a fraction included.
pub fn without_numbers(reply: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = reply;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if !first.is_ascii_digit() {
            out.push(first);
            continue;
        }
        out.push(b'#');
        rest = rest.trim_start_digits();
        if let [b'.', fraction @ ..] = rest
            && fraction.first().is_some_and(u8::is_ascii_digit)
        {
            rest = fraction.trim_start_digits();
        }
    }
    out
}

trait TrimDigits {
    fn trim_start_digits(&self) -> &Self;
}

impl TrimDigits for [u8] {
    fn trim_start_digits(&self) -> &Self {
        let len = self.iter().take_while(|b| b.is_ascii_digit()).count();
        &self[len..]
    }
}

fn client_fields(reply: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(reply);
    let lines = text.lines().filter(|line| line.contains("addr="));
    let name = |field: &str| field.split('=').next().unwrap_or_default().replace("txt:", "");
    lines.map(|line| line.split(' ').map(name).collect()).collect()
}

fn object_words(reply: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(reply);
    let mask = |word: &str| match word.split_once(':') {
        Some((name @ ("at" | "lru" | "lru_seconds_idle"), _)) => name.to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ').map(mask).collect()
}

/// What happens in one step.
#[derive(Clone, Debug)]
enum Action {
    /// Send and read.
    Call(String),
    /// Send; nothing comes.
    Send(String),
    /// Read.
    Read,
}

#[derive(Clone, Debug)]
struct Step {
    line: usize,
    connection: u8,
    action: Action,
    rule: Rule,
    /// For RESP2 and RESP3: what Vellum answers whatever the other does, escaped.
    expected: [Option<String>; 2],
    save_as: Option<String>,
}

/// One conversation.
#[derive(Clone, Debug)]
pub struct Scenario {
    title: String,
    steps: Vec<Step>,
}

/// Reads a file of scenarios.
pub fn parse(text: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line)) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix("== ") {
            scenarios.push(Scenario { title: title.to_owned(), steps: Vec::new() });
            continue;
        }
        let steps = &mut scenarios.last_mut().expect("a title before the first step").steps;
        let last = steps.last_mut();
        if line.starts_with('~') {
            last.expect("a step before its rule").rule = Rule::parse(line);
        } else if let Some(name) = line.strip_prefix("as ") {
            last.expect("a step before its name").save_as = Some(name.to_owned());
        } else if let Some(expected) = line.strip_prefix('=') {
            let (protocol, text) = expected.split_once(' ').expect("= text, =2 text or =3 text");
            let expect = &mut last.expect("a step before its answer").expected;
            for (slot, own) in expect.iter_mut().zip(["2", "3"]) {
                if protocol.is_empty() || protocol == own {
                    *slot = Some(text.to_owned());
                }
            }
        } else {
            steps.push(step(number, line));
        }
    }
    scenarios
}

fn step(line: usize, text: &str) -> Step {
    let bytes = text.as_bytes();
    let numbered = matches!(bytes, [b'1'..=b'9', b'>' | b'!' | b'<', ..]);
    let connection = if numbered { bytes[0] - b'0' } else { 1 };
    let rest = &text[usize::from(numbered)..];
    let action = match rest.split_at_checked(1) {
        Some(("!", command)) => Action::Send(command.to_owned()),
        Some(("<", _)) => Action::Read,
        Some((">", command)) => Action::Call(command.to_owned()),
        _ => Action::Call(rest.to_owned()),
    };
    Step {
        line,
        connection,
        action,
        rule: Rule::Exact,
        expected: [const { None }; 2],
        save_as: None,
    }
}

/// Writes out `%{count:text}`.
fn repeat(command: &str) -> String {
    let mut out = String::new();
    let mut rest = command;
    while let Some((before, after)) = rest.split_once("%{") {
        let (inner, tail) = after.split_once('}').expect("%{count:text}");
        let (count, text) = inner.split_once(':').expect("%{count:text}");
        out.push_str(before);
        out.push_str(&text.repeat(count.parse().expect("a count")));
        rest = tail;
    }
    out + rest
}

/// The words of a command line.
fn words(command: &str) -> Vec<Vec<u8>> {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    inline::split_words(repeat(command).as_bytes(), &mut bytes, &mut spans)
        .expect("balanced quotes");
    spans.iter().map(|span| bytes[span.start..span.end].to_vec()).collect()
}

/// One server's side of a conversation.
struct Side<'a> {
    server: &'a Server,
    protocol: u8,
    connections: BTreeMap<u8, Client>,
    saved: BTreeMap<String, Vec<u8>>,
}

impl Side<'_> {
    fn take(&mut self, step: &Step) -> io::Result<Vec<u8>> {
        let (server, protocol) = (self.server, self.protocol);
        let client = self.connections.entry(step.connection).or_insert_with(|| {
            let mut client = server.client();
            if protocol == 3 {
                client.command(&["HELLO", "3"]);
            }
            client
        });
        if let Action::Call(command) | Action::Send(command) = &step.action {
            let mut words = words(command);
            for word in &mut words {
                let name = word.strip_prefix(b"$").map(|name| String::from_utf8_lossy(name));
                if let Some(value) = name.and_then(|name| self.saved.get(name.as_ref())) {
                    word.clone_from(value);
                }
            }
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            client.send_raw(&encode(&words))?;
        }
        if matches!(step.action, Action::Send(_)) {
            return Ok(Vec::new());
        }
        let reply = client.read_raw()?;
        if let Some(name) = &step.save_as {
            let body = match reply.first() {
                Some(b'$') => reply.split(|&b| b == b'\n').next().map_or(0, |line| line.len() + 1),
                _ => 1,
            };
            self.saved.insert(name.clone(), reply[body..reply.len() - 2].to_vec());
        }
        Ok(reply)
    }
}

/// Plays `scenario` to both servers; a line for every step at which they differ.
pub fn differences(
    scenario: &Scenario,
    protocol: u8,
    vellum: &Server,
    redis: &Server,
) -> Vec<String> {
    let side =
        |server| Side { server, protocol, connections: BTreeMap::new(), saved: BTreeMap::new() };
    let (mut ours, mut theirs) = (side(vellum), side(redis));
    for server in [vellum, redis] {
        assert!(server.client().command(&["FLUSHALL"]).is_ok(), "before {}", scenario.title);
    }
    let mut found = Vec::new();
    for step in &scenario.steps {
        let told = |reply: &io::Result<Vec<u8>>| match reply {
            Ok(bytes) => bytes.escape_ascii().to_string().replace("\\'", "'"),
            Err(_) => "closed".to_owned(),
        };
        let (our, their) = (ours.take(step), theirs.take(step));
        let expected = step.expected[usize::from(protocol - 2)].as_ref();
        let same = match (expected, &our, &their) {
            (Some(expected), _, _) => told(&our) == *expected,
            (None, Ok(our), Ok(their)) => step.rule.agrees(our, their),
            (None, our, their) => our.is_err() == their.is_err(),
        };
        if !same {
            let wanted = expected.cloned().unwrap_or_else(|| told(&their));
            found.push(format!(
                "line {} ({}, RESP{protocol}): {:?}\n  ours   {}\n  wanted {wanted}",
                step.line,
                scenario.title,
                step.action,
                told(&our)
            ));
        }
    }
    found
}
