//! The commands that need more than keys: the one match from [`HostCommand`] to their families, and what
//! the server watches of every command.

use super::commands::{
    Call, client, client_kill, client_list, client_pause, client_tracking, config, connection,
    debug, diagnostics, info, memory, persistence, pubsub, replication, shutdown,
};
use super::node::Node;
use super::observers::latency_event;
use super::redact::is_secret;
use crate::base::alloc;
use crate::command::spec::Flags;
use crate::command::{HostCommand, Run, Spec};
use crate::engine::service::Pause;
use crate::engine::session::ClientKind;
use crate::engine::{Engine, Flow, Host, Ran, Session};
use crate::resp::Args;

impl Host for Node {
    fn run(
        &self,
        engine: &mut Engine,
        session: &mut Session,
        command: HostCommand,
        args: &Args<'_>,
    ) -> Flow {
        let call = Call { node: self, engine, session, args };
        match command {
            HostCommand::Auth => connection::auth(call),
            HostCommand::Hello => connection::hello(call),
            HostCommand::Select => connection::select(call),
            HostCommand::Quit => connection::quit(call),
            HostCommand::Reset => connection::reset(call),
            HostCommand::Subscribe(topic) => pubsub::subscribe(call, topic),
            HostCommand::Unsubscribe(topic) => pubsub::unsubscribe(call, topic),
            HostCommand::Publish(topic) => pubsub::publish(call, topic),
            HostCommand::PubSubChannels(topic) => pubsub::channels(call, topic),
            HostCommand::PubSubNumSub(topic) => pubsub::listener_counts(call, topic),
            HostCommand::PubSubNumPat => pubsub::pattern_count(call),
            HostCommand::ClientCaching => client_tracking::caching(call),
            HostCommand::ClientGetName => client::get_name(call),
            HostCommand::ClientGetRedir => client_tracking::get_redir(call),
            HostCommand::ClientId => client::id(call),
            HostCommand::ClientInfo => client_list::info(call),
            HostCommand::ClientKill => client_kill::kill(call),
            HostCommand::ClientList => client_list::list(call),
            HostCommand::ClientNoEvict => client::no_evict(call),
            HostCommand::ClientNoTouch => client::no_touch(call),
            HostCommand::ClientPause => client_pause::pause(call),
            HostCommand::ClientReply => client::reply_mode(call),
            HostCommand::ClientSetInfo => client::set_info(call),
            HostCommand::ClientSetName => client::set_name(call),
            HostCommand::ClientTracking => client_tracking::tracking(call),
            HostCommand::ClientTrackingInfo => client_tracking::tracking_info(call),
            HostCommand::ClientUnblock => client_kill::unblock(call),
            HostCommand::ClientUnpause => client_pause::unpause(call),
            HostCommand::ConfigGet => config::get(call),
            HostCommand::ConfigSet => config::set(call),
            HostCommand::ConfigRewrite => config::rewrite_file(call),
            HostCommand::ConfigResetStat => config::reset_stat(call),
            HostCommand::Info => info::info(call),
            HostCommand::Debug => debug::debug(call),
            HostCommand::SlowlogGet => diagnostics::slowlog_get(call),
            HostCommand::SlowlogLen => diagnostics::slowlog_len(call),
            HostCommand::SlowlogReset => diagnostics::slowlog_reset(call),
            HostCommand::LatencyDoctor => diagnostics::latency_doctor(call),
            HostCommand::LatencyGraph => diagnostics::latency_graph(call),
            HostCommand::LatencyHistogram => diagnostics::latency_histogram(call),
            HostCommand::LatencyHistory => diagnostics::latency_history(call),
            HostCommand::LatencyLatest => diagnostics::latency_latest(call),
            HostCommand::LatencyReset => diagnostics::latency_reset(call),
            HostCommand::Monitor => diagnostics::monitor(call),
            HostCommand::Time => diagnostics::time(call),
            HostCommand::MemoryDoctor => memory::doctor(call),
            HostCommand::MemoryMallocStats => memory::malloc_stats(call),
            HostCommand::MemoryPurge => memory::purge(call),
            HostCommand::MemoryStats => memory::stats(call),
            HostCommand::Save => persistence::save(call),
            HostCommand::BgSave => persistence::bgsave(call),
            HostCommand::BgRewriteAof => persistence::bgrewriteaof(call),
            HostCommand::LastSave => persistence::lastsave(call),
            HostCommand::ReplicaOf => replication::replicaof(call),
            HostCommand::ReplConf => replication::replconf(call),
            HostCommand::Role => replication::role(call),
            HostCommand::Psync => replication::psync(call),
            HostCommand::Sync => replication::sync(call),
            HostCommand::Wait => replication::wait(call),
            HostCommand::WaitAof => replication::waitaof(call),
            HostCommand::Shutdown => shutdown::shutdown(call),
            other => {
                call.session.out.reply.error(format!("ERR not served here: {other:?}"));
                Flow::Continue
            }
        }
    }

    fn admission(
        &self,
        engine: &Engine,
        session: &Session,
        spec: &Spec,
        _args: &Args<'_>,
    ) -> Option<Vec<u8>> {
        if takes_memory(session, spec) && self.is_out_of_memory(engine) {
            let text = "OOM command not allowed when used memory > 'maxmemory'.";
            return Some(text.as_bytes().to_vec());
        }
        let touches_keys = Flags::WRITE | Flags::READONLY | Flags::MAY_REPLICATE;
        if session.card.kind.get() != ClientKind::Normal && spec.flags.has_any(touches_keys) {
            return Some(b"ERR Replica can't interact with the keyspace".to_vec());
        }
        None
    }

    fn postpone(&self, engine: &Engine, session: &Session, spec: &Spec) -> Option<Pause> {
        if !self.pauses.is_active() || session.card.kind.get() == ClientKind::Replica {
            return None;
        }
        let may_write = |spec: &Spec| spec.flags.has_any(Flags::WRITE | Flags::MAY_REPLICATE);
        let writes = may_write(spec)
            || (matches!(spec.run, Run::Host(HostCommand::Exec))
                && session.transaction.queue.iter().any(|queued| may_write(queued.spec)));
        self.pauses.holds(writes, engine.now_ms).then(|| self.pauses.wait(engine.now_ms))
    }

    fn sleep(&self, ms: u64) -> Pause {
        Box::pin(tokio::time::sleep(std::time::Duration::from_millis(ms)))
    }

    fn after(&self, session: &Session, spec: &'static Spec, args: &Args<'_>, ran: Ran) {
        let observers = &self.observers;
        observers.count(spec, ran.took_us, ran.failed);
        if ran.failed {
            let reply = session.out.reply.buffer.get(ran.reply_start + 1..).unwrap_or_default();
            observers.errors.borrow_mut().record(reply);
        }
        let config = self.config.borrow();
        let slow_us = u64::try_from(config.slowlog_log_slower_than);
        let is_slow = slow_us.is_ok_and(|slow_us| ran.took_us >= slow_us);
        if is_slow && !spec.flags.has(Flags::SKIP_SLOWLOG) {
            observers.note_slow(args, &ran, &session.card);
        }
        let threshold_ms = config.latency_monitor_threshold;
        observers.note_latency(latency_event(spec), ran.took_us, threshold_ms, ran.now_ms);
        let hidden = Flags::SKIP_MONITOR | Flags::ADMIN;
        if !observers.monitors.is_empty() && !spec.flags.has_any(hidden) {
            let peer = &session.card.peer;
            let is_secret = |n| is_secret(args, n);
            let now_us = self.clock.unix_us();
            observers.monitors.feed(now_us, session.db, peer, args, is_secret);
        }
    }

    fn refused(&self, _session: &Session, spec: Option<&'static Spec>, text: &[u8]) {
        self.observers.count_refused(spec, text);
    }
}

/// Whether a command is refused when memory is used up: it adds data, or a queue would grow by it.
fn takes_memory(session: &Session, spec: &Spec) -> bool {
    let adds_data = |spec: &Spec| spec.flags.has(Flags::DENYOOM);
    let transaction = &session.transaction;
    match spec.run {
        Run::Host(HostCommand::Exec) => transaction.queue.iter().any(|q| adds_data(q.spec)),
        Run::Host(HostCommand::Discard | HostCommand::Quit | HostCommand::Reset) => false,
        _ => transaction.open || adds_data(spec),
    }
}

impl Node {
    fn is_out_of_memory(&self, engine: &Engine) -> bool {
        let config = self.config.borrow();
        let ignored = engine.guards.is_replica && config.replica_ignore_maxmemory;
        config.maxmemory > 0 && !ignored && alloc::used_bytes() as u64 > config.maxmemory
    }
}
