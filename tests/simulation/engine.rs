//! Random lives of a whole server on a disk that fails: what clients were told holds.
//!
//! Clients write rising numbers into values of all types, some of them in transactions, and read each
//! other's; a model keeps what each was told. After each death the next start must find a state that the
//! server went through: all clients' writes up to one moment, no transaction in half, and that moment not
//! before anything a client has seen, be it the answer to its own write or another's value.
//!
//! Under `everysec` a machine that is lost takes what was not synced, a second's worth at most. So does
//! a process that dies while the log moves away from a file whose sync has failed; no other death of a
//! process takes anything, one after a failed write included.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use vellum::engine::{InlineSync, Session};
use vellum::log::{Reader, SyncPolicy};
use vellum::resp::encode::push_command;
use vellum::storage::Storage;

use crate::engine_rig::{Machine, Server, session};
use crate::forms::{Form, number_in, number_of};
use crate::replies::split_reply;

/// Seeds a run tries; the first failing one is named.
const SEEDS: u64 = 2000;
const LIVES: usize = 3;
const CLIENTS: usize = 6;
/// What `everysec` may lose, in milliseconds.
const LOSS_MAX_MS: u64 = 1000;
/// Rounds in which a process without misfortune gets everything done.
const PATIENCE: usize = 100_000;

/// A write that the server has taken.
#[derive(Clone, Copy, Debug)]
struct Write {
    /// Its place among all writes of all clients.
    place: u64,
    /// It set the second key too, in one transaction.
    pair: bool,
    /// What it was written into.
    form: Form,
}

/// What a client waits for.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// The answer to this write.
    Written(u64),
    /// The end of a transaction that is this write.
    Exec(u64),
    /// `+OK` or `+QUEUED`, which say nothing.
    Noise,
    /// Another client's number.
    Value(usize),
    /// A refusal.
    Refused,
}

struct Client {
    session: Session,
    /// The writes taken, by number.
    writes: BTreeMap<u64, Write>,
    /// Numbers told to be written, with the time of the answer.
    told: Vec<(u64, u64)>,
    /// The largest number of this client that anybody has read.
    seen: u64,
    next: u64,
    waiting: VecDeque<Expected>,
    received: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    told: usize,
    read: usize,
    refused: usize,
    pairs: usize,
    lost: usize,
    snapshots: usize,
    mended: usize,
    lost_told: usize,
    /// Deaths that may not take back anything told.
    unforgiven: usize,
}

struct World {
    machine: Machine,
    rng: fastrand::Rng,
    clients: Vec<Client>,
    next_place: u64,
    /// A sync has failed, and the log has not been seen in order again since.
    sync_failed: bool,
    /// The disk's failed syncs that `sync_failed` has taken into account.
    failed_syncs: u64,
    counts: Counts,
}

fn key(client: usize) -> String {
    Form::String.key(client)
}

fn pair_key(client: usize) -> String {
    format!("d{client}")
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed ^ 0xc11e);
        let mut machine = Machine::new(seed);
        if seed.is_multiple_of(3) {
            machine.options.fill_len_first = 0;
        }
        machine.inline = match rng.u8(..3) {
            0 => InlineSync::Yes,
            1 => InlineSync::No,
            _ => InlineSync::Auto,
        };
        let client = |number: usize| Client {
            session: session(number as u64),
            writes: BTreeMap::new(),
            told: Vec::new(),
            seen: 0,
            next: 1,
            waiting: VecDeque::new(),
            received: Vec::new(),
        };
        let clients = (0..CLIENTS).map(client).collect();
        let counts = Counts::default();
        Self { machine, rng, clients, next_place: 1, sync_failed: false, failed_syncs: 0, counts }
    }

    fn live(&mut self, policy: SyncPolicy) {
        self.machine.policy = policy;
        for life in 0..LIVES {
            let seed = self.rng.u64(..);
            if self.rng.u8(..4) == 0 {
                // The start itself dies.
                self.machine.disk.stop_after(self.rng.u64(..30));
                drop(self.machine.start(seed));
                self.machine.disk.stop();
                if self.end_process() && policy == SyncPolicy::EverySec {
                    self.forgive();
                }
            }
            let mut server =
                self.machine.start(seed).unwrap_or_else(|e| panic!("life {life}: {e}"));
            self.check_first_look(&server);
            if self.rng.u8(..4) == 0 {
                self.machine.disk.stop_after(self.rng.u64(..150));
            }
            for _ in 0..self.rng.usize(5..50) {
                self.turn(&mut server);
            }
            if self.rng.u8(..4) == 0 {
                self.finish(&mut server);
            }
            self.die(server, policy);
        }
        let server = self.machine.start(7).unwrap();
        self.check_first_look(&server);
    }

    /// One turn of the event loop, with a misfortune now and then.
    fn turn(&mut self, server: &mut Server) {
        for _ in 0..self.rng.usize(1..=3) {
            let client = self.rng.usize(..CLIENTS);
            self.send_request(server, client);
        }
        match self.rng.u8(..40) {
            0 => self.machine.disk.fail_sync(self.rng.u64(..4)),
            1 => self.machine.disk.fail_write(self.rng.u64(..4)),
            2 => self.machine.disk.fill_up_to(self.rng.u64(..20_000)),
            3..=5 => self.machine.disk.set_capacity(None),
            6..=7 => drop(server.engine.begin_snapshot(self.machine.plan())),
            8 => std::thread::yield_now(),
            _ => {}
        }
        self.machine.clock.advance_ms(self.rng.u64(..120));
        self.end_turn(server);
    }

    fn end_turn(&mut self, server: &mut Server) {
        let refused = server.refuses_writes();
        let fails_anew = self.note_failed_syncs();
        server.commit();
        let is_mended = refused && !server.refuses_writes();
        self.sync_failed &= fails_anew || !is_mended;
        self.counts.mended += usize::from(is_mended);
        if let Some(result) = server.engine.step_snapshot(100) {
            self.counts.snapshots += usize::from(result.is_ok());
        }
        for client in 0..CLIENTS {
            self.receive(server, client);
        }
    }

    /// Whether a sync has failed since the last call. Asks the disk and not the log: the log's thread may not have told of a failure yet.
    fn note_failed_syncs(&mut self) -> bool {
        let failed = self.machine.disk.failed_syncs();
        let fails_anew = failed > self.failed_syncs;
        self.failed_syncs = failed;
        self.sync_failed |= fails_anew;
        fails_anew
    }

    /// Waits until every reply has come: the disk has room and nothing fails any more.
    fn finish(&mut self, server: &mut Server) {
        if self.machine.disk.is_stopped() {
            return;
        }
        self.machine.disk.set_capacity(None);
        for _ in 0..PATIENCE {
            if self.clients.iter().all(|client| client.waiting.is_empty())
                || self.machine.disk.is_stopped()
            {
                return;
            }
            self.machine.clock.advance_ms(50);
            std::thread::yield_now();
            self.end_turn(server);
        }
        panic!("replies are missing");
    }

    fn send_request(&mut self, server: &mut Server, number: usize) {
        let refused = server.refuses_writes();
        let mut request = Vec::new();
        for _ in 0..self.rng.usize(1..6) {
            if self.rng.u8(..3) == 0 {
                let other = self.rng.usize(..CLIENTS);
                self.any_form().push_read(&mut request, other);
                self.clients[number].waiting.push_back(Expected::Value(other));
            } else {
                self.write(&mut request, number, refused);
            }
        }
        server.run(&mut self.clients[number].session, &request);
    }

    fn any_form(&mut self) -> Form {
        Form::ALL[self.rng.usize(..Form::ALL.len())]
    }

    fn write(&mut self, request: &mut Vec<u8>, number: usize, refused: bool) {
        let form = self.any_form();
        let client = &mut self.clients[number];
        // Some values are long, so that segments end.
        let padding = " ".repeat(if self.rng.u8(..10) == 0 { 2500 } else { 0 });
        let pair = self.rng.u8(..3) == 0;
        let answer = |expected| if refused { Expected::Refused } else { expected };
        if pair {
            push_command(request, &[b"MULTI"]);
            form.push_write(request, number, client.next, &padding);
            let (key, value) = (pair_key(number), client.next.to_string());
            push_command(request, &[b"SET", key.as_bytes(), value.as_bytes()]);
            push_command(request, &[b"EXEC"]);
            client.waiting.push_back(Expected::Noise);
            client.waiting.extend([answer(Expected::Noise), answer(Expected::Noise)]);
            client.waiting.push_back(answer(Expected::Exec(client.next)));
        } else {
            form.push_write(request, number, client.next, &padding);
            client.waiting.push_back(answer(Expected::Written(client.next)));
        }
        if !refused {
            client.writes.insert(client.next, Write { place: self.next_place, pair, form });
            self.counts.pairs += usize::from(pair);
            self.next_place += 1;
        }
        client.next += 1;
    }

    /// Takes in what the server sends a client.
    fn receive(&mut self, server: &mut Server, number: usize) {
        let now_ms = vellum::base::Clock::unix_ms(&*self.machine.clock);
        let client = &mut self.clients[number];
        client.received.extend(server.send(&mut client.session));
        let received = std::mem::take(&mut client.received);
        let mut rest = &received[..];
        while let Some((reply, behind)) = split_reply(rest) {
            let client = &mut self.clients[number];
            match client.waiting.pop_front().expect("a reply that nobody waits for") {
                Expected::Written(written) => {
                    assert_ne!(reply[0], b'-', "{}", reply.escape_ascii());
                    client.told.push((written, now_ms));
                    self.counts.told += 1;
                }
                Expected::Exec(written) => {
                    let is_done = reply.starts_with(b"*2\r\n") && reply.ends_with(b"\n+OK\r\n");
                    let has_error = reply.windows(2).any(|two| two == b"\n-");
                    assert!(is_done && !has_error, "{}", reply.escape_ascii());
                    client.told.push((written, now_ms));
                    self.counts.told += 1;
                }
                Expected::Noise => assert_eq!(reply[0], b'+'),
                Expected::Refused => {
                    assert!(reply.starts_with(b"-MISCONF") || reply.starts_with(b"-EXECABORT"));
                    self.counts.refused += 1;
                }
                Expected::Value(other) => {
                    self.clients[other].seen = self.clients[other].seen.max(number_in(reply));
                    self.counts.read += 1;
                }
            }
            rest = behind;
        }
        self.clients[number].received = rest.to_vec();
    }

    /// Ends the process, or the machine with it.
    fn die(&mut self, server: Server, policy: SyncPolicy) {
        let stops_at_once = self.rng.bool();
        if !stops_at_once {
            // Whatever is under way gets a little further.
            self.machine.disk.stop_after(self.rng.u64(..4));
            std::thread::yield_now();
        }
        self.machine.disk.stop();
        drop(server);
        self.note_failed_syncs();
        let sync_failed = std::mem::take(&mut self.sync_failed);
        let power_is_lost = self.end_process();
        if (power_is_lost || sync_failed) && policy == SyncPolicy::EverySec {
            self.forgive();
        } else if self.clients.iter().any(|client| !client.told.is_empty()) {
            self.counts.unforgiven += 1;
        }
    }

    /// Whether the machine was lost.
    fn end_process(&mut self) -> bool {
        let power_is_lost = self.rng.bool();
        if power_is_lost {
            self.machine.disk.power_cut();
        } else {
            self.machine.disk.kill();
        }
        for (number, client) in self.clients.iter_mut().enumerate() {
            client.session = session(number as u64);
            client.waiting.clear();
            client.received.clear();
        }
        power_is_lost
    }

    /// Under `everysec` the last second's answers may not hold.
    fn forgive(&mut self) {
        let last_ms = self.clients.iter().flat_map(|c| &c.told).map(|told| told.1).max();
        let Some(last_ms) = last_ms else { return };
        for client in &mut self.clients {
            let before = client.told.len();
            client.told.retain(|(_, at_ms)| at_ms + LOSS_MAX_MS < last_ms);
            client.seen = 0;
            self.counts.lost_told += before - client.told.len();
        }
    }

    /// What a server has after its start is what it had at one moment, and everything told holds.
    fn check_first_look(&mut self, server: &Server) {
        // All writes up to `at_least`, and none from `before` on.
        let (mut at_least, mut before) = (0, u64::MAX);
        for (number, client) in self.clients.iter().enumerate() {
            let found = newest(server, number);
            let told = client.told.iter().map(|told| told.0).max().unwrap_or(0);
            assert!(found >= told, "client {number}: {told} was told to be written, found {found}");
            assert!(
                found >= client.seen,
                "client {number}: {} was read, found {found}",
                client.seen
            );
            if found > 0 {
                at_least = at_least.max(client.writes[&found].place);
            }
            if let Some((_, next)) = client.writes.range(found + 1..).next() {
                before = before.min(next.place);
            }
            let last_pair = client.writes.range(..=found).rev().find(|(_, write)| write.pair);
            let pair = server.value(&pair_key(number)).map_or(0, |value| number_of(&value));
            assert_eq!(pair, last_pair.map_or(0, |(number, _)| *number), "half a transaction");
            for form in Form::ALL {
                let mut writes =
                    client.writes.range(..=found).filter(|(_, write)| write.form == form);
                let count = if form == Form::String { 1 } else { writes.clone().count() };
                let expected = writes.next_back().map_or((0, 0), |(number, _)| (*number, count));
                assert_eq!(form.found(server, number), expected, "{form:?} of client {number}");
            }
        }
        assert!(at_least < before, "write {before} is missing and the later {at_least} is there");
        for (number, client) in self.clients.iter_mut().enumerate() {
            let found = newest(server, number);
            self.counts.lost += client.writes.split_off(&(found + 1)).len();
            client.told.retain(|told| told.0 <= found);
            client.seen = client.seen.min(found);
        }
    }
}

/// The newest number of a client that a server has.
fn newest(server: &Server, client: usize) -> u64 {
    Form::ALL.iter().map(|form| form.found(server, client).0).max().unwrap_or(0)
}

fn run(policy: SyncPolicy, seeds: u64) -> Counts {
    let mut total = Counts::default();
    for seed in 0..seeds {
        let mut world = World::new(seed);
        let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.live(policy)));
        if let Err(panic) = lived {
            eprintln!("seed {seed} failed");
            std::panic::resume_unwind(panic);
        }
        let counts = world.counts;
        total.told += counts.told;
        total.read += counts.read;
        total.refused += counts.refused;
        total.pairs += counts.pairs;
        total.lost += counts.lost;
        total.snapshots += counts.snapshots;
        total.mended += counts.mended;
        total.lost_told += counts.lost_told;
        total.unforgiven += counts.unforgiven;
    }
    // The canary: lives in which nothing went wrong would prove nothing.
    assert!(total.told > 20 * seeds as usize && total.read > 10 * seeds as usize, "{total:?}");
    assert!(total.refused as u64 > seeds / 10 && total.mended as u64 > seeds / 100, "{total:?}");
    assert!(total.snapshots as u64 > seeds / 100 && total.lost as u64 > seeds / 2, "{total:?}");
    assert!(total.unforgiven as u64 > seeds / 2, "{total:?}");
    total
}

#[test]
fn under_always_nothing_that_anybody_has_seen_is_taken_back() {
    run(SyncPolicy::Always, SEEDS);
}

#[test]
fn under_everysec_a_lost_machine_takes_a_second_and_a_killed_process_nothing() {
    let counts = run(SyncPolicy::EverySec, SEEDS);
    assert!(counts.lost_told > 0, "no answer was ever in danger: {counts:?}");
}

/// A disk that hangs: answers stop before more than a second's worth depends on it.
#[test]
fn under_everysec_a_sync_that_hangs_holds_answers_back() {
    let mut world = World::new(1);
    world.machine.policy = SyncPolicy::EverySec;
    let mut server = world.machine.start(1).unwrap();
    world.machine.disk.hold_syncs(true);
    let began_ms = vellum::base::Clock::unix_ms(&*world.machine.clock);
    for _ in 0..60 {
        world.send_request(&mut server, 0);
        world.machine.clock.advance_ms(50);
        world.end_turn(&mut server);
    }
    let last_ms = world.clients[0].told.last().unwrap().1;
    assert!(last_ms > began_ms && last_ms <= began_ms + LOSS_MAX_MS + 50, "{last_ms} {began_ms}");
    assert!(!world.clients[0].waiting.is_empty());
    world.machine.disk.hold_syncs(false);
    world.finish(&mut server);
    assert!(world.clients[0].waiting.is_empty());
}

/// A snapshot's cut ends a segment, and that syncs it: not while there is much to sync.
#[test]
fn a_snapshot_is_cut_when_the_log_need_not_wait_for_it() {
    let mut machine = Machine::new(1);
    machine.policy = SyncPolicy::EverySec;
    machine.options.segment_len_max = 64 << 20;
    let mut server = machine.start(1).unwrap();
    let mut client = session(1);
    let value = vec![b'v'; 1 << 20];
    machine.disk.hold_syncs(true);
    let mut answered = |server: &mut Server, value: &[u8]| {
        let mut request = Vec::new();
        push_command(&mut request, &[b"SET", key(0).as_bytes(), value]);
        server.run(&mut client, &request);
        server.commit();
        server.send(&mut client) == b"+OK\r\n"
    };
    assert!(answered(&mut server, &value));
    server.engine.begin_snapshot(machine.plan()).unwrap();
    for _ in 0..10 {
        assert!(server.engine.step_snapshot(100).is_none());
        assert_eq!(server.engine.snapshot_task().unwrap().offset(), None);
        assert!(answered(&mut server, b"meanwhile"), "the snapshot holds writes up");
    }
    machine.disk.hold_syncs(false);
    let mut turns = 0..PATIENCE;
    let snapshot = loop {
        turns.next().expect("the snapshot ends");
        server.commit();
        if let Some(snapshot) = server.engine.step_snapshot(100) {
            break snapshot.unwrap();
        }
        std::thread::yield_now();
    };
    assert_eq!(snapshot.offset, server.engine.offset());
    drop(server);
    machine.disk.kill();
    assert_eq!(machine.start(2).unwrap().value(&key(0)).as_deref(), Some(&b"meanwhile"[..]));
}

/// What a writable replica writes itself comes behind what its master has sent, in memory as in the log.
#[test]
fn a_local_write_comes_behind_the_stream_that_is_stored() {
    let machine = Machine::new(1);
    let mut server = machine.start(1).unwrap();
    server.engine.guards.is_replica = true;
    server.engine.expect_stream();
    let mut units = Vec::new();
    push_command(&mut units, &[b"SELECT", b"0"]);
    push_command(&mut units, &[b"SET", key(0).as_bytes(), b"1"]);
    server.engine.store_stream(units, Some(0));
    let mut request = Vec::new();
    push_command(&mut request, &[b"SET", key(0).as_bytes(), b"2"]);
    server.run(&mut session(1), &request);
    while server.engine.apply_stored(vellum::base::Offset::MAX).unwrap() {}
    let served = server.value(&key(0));
    server.commit();
    drop(server);
    machine.disk.kill();
    assert_eq!(machine.start(2).unwrap().value(&key(0)), served);
    assert_eq!(served.as_deref(), Some(&b"2"[..]));
}

/// With `appendonly no` and without replicas no disk stands between a write and its answer.
#[test]
fn a_sleeping_log_asks_nothing_of_the_disk() {
    let machine = Machine::new(1);
    let mut server = machine.start_cache(1);
    let mut client = session(1);
    let answer = |server: &mut Server, client: &mut _, request: &[&[u8]]| {
        let mut bytes = Vec::new();
        push_command(&mut bytes, request);
        server.run(client, &bytes);
        server.commit();
        server.send(client)
    };
    let set: &[&[u8]] = &[b"SET", b"key", b"value"];
    let set_len = {
        let mut bytes = Vec::new();
        push_command(&mut bytes, set);
        bytes.len() as u64
    };
    machine.disk.fill_up_to(0);
    let began = server.engine.offset();
    for number in 1..=1000 {
        assert_eq!(answer(&mut server, &mut client, set), b"+OK\r\n");
        assert_eq!(server.engine.offset(), began + number * set_len);
        assert!(!server.refuses_writes());
    }
    let log = server.engine.log.as_ref().unwrap();
    assert_eq!(log.durable_offset(), server.engine.offset());
    assert_eq!(log.status().backlog_start, server.engine.offset());
    // Nor can it begin there, and that is nobody's matter but the one's who wants it.
    server.engine.wake_log().unwrap_err();
    assert_eq!(answer(&mut server, &mut client, set), b"+OK\r\n");
    assert!(!server.refuses_writes() && server.engine.log.as_ref().unwrap().is_asleep());

    machine.disk.fill_up_to(1 << 40);
    server.engine.wake_log().unwrap();
    let began = server.engine.offset();
    assert_eq!(answer(&mut server, &mut client, set), b"+OK\r\n");
    let status = server.engine.log.as_ref().unwrap().status();
    assert_eq!((status.backlog_start, status.segments_len), (began, set_len));
    // Kept, it needs the room.
    machine.disk.fill_up_to(0);
    assert_eq!(answer(&mut server, &mut client, set), b"");
    assert!(server.refuses_writes());
    machine.disk.fill_up_to(1 << 40);
    let mut turns = 0..PATIENCE;
    while server.send(&mut client) != b"+OK\r\n" {
        turns.next().expect("the log is mended");
        machine.clock.advance_ms(300);
        server.commit();
        std::thread::yield_now();
    }
    let mut reader = Reader::open(Arc::new(machine.disk.clone()), &machine.layout, Some(began));
    let kept = reader.as_mut().unwrap().next_frame(server.engine.offset()).unwrap().unwrap();
    assert_eq!((kept.offset, kept.payload.len() as u64), (began, set_len));

    server.engine.let_log_sleep();
    assert!(server.engine.log.as_ref().unwrap().is_asleep());
    for _ in 0..PATIENCE {
        server.commit();
        if machine.disk.list(machine.layout.archive_dir()).unwrap().is_empty() {
            break;
        }
        std::thread::yield_now();
    }
    assert!(machine.disk.list(machine.layout.archive_dir()).unwrap().is_empty());
    assert_eq!(answer(&mut server, &mut client, set), b"+OK\r\n");
}
