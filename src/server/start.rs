//! Start: take the directory, listen, load beside serving, open the log, serve, and end well.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::LocalSet;

use super::config::{Config, Loaded};
use super::load::{self, Data};
use super::logging::{LogHandle, LogRole};
use super::node::{Node, Rebind};
use super::process::{PidFile, Supervisor};
use super::snapshots::{BaseFigures, Purpose};
use super::supervise::Signals;
use super::{catalogue, cron, process, settings, supervise};
use crate::base::{Clock, Offset, ReplId, SystemClock};
use crate::engine::recover::{LoadError, head_after};
use crate::engine::{Committer, Engine, Service};
use crate::keyspace::Keyspace;
use crate::log::{Head, LockFile, LogError, Opening, PreparerThread, Recovery, SyncPolicy, Writer};
use crate::net::{ListenError, Listeners, Network, TcpOptions};
use crate::storage::{OpenMode, RealDisk, Storage};

/// Why the server did not start. Prints as a line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory is in use, damaged, or cannot be written.
    #[error("{0}")]
    Log(#[from] LogError),
    /// What is in it cannot be loaded.
    #[error("{0}")]
    Load(#[from] LoadError),
    /// An address cannot be listened on.
    #[error("{0}")]
    Listen(#[from] ListenError),
    /// A name of `bind` means nothing.
    #[error("{0}")]
    Bind(String),
    /// The event loop, a thread or a signal handler cannot be made.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// Runs a server until it is told to stop; the status says whether all went well.
///
/// # Errors
/// The server could not start.
pub fn run(loaded: Loaded, log: LogHandle) -> Result<ExitCode, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, serve(loaded, log))
}

async fn serve(loaded: Loaded, log: LogHandle) -> Result<ExitCode, StartError> {
    let mut signals = Signals::listen()?;
    let config = loaded.config;
    let storage: Arc<dyn Storage> = Arc::new(RealDisk);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let lock = LockFile::acquire(&*storage, &settings::layout(&config))?;
    let _pid_file = write_pid_file(&config);
    let supervisor = Supervisor::find(config.supervised);
    let room = process::make_room_for_clients(u64::from(config.maxclients));
    if room < u64::from(config.maxclients) {
        tracing::warn!("The limit of open files allows {room} clients, not maxclients of them");
    }
    let keyspace = Keyspace::new(config.databases, fastrand::u64(..));
    let command_settings = settings::command_settings(&config);
    let mut engine = Engine::new(keyspace, command_settings, clock, fastrand::u64(..));
    engine.guards.loading = true;
    tell(supervisor.tell(false, "Loading the data set"));
    let flush = Arc::new(Notify::new());
    // The directive counts the executor's thread, as Redis does.
    let io_threads = config.io_threads as usize - 1;
    let storage_of_node = Arc::clone(&storage);
    let node = Node::new(engine, config, loaded.file, storage_of_node, Arc::clone(&flush), log);
    let network = Network::new(Rc::clone(&node) as Rc<dyn Service>, flush, io_threads)?;
    tokio::task::spawn_local(crate::net::run_flusher(Rc::clone(&network)));
    let listeners = Rc::new(RefCell::new(listen(&node, &network)?));
    node.rebind.replace(Some(rebind(&network, &listeners)));

    // What INFO says of the role is right from the beginning; the master is asked once there are data.
    node.log_handle.set_role(LogRole::Master);
    node.adjust_oom_score(false);
    node.follow_configured_master();
    let data = tokio::select! {
        data = load::beside(&node) => data?,
        () = supervise::stop_wanted(&node, &mut signals) => {
            tracing::warn!("Received shutdown signal during loading, exiting now.");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let _preparer = open_log(&node, lock, data)?;
    node.catalogue.replace(catalogue::start(&node.config.borrow(), &node.storage));
    tokio::task::spawn_local(cron::run(node.handle()));
    tokio::task::spawn_local(Rc::clone(&node.replication).keep_time());
    tracing::info!(
        "Ready to accept connections on {:?}: {} keys, offset {}",
        listeners.borrow().addresses(),
        node.engine.borrow().keyspace.len(),
        node.engine.borrow().offset()
    );
    tell(supervisor.tell(true, "Ready to accept connections"));
    let status = supervise::until_stopped(&node, &mut signals).await?;
    listeners.borrow_mut().close();
    if let Some(catalogue) = node.catalogue.take() {
        catalogue.stop();
    }
    Ok(status)
}

/// Writes `pidfile`, if there is to be one; it goes with the value. A server without one serves too.
fn write_pid_file(config: &Config) -> Option<PidFile> {
    if config.pidfile.is_empty() {
        return None;
    }
    match PidFile::write(config.pidfile.as_ref()) {
        Ok(file) => Some(file),
        Err(error) => {
            tracing::warn!("Failed to write PID file {}: {error}", config.pidfile);
            None
        }
    }
}

/// An init system that cannot be told is no reason not to serve.
fn tell(told: std::io::Result<()>) {
    if let Err(error) = told {
        tracing::warn!("cannot tell the init system how the server is: {error}");
    }
}

fn listen(node: &Node, network: &Rc<Network>) -> Result<Listeners, StartError> {
    let config = node.config.borrow();
    let mut listeners = Listeners::new();
    listen_tcp(&mut listeners, network, &config)?;
    if !config.unixsocket.is_empty() {
        let mode = (config.unixsocketperm != 0).then_some(config.unixsocketperm);
        listeners.bind_unix(network, config.unixsocket.as_ref(), mode)?;
    }
    Ok(listeners)
}

fn listen_tcp(
    listeners: &mut Listeners,
    network: &Rc<Network>,
    config: &Config,
) -> Result<(), StartError> {
    if config.port == 0 {
        return Ok(());
    }
    let options = TcpOptions { backlog: i32::try_from(config.tcp_backlog).unwrap_or(i32::MAX) };
    for wanted in settings::listen_addresses(config).map_err(StartError::Bind)? {
        match listeners.bind_tcp(network, wanted.address, options) {
            Err(error) if wanted.optional => tracing::info!("{error}"),
            bound => drop(bound?),
        }
    }
    Ok(())
}

/// Listens on other addresses at run time (CONFIG SET bind, port): all of them, or the old ones.
fn rebind(network: &Rc<Network>, listeners: &Rc<RefCell<Listeners>>) -> Rebind {
    let (network, listeners) = (Rc::clone(network), Rc::clone(listeners));
    Box::new(move |before, after| {
        let mut listeners = listeners.borrow_mut();
        // An old address may cover a new one: they must go first.
        listeners.close_tcp();
        listen_tcp(&mut listeners, &network, after).map_err(|error| {
            tracing::warn!("{error}");
            listeners.close_tcp();
            if let Err(error) = listen_tcp(&mut listeners, &network, before) {
                tracing::error!("cannot listen on the old addresses again: {error}");
            }
            let reason = if before.bind == after.bind {
                "Unable to listen on this port. Check server logs."
            } else {
                "Failed to bind to specified addresses."
            };
            reason.to_owned()
        })
    })
}

/// Opens the log behind what was loaded and begins to serve all commands.
fn open_log(node: &Node, lock: LockFile, data: Data) -> Result<PreparerThread, StartError> {
    let Data { keyspace, recovery, summary } = data;
    let config = node.config.borrow();
    let now_ms = node.clock.unix_ms();
    let policy = if config.appendonly { settings::sync_policy(&config) } else { SyncPolicy::No };
    let opening = Opening {
        storage: Arc::clone(&node.storage),
        layout: settings::layout(&config),
        options: settings::log_options(&config),
        lock,
        policy,
    };
    let new_id = ReplId::from_random(std::array::from_fn(|_| fastrand::u8(..)));
    node.replication.note_name(new_id);
    let is_replica = config.replicaof.0.is_some();
    let head = head_after(recovery.as_ref(), &summary, is_replica, new_id);
    let writer = match &recovery {
        Some(recovery) => opening.durable(recovery, head, now_ms)?,
        None if is_replica => opening.backlog(head, now_ms)?,
        // Its replicas may go on from where the dump was made: what comes behind that is kept for them.
        None if summary.base_position.is_some() && opening.finds_backlog()? => {
            node.replication.replicas.expect_return();
            opening.backlog(head, now_ms)?
        }
        None => opening.asleep(head)?,
    };
    let preparer = writer.preparer().spawn()?;
    node.snapshots.set_base(base_figures(node, recovery.as_ref()));
    node.snapshots.last_save_s.set(now_ms / 1000);
    let engine = &mut *node.engine.borrow_mut();
    engine.keyspace = keyspace;
    engine.set_stream_db(summary.stream_db);
    engine.log = Some(committer(node, writer, head, policy, &config));
    node.replication.log_opened(engine);
    engine.end_loading();
    drop(config);
    node.refresh_guards(engine);
    if recovery.is_some_and(|recovery| recovery.has_foreign_writes()) {
        tracing::info!("The data came from another server: writing a snapshot of our own");
        if let Err(error) = node.begin_snapshot(engine, Purpose::Rewrite) {
            tracing::warn!(%error, "cannot begin a snapshot");
        }
    }
    Ok(preparer)
}

fn committer(
    node: &Node,
    writer: Writer,
    head: Head,
    policy: SyncPolicy,
    config: &Config,
) -> Committer {
    let wake = Arc::clone(&node.flush);
    Committer::new(
        writer,
        head.db,
        policy,
        settings::inline_sync(config),
        Arc::clone(&node.clock),
        Arc::new(move || wake.notify_one()),
    )
}

fn base_figures(node: &Node, recovery: Option<&Recovery>) -> BaseFigures {
    let Some(base) = recovery.and_then(|recovery| recovery.base.as_ref()) else {
        return BaseFigures::default();
    };
    let len = |path: &PathBuf| node.storage.open(path, OpenMode::Read).and_then(|f| f.len());
    BaseFigures {
        offset: base.at.map_or(Offset::ZERO, |at| at.offset),
        len: len(&base.path).unwrap_or(0),
    }
}
