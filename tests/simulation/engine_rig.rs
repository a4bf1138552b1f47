//! A whole server on a simulated disk, but for its sockets: recovery, engine, group commit, reply gate
//! and snapshots, put together as the server does it.

use std::sync::Arc;

use vellum::base::{Clock, ManualClock, ReplId};
use vellum::command::{HostCommand, Settings, Spec};
use vellum::engine::recover::{LoadProgress, LoadSummary, head_after, load};
use vellum::engine::service::Pause;
use vellum::engine::snapshot::SnapshotPlan;
use vellum::engine::{Committer, Engine, Flow, Host, InlineSync, Peer, Ran, Session};
use vellum::keyspace::{Content, Keyspace};
use vellum::log::{
    Layout, LockFile, LogOptions, Opening, PreparerThread, SyncPolicy, TailPolicy, recover,
};
use vellum::resp::request::{ParseLimits, RequestParser};
use vellum::resp::{Args, Batch};
use vellum::storage::{SimDisk, Storage, crashsafe};

const DIR: &str = "data";

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

/// What outlives a process: the disk, the time, and how the server is configured.
pub struct Machine {
    pub disk: SimDisk,
    pub clock: Arc<ManualClock>,
    pub layout: Layout,
    pub options: LogOptions,
    pub policy: SyncPolicy,
    pub inline: InlineSync,
}

impl Machine {
    pub fn new(seed: u64) -> Self {
        Self {
            disk: SimDisk::new(seed),
            clock: Arc::new(ManualClock::at_ms(1_700_000_000_000)),
            layout: Layout::new(DIR),
            options: LogOptions {
                segment_len_max: 16 * 1024,
                fill_len_first: 4096,
                archive_len_max: 40 * 1024,
                ..LogOptions::default()
            },
            policy: SyncPolicy::Always,
            inline: InlineSync::Auto,
        }
    }

    fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(self.disk.clone())
    }

    /// Starts a server; whatever keeps it from starting, in words.
    pub fn start(&self, seed: u64) -> Result<Server, String> {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let lock = LockFile::acquire(&self.disk, &self.layout).map_err(|e| e.to_string())?;
        let mut recovery =
            recover(&self.disk, &self.layout, TailPolicy::Trim).map_err(|e| e.to_string())?;
        let keyspace = Keyspace::new(2, seed);
        let mut engine = Engine::new(keyspace, Settings::default(), Arc::clone(&clock), seed);
        let progress = LoadProgress::default();
        let summary = load(&mut engine, &self.storage(), &self.layout, &mut recovery, 1, &progress)
            .map_err(|e| e.to_string())?;
        let mut random = fastrand::Rng::with_seed(seed);
        let new_id = ReplId::from_random(std::array::from_fn(|_| random.u8(..)));
        let head = head_after(Some(&recovery), &summary, false, new_id);
        let opening = Opening {
            storage: self.storage(),
            layout: self.layout.clone(),
            options: self.options.clone(),
            lock,
            policy: self.policy,
        };
        let writer =
            opening.durable(&recovery, head, clock.unix_ms()).map_err(|e| e.to_string())?;
        let preparer = writer.preparer().spawn().unwrap();
        engine.set_stream_db(summary.stream_db);
        let wake = Arc::new(|| {});
        let committer = Committer::new(writer, head.db, self.policy, self.inline, clock, wake);
        engine.log = Some(committer);
        Ok(Server { engine, _preparer: preparer })
    }

    /// Starts a server with `appendonly no` on a disk without data. Its log sleeps.
    pub fn start_cache(&self, seed: u64) -> Server {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let lock = LockFile::acquire(&self.disk, &self.layout).unwrap();
        let new_id = ReplId::from_random([7; 20]);
        let head = head_after(None, &LoadSummary::default(), false, new_id);
        let opening = Opening {
            storage: self.storage(),
            layout: self.layout.clone(),
            options: self.options.clone(),
            lock,
            policy: SyncPolicy::No,
        };
        let writer = opening.asleep(head).unwrap();
        let preparer = writer.preparer().spawn().unwrap();
        let keyspace = Keyspace::new(2, seed);
        let mut engine = Engine::new(keyspace, Settings::default(), Arc::clone(&clock), seed);
        let (inline, wake) = (self.inline, Arc::new(|| {}));
        engine.log = Some(Committer::new(writer, head.db, SyncPolicy::No, inline, clock, wake));
        Server { engine, _preparer: preparer }
    }

    pub fn plan(&self) -> SnapshotPlan {
        SnapshotPlan {
            storage: self.storage(),
            temporary: crashsafe::temporary_path(&self.layout.dir().join("snapshot")),
            dump: self.layout.dump(),
            compress: false,
            under_log: true,
        }
    }
}

/// One process.
pub struct Server {
    pub engine: Engine,
    _preparer: PreparerThread,
}

impl Server {
    /// One turn's end: commits, and has writes refused while the log cannot take them.
    pub fn commit(&mut self) {
        self.engine.commit();
        let failure = self.engine.log.as_ref().and_then(Committer::failure);
        self.engine.guards.cannot_persist = failure.map(str::to_owned);
    }

    pub fn refuses_writes(&self) -> bool {
        self.engine.guards.cannot_persist.is_some()
    }

    /// Runs the commands of `request` for a client; their replies wait in the session.
    pub fn run(&mut self, session: &mut Session, request: &[u8]) {
        let (mut parser, mut batch) = (RequestParser::default(), Batch::default());
        parser.fill(request, &mut batch, &ParseLimits::default(), usize::MAX).unwrap();
        let (next, flow) = self.engine.run_batch(&NoHost, session, request, &batch, 0);
        assert!(matches!(flow, Flow::Continue), "{flow:?}");
        assert_eq!(next, batch.len());
    }

    /// The replies of a session that may be sent now.
    pub fn send(&mut self, session: &mut Session) -> Vec<u8> {
        session.out.take_sendable(self.engine.gate.released()).take_bytes()
    }

    /// What a key holds in memory, handed to `look`.
    pub fn look<R>(&self, key: &str, look: impl FnOnce(Content<'_>) -> R) -> Option<R> {
        let hash = self.engine.keyspace.hash(key.as_bytes());
        let entry = self.engine.keyspace.db(0).get(hash, key.as_bytes())?;
        Some(look(entry.value()))
    }

    /// A string as it is in memory.
    pub fn value(&self, key: &str) -> Option<Vec<u8>> {
        let hash = self.engine.keyspace.hash(key.as_bytes());
        let entry = self.engine.keyspace.db(0).get(hash, key.as_bytes())?;
        Some(entry.as_string()?.to_cow().into_owned())
    }
}

pub fn session(id: u64) -> Session {
    Session::new(id, Peer::Unix("simulated".to_owned()), true, 0)
}
