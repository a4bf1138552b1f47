//! Loads the data set at a start, on a thread of its own, so that clients are told LOADING meanwhile.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::config::Config;
use super::node::Node;
use super::settings;
use super::start::StartError;
use crate::base::Clock;
use crate::engine::Engine;
use crate::engine::recover::{LoadError, LoadProgress, LoadSummary, load};
use crate::keyspace::Keyspace;
use crate::log::{Layout, Recovery, TailPolicy, recover};
use crate::rdb::{SnapshotFile, fill};
use crate::storage::Storage;

/// Time between two lines in the log on how far a load is.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// What was loaded, and from where.
pub struct Data {
    /// All keys.
    pub keyspace: Keyspace,
    /// What the log's files hold; `None` without a durable log.
    pub recovery: Option<Recovery>,
    /// What loading learned.
    pub summary: LoadSummary,
}

/// What the loading thread works with.
struct Loader {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    layout: Layout,
    databases: usize,
    settings: crate::command::Settings,
    durable: bool,
    tail_policy: TailPolicy,
    progress: Arc<LoadProgress>,
}

/// Reads the data beside the event loop, and says how far it is when that takes long.
///
/// # Errors
/// What is there cannot be loaded; nothing has been changed.
pub async fn beside(node: &Node) -> Result<Data, StartError> {
    let progress = LoadProgress::new(node.clock.unix_ms());
    node.engine.borrow_mut().begin_loading(Arc::clone(&progress));
    let (report, mut loaded) = oneshot::channel();
    let loader = Loader::new(node, Arc::clone(&progress));
    std::thread::Builder::new().name("load".to_owned()).spawn(move || {
        // Nobody listens when the server was stopped meanwhile.
        let _ = report.send(loader.run());
    })?;
    loop {
        match tokio::time::timeout(REPORT_EVERY, &mut loaded).await {
            Ok(Ok(result)) => return result,
            Ok(Err(_)) => {
                return Err(std::io::Error::other("the loading thread has died").into());
            }
            Err(_) => report_progress(&progress, node.clock.unix_ms()),
        }
    }
}

fn report_progress(progress: &LoadProgress, now_ms: u64) {
    const MIB: u64 = 1024 * 1024;
    let (done, total) = (progress.done_len(), progress.total_len());
    let seconds = now_ms.saturating_sub(progress.started_ms()) / 1000;
    let percent = u128::from(done) * 100 / u128::from(total.max(1));
    tracing::info!(
        "Loading: {percent}% after {seconds} s, {} of {} MiB",
        done / MIB,
        total.div_ceil(MIB)
    );
}

fn tail_policy(config: &Config) -> TailPolicy {
    if config.aof_load_truncated { TailPolicy::Trim } else { TailPolicy::Refuse }
}

impl Loader {
    fn new(node: &Node, progress: Arc<LoadProgress>) -> Self {
        let config = node.config.borrow();
        Self {
            storage: Arc::clone(&node.storage),
            clock: Arc::clone(&node.clock),
            layout: settings::layout(&config),
            databases: config.databases,
            settings: settings::command_settings(&config),
            durable: config.appendonly,
            tail_policy: tail_policy(&config),
            progress,
        }
    }

    fn run(self) -> Result<Data, StartError> {
        let seed = fastrand::u64(..);
        let mut keyspace = Keyspace::new(self.databases, seed);
        keyspace.set_packed_limits(self.settings.packed);
        if !self.durable {
            return self.load_dump(keyspace);
        }
        let mut recovery = recover(&*self.storage, &self.layout, self.tail_policy)?;
        let warn = |warnings: &[String]| warnings.iter().for_each(|text| tracing::warn!("{text}"));
        warn(&recovery.warnings);
        let warned = recovery.warnings.len();
        let mut engine = Engine::new(keyspace, self.settings, self.clock, seed);
        let threads = settings::load_threads();
        let summary =
            load(&mut engine, &self.storage, &self.layout, &mut recovery, threads, &self.progress)?;
        warn(&recovery.warnings[warned..]);
        Ok(Data { keyspace: engine.keyspace, recovery: Some(recovery), summary })
    }

    /// Cache mode: the dump is all there is.
    fn load_dump(&self, mut keyspace: Keyspace) -> Result<Data, StartError> {
        let path = self.layout.dump();
        let mut summary = LoadSummary::default();
        if self.storage.exists(&self.layout.manifest())? {
            tracing::warn!(
                "appendonly is no: the log in {} is left as it is and not loaded, {} is all there is",
                self.layout.append_dir().display(),
                path.display()
            );
        }
        if self.storage.exists(&path)? {
            let dir = self.layout.dir();
            let failed =
                |source| LoadError::Snapshot { path: path.clone(), dir: dir.to_owned(), source };
            let mapping = self.storage.map(&path)?;
            let file = SnapshotFile::open(mapping.bytes()).map_err(failed)?;
            self.progress.set_total_len(file.len());
            // What has expired stays: it is deleted as always, so that replicas hear of it.
            let (threads, read) = (settings::load_threads(), &self.progress.snapshot);
            fill(&mut keyspace, &file, threads, None, read).map_err(failed)?;
            summary.base_position = file.header().stream;
            let db = summary.base_position.and_then(|at| at.db).unwrap_or(0) as usize;
            summary.stream_db = if db < self.databases { db } else { 0 };
        }
        Ok(Data { keyspace, recovery: None, summary })
    }
}
