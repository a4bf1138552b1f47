//! Who follows whom, what a master waits for, and what a replica may do: chains, promotions, WAIT, the
//! directives of replication.

use std::path::Path;

use crate::support::relay::Relay;
use crate::support::replicas::{
    assert_same_data, count, digest, follow, ok, wait_for_link, wait_to_catch_up,
};
use crate::support::{Client, Server, Value, wait_until};

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

/// A server that follows another from its start.
fn replica_of(port: u16, dir: &Path, args: &[&str]) -> Server {
    let port = port.to_string();
    let args = [&["--slaveof", "127.0.0.1", &port], args].concat();
    let replica = Server::vellum(dir, &args);
    wait_for_link(&replica);
    replica
}

fn syncs(server: &Server) -> (u64, u64) {
    (count(server, "sync_full"), count(server, "sync_partial_ok"))
}

fn integers(reply: &Value) -> Vec<i64> {
    reply.items().iter().map(Value::integer).collect()
}

fn is_down(replica: &Server) -> bool {
    replica.client().info("master_link_status") == "down"
}

#[test]
fn a_chain_is_followed_to_its_end_whichever_link_breaks() {
    let dir = dir();
    let mut master = Server::vellum(&dir.path().join("master"), &[]);
    ok(&master, &["SET", "before", "1"]);
    let mut middle = replica_of(master.port, &dir.path().join("middle"), &[]);
    let last = replica_of(middle.port, &dir.path().join("last"), &[]);
    ok(&master, &["MSET", "a", "1", "b", "2"]);
    assert_same_data(&master, &middle);
    assert_same_data(&master, &last);
    middle.kill();
    ok(&master, &["SET", "c", "3"]);
    middle.launch();
    assert_same_data(&master, &last);
    master.kill();
    master.launch();
    ok(&master, &["SET", "d", "4"]);
    assert_same_data(&master, &last);
    assert_eq!(syncs(&middle), (0, 1));
    assert_eq!(syncs(&master), (0, 1));
    // One number and one name all along the chain.
    let history = |server: &Server| server.client().info("master_replid");
    assert!([&middle, &last].iter().all(|server| history(server) == history(&master)));
}

#[test]
fn after_a_promotion_the_others_go_on_under_the_new_name() {
    let dir = dir();
    let mut master = Server::vellum(&dir.path().join("master"), &[]);
    ok(&master, &["SET", "a", "1"]);
    let first = replica_of(master.port, &dir.path().join("first"), &[]);
    let second = replica_of(master.port, &dir.path().join("second"), &[]);
    let below = replica_of(first.port, &dir.path().join("below"), &[]);
    ok(&master, &["SET", "b", "2"]);
    for replica in [&first, &second, &below] {
        wait_to_catch_up(&master, replica);
    }
    let old_name = master.client().info("master_replid");
    let offset: u64 = master.client().info("master_repl_offset").parse().unwrap();
    master.kill();
    ok(&first, &["SLAVEOF", "NO", "ONE"]);
    follow(&second, first.port);
    ok(&first, &["SET", "c", "3"]);
    assert_same_data(&first, &second);
    assert_same_data(&first, &below);
    for server in [&first, &second, &below] {
        let mut client = server.client();
        assert_eq!(client.info("master_replid2"), old_name);
        assert_eq!(client.info("second_repl_offset"), (offset + 1).to_string());
        assert_ne!(client.info("master_replid"), old_name);
    }
    // One full sync for the replica below it from before; partial ones since.
    assert_eq!(syncs(&first), (1, 2));
    // The old master has nothing that they have not: it goes on as a replica.
    master.launch();
    follow(&master, first.port);
    assert_same_data(&first, &master);
    assert_eq!(syncs(&first), (1, 3));
}

#[test]
fn a_former_master_that_went_its_own_way_is_given_everything() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    ok(&master, &["SET", "a", "1"]);
    let replica = replica_of(master.port, &dir.path().join("replica"), &[]);
    ok(&replica, &["SLAVEOF", "NO", "ONE"]);
    ok(&master, &["SET", "only-here", "1"]);
    ok(&replica, &["SET", "b", "2"]);
    follow(&master, replica.port);
    assert_same_data(&replica, &master);
    assert_eq!(syncs(&replica), (1, 0));
    assert_eq!(count(&replica, "sync_partial_err"), 1);
    assert_eq!(master.client().command(&["EXISTS", "only-here"]).integer(), 0);
}

#[test]
fn the_transaction_of_a_failover_is_taken_as_sentinel_sends_it() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let replica = replica_of(master.port, &dir.path().join("replica"), &[]);
    let mut other = replica.client();
    let mut client = replica.client();
    let port = master.port.to_string();
    let orders: [&[&str]; 2] = [&["SLAVEOF", "NO", "ONE"], &["SLAVEOF", "127.0.0.1", &port]];
    for (order, role) in orders.into_iter().zip(["master", "slave"]) {
        assert!(client.command(&["MULTI"]).is_ok());
        let rest: [&[&str]; 3] = [
            &["CONFIG", "REWRITE"],
            &["CLIENT", "KILL", "TYPE", "normal"],
            &["CLIENT", "KILL", "TYPE", "pubsub"],
        ];
        for words in [&[order][..], &rest].concat() {
            assert_eq!(client.command(words).text(), "QUEUED", "{words:?}");
        }
        let replies = client.command(&["EXEC"]);
        let replies = replies.items();
        assert!(replies[0].is_ok(), "{replies:?}");
        // There is no file to rewrite, which holds nothing else up.
        assert!(replies[1].text().starts_with("ERR The server is running without a config file"));
        assert!(replies[2].integer() >= 1);
        assert_eq!(replies[3].integer(), 0);
        assert!(other.try_command(&["PING"]).is_err(), "another client was to be closed");
        other = replica.client();
        assert_eq!(client.info("role"), role);
    }
    wait_to_catch_up(&master, &replica);
}

#[test]
fn what_is_written_on_a_replica_does_not_go_down_the_chain() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let words = ["--replica-read-only", "no"];
    let middle = replica_of(master.port, &dir.path().join("middle"), &words);
    let mut last = replica_of(middle.port, &dir.path().join("last"), &[]);
    wait_to_catch_up(&master, &last);
    for number in 0..20 {
        ok(&middle, &["SET", &format!("local:{number}"), "1"]);
        ok(&master, &["SET", &format!("key:{number}"), "1"]);
    }
    last.kill();
    ok(&middle, &["SET", "local:last", "1"]);
    last.launch();
    assert_same_data(&master, &last);
    wait_to_catch_up(&master, &middle);
    assert_eq!(middle.client().command(&["DBSIZE"]).integer(), 41);
    assert_eq!(syncs(&middle), (1, 1));
}

#[test]
fn another_master_above_means_another_data_set_below() {
    let dir = dir();
    let one = Server::vellum(&dir.path().join("one"), &[]);
    let other = Server::vellum(&dir.path().join("other"), &[]);
    for number in 0..50 {
        ok(&one, &["SET", &format!("one:{number}"), "1"]);
        ok(&other, &["SET", &format!("other:{number}"), "1"]);
    }
    let middle = replica_of(one.port, &dir.path().join("middle"), &[]);
    let last = replica_of(middle.port, &dir.path().join("last"), &[]);
    assert_same_data(&one, &last);
    follow(&middle, other.port);
    assert_same_data(&other, &middle);
    assert_same_data(&other, &last);
    ok(&other, &["SET", "after", "1"]);
    assert_same_data(&other, &last);
}

#[test]
fn the_log_may_be_switched_off_and_on_under_a_replica() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let relay = Relay::to(master.port);
    let mut replica = replica_of(relay.port, &dir.path().join("replica"), &[]);
    let mut number = 0;
    let mut write = || {
        number += 1;
        ok(&master, &["SET", &format!("key:{number}"), "1"]);
    };
    write();
    wait_to_catch_up(&master, &replica);
    for (server, word) in [(&master, "no"), (&master, "yes"), (&replica, "no"), (&replica, "yes")] {
        ok(server, &["CONFIG", "SET", "appendonly", word]);
        write();
        relay.cut();
        write();
        relay.mend();
        assert_same_data(&master, &replica);
        let is_done = || count(server, "aof_rewrite_in_progress") == 0;
        wait_until("the switch", || is_done() && count(server, "aof_rewrite_scheduled") == 0);
        write();
        assert_same_data(&master, &replica);
    }
    replica.kill();
    replica.launch();
    write();
    assert_same_data(&master, &replica);
    assert_eq!(syncs(&master), (1, 5));
}

#[test]
fn a_replica_whose_link_is_killed_comes_back() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let replica = replica_of(master.port, &dir.path().join("replica"), &[]);
    let list = master.client().command(&["CLIENT", "LIST", "TYPE", "replica"]).text();
    assert!(list.contains(" flags=S ") && list.lines().count() == 1, "{list}");
    let killed = master.client().command(&["CLIENT", "KILL", "TYPE", "slave"]);
    assert_eq!(killed.integer(), 1);
    ok(&master, &["SET", "a", "1"]);
    assert_same_data(&master, &replica);
    assert_eq!(syncs(&master), (1, 1));
}

#[test]
fn wait_counts_replicas_that_have_the_write() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let mut client = master.client();
    assert!(client.command(&["SET", "a", "1"]).is_ok());
    assert_eq!(client.command(&["WAIT", "0", "0"]).integer(), 0);
    assert_eq!(client.command(&["WAIT", "1", "50"]).integer(), 0);
    assert_eq!(integers(&client.command(&["WAITAOF", "1", "0", "0"])), [1, 0]);
    assert_eq!(integers(&client.command(&["WAITAOF", "1", "1", "50"])), [1, 0]);
    let first = replica_of(master.port, &dir.path().join("first"), &[]);
    let mut second = replica_of(master.port, &dir.path().join("second"), &[]);
    for number in 0..20 {
        assert!(client.command(&["SET", "a", &number.to_string()]).is_ok());
        assert_eq!(client.command(&["WAIT", "2", "0"]).integer(), 2);
        let found = first.client().command(&["GET", "a"]).text();
        assert_eq!(found, number.to_string(), "WAIT came back before the replica had the write");
        assert_eq!(integers(&client.command(&["WAITAOF", "1", "2", "0"])), [1, 2]);
    }
    second.kill();
    assert!(client.command(&["SET", "a", "x"]).is_ok());
    assert_eq!(client.command(&["WAIT", "1", "0"]).integer(), 1);
    assert_eq!(client.command(&["WAIT", "2", "100"]).integer(), 1);
    assert_eq!(integers(&client.command(&["WAITAOF", "0", "2", "100"])), [1, 1]);
    // One that waits is not forgotten when the replica comes back.
    client.send(&["WAIT", "2", "0"]).unwrap();
    second.launch();
    assert_eq!(client.read().unwrap().integer(), 2);
    // Inside a transaction nobody waits.
    client.command(&["MULTI"]);
    client.command(&["SET", "a", "y"]);
    client.command(&["WAIT", "5", "0"]);
    assert!(client.command(&["EXEC"]).items()[1].integer() <= 2);
    let refused = first.client().command(&["WAIT", "1", "0"]).text();
    assert!(refused.starts_with("ERR WAIT cannot be used with replica instances"), "{refused}");
    // A role that changes ends the waiting.
    client.send(&["WAIT", "5", "0"]).unwrap();
    wait_until("the client to wait", || master.client().info("blocked_clients") == "1");
    follow(&master, first.port);
    let ended = client.read().unwrap().text();
    assert!(ended.starts_with("UNBLOCKED"), "{ended}");
}

#[test]
fn a_snapshot_on_its_way_counts_for_nothing() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let mut client = master.client();
    assert!(client.command(&["SET", "a", &"x".repeat(1000)]).is_ok());
    let relay = Relay::to(master.port);
    let replica = Server::vellum(&dir.path().join("replica"), &[]);
    // The greeting's answers are shorter, and the snapshot is longer.
    relay.hold_after(200);
    follow(&replica, relay.port);
    let is_sent = |text: &str| text.contains("state=online");
    wait_until("the snapshot to be sent", || {
        is_sent(&client.command(&["INFO", "replication"]).text())
    });
    assert!(relay.is_holding());
    assert_eq!(client.command(&["WAIT", "1", "200"]).integer(), 0);
    assert!(client.info("slave0").contains("offset=0,"));
    relay.let_go();
    assert_eq!(client.command(&["WAIT", "1", "0"]).integer(), 1);
    assert_same_data(&master, &replica);
}

#[test]
fn waitaof_does_not_count_a_replica_without_a_log_on_disk() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let replica = replica_of(master.port, &dir.path().join("cache"), &["--appendonly", "no"]);
    let mut client = master.client();
    assert!(client.command(&["SET", "a", "1"]).is_ok());
    assert_eq!(client.command(&["WAIT", "1", "0"]).integer(), 1);
    assert_eq!(integers(&client.command(&["WAITAOF", "1", "1", "100"])), [1, 0]);
    let refused = replica.client().command(&["WAITAOF", "0", "0", "0"]).text();
    assert!(refused.starts_with("ERR WAITAOF cannot be used with replica instances"), "{refused}");
    ok(&replica, &["SLAVEOF", "NO", "ONE"]);
    let refused = replica.client().command(&["WAITAOF", "1", "0", "0"]).text();
    assert!(refused.starts_with("ERR WAITAOF cannot be used when numlocal is set"), "{refused}");
}

#[test]
fn writes_need_so_many_good_replicas() {
    let dir = dir();
    let words = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"];
    let master = Server::vellum(&dir.path().join("master"), &words);
    let mut client = master.client();
    let refusal = "NOREPLICAS Not enough good replicas to write.";
    assert_eq!(client.command(&["SET", "a", "1"]).text(), refusal);
    assert_eq!(client.info("min_slaves_good_slaves"), "0");
    let relay = Relay::to(master.port);
    let replica = replica_of(relay.port, &dir.path().join("replica"), &[]);
    wait_until("a good replica", || client.info("min_slaves_good_slaves") == "1");
    assert!(client.command(&["SET", "a", "1"]).is_ok());
    assert_same_data(&master, &replica);
    relay.cut();
    wait_until("writes to be refused", || client.command(&["SET", "a", "2"]).text() == refusal);
    assert_eq!(client.command(&["GET", "a"]).text(), "1");
    // A queued write is refused as well, and the transaction with it.
    client.command(&["MULTI"]);
    assert_eq!(client.command(&["SET", "a", "3"]).text(), refusal);
    assert!(client.command(&["EXEC"]).text().starts_with("EXECABORT"));
    ok(&master, &["CONFIG", "SET", "min-replicas-to-write", "0"]);
    assert!(client.command(&["SET", "a", "4"]).is_ok());
}

#[test]
fn a_replica_is_known_by_what_it_announces() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let words = ["--replica-announce-ip", "10.1.2.3", "--replica-announce-port", "7777"];
    let words = [&words[..], &["--replica-priority", "0", "--replica-announced", "no"]].concat();
    let replica = replica_of(master.port, &dir.path().join("replica"), &words);
    wait_to_catch_up(&master, &replica);
    let line = master.client().info("slave0");
    assert!(line.starts_with("ip=10.1.2.3,port=7777,state=online,"), "{line}");
    let role = master.client().command(&["ROLE"]);
    let known = &role.items()[2].items()[0];
    assert_eq!([known.items()[0].text(), known.items()[1].text()], ["10.1.2.3", "7777"]);
    let mut client = replica.client();
    assert_eq!((&*client.info("slave_priority"), &*client.info("replica_announced")), ("0", "0"));
    ok(&replica, &["CONFIG", "SET", "replica-priority", "5"]);
    assert_eq!(client.info("slave_priority"), "5");
}

#[test]
fn a_replica_logs_in() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &["--requirepass", "secret"]);
    let replica = Server::vellum(&dir.path().join("replica"), &[]);
    follow(&replica, master.port);
    wait_until("the refusal", || replica.log().contains("masterauth"));
    ok(&replica, &["CONFIG", "SET", "masterauth", "wrong"]);
    wait_until("the refusal", || replica.log().contains("refused AUTH"));
    assert!(is_down(&replica));
    ok(&replica, &["CONFIG", "SET", "masterauth", "secret"]);
    wait_for_link(&replica);
    ok(&replica, &["CONFIG", "SET", "masteruser", "default"]);
    ok(&replica, &["SLAVEOF", "NO", "ONE"]);
    follow(&replica, master.port);
    wait_for_link(&replica);
    assert!(!replica.log().contains("secret"));
}

#[test]
fn silence_ends_a_link_on_both_sides() {
    let dir = dir();
    let words = ["--repl-timeout", "2", "--repl-ping-replica-period", "1"];
    let master = Server::vellum(&dir.path().join("master"), &words);
    let relay = Relay::to(master.port);
    let replica = replica_of(relay.port, &dir.path().join("replica"), &words);
    // A link without writes lives as long as the pings come.
    let before = count(&master, "master_repl_offset");
    wait_until("pings", || count(&master, "master_repl_offset") > before + 2 * 14);
    assert_eq!(syncs(&master), (1, 0));
    relay.hold_after(0);
    wait_until("the replica to notice", || is_down(&replica));
    assert!(replica.log().contains("repl-timeout"), "{}", replica.log());
    relay.let_go();
    assert_same_data(&master, &replica);
    assert_eq!(count(&master, "sync_full"), 1);
}

#[test]
fn stale_data_are_served_only_where_that_is_wanted() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    ok(&master, &["SET", "a", "1"]);
    let relay = Relay::to(master.port);
    let replica = replica_of(relay.port, &dir.path().join("replica"), &[]);
    relay.cut();
    wait_until("the cut to be seen", || is_down(&replica));
    let mut client = replica.client();
    assert_eq!(client.command(&["GET", "a"]).text(), "1");
    ok(&replica, &["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    let refusal =
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
    assert_eq!(client.command(&["GET", "a"]).text(), refusal);
    assert_eq!(client.command(&["PING"]).text(), refusal);
    assert_eq!(client.info("role"), "slave");
    relay.mend();
    wait_for_link(&replica);
    assert_eq!(client.command(&["GET", "a"]).text(), "1");
}

#[test]
fn a_replica_hides_what_has_expired_and_leaves_the_deletion_to_its_master() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let relay = Relay::to(master.port);
    let mut replica = replica_of(relay.port, &dir.path().join("replica"), &[]);
    ok(&master, &["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    ok(&master, &["SET", "short", "1", "PX", "50"]);
    ok(&master, &["SET", "long", "1"]);
    wait_to_catch_up(&master, &replica);
    wait_until("the key to expire", || replica.client().command(&["GET", "short"]) == Value::Null);
    let hides = |replica: &Server| {
        let mut client = replica.client();
        assert_eq!(client.command(&["EXISTS", "short"]).integer(), 0);
        assert_eq!(client.command(&["TTL", "short"]).integer(), -2);
        assert_eq!(client.command(&["KEYS", "*"]).items().len(), 1);
        // It is there all the same.
        assert_eq!(client.command(&["DBSIZE"]).integer(), 2);
    };
    hides(&replica);
    let offset = replica.client().info("slave_repl_offset");
    relay.cut();
    replica.kill();
    replica.launch();
    hides(&replica);
    assert_eq!(replica.client().info("slave_repl_offset"), offset);
    // The master looks at the key, finds it dead, and says so.
    assert_eq!(master.client().command(&["GET", "short"]), Value::Null);
    relay.mend();
    assert_same_data(&master, &replica);
    assert_eq!(replica.client().command(&["DBSIZE"]).integer(), 1);
    // Once it is a master it deletes by itself.
    ok(&master, &["SET", "short", "1", "PX", "50"]);
    wait_to_catch_up(&master, &replica);
    ok(&replica, &["SLAVEOF", "NO", "ONE"]);
    wait_until("expiry", || replica.client().command(&["DBSIZE"]).integer() == 1);
}

#[test]
fn a_master_that_lost_its_data_does_not_take_the_replicas() {
    let dir = dir();
    let mut master = Server::vellum(&dir.path().join("master"), &[]);
    for number in 0..100 {
        ok(&master, &["SET", &format!("key:{number}"), "value"]);
    }
    let mut replica = replica_of(master.port, &dir.path().join("replica"), &[]);
    wait_to_catch_up(&master, &replica);
    let data = digest(&replica);
    for keys in [0, 10] {
        assert!(master.stop().success());
        std::fs::remove_dir_all(&master.dir).unwrap();
        std::fs::create_dir(&master.dir).unwrap();
        master.launch();
        for number in 0..keys {
            ok(&master, &["SET", &format!("other:{number}"), "value"]);
        }
        let text = if keys == 0 { "an empty master" } else { "an unrelated younger master" };
        wait_until("the refusal", || replica.log().contains(text));
        assert!(is_down(&replica));
        assert_eq!(digest(&replica), data);
        replica.restart();
        assert_eq!(digest(&replica), data);
    }
    // Whoever says so explicitly gets it.
    ok(&replica, &["SLAVEOF", "NO", "ONE"]);
    follow(&replica, master.port);
    assert_same_data(&master, &replica);
    assert_eq!(replica.client().command(&["DBSIZE"]).integer(), 10);
}

#[test]
fn a_master_whose_snapshot_is_older_than_its_keys_is_not_taken_for_an_empty_one() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    // This one has a snapshot without keys made.
    let first = replica_of(master.port, &dir.path().join("first"), &[]);
    wait_to_catch_up(&master, &first);
    let mut replica = Server::vellum(&dir.path().join("replica"), &[]);
    for number in 0..100 {
        ok(&master, &["SET", &format!("key:{number}"), "value"]);
        ok(&replica, &["SET", &format!("other:{number}"), &"a longer value".repeat(10)]);
    }
    replica.set_args(&["--slaveof", "127.0.0.1", &master.port.to_string()]);
    replica.restart();
    assert_same_data(&master, &replica);
}

#[test]
fn a_replica_says_so_while_it_loads() {
    let dir = dir();
    let mut server = Server::vellum(&dir.path().join("data"), &[]);
    ok(&server, &["DEBUG", "POPULATE", "200000"]);
    assert!(server.stop().success());
    server.set_args(&["--slaveof", "127.0.0.1", "1"]);
    server.spawn();
    let mut client = crate::support::wait_for("a connection", || Client::connect(server.port).ok());
    assert_eq!(client.info("role"), "slave");
    server.wait_until_it_answers();
    assert_eq!(client.info("role"), "slave");
    assert_eq!(client.command(&["DBSIZE"]).integer(), 200_000);
}

#[test]
fn a_master_in_cache_mode_goes_on_from_its_dump() {
    let dir = dir();
    let words = ["--appendonly", "no", "--save", "3600", "1"];
    let mut master = Server::vellum(&dir.path().join("master"), &words);
    ok(&master, &["SET", "a", "1"]);
    let replica = replica_of(master.port, &dir.path().join("replica"), &[]);
    ok(&master, &["SET", "b", "2"]);
    wait_to_catch_up(&master, &replica);
    // It stops with a dump of all there is.
    master.restart();
    ok(&master, &["SET", "c", "3"]);
    assert_same_data(&master, &replica);
    assert_eq!(syncs(&master), (0, 1));
    // Killed, it has less than its replica, which must not go on from there.
    master.kill();
    master.launch();
    assert_same_data(&master, &replica);
    assert_eq!(syncs(&master), (1, 0));
    assert_eq!(replica.client().command(&["EXISTS", "c"]).integer(), 0);
}

#[test]
fn a_replica_in_cache_mode_takes_its_snapshots() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let words = ["--appendonly", "no", "--save", "1", "10"];
    let mut replica = replica_of(master.port, &dir.path().join("replica"), &words);
    let saves = count(&replica, "rdb_saves");
    for number in 0..20 {
        ok(&master, &["SET", &format!("key:{number}"), "value"]);
    }
    wait_to_catch_up(&master, &replica);
    wait_until("a save point", || count(&replica, "rdb_saves") > saves);
    let (data, full_syncs) = (digest(&replica), count(&master, "sync_full"));
    replica.kill();
    replica.launch();
    assert_eq!(digest(&replica), data);
    // The snapshot says where it was cut: what follows is a partial sync.
    ok(&master, &["SET", "after", "1"]);
    assert_same_data(&master, &replica);
    assert_eq!(count(&master, "sync_full"), full_syncs);
}

#[test]
fn a_snapshot_of_a_replica_holds_all_that_is_before_it_in_the_log() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let mut replica = replica_of(master.port, &dir.path().join("replica"), &[]);
    let load = crate::support::replicas::Load::start(master.port, 3);
    for _ in 0..5 {
        load.wait_for_more(500);
        replica.client().command(&["BGSAVE"]);
        wait_until("the snapshot", || count(&replica, "rdb_bgsave_in_progress") == 0);
        load.wait_for_more(100);
        replica.kill();
        replica.launch();
        wait_for_link(&replica);
        ok(&replica, &["DEBUG", "LOADAOF"]);
    }
    load.stop();
    assert_same_data(&master, &replica);
    assert_eq!(count(&master, "sync_full"), 1);
}
