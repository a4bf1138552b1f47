//! The engine's state and its one way of running a command.

use std::sync::Arc;

use super::blocking::Waiters;
use super::commit::Committer;
use super::execute::ping;
use super::gate::{Gate, Ticket};
use super::guards::{Guards, runs_inside_multi};
use super::incoming::Incoming;
use super::recover::LoadProgress;
use super::service::{Flow, Pause};
use super::session::{ReplyMode, Session};
use super::snapshot::SnapshotTask;
use super::subscriptions::Subscriptions;
use super::tracking::Tracking;
use super::transaction::{Queued, Watches};
use crate::base::{Clock, Offset};
use crate::command::effects::{Effect, canonical};
use crate::command::spec::Flags;
use crate::command::{
    self, Aging, Ctx, Effects, Events, Handler, HostCommand, Origin, Run, Settings, Spec, Table,
    Touched, Waiting,
};
use crate::keyspace::{Garbage, Keyspace};
use crate::log::Identity;
use crate::resp::args::OwnedArgs;
use crate::resp::encode::push_command;
use crate::resp::{Args, Reply};

/// The layers above, for the commands that need more than the keyspace.
pub trait Host {
    /// Runs a command whose row is [`Run::Host`].
    fn run(
        &self,
        engine: &mut Engine,
        session: &mut Session,
        command: HostCommand,
        args: &Args<'_>,
    ) -> Flow;

    /// What the server's state beyond [`Guards`] has against a command (memory, pauses).
    fn admission(
        &self,
        engine: &Engine,
        session: &Session,
        spec: &Spec,
        args: &Args<'_>,
    ) -> Option<Vec<u8>>;

    /// Whether an admitted command has to wait, and for what (`CLIENT PAUSE`).
    fn postpone(&self, engine: &Engine, session: &Session, spec: &Spec) -> Option<Pause>;

    /// A pause of so many milliseconds.
    fn sleep(&self, ms: u64) -> Pause;

    /// Sees a command that has run, with its reply.
    fn after(&self, session: &Session, spec: &'static Spec, args: &Args<'_>, ran: Ran);

    /// Sees a command that was refused before it ran; `text` is the error reply's.
    fn refused(&self, session: &Session, spec: Option<&'static Spec>, text: &[u8]);
}

/// What became of a command.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    /// Where its reply begins in the session's buffer.
    pub reply_start: usize,
    /// Microseconds it took.
    pub took_us: u64,
    /// Whether it answered with an error.
    pub failed: bool,
    /// Unix time at its end, in milliseconds.
    pub now_ms: u64,
}

/// Commands, keyspace and log of one server, on one thread.
pub struct Engine {
    /// All data.
    pub keyspace: Keyspace,
    /// The log, once recovery has opened it.
    pub log: Option<Committer>,
    /// What the server's state forbids.
    pub guards: Guards,
    /// Settings that handlers look at.
    pub settings: Settings,
    /// Keys that clients watch.
    pub watches: Watches,
    /// What clients listen to.
    pub subscriptions: Subscriptions,
    /// Keys that clients may hold copies of.
    pub tracking: Tracking,
    /// What replies wait for.
    pub gate: Gate,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Unix time, in milliseconds, frozen for the running command.
    pub now_ms: u64,
    /// Writes since the last snapshot (`rdb_changes_since_last_save`).
    pub dirty: u64,
    /// Commands run (`total_commands_processed`).
    pub commands_run: u64,
    table: Table,
    rng: fastrand::Rng,
    effects: Effects,
    touched: Touched,
    events: Events,
    pub(super) waiting: Waiting,
    /// Clients that wait for keys.
    pub waiters: Waiters,
    /// The database that the stream has selected.
    stream_db: usize,
    /// Effects of a transaction that is being run, gathered until its end.
    gathered: Option<Gathered>,
    scratch: Vec<u8>,
    /// Memory to be freed on another thread.
    garbage: Vec<Garbage>,
    /// The running client's reads leave keys as old as they are.
    no_touch: bool,
    /// Reads run since the last commit.
    reads_in_turn: u32,
    turn_us: u64,
    /// A master's stream, as far as it is not applied.
    pub(super) incoming: Incoming,
    /// The snapshot being taken.
    pub(super) snapshot: Option<SnapshotTask>,
    loading: Option<Arc<LoadProgress>>,
}

/// Effects of several commands, in order, with the SELECTs they need.
#[derive(Debug, Default)]
struct Gathered {
    commands: Vec<u8>,
    count: usize,
    /// The database selected behind the last of them.
    db: usize,
    /// Hashes of the keys they wrote, unless it may be any.
    hashes: Vec<u64>,
    wrote_everything: bool,
}

impl Gathered {
    fn add(&mut self, effects: &Effects, args: &Args<'_>, scratch: &mut Vec<u8>) {
        for (db, effect) in effects.iter() {
            if std::mem::replace(&mut self.db, db) != db {
                push_select(&mut self.commands, db);
            }
            self.commands.extend_from_slice(match effect {
                Effect::Verbatim => canonical(args, scratch),
                Effect::Rewritten(bytes) => bytes,
            });
            self.count += 1;
        }
    }
}

fn push_select(out: &mut Vec<u8>, db: usize) {
    push_command(out, &[b"SELECT", itoa::Buffer::new().format(db).as_bytes()]);
}

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("log", &self.log).finish_non_exhaustive()
    }
}

/// Commands whose keys are fetched into the cache before the first of them runs.
const PREFETCH_WINDOW: usize = 16;

impl Engine {
    /// An engine over an empty keyspace, without a log.
    pub fn new(
        mut keyspace: Keyspace,
        settings: Settings,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Self {
        let now_ms = clock.unix_ms();
        keyspace.set_packed_limits(settings.packed);
        Self {
            keyspace,
            log: None,
            guards: Guards::default(),
            settings,
            watches: Watches::default(),
            subscriptions: Subscriptions::default(),
            tracking: Tracking::default(),
            gate: Gate::new(),
            clock,
            now_ms,
            dirty: 0,
            commands_run: 0,
            table: Table::new(),
            rng: fastrand::Rng::with_seed(seed),
            effects: Effects::default(),
            touched: Touched::default(),
            events: Events::default(),
            waiting: Waiting::default(),
            waiters: Waiters::default(),
            stream_db: 0,
            gathered: None,
            scratch: Vec::new(),
            garbage: Vec::new(),
            no_touch: false,
            reads_in_turn: 0,
            turn_us: 0,
            incoming: Incoming::new(Offset::ZERO, 0),
            snapshot: None,
            loading: None,
        }
    }

    /// A data set is being read: commands that need one are refused until [`Engine::end_loading`].
    pub fn begin_loading(&mut self, progress: Arc<LoadProgress>) {
        self.guards.loading = true;
        self.loading = Some(progress);
    }

    /// The data set is there, or the one before it stays.
    pub fn end_loading(&mut self) {
        self.guards.loading = false;
        self.loading = None;
    }

    /// How far the load under way is, if one is.
    pub fn load_progress(&self) -> Option<&Arc<LoadProgress>> {
        self.loading.as_ref()
    }

    /// The table of commands.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The database that the stream has selected.
    pub fn stream_db(&self) -> usize {
        self.stream_db
    }

    /// Sets the database that the stream has selected: recovery and a master's stream know it.
    pub fn set_stream_db(&mut self, db: usize) {
        self.stream_db = db;
    }

    /// The history that is written, once there is a log.
    pub fn identity(&self) -> Option<Identity> {
        self.log.as_ref().map(|log| log.status().identity)
    }

    /// Memory to be freed, on another thread if possible.
    pub fn take_garbage(&mut self) -> Vec<Garbage> {
        std::mem::take(&mut self.garbage)
    }

    /// Whether messages wait to be handed out.
    pub fn has_mail(&self) -> bool {
        self.subscriptions.has_mail() || self.tracking.has_changed()
    }

    /// The mailboxes that the network layer is to look into, with all that this turn has to say.
    pub fn take_mail(&mut self) -> impl Iterator<Item = u64> {
        self.broadcast_changes();
        self.subscriptions.take_mail()
    }

    /// Whether a transaction is being run: nothing may block in it.
    pub fn is_in_transaction(&self) -> bool {
        self.gathered.is_some()
    }

    /// The offset behind everything appended; zero without a log.
    pub fn offset(&self) -> Offset {
        self.log.as_ref().map_or(Offset::ZERO, Committer::appended_offset)
    }

    /// Commits what was appended since the last call and opens the gate as far as that allows.
    pub fn commit(&mut self) {
        let reads = std::mem::take(&mut self.reads_in_turn);
        let Some(log) = &mut self.log else { return };
        log.commit(reads > 0);
        self.gate.release(log.released());
    }

    /// Runs the commands of `batch` from `first` on; see [`super::Service::run`].
    pub fn run_batch(
        &mut self,
        host: &dyn Host,
        session: &mut Session,
        buffer: &[u8],
        batch: &crate::resp::Batch,
        first: usize,
    ) -> (usize, Flow) {
        self.turn_us = self.clock.monotonic_us();
        self.now_ms = self.clock.unix_ms();
        self.age_new_entries();
        if session.is_tracked {
            self.broadcast_changes();
        }
        // What was published before is told before the replies to come.
        let mut needs = session.mix_in_mail();
        let mut next = first;
        let mut prefetched = first;
        let mut flow = Flow::Continue;
        while next < batch.len() {
            if next == prefetched && batch.len() - next > 1 {
                prefetched = (next + PREFETCH_WINDOW).min(batch.len());
                self.prefetch(session.db, buffer, batch, next..prefetched);
            }
            let args = batch.args(next, buffer);
            next += 1;
            flow = self.run(host, session, &args, &mut needs);
            if !matches!(flow, Flow::Continue) {
                if matches!(flow, Flow::Postpone(_)) {
                    next -= 1;
                }
                break;
            }
        }
        session.out.seal(needs, self.gate.released());
        session.publish(self.now_ms, buffer.len());
        (next, flow)
    }

    /// Has entries that are made now begin as used now.
    fn age_new_entries(&mut self) {
        let aging = self.settings.aging;
        let counts_uses = matches!(aging, Aging::Frequency { .. });
        self.keyspace.set_access(aging.initial(self.now_ms), counts_uses);
    }

    /// Has the cache misses of several commands overlap: buckets first, then entries. Only a hint:
    /// it takes argument 1 for the key, which it is for nearly all commands that have one.
    fn prefetch(
        &self,
        db: usize,
        buffer: &[u8],
        batch: &crate::resp::Batch,
        range: std::ops::Range<usize>,
    ) {
        let db = self.keyspace.db(db);
        let mut hashes = [0; PREFETCH_WINDOW];
        let mut count = 0;
        for index in range {
            if let Some(key) = batch.args(index, buffer).get(1) {
                hashes[count] = self.keyspace.hash(key);
                db.prefetch_bucket(hashes[count]);
                count += 1;
            }
        }
        for hash in &hashes[..count] {
            db.prefetch_entry(*hash);
        }
    }

    /// One command of a client: looked up, checked, queued or run.
    fn run(
        &mut self,
        host: &dyn Host,
        session: &mut Session,
        args: &Args<'_>,
        needs: &mut Ticket,
    ) -> Flow {
        if args.is_empty() {
            return Flow::Continue;
        }
        let reply_start = session.out.reply.buffer.len();
        if session.reply_mode == ReplyMode::SkipNext {
            session.reply_mode = ReplyMode::SkipThis;
        }
        let admitted = self.admit(host, session, args);
        let pause = admitted.as_ref().ok().and_then(|spec| host.postpone(self, session, spec));
        if let Some(pause) = pause {
            if session.reply_mode == ReplyMode::SkipThis {
                session.reply_mode = ReplyMode::SkipNext;
            }
            return Flow::Postpone(pause);
        }
        let flow = match admitted {
            Ok(spec) if session.transaction.open && !runs_inside_multi(spec) => {
                let args = OwnedArgs::copy_of(args);
                session.transaction.queue.push(Queued { spec, args });
                session.out.reply.simple("QUEUED");
                Flow::Continue
            }
            Ok(spec) => {
                let flow = self.call(host, session, spec, args, needs);
                self.serve_waiters();
                flow
            }
            Err(_) if command::table::is_http(args) => {
                tracing::warn!(
                    client = session.id(),
                    "a web page was made to send requests to this port: closing the connection"
                );
                Flow::Close
            }
            Err(refused) => {
                self.refuse(host, session, refused);
                Flow::Continue
            }
        };
        match session.reply_mode {
            ReplyMode::On | ReplyMode::SkipNext => {}
            ReplyMode::Off => session.out.cut_to(reply_start),
            ReplyMode::SkipThis => {
                session.out.cut_to(reply_start);
                session.reply_mode = ReplyMode::On;
            }
        }
        if session.has_mail() {
            *needs = session.mix_in_mail().max(*needs);
        }
        if session.is_tracked {
            session.forget_caching(args);
        }
        flow
    }

    /// Finds the command and checks everything that can be checked before it runs.
    fn admit(
        &self,
        host: &dyn Host,
        session: &Session,
        args: &Args<'_>,
    ) -> Result<&'static Spec, Refused> {
        let unknown = |refusal: command::Refusal| Refused {
            spec: match refusal {
                command::Refusal::Arity(spec) => Some(spec),
                _ => None,
            },
            text: refusal.reply_text(args),
        };
        let spec = self.table.resolve(args).map_err(unknown)?;
        let refuse = |text: Vec<u8>| Err(Refused { spec: Some(spec), text });
        let may_only_listen = session.may_only_listen();
        if let Some(text) = self.guards.refusal(spec, session.authenticated, may_only_listen) {
            return refuse(text);
        }
        if let Some(text) = host.admission(self, session, spec, args) {
            return refuse(text);
        }
        if session.transaction.open && spec.flags.has(Flags::NO_MULTI) && !runs_inside_multi(spec) {
            return refuse(b"ERR Command not allowed inside a transaction".to_vec());
        }
        Ok(spec)
    }

    fn refuse(&mut self, host: &dyn Host, session: &mut Session, refused: Refused) {
        if refused.spec.is_some_and(|spec| matches!(spec.run, Run::Host(HostCommand::Exec))) {
            self.abort(session, &refused.text);
        } else {
            session.transaction.failed |= session.transaction.open;
            session.out.reply.error(&refused.text);
        }
        host.refused(session, refused.spec, &refused.text);
    }

    /// Runs one command that was admitted and tells the observers.
    pub(super) fn call(
        &mut self,
        host: &dyn Host,
        session: &mut Session,
        spec: &'static Spec,
        args: &Args<'_>,
        needs: &mut Ticket,
    ) -> Flow {
        let reply_start = session.out.reply.buffer.len();
        session.card.last_command.set(spec.name);
        let flow = match spec.run {
            Run::Handler(handler) => {
                let db = session.db;
                if self.guards.is_replica && spec.flags.has(Flags::WRITE) {
                    self.apply_what_a_local_write_follows();
                }
                self.no_touch = session.card.no_touch.get();
                self.waiting.begin(self.gathered.is_none());
                let is_on = self.tracking.is_on();
                if is_on {
                    self.tracking.running = session.id();
                }
                let reply = &mut session.out.reply;
                let ticket = self.run_handler(handler, db, args, reply, Origin::Client);
                if is_on {
                    self.tracking.running = 0;
                    if session.remembers() {
                        self.remember_keys(session.id(), spec, args);
                    }
                }
                if self.gathered.is_none() && ticket.wrote {
                    session.last_write = self.offset();
                }
                *needs = ticket.needs.max(*needs);
                match self.waiting.take() {
                    None => Flow::Continue,
                    Some(wanted) => Flow::Block(self.block(host, session, spec, args, wanted)),
                }
            }
            Run::Host(HostCommand::Multi) => self.multi(session),
            Run::Host(HostCommand::Exec) => self.exec(host, session, needs),
            Run::Host(HostCommand::Discard) => self.discard(session),
            Run::Host(HostCommand::Watch) => self.watch(session, args),
            Run::Host(HostCommand::Unwatch) => self.unwatch(session),
            Run::Host(HostCommand::Ping) => ping(session, args),
            Run::Host(command) => host.run(self, session, command, args),
            Run::Container => {
                // Without its subcommand the arity was wrong, and that has been checked.
                session.out.reply.error("ERR unknown subcommand");
                Flow::Continue
            }
        };
        // INFO does not count itself.
        self.commands_run += 1;
        let ended_us = self.clock.monotonic_us();
        let took_us = ended_us.saturating_sub(self.turn_us);
        self.turn_us = ended_us;
        // The errors of commands inside a transaction are theirs, and not EXEC's.
        let failed = session.out.reply.buffer.get(reply_start) == Some(&b'-');
        let ran = Ran { reply_start, took_us, failed, now_ms: self.now_ms };
        host.after(session, spec, args, ran);
        flow
    }

    /// A write of a replica's own comes behind everything stored in the log, so it does in memory.
    fn apply_what_a_local_write_follows(&mut self) {
        if let Err(error) = self.apply_all_stored() {
            tracing::error!(%error, "cannot apply what the master sent");
        }
    }

    /// Runs a handler and takes its effects to the log.
    pub(super) fn run_handler(
        &mut self,
        handler: Handler,
        db: usize,
        args: &Args<'_>,
        reply: &mut Reply,
        origin: Origin,
    ) -> Outcome {
        self.run_in_context(db, reply, origin, |ctx| handler(ctx, args), args)
    }

    /// Runs `action` as a command's handler is run; `args` is the request that verbatim effects mean.
    pub(super) fn run_in_context(
        &mut self,
        db: usize,
        reply: &mut Reply,
        origin: Origin,
        action: impl FnOnce(&mut Ctx<'_>),
        args: &Args<'_>,
    ) -> Outcome {
        self.effects.clear();
        self.touched.clear();
        let mut ctx = Ctx {
            keyspace: &mut self.keyspace,
            db,
            now_ms: self.now_ms,
            reply,
            effects: &mut self.effects,
            touched: &mut self.touched,
            events: &mut self.events,
            waiting: &mut self.waiting,
            garbage: &mut self.garbage,
            rng: &mut self.rng,
            origin,
            no_touch: self.no_touch && origin == Origin::Client,
            settings: &self.settings,
            table: &self.table,
        };
        action(&mut ctx);
        self.tell_watchers();
        if origin != Origin::Client {
            // A replica's save points count what its master writes.
            self.dirty += if origin == Origin::Master { self.effects.len() as u64 } else { 0 };
            self.tell_listeners(origin);
            return Outcome { wrote: false, needs: Ticket::NONE };
        }
        let outcome = self.conclude(args);
        self.tell_listeners(origin);
        outcome
    }

    fn conclude(&mut self, args: &Args<'_>) -> Outcome {
        if self.effects.is_empty() {
            self.reads_in_turn += 1;
            let needs = if self.touched.is_all() {
                self.gate.read_everything()
            } else {
                let hashes = self.touched.hashes().iter();
                hashes.map(|h| self.gate.read(*h)).max().unwrap_or(Ticket::NONE)
            };
            return Outcome { wrote: false, needs };
        }
        self.dirty += self.effects.changes();
        match &mut self.gathered {
            Some(gathered) => {
                gathered.add(&self.effects, args, &mut self.scratch);
                gathered.hashes.extend_from_slice(self.touched.hashes());
                gathered.wrote_everything |= self.touched.is_all();
            }
            None => self.log_effects(args),
        }
        let appended = self.log.as_ref().map_or(Ticket::NONE, Committer::appended);
        self.gate.appended(appended);
        if self.touched.is_all() {
            self.gate.wrote_everything();
        } else {
            self.touched.hashes().iter().for_each(|h| self.gate.wrote(*h));
        }
        Outcome { wrote: true, needs: appended }
    }
}

/// What the other files of this layer need of the private state.
impl Engine {
    pub(super) fn begin_gathering(&mut self) {
        self.gathered = Some(Gathered { db: self.stream_db, ..Gathered::default() });
    }

    /// Logs what was gathered as one unit; returns whether there was anything.
    pub(super) fn end_gathering(&mut self) -> bool {
        let Some(mut gathered) = self.gathered.take() else { return false };
        let hashes = std::mem::take(&mut gathered.hashes);
        let (any, everything) = (gathered.count > 0, gathered.wrote_everything);
        self.log_gathered(gathered);
        self.gate.appended(self.appended());
        if everything {
            self.gate.wrote_everything();
        }
        // They were noted with the ticket from before: what the log holds ends later.
        hashes.into_iter().for_each(|hash| self.gate.wrote(hash));
        any
    }

    pub(super) fn add_garbage(&mut self, garbage: impl IntoIterator<Item = Garbage>) {
        self.garbage.extend(garbage);
    }

    pub(super) fn appended(&self) -> Ticket {
        self.log.as_ref().map_or(Ticket::NONE, Committer::appended)
    }

    /// What a message published now has to wait for: all that was written before it.
    pub(super) fn message_needs(&self) -> Ticket {
        let is_writing = self.gathered.as_ref().is_some_and(|gathered| gathered.count > 0);
        match &self.log {
            // A transaction is logged as a whole at its end: once its first byte is released all of it is.
            Some(log) if is_writing => log.appended().after(1),
            _ => self.gate.read_everything(),
        }
    }

    pub(super) fn watching_changed(&mut self) {
        self.events.watched = !self.watches.is_empty() || self.tracking.is_on();
    }

    /// A number below `bound`, by chance.
    pub(super) fn random_below(&mut self, bound: usize) -> usize {
        self.rng.usize(..bound)
    }

    pub(super) fn set_no_touch(&mut self, no_touch: bool) {
        self.no_touch = no_touch;
    }

    /// The keyspace events and the counters beside them.
    pub fn events(&mut self) -> &mut Events {
        &mut self.events
    }

    pub(super) fn events_ref(&self) -> &Events {
        &self.events
    }
}

/// The way to the log: one door for everything that changes data.
impl Engine {
    /// Logs the effects of one command that is no part of a transaction.
    fn log_effects(&mut self, args: &Args<'_>) {
        let only = if self.effects.len() == 1 && !self.guards.is_replica {
            self.effects.iter().next()
        } else {
            None
        };
        let Some((db, effect)) = only else {
            let mut all = Gathered { db: self.stream_db, ..Gathered::default() };
            all.add(&self.effects, args, &mut self.scratch);
            return self.log_gathered(all);
        };
        let Some(log) = &mut self.log else { return };
        if self.stream_db != db {
            self.stream_db = db;
            let mut select = Vec::new();
            push_select(&mut select, db);
            log.append(&select, false);
            log.set_db(db as u32);
        }
        match effect {
            Effect::Verbatim => log.append(canonical(args, &mut self.scratch), false),
            Effect::Rewritten(bytes) => log.append(bytes, false),
        }
        log.boundary();
    }

    /// Logs several effects as one unit, and as a transaction for replicas.
    fn log_gathered(&mut self, gathered: Gathered) {
        let Some(log) = &mut self.log else { return };
        if gathered.count == 0 {
            return;
        }
        let local = self.guards.is_replica;
        let wrapped = gathered.count > 1;
        if wrapped {
            log.append(MULTI, local);
        }
        if local {
            // A local unit selects its database itself.
            let mut select = Vec::new();
            push_select(&mut select, self.stream_db);
            log.append(&select, true);
        }
        log.append(&gathered.commands, local);
        if wrapped {
            log.append(EXEC, local);
        }
        if !local {
            self.stream_db = gathered.db;
            log.set_db(gathered.db as u32);
        } else if gathered.db as u32 != log.db() {
            // Redis reads the log as one stream: what follows must find the stream's database selected.
            let mut select = Vec::new();
            push_select(&mut select, log.db() as usize);
            log.append(&select, true);
        }
        log.boundary();
    }

    /// Puts a client's message into the stream, in its place among the writes: replicas have listeners, too.
    pub fn log_message(&mut self, args: &Args<'_>) {
        let bytes = canonical(args, &mut self.scratch);
        if let Some(gathered) = &mut self.gathered {
            gathered.commands.extend_from_slice(bytes);
            gathered.count += 1;
            return;
        }
        let Some(log) = &mut self.log else { return };
        log.append(bytes, false);
        log.boundary();
        self.gate.appended_message(log.appended());
        // Its reply waits for nothing: the disk should not hold it up.
        self.reads_in_turn += 1;
    }

    /// Puts a command into the stream that changes no data: PING, REPLCONF GETACK.
    pub fn log_stream_command(&mut self, command: &[&[u8]]) {
        let Some(log) = &mut self.log else { return };
        self.scratch.clear();
        push_command(&mut self.scratch, command);
        log.append(&self.scratch, false);
        log.boundary();
        self.gate.appended_message(log.appended());
    }
}

#[derive(Debug)]
struct Refused {
    spec: Option<&'static Spec>,
    text: Vec<u8>,
}

/// What a handler's run means for the reply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub wrote: bool,
    pub needs: Ticket,
}
