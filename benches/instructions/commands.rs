//! Commands on an engine without sockets: a batch is parsed, run, logged, committed and answered as
//! the server does it, on a clock that stands still and a disk that forgets.

use std::hint::black_box;
use std::sync::Arc;

use vellum::base::{Clock, ManualClock, Offset, ReplId};
use vellum::command::{HostCommand, Settings, Spec};
use vellum::engine::service::Pause;
use vellum::engine::{Committer, Engine, Flow, Host, InlineSync, Peer, Ran, Session};
use vellum::keyspace::Keyspace;
use vellum::log::{
    Head, Identity, Layout, LockFile, LogOptions, Opening, SyncPolicy, TailPolicy, recover,
};
use vellum::resp::encode::push_command;
use vellum::resp::{Args, Batch, ParseLimits, RequestParser};
use vellum::storage::Storage;

use crate::unwritten::UnwrittenDisk;

/// Commands of the shorter run: whole batches of every depth. The longer one doubles them, so that a
/// table which grows by doubling has grown as much as it does on average.
pub const COMMANDS: usize = 2048;
/// Commands to a batch.
pub const DEPTHS: [usize; 2] = [1, 16];

pub const VALUE: [u8; 64] = [b'v'; 64];
pub const NOW_MS: u64 = 1_700_000_000_000;

/// Keys of one MGET.
const MGET_KEYS: usize = 10;
/// Commands that a connection runs in one turn at most.
const BATCH_COMMANDS_MAX: usize = 4096;

/// Which command, and what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    GetHit,
    GetMiss,
    SetNew,
    SetOver,
    Incr,
    Del,
    Expire,
    Mget,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::GetHit,
        Self::GetMiss,
        Self::SetNew,
        Self::SetOver,
        Self::Incr,
        Self::Del,
        Self::Expire,
        Self::Mget,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::GetHit => "GET hit",
            Self::GetMiss => "GET miss",
            Self::SetNew => "SET new",
            Self::SetOver => "SET overwrite",
            Self::Incr => "INCR",
            Self::Del => "DEL",
            Self::Expire => "EXPIRE",
            Self::Mget => "MGET of 10",
        }
    }

    /// The value that every key has before, if there are to be any.
    fn stored(self) -> Option<&'static [u8]> {
        match self {
            Self::SetNew => None,
            Self::Incr => Some(b"1"),
            _ => Some(&VALUE),
        }
    }

    fn push(self, out: &mut Vec<u8>, number: usize) {
        let key = key(number);
        match self {
            Self::GetHit => push_command(out, &[b"GET", &key]),
            Self::GetMiss => push_command(out, &[b"GET", format!("no:{number:013}").as_bytes()]),
            Self::SetNew | Self::SetOver => push_command(out, &[b"SET", &key, &VALUE]),
            Self::Incr => push_command(out, &[b"INCR", &key]),
            Self::Del => push_command(out, &[b"DEL", &key]),
            Self::Expire => push_command(out, &[b"EXPIRE", &key, b"1000"]),
            Self::Mget => {
                let keys: Vec<Vec<u8>> = (0..MGET_KEYS)
                    .map(|n| self::key((number * MGET_KEYS + n) % (2 * COMMANDS)))
                    .collect();
                let args: Vec<&[u8]> =
                    std::iter::once(&b"MGET"[..]).chain(keys.iter().map(Vec::as_slice)).collect();
                push_command(out, &args);
            }
        }
    }

    /// Bytes of its reply: what shows that it did what it is measured for.
    fn reply_len(self) -> usize {
        let bulk_len = "$64\r\n".len() + VALUE.len() + "\r\n".len();
        match self {
            Self::GetHit => bulk_len,
            Self::GetMiss => "$-1\r\n".len(),
            Self::SetNew | Self::SetOver => "+OK\r\n".len(),
            Self::Incr | Self::Del | Self::Expire => ":1\r\n".len(),
            Self::Mget => "*10\r\n".len() + MGET_KEYS * bulk_len,
        }
    }
}

/// Where writes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogState {
    /// Nowhere: the engine by itself.
    None,
    /// Nowhere, but counted: `appendonly no` without replicas.
    Asleep,
    /// To the backlog for replicas: `appendonly no` with any.
    Backlog,
    /// To the log, which is synced before the reply (`appendfsync always`).
    Always,
}

impl LogState {
    pub const ALL: [Self; 4] = [Self::None, Self::Asleep, Self::Backlog, Self::Always];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Asleep => "asleep",
            Self::Backlog => "backlog",
            Self::Always => "always",
        }
    }
}

pub fn key(number: usize) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

/// Runs `units` commands, `depth` to a batch.
pub fn run(kind: Kind, depth: usize, log: LogState, units: usize) {
    let mut rig = Rig::new();
    let mut request = Vec::new();
    if let Some(value) = kind.stored() {
        for number in 0..2 * COMMANDS {
            request.clear();
            push_command(&mut request, &[b"SET", &key(number), value]);
            rig.turn(&request);
        }
    }
    rig.open_log(log);
    let batches: Vec<Vec<u8>> = (0..2 * COMMANDS)
        .step_by(depth)
        .map(|first| {
            let mut batch = Vec::new();
            (first..first + depth).for_each(|number| kind.push(&mut batch, number));
            batch
        })
        .collect();
    let replied_len: usize = batches[..units / depth].iter().map(|batch| rig.turn(batch)).sum();
    assert_eq!(replied_len, units * kind.reply_len(), "{kind:?} answered something else");
}

/// The layers above the engine, which nothing here needs.
struct NoHost;

impl Host for NoHost {
    fn run(&self, _: &mut Engine, session: &mut Session, _: HostCommand, _: &Args<'_>) -> Flow {
        session.out.reply.error("ERR not served here");
        Flow::Continue
    }

    fn admission(&self, _: &Engine, _: &Session, _: &Spec, _: &Args<'_>) -> Option<Vec<u8>> {
        None
    }

    fn postpone(&self, _: &Engine, _: &Session, _: &Spec) -> Option<Pause> {
        None
    }

    fn sleep(&self, _: u64) -> Pause {
        Box::pin(std::future::pending())
    }

    fn after(&self, _: &Session, _: &'static Spec, _: &Args<'_>, _: Ran) {}

    fn refused(&self, _: &Session, _: Option<&'static Spec>, _: &[u8]) {}
}

/// An engine and one connection to it, but for the socket.
struct Rig {
    engine: Engine,
    clock: Arc<dyn Clock>,
    session: Session,
    buffer: Vec<u8>,
    parser: RequestParser,
    batch: Batch,
}

impl Rig {
    fn new() -> Self {
        // The system's clocks are not asked: valgrind and its view of them are not what is measured.
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at_ms(NOW_MS));
        let keyspace = Keyspace::new(16, 1);
        Self {
            engine: Engine::new(keyspace, Settings::default(), Arc::clone(&clock), 1),
            clock,
            session: Session::new(1, Peer::Unix("bench".to_owned()), true, NOW_MS),
            buffer: Vec::new(),
            parser: RequestParser::default(),
            batch: Batch::default(),
        }
    }

    fn open_log(&mut self, state: LogState) {
        let policy = match state {
            LogState::None => return,
            LogState::Asleep | LogState::Backlog => SyncPolicy::No,
            LogState::Always => SyncPolicy::Always,
        };
        let disk = UnwrittenDisk::new();
        let layout = Layout::new("data");
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        let lock = LockFile::acquire(&disk, &layout).unwrap();
        let recovery = recover(&disk, &layout, TailPolicy::Refuse).unwrap();
        // One segment, without filler: no other thread has anything to do.
        let options =
            LogOptions { segment_len_max: u64::MAX, fill_len_first: 0, ..LogOptions::default() };
        let opening = Opening { storage, layout, options, lock, policy };
        let identity = Identity::new(ReplId::from_random([1; 20]));
        let head = Head { identity, offset: Offset::ZERO, db: 0 };
        let writer = match state {
            LogState::Asleep => opening.asleep(head).unwrap(),
            LogState::Backlog => opening.backlog(head, NOW_MS).unwrap(),
            _ => opening.durable(&recovery, head, NOW_MS).unwrap(),
        };
        disk.forget_writes();
        let (clock, wake) = (Arc::clone(&self.clock), Arc::new(|| {}));
        let committer = Committer::new(writer, 0, policy, InlineSync::Yes, clock, wake);
        self.engine.log = Some(committer);
    }

    /// One turn of the event loop with one readable connection; returns the bytes of the replies.
    fn turn(&mut self, request: &[u8]) -> usize {
        self.buffer.extend_from_slice(request);
        let limits = ParseLimits::default();
        self.parser.fill(&self.buffer, &mut self.batch, &limits, BATCH_COMMANDS_MAX).unwrap();
        let (session, batch) = (&mut self.session, &self.batch);
        self.engine.run_batch(&NoHost, session, &self.buffer, batch, 0);
        self.parser.discard(&mut self.batch);
        self.buffer.clear();
        self.engine.commit();
        let released = self.engine.gate.released();
        let len = black_box(self.session.out.sendable(released)).len();
        self.session.out.consume(len);
        len
    }
}
