//! The node as replication sees it, and replication as INFO shows it.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::Config;
use super::info::{Decimal, MasterLink, Numbered, Seconds, Stream};
use super::logging::LogRole;
use super::node::Node;
use super::settings;
use super::snapshots::Purpose;
use crate::engine::Engine;
use crate::log::Layout;
use crate::replication::handshake::Introduction;
use crate::replication::{LinkState, MasterAddress, Settings, Site};
use crate::storage::Storage;

impl Site for Node {
    fn engine(&self) -> &RefCell<Engine> {
        &self.engine
    }

    fn settings(&self) -> Settings {
        let config = self.config.borrow();
        let port = match config.replica_announce_port {
            0 => config.port,
            announced => announced,
        };
        Settings {
            introduction: Introduction {
                port,
                ip: config.replica_announce_ip.clone(),
                user: config.masteruser.clone(),
                password: config.masterauth.clone(),
            },
            source_address: config.bind_source_addr.clone(),
            timeout: Duration::from_secs(config.repl_timeout),
            ping_period: Duration::from_secs(config.repl_ping_replica_period),
            refuse_empty_master: config.replica_refuse_empty_master,
            read_only: config.replica_read_only,
            serve_stale: config.replica_serve_stale_data,
            min_replicas: config.min_replicas_to_write as usize,
            max_lag: Duration::from_secs(config.min_replicas_max_lag),
            threads: settings::load_threads(),
        }
    }

    fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }

    fn layout(&self) -> Layout {
        settings::layout(&self.config.borrow())
    }

    fn commit_soon(&self) {
        self.flush.notify_one();
    }

    fn want_snapshot(&self) {
        let mut engine = self.engine.borrow_mut();
        if engine.snapshot_task().is_none() {
            // A failure is told by the snapshot's own notes.
            let _ = self.begin_snapshot(&mut engine, Purpose::Save);
        }
    }

    fn forget_client(&self, client: u64) {
        self.cards.borrow_mut().remove(&client);
    }

    fn role_changed(&self, is_replica: bool) {
        self.log_handle.set_role(if is_replica { LogRole::Replica } else { LogRole::Master });
        self.adjust_oom_score(is_replica);
    }
}

impl Node {
    /// Whether a log that is only a backlog is of use to nobody: there is no replica, and none is waited
    /// for. `config` may not be in force yet.
    pub fn needs_no_backlog(&self, config: &Config) -> bool {
        // As in Redis, 0 is for ever.
        let ttl = Some(config.repl_backlog_ttl).filter(|seconds| *seconds > 0);
        !config.appendonly && self.replication.is_alone(ttl.map(Duration::from_secs))
    }

    /// Follows the master that the configuration names, if it names one.
    pub fn follow_configured_master(&self) {
        let master = self.config.borrow().replicaof.0.clone();
        if let Some(master) = master {
            let address = MasterAddress { host: master.host, port: master.port };
            self.replication.follow(&mut self.engine.borrow_mut(), address, false);
        }
    }
}

/// What a replica shows of its link; nothing on a master.
pub fn master_link(node: &Node, engine: &Engine) -> Option<MasterLink> {
    let link = node.replication.master()?;
    let config = node.config.borrow();
    let seconds = |at: Instant| at.elapsed().as_secs();
    let is_up = link.is_up();
    let mut figures = MasterLink {
        master_host: link.address.host.clone(),
        master_port: link.address.port,
        master_link_status: if is_up { "up" } else { "down" },
        master_last_io_seconds_ago: Seconds(link.heard_at.get().filter(|_| is_up).map(seconds)),
        master_sync_in_progress: link.state.get() == LinkState::Sync,
        slave_read_repl_offset: engine.offset().get(),
        slave_repl_offset: engine.incoming().applied().get(),
        slave_priority: config.replica_priority,
        slave_read_only: config.replica_read_only,
        replica_announced: config.replica_announced,
        ..MasterLink::default()
    };
    if let Some(transfer) = link.transfer.get() {
        let (total, read) = (transfer.total_len.unwrap_or(0), transfer.read_len);
        let share = if total == 0 { 0.0 } else { read as f64 / total as f64 * 100.0 };
        figures.master_sync_total_bytes = Some(total);
        figures.master_sync_read_bytes = Some(read);
        figures.master_sync_left_bytes = Some(total as i64 - read as i64);
        figures.master_sync_perc = Some(Decimal(share));
        figures.master_sync_last_io_seconds_ago = Some(link.heard_at.get().map_or(0, seconds));
    }
    if !is_up {
        figures.master_link_down_since_seconds = Some(Seconds(link.down_since.get().map(seconds)));
    }
    Some(figures)
}

/// Fills in what the stream's figures say of replicas.
pub fn fill_stream(node: &Node, engine: &Engine, figures: &mut Stream) {
    let replication = &node.replication;
    let replicas = replication.replicas.all();
    figures.connected_slaves = replicas.len() as u64;
    figures.slave = Numbered(
        replicas
            .iter()
            .map(|replica| {
                format!(
                    "ip={},port={},state={},offset={},lag={}",
                    replica.ip,
                    replica.port,
                    replica.state.get().as_str(),
                    replica.acked.get(),
                    replica.lag().as_secs()
                )
            })
            .collect(),
    );
    if node.config.borrow().min_replicas_to_write > 0 {
        figures.min_slaves_good_slaves = Some(replication.good_replicas() as u64);
    }
    if let Some(identity) = replication.identity(engine) {
        figures.master_replid = identity.replid.as_str().to_owned();
        if let Some(former) = identity.former {
            figures.master_replid2 = former.replid.as_str().to_owned();
            figures.second_repl_offset = Seconds(Some(former.end.get() + 1));
        }
    }
}
