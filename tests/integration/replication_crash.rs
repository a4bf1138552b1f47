//! Replication under kills: of either side under load, and in the middle of a full sync.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::client::encode;
use crate::support::relay::Relay;
use crate::support::replicas::{Load, assert_same_data, count, digest, follow, wait_for_link};
use crate::support::{Client, Server, Value, wait_until};

/// What the replica's log says once for each snapshot it is sent, in all its lives.
const FULL_SYNC_LINE: &str = "full sync: receiving a snapshot";

/// A generator whose seed is printed when the test fails; `VELLUM_TEST_SEED` repeats one.
fn random() -> fastrand::Rng {
    let given = std::env::var("VELLUM_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("VELLUM_TEST_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// Ends a server by a kill or by a stop, and starts it again after a while.
fn end_and_restart(server: &mut Server, random: &mut fastrand::Rng) {
    if random.bool() {
        server.kill();
    } else {
        assert!(server.stop().success(), "{}", server.log());
    }
    std::thread::sleep(std::time::Duration::from_millis(random.u64(0..60)));
    server.launch();
}

/// Ends master and replica so often each, in random order, under load.
fn survive(policy: &str, times: usize) {
    let mut random = random();
    let dir = tempfile::tempdir().unwrap();
    // Segments and snapshots as small as they get: that they change is part of what may be interrupted.
    let args = ["--appendfsync", policy, "--aof-segment-size", "1mb"];
    let args = [&args[..], &["--auto-aof-rewrite-min-size", "1mb"]].concat();
    let mut master = Server::vellum(&dir.path().join("master"), &args);
    let port = master.port.to_string();
    let args = [&args[..], &["--slaveof", "127.0.0.1", &port]].concat();
    let mut replica = Server::vellum(&dir.path().join("replica"), &args);
    wait_for_link(&replica);
    let load = Load::start(master.port, random.u64(..));
    let mut victims = [vec![true; times], vec![false; times]].concat();
    random.shuffle(&mut victims);
    let (mut full_syncs, mut partial_syncs) = (0, 0);
    for is_master in victims {
        load.wait_for_more(random.u64(1..400));
        if is_master {
            // A master counts from its start: what it has counted goes with it.
            full_syncs += count(&master, "sync_full");
            partial_syncs += count(&master, "sync_partial_ok");
            end_and_restart(&mut master, &mut random);
        } else {
            end_and_restart(&mut replica, &mut random);
        }
        if random.bool() {
            wait_for_link(&replica);
        }
    }
    load.wait_for_more(100);
    load.stop();
    assert_same_data(&master, &replica);
    full_syncs += count(&master, "sync_full");
    partial_syncs += count(&master, "sync_partial_ok");
    assert_eq!(full_syncs, 1, "master:\n{}\nreplica:\n{}", master.log(), replica.log());
    // What a killed master had counted last is not in the sum, but the replica has it all.
    assert_eq!(replica.log().matches(FULL_SYNC_LINE).count(), 1, "{}", replica.log());
    assert!(partial_syncs > 0);
}

#[test]
fn one_full_sync_is_enough_whoever_dies_how_often() {
    survive("always", 20);
}

#[test]
fn it_is_enough_under_everysec_too() {
    survive("everysec", 5);
}

/// Keys of each data set in the tests of interrupted full syncs.
const KEYS: usize = 3000;

/// Gives a server, at once, a data set whose every value names its generation; about 3 MB.
fn fill(server: &Server, generation: &str) {
    let mut client = server.client();
    let mut batch = [encode(&[b"MULTI"]), encode(&[b"FLUSHALL"])].concat();
    for key in 0..KEYS {
        let value = format!("{generation}:{}", fastrand::u64(..).to_string().repeat(50));
        batch.extend(encode(&[b"SET", format!("key:{key}").as_bytes(), value.as_bytes()]));
    }
    batch.extend(encode(&[b"EXEC"]));
    client.send_raw(&batch).unwrap();
    assert!(client.read().unwrap().is_ok());
    for _ in 0..=KEYS {
        assert_eq!(client.read().unwrap().text(), "QUEUED");
    }
    assert_eq!(client.read().unwrap().items().len(), KEYS + 1);
}

/// Looks at a server's first and last key until it is told to stop: they must always be of one
/// generation, and both there.
fn watch(port: u16, stop: &AtomicBool) {
    let last = format!("key:{}", KEYS - 1);
    while !stop.load(Ordering::SeqCst) {
        let Ok(mut client) = Client::connect(port) else { continue };
        while let Ok(reply) = client.try_command(&["MGET", "key:0", &last]) {
            if let Value::Array(values) = &reply {
                let generation = |value: &Value| value.text()[..3].to_owned();
                assert_eq!(generation(&values[0]), generation(&values[1]), "a mixture");
            }
            if stop.load(Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_micros(500));
        }
    }
}

#[test]
fn a_full_sync_broken_off_leaves_the_whole_old_data_set_or_the_whole_new_one() {
    let mut random = random();
    let dir = tempfile::tempdir().unwrap();
    // What is sent is about as long as what it means.
    let mut master = Server::vellum(&dir.path().join("master"), &["--rdbcompression", "no"]);
    let mut replica = Server::vellum(&dir.path().join("replica"), &[]);
    fill(&master, "new");
    fill(&replica, "old");
    let (new, mut old) = (digest(&master), digest(&replica));
    let relay = Relay::to(master.port);
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (port, stop) = (replica.port, Arc::clone(&stop));
        std::thread::spawn(move || watch(port, &stop))
    };
    // The first round is not broken off: it shows how long the whole of it is.
    follow(&replica, relay.port);
    assert_same_data(&master, &replica);
    let total_len = relay.passed_len();
    assert!(total_len > 1_000_000);
    let (mut old_count, mut new_count) = (0, 0);
    for round in 0..20 {
        if digest(&replica) == new {
            assert!(replica.client().command(&["SLAVEOF", "NO", "ONE"]).is_ok());
            fill(&replica, "old");
            old = digest(&replica);
        }
        // In most rounds within the snapshot, in some when it is there and about to take its place.
        let is_all_sent = round % 4 == 3;
        let passed_len = relay.passed_len();
        if !is_all_sent {
            relay.hold_after(random.u64(1..total_len - 100));
        }
        follow(&replica, relay.port);
        wait_until("the transfer to get so far", || match is_all_sent {
            true => relay.passed_len() >= passed_len + total_len - 100,
            false => relay.is_holding(),
        });
        let pause_us = if is_all_sent { random.u64(0..150_000) } else { random.u64(0..20_000) };
        std::thread::sleep(std::time::Duration::from_micros(pause_us));
        master.kill();
        relay.cut();
        if is_all_sent || random.bool() {
            replica.kill();
            replica.launch();
        } else {
            assert!(replica.client().command(&["SLAVEOF", "NO", "ONE"]).is_ok());
        }
        let found = digest(&replica);
        assert!(found == old || found == new, "round {round}: {found} is neither {old} nor {new}");
        // Alone, from its own disk, it is the same.
        replica.kill();
        replica.launch();
        assert_eq!(digest(&replica), found, "round {round}: another one after a restart");
        if found == new {
            new_count += 1
        } else {
            old_count += 1
        }
        master.launch();
        relay.let_go();
        relay.mend();
    }
    println!("{old_count} times the old data set, {new_count} times the new one");
    assert!(old_count > 0);
    follow(&replica, relay.port);
    assert_same_data(&master, &replica);
    stop.store(true, Ordering::SeqCst);
    watcher.join().unwrap();
}
