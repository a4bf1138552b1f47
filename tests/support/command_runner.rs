//! Runs commands on a keyspace in memory: no server, no log, and the time stands where it is put.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]
#![expect(dead_code, reason = "each test binary uses its part")]

use vellum::command::{
    Ctx, Effect, Effects, Events, Origin, Run, Settings, Spec, Table, Touched, Waiting,
};
use vellum::keyspace::{Garbage, Keyspace};
use vellum::rdb::digest::Digest;
use vellum::resp::args::OwnedArgs;
use vellum::resp::{Args, Protocol, Reply, Span, inline};

/// The time of a fresh runner, in milliseconds since the Unix epoch.
pub const START_MS: u64 = 1_000_000;

/// A command with the database it is run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub db: usize,
    pub words: Vec<Vec<u8>>,
}

/// A key with all that is asked of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    pub db: usize,
    pub key: Vec<u8>,
    /// The string, or the digest of a collection.
    pub value: Vec<u8>,
    pub expire_ms: Option<u64>,
}

pub struct Runner {
    pub keyspace: Keyspace,
    pub settings: Settings,
    pub events: Events,
    /// Where commands say that they wait; nothing here does.
    pub waiting: Waiting,
    pub touched: Touched,
    pub protocol: Protocol,
    pub origin: Origin,
    pub db: usize,
    pub now_ms: u64,
    effects: Effects,
    garbage: Vec<Garbage>,
    rng: fastrand::Rng,
    table: Table,
    logged: Vec<Logged>,
}

impl Runner {
    /// A runner over 16 empty databases.
    pub fn new() -> Self {
        Self {
            keyspace: Keyspace::new(16, 1),
            settings: Settings::default(),
            events: Events::default(),
            waiting: Waiting::default(),
            touched: Touched::default(),
            protocol: Protocol::Resp2,
            origin: Origin::Client,
            db: 0,
            now_ms: START_MS,
            effects: Effects::default(),
            garbage: Vec::new(),
            rng: fastrand::Rng::with_seed(1),
            table: Table::new(),
            logged: Vec::new(),
        }
    }

    /// Runs a command; its reply.
    pub fn run(&mut self, words: &[&[u8]]) -> Vec<u8> {
        let owned = OwnedArgs::from_slices(words.iter().copied());
        self.run_args(&owned.as_args())
    }

    /// The row of the command that `words` ask for.
    pub fn resolve(&self, words: &[&[u8]]) -> Option<&'static Spec> {
        let owned = OwnedArgs::from_slices(words.iter().copied());
        self.table.resolve(&owned.as_args()).ok()
    }

    /// Runs a line of words as `redis-cli` takes them; its reply, escaped.
    pub fn line(&mut self, line: &str) -> String {
        let words = split(line);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.run(&words).escape_ascii().to_string()
    }

    /// What the last command logged, a line each, led by the database unless that is the selected one.
    pub fn effects(&self) -> Vec<String> {
        let show = |logged: &Logged| {
            let words: Vec<String> =
                logged.words.iter().map(|word| word.escape_ascii().to_string()).collect();
            let prefix =
                if logged.db == self.db { String::new() } else { format!("{}: ", logged.db) };
            prefix + &words.join(" ")
        };
        self.logged.iter().map(show).collect()
    }

    /// What the last command logged.
    pub fn logged(&self) -> &[Logged] {
        &self.logged
    }

    /// Runs a logged command as recovery does.
    pub fn replay(&mut self, logged: &Logged) -> Vec<u8> {
        let (db, origin) = (self.db, self.origin);
        (self.db, self.origin) = (logged.db, Origin::Replay);
        let words: Vec<&[u8]> = logged.words.iter().map(Vec::as_slice).collect();
        let reply = self.run(&words);
        (self.db, self.origin) = (db, origin);
        reply
    }

    /// Runs `f` in a context of its own, as the server does its own work.
    pub fn within<R>(&mut self, f: impl FnOnce(&mut Ctx<'_>) -> R) -> R {
        self.call(None, f).0
    }

    /// All keys with value and time, sorted.
    pub fn content(&self) -> Vec<Held> {
        let entries = (0..self.keyspace.databases())
            .flat_map(|db| self.keyspace.db(db).iter().map(move |entry| (db, entry)));
        let mut all: Vec<Held> = entries
            .map(|(db, entry)| Held {
                db,
                key: entry.key().to_vec(),
                value: match entry.as_string() {
                    Some(string) => string.to_cow().into_owned(),
                    None => Digest::of_value(entry).to_string().into_bytes(),
                },
                expire_ms: entry.expire_ms(),
            })
            .collect();
        all.sort();
        all
    }

    fn run_args(&mut self, args: &Args<'_>) -> Vec<u8> {
        let run = match self.table.resolve(args) {
            Ok(spec) => spec.run,
            Err(refusal) => {
                self.logged.clear();
                let mut reply = Reply::new(self.protocol);
                reply.error(refusal.reply_text(args));
                return reply.into_bytes();
            }
        };
        let Run::Handler(handler) = run else { panic!("only the server runs {args:?}") };
        self.call(Some(args), |ctx| handler(ctx, args)).1
    }

    fn call<R>(
        &mut self,
        args: Option<&Args<'_>>,
        f: impl FnOnce(&mut Ctx<'_>) -> R,
    ) -> (R, Vec<u8>) {
        self.effects.clear();
        self.touched.clear();
        self.events.clear();
        self.garbage.clear();
        let mut reply = Reply::new(self.protocol);
        let result = f(&mut Ctx {
            keyspace: &mut self.keyspace,
            db: self.db,
            now_ms: self.now_ms,
            reply: &mut reply,
            effects: &mut self.effects,
            touched: &mut self.touched,
            events: &mut self.events,
            waiting: &mut self.waiting,
            garbage: &mut self.garbage,
            rng: &mut self.rng,
            origin: self.origin,
            no_touch: false,
            settings: &self.settings,
            table: &self.table,
        });
        let words_of = |effect: Effect<'_>| match effect {
            Effect::Verbatim => args.unwrap().iter().map(<[u8]>::to_vec).collect(),
            Effect::Rewritten(bytes) => parse_command(bytes),
        };
        let logged = self.effects.iter().map(|(db, effect)| Logged { db, words: words_of(effect) });
        self.logged = logged.collect();
        (result, reply.into_bytes())
    }
}

/// The words of a line.
pub fn split(line: &str) -> Vec<Vec<u8>> {
    let (mut bytes, mut spans): (Vec<u8>, Vec<Span>) = Default::default();
    inline::split_words(line.as_bytes(), &mut bytes, &mut spans).unwrap();
    spans.iter().map(|span| bytes[span.start..span.end].to_vec()).collect()
}

fn parse_command(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut commands = vellum::resp::stream::Commands::new(bytes);
    let args = commands.next_command().unwrap().unwrap();
    args.iter().map(<[u8]>::to_vec).collect()
}
