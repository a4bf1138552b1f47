//! Background work, `hz` rounds a second: expiry, timeouts, save points, rates, memory to free.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use super::janitor::Janitor;
use super::node::Node;
use super::snapshots::Purpose;
use super::stats::Rate;
use crate::base::alloc;
use crate::engine::session::ClientKind;
use crate::engine::{Engine, Order};

/// Keys deleted in one unit of the log.
const EXPIRE_BATCH: usize = 32;
/// Microseconds of expiry before commands have their turn again.
const EXPIRE_SLICE_US: u64 = 500;
/// Share of a round that expiry may take at effort 1, in percent; each further step adds 2.
const EXPIRE_PERCENT: u64 = 25;
/// Microseconds between two samples of a rate.
const SAMPLE_US: u64 = 100_000;
/// Milliseconds between two looks at how long the backlog has become.
const PRUNE_MS: u64 = 1000;
/// Entries of a cancelled walk that are cleared in a round.
const WALK_CLEAR_ENTRIES: usize = 10_000;

/// What the rounds measure and keep.
#[derive(Debug)]
pub struct Rounds {
    /// Commands a second.
    pub commands: RefCell<Rate>,
    /// Bytes read from clients a second.
    pub input: RefCell<Rate>,
    /// Bytes written to clients a second.
    pub output: RefCell<Rate>,
    /// DEBUG SET-ACTIVE-EXPIRE.
    pub active_expire: Cell<bool>,
    /// Microseconds spent on expiry.
    pub expire_us: Cell<u64>,
    /// Times expiry ran out of time.
    pub expire_cut_short: Cell<u64>,
    /// Largest query buffer seen lately, in bytes.
    pub query_bytes_max: Cell<u64>,
    /// Largest output buffer seen lately, in bytes.
    pub output_bytes_max: Cell<u64>,
    /// Frees memory.
    pub janitor: Janitor,
    sampled_us: Cell<u64>,
    clients_seen_s: Cell<u64>,
    pruned_ms: Cell<u64>,
}

impl Default for Rounds {
    fn default() -> Self {
        Self {
            commands: RefCell::default(),
            input: RefCell::default(),
            output: RefCell::default(),
            active_expire: Cell::new(true),
            expire_us: Cell::default(),
            expire_cut_short: Cell::default(),
            query_bytes_max: Cell::default(),
            output_bytes_max: Cell::default(),
            janitor: Janitor::default(),
            sampled_us: Cell::default(),
            clients_seen_s: Cell::default(),
            pruned_ms: Cell::default(),
        }
    }
}

/// Runs as long as the node lives.
pub async fn run(node: Weak<Node>) {
    let mut period = Duration::ZERO;
    loop {
        tokio::time::sleep(period).await;
        let Some(node) = node.upgrade() else { return };
        period = Duration::from_secs(1) / node.config.borrow().hz.max(1);
        expire(&node, period).await;
        node.round();
    }
}

/// Deletes keys whose time has come, in slices, for a share of the round.
async fn expire(node: &Rc<Node>, period: Duration) {
    let effort = u64::from(node.config.borrow().active_expire_effort.clamp(1, 10) - 1);
    let budget_us = period.as_micros() as u64 * (EXPIRE_PERCENT + 2 * effort) / 100;
    let started = Instant::now();
    loop {
        let done = node.expire_slice();
        if done {
            break;
        }
        if started.elapsed().as_micros() as u64 > budget_us {
            node.rounds.expire_cut_short.set(node.rounds.expire_cut_short.get() + 1);
            break;
        }
        tokio::task::yield_now().await;
    }
}

impl Node {
    /// Expires for a slice of time; whether nothing is left to do.
    fn expire_slice(&self) -> bool {
        let mut engine = self.engine.borrow_mut();
        if !self.may_expire(&engine) {
            return true;
        }
        let started_us = engine.clock.monotonic_us();
        let mut spent_us = 0;
        let mut done = true;
        for db in 0..engine.keyspace.databases() {
            while engine.delete_due(db, EXPIRE_BATCH) == EXPIRE_BATCH {
                spent_us = engine.clock.monotonic_us() - started_us;
                if spent_us > EXPIRE_SLICE_US {
                    break;
                }
            }
            if spent_us > EXPIRE_SLICE_US {
                done = false;
                break;
            }
        }
        spent_us = engine.clock.monotonic_us() - started_us;
        self.rounds.expire_us.set(self.rounds.expire_us.get() + spent_us);
        let threshold_ms = self.config.borrow().latency_monitor_threshold;
        self.observers.note_latency("expire-cycle", spent_us, threshold_ms, engine.now_ms);
        self.flush.notify_one();
        done
    }

    fn may_expire(&self, engine: &Engine) -> bool {
        self.rounds.active_expire.get()
            && !engine.guards.is_replica
            && !engine.guards.loading
            && !engine.settings.expiry_paused
            // What cannot be logged is not done.
            && engine.log.as_ref().is_none_or(|log| log.failure().is_none())
    }

    /// Everything but expiry.
    fn round(&self) {
        let mut engine = self.engine.borrow_mut();
        let now_ms = engine.clock.unix_ms();
        if self.pauses.expire(now_ms) {
            engine.settings.expiry_paused = false;
        }
        self.sample(&engine);
        self.look_at_clients(now_ms);
        if engine.snapshot_task().is_none() && engine.keyspace.is_walking() {
            // Left by a snapshot that was given up.
            engine.keyspace.walk_step(WALK_CLEAR_ENTRIES);
        }
        let garbage = engine.take_garbage();
        self.rounds.janitor.free(garbage);
        self.rounds.janitor.free([engine.keyspace.take_garbage()]);
        if !engine.guards.loading {
            self.begin_due_snapshot(&mut engine, now_ms);
            if now_ms.saturating_sub(self.rounds.pruned_ms.get()) >= PRUNE_MS {
                self.rounds.pruned_ms.set(now_ms);
                engine.prune_backlog();
            }
            if self.needs_no_backlog(&self.config.borrow()) {
                engine.let_log_sleep();
            }
        }
        self.refresh_guards(&mut engine);
        // The flusher's commit does what the log has due by time.
        self.flush.notify_one();
    }

    fn sample(&self, engine: &Engine) {
        let now_us = engine.clock.monotonic_us();
        let rounds = &self.rounds;
        if now_us.saturating_sub(rounds.sampled_us.get()) < SAMPLE_US {
            return;
        }
        rounds.sampled_us.set(now_us);
        rounds.commands.borrow_mut().sample(engine.commands_run, now_us);
        rounds.input.borrow_mut().sample(self.figures.input_bytes.get(), now_us);
        rounds.output.borrow_mut().sample(self.figures.output_bytes.get(), now_us);
    }

    /// Once a second: closes idle clients, and finds the largest buffers.
    fn look_at_clients(&self, now_ms: u64) {
        if self.rounds.clients_seen_s.replace(now_ms / 1000) == now_ms / 1000 {
            return;
        }
        let timeout_ms = self.config.borrow().timeout.saturating_mul(1000);
        let (mut query_max, mut output_max) = (0, 0);
        for card in self.cards.borrow().values() {
            query_max = query_max.max(card.query_bytes.get() as u64);
            output_max = output_max.max(card.output_bytes.get() as u64);
            let idle_ms = now_ms.saturating_sub(card.active_ms.get());
            let may_idle = card.kind.get() != ClientKind::Normal
                || card.blocked.get().is_some()
                || card.is_subscribed();
            if timeout_ms > 0 && idle_ms > timeout_ms && !may_idle {
                tracing::debug!(client = card.id, "Closing idle client");
                self.order(Order::Kill { client: card.id });
            }
        }
        self.rounds.query_bytes_max.set(query_max);
        self.rounds.output_bytes_max.set(output_max);
    }

    fn begin_due_snapshot(&self, engine: &mut Engine, now_ms: u64) {
        if engine.snapshot_task().is_some() || self.stop.in_progress() {
            return;
        }
        let Some(purpose) = self.due_snapshot(engine, now_ms) else { return };
        // A failure has been reported and delays the next attempt.
        let _ = self.begin_snapshot(engine, purpose);
    }

    fn due_snapshot(&self, engine: &Engine, now_ms: u64) -> Option<Purpose> {
        let snapshots = &self.snapshots;
        if snapshots.rewrites.scheduled.get() && !snapshots.must_wait(Purpose::Rewrite, now_ms) {
            return Some(Purpose::Rewrite);
        }
        if snapshots.saves.scheduled.get() && !snapshots.must_wait(Purpose::Save, now_ms) {
            return Some(Purpose::Save);
        }
        let config = self.config.borrow();
        if engine.has_durable_log() {
            let percentage = u64::from(config.auto_aof_rewrite_percentage);
            let due = snapshots.log_has_grown(
                engine.offset(),
                percentage,
                config.auto_aof_rewrite_min_size,
            );
            return (due && !snapshots.must_wait(Purpose::Rewrite, now_ms))
                .then_some(Purpose::Rewrite);
        }
        let since =
            Duration::from_secs((now_ms / 1000).saturating_sub(snapshots.last_save_s.get()));
        let due = config.save.is_due(engine.dirty, since);
        (due && !snapshots.must_wait(Purpose::Save, now_ms)).then_some(Purpose::Save)
    }

    /// CONFIG RESETSTAT.
    pub fn reset_figures(&self, engine: &mut Engine) {
        self.observers.reset_counters();
        self.figures.reset();
        engine.commands_run = 0;
        let events = engine.events();
        (events.hits, events.misses, events.expired) = (0, 0, 0);
        let rounds = &self.rounds;
        for rate in [&rounds.commands, &rounds.input, &rounds.output] {
            rate.borrow_mut().reset();
        }
        rounds.expire_us.set(0);
        rounds.expire_cut_short.set(0);
        alloc::reset_peak();
    }
}
