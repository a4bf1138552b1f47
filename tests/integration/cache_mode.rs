//! `appendonly no`: dump.rdb and save points are all that outlives the process, the log only serves replicas;
//! and the switch from one mode to the other while the server runs.

use std::fs;
use std::path::Path;

use crate::support::{Client, Server, Value, wait_until};

const CACHE: &[&str] = &["--appendonly", "no", "--save", ""];

fn saved(client: &mut Client) {
    wait_until("a save point to save", || {
        client.info("rdb_changes_since_last_save") == "0"
            && client.info("rdb_bgsave_in_progress") == "0"
    });
}

fn rewritten(client: &mut Client) {
    wait_until("the snapshot to be under the log", || {
        client.info("aof_rewrite_in_progress") == "0" && client.info("aof_rewrite_scheduled") == "0"
    });
    assert_eq!(client.info("aof_last_bgrewrite_status"), "ok");
}

fn get(server: &Server, key: &str) -> Option<String> {
    match server.client().command(&["GET", key]) {
        Value::Null => None,
        value => Some(value.text()),
    }
}

#[test]
fn a_kill_loses_what_came_after_the_last_save_point_and_no_more() {
    let temp = tempfile::tempdir().unwrap();
    let mut server =
        Server::vellum(&temp.path().join("data"), &["--appendonly", "no", "--save", "1 2"]);
    let mut client = server.client();
    client.command(&["SET", "a", "1"]);
    client.command(&["SET", "b", "1", "PX", "100000000"]);
    saved(&mut client);
    assert_eq!(client.info("rdb_saves"), "1");
    assert_eq!(client.info("aof_enabled"), "0");
    assert!(client.command(&["CONFIG", "SET", "save", "3600 1"]).is_ok());
    client.command(&["SET", "a", "2"]);
    server.kill();
    server.launch();
    assert_eq!(get(&server, "a").as_deref(), Some("1"));
    assert_eq!(get(&server, "b").as_deref(), Some("1"));
    assert!(!server.dir.join("appendonlydir").exists(), "there is no log of the data set");
    let names = fs::read_dir(server.dir.join("archive")).unwrap().count();
    assert_eq!(names, 0, "nobody needs a backlog");

    let mut client = server.client();
    for wrong in ["1", "a b", "-1 1", "0 1"] {
        let reply = client.command(&["CONFIG", "SET", "save", wrong]);
        let text =
            "ERR CONFIG SET failed (possibly related to argument 'save') - Invalid save parameters";
        assert_eq!(reply.text(), text, "{wrong}");
    }
    assert!(client.command(&["CONFIG", "SET", "save", "1 1"]).is_ok());
    client.command(&["SET", "a", "3"]);
    saved(&mut client);
    server.kill();
    server.launch();
    assert_eq!(get(&server, "a").as_deref(), Some("3"));
}

#[test]
fn a_stop_saves_where_there_are_save_points_and_as_it_is_told() {
    let temp = tempfile::tempdir().unwrap();
    let mut server =
        Server::vellum(&temp.path().join("data"), &["--appendonly", "no", "--save", "3600 1000"]);
    let set = |server: &Server, value: &str| {
        assert!(server.client().command(&["SET", "a", value]).is_ok())
    };
    let shut_down = |server: &mut Server, options: &[&str]| {
        let command = [&["SHUTDOWN"], options].concat();
        server.client().send(&command).unwrap();
        assert!(server.wait_end().success(), "{}", server.log());
        server.launch();
    };
    set(&server, "1");
    server.restart();
    assert_eq!(get(&server, "a").as_deref(), Some("1"), "SIGTERM saves");
    set(&server, "2");
    shut_down(&mut server, &["NOSAVE"]);
    assert_eq!(get(&server, "a").as_deref(), Some("1"));
    set(&server, "3");
    shut_down(&mut server, &[]);
    assert_eq!(get(&server, "a").as_deref(), Some("3"));
    server.client().command(&["CONFIG", "SET", "save", ""]);
    set(&server, "4");
    assert!(server.stop().success());
    server.set_args(CACHE);
    server.launch();
    assert_eq!(get(&server, "a").as_deref(), Some("3"), "no save points, nothing saved");
    set(&server, "5");
    shut_down(&mut server, &["SAVE"]);
    assert_eq!(get(&server, "a").as_deref(), Some("5"));
    server.client().command(&["CONFIG", "SET", "shutdown-on-sigterm", "save"]);
    set(&server, "6");
    server.restart();
    assert_eq!(get(&server, "a").as_deref(), Some("6"));
}

#[test]
fn the_log_is_switched_on_and_off_while_the_server_runs() {
    let temp = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(&temp.path().join("data"), CACHE);
    let mut client = server.client();
    client.command(&["SET", "a", "1"]);
    assert!(client.command(&["CONFIG", "SET", "appendonly", "yes"]).is_ok());
    rewritten(&mut client);
    client.command(&["SET", "b", "1"]);
    assert_eq!(client.info("aof_enabled"), "1");
    server.kill();
    server.set_args(&["--appendonly", "yes"]);
    server.launch();
    assert_eq!(get(&server, "a").as_deref(), Some("1"));
    assert_eq!(get(&server, "b").as_deref(), Some("1"));

    let mut client = server.client();
    assert!(client.command(&["CONFIG", "SET", "appendonly", "no"]).is_ok());
    client.command(&["SET", "c", "1"]);
    assert_eq!(client.info("aof_enabled"), "0");
    client.command(&["SAVE"]);
    client.command(&["SET", "d", "1"]);
    server.kill();
    // What a start finds is what the mode it starts in keeps.
    server.set_args(CACHE);
    server.launch();
    let found: Vec<bool> =
        ["a", "b", "c", "d"].iter().map(|key| get(&server, key).is_some()).collect();
    assert_eq!(found, [true, true, true, false], "{}", server.log());
    assert!(server.log().contains("is left as it is and not loaded"), "{}", server.log());
    assert!(server.stop().success());
    server.set_args(&["--appendonly", "yes"]);
    server.launch();
    let found: Vec<bool> =
        ["a", "b", "c", "d"].iter().map(|key| get(&server, key).is_some()).collect();
    assert_eq!(found, [true, true, false, false], "the log as it was left: {}", server.log());

    // Forth and back again, with writes between and under way.
    let mut client = server.client();
    for round in 0..4 {
        for mode in ["no", "yes"] {
            client.command(&["SET", &format!("{mode}{round}"), "x"]);
            assert!(client.command(&["CONFIG", "SET", "appendonly", mode]).is_ok());
            client.command(&["INCR", "counter"]);
        }
    }
    rewritten(&mut client);
    client.command(&["INCR", "counter"]);
    let digest = client.command(&["DEBUG", "DIGEST"]);
    server.kill();
    server.launch();
    assert_eq!(server.client().command(&["DEBUG", "DIGEST"]), digest);
    assert_eq!(get(&server, "counter").as_deref(), Some("9"));
}

#[test]
fn writes_are_refused_after_a_failed_save_until_one_succeeds() {
    const REFUSED: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to \
        persist to disk. Commands that may modify the data set are disabled, because this instance is \
        configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error \
        option). Please check the Redis logs for details about the RDB error.";
    let temp = tempfile::tempdir().unwrap();
    let server =
        Server::vellum(&temp.path().join("data"), &["--appendonly", "no", "--save", "3600 1"]);
    let mut client = server.client();
    client.command(&["SET", "a", "1"]);
    // A folder where the snapshot's temporary file should go.
    let in_the_way = server.dir.join("snapshot.tmp");
    fs::create_dir(&in_the_way).unwrap();
    client.command(&["BGSAVE"]);
    wait_until("the save to fail", || client.info("rdb_last_bgsave_status") == "err");
    assert_eq!(client.command(&["SET", "a", "2"]).text(), REFUSED);
    assert_eq!(client.command(&["GET", "a"]).text(), "1");
    assert_eq!(client.command(&["PING"]).text(), "PONG");
    client.command(&["MULTI"]);
    assert_eq!(client.command(&["SET", "a", "2"]).text(), REFUSED);
    assert!(client.command(&["EXEC"]).text().starts_with("EXECABORT"));
    assert!(client.command(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]).is_ok());
    assert!(client.command(&["SET", "a", "3"]).is_ok());
    assert!(client.command(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "yes"]).is_ok());
    assert_eq!(client.command(&["SET", "a", "4"]).text(), REFUSED);
    fs::remove_dir(&in_the_way).unwrap();
    client.command(&["BGSAVE"]);
    wait_until("the save to succeed", || client.info("rdb_last_bgsave_status") == "ok");
    assert!(client.command(&["SET", "a", "5"]).is_ok());
}

fn replica_of(master: &Server, dir: &Path, args: &[&str]) -> Server {
    let port = master.port.to_string();
    Server::vellum(dir, &[args, &["--slaveof", "127.0.0.1", &port]].concat())
}

fn in_step(master: &Server, replica: &Server) {
    let (mut of, mut follower) = (master.client(), replica.client());
    wait_until("the replica to have everything", || {
        follower.info("master_link_status") == "up"
            && of.info("master_repl_offset") == follower.info("slave_repl_offset")
    });
    let digest = |client: &mut Client| client.command(&["DEBUG", "DIGEST"]);
    assert_eq!(digest(&mut of), digest(&mut follower));
}

fn syncs(server: &Server) -> (String, String) {
    let mut client = server.client();
    (client.info("sync_full"), client.info("sync_partial_ok"))
}

#[test]
fn replicas_go_on_from_what_their_dump_or_that_of_their_master_says() {
    let temp = tempfile::tempdir().unwrap();
    let mut master = Server::vellum(&temp.path().join("master"), CACHE);
    master.client().command(&["DEBUG", "POPULATE", "1000"]);
    let mut replica = replica_of(&master, &temp.path().join("replica"), CACHE);
    let save_points = ["--appendonly", "no", "--save", "1 1"];
    in_step(&master, &replica);
    assert_eq!(syncs(&master), ("1".to_owned(), "0".to_owned()));

    // A replica that saved at its stop goes on from there.
    master.client().command(&["SET", "a", "1"]);
    in_step(&master, &replica);
    replica.client().send(&["SHUTDOWN", "SAVE"]).unwrap();
    assert!(replica.wait_end().success());
    master.client().command(&["APPEND", "a", "2"]);
    let port = master.port.to_string();
    replica.set_args(&[&save_points[..], &["--slaveof", "127.0.0.1", &port]].concat());
    replica.launch();
    in_step(&master, &replica);
    assert_eq!(syncs(&master), ("1".to_owned(), "1".to_owned()), "{}", replica.log());

    // A killed one goes on from its last save point, and gets again what came after it.
    master.client().command(&["APPEND", "a", "3"]);
    in_step(&master, &replica);
    saved(&mut replica.client());
    assert!(replica.client().command(&["CONFIG", "SET", "save", ""]).is_ok());
    master.client().command(&["APPEND", "a", "4"]);
    in_step(&master, &replica);
    replica.kill();
    master.client().command(&["APPEND", "a", "5"]);
    replica.launch();
    in_step(&master, &replica);
    assert_eq!(get(&replica, "a").as_deref(), Some("12345"));
    assert_eq!(syncs(&master), ("1".to_owned(), "2".to_owned()), "{}", replica.log());

    // A master that saved at its stop is followed on; one that was killed has lost what its replica has.
    master.client().send(&["SHUTDOWN", "SAVE"]).unwrap();
    assert!(master.wait_end().success());
    master.launch();
    in_step(&master, &replica);
    assert_eq!(syncs(&master), ("0".to_owned(), "1".to_owned()), "{}", replica.log());
    master.client().command(&["APPEND", "a", "6"]);
    in_step(&master, &replica);
    master.kill();
    master.launch();
    in_step(&master, &replica);
    assert_eq!(get(&replica, "a").as_deref(), Some("12345"), "the master is what counts");
    assert_eq!(syncs(&master).0, "1");
}

#[test]
fn a_snapshot_of_a_replica_holds_what_its_offset_says() {
    let temp = tempfile::tempdir().unwrap();
    for mode in ["yes", "no"] {
        let master = Server::vellum(&temp.path().join(format!("master-{mode}")), CACHE);
        let args = ["--appendonly", mode, "--save", ""];
        let mut replica = replica_of(&master, &temp.path().join(format!("replica-{mode}")), &args);
        in_step(&master, &replica);
        let writer = std::thread::spawn({
            let port = master.port;
            move || {
                let mut client = Client::connect(port).unwrap();
                for number in 0..400 {
                    for _ in 0..50 {
                        client.send(&["APPEND", &format!("k{}", number % 7), "x"]).unwrap();
                    }
                    for _ in 0..50 {
                        client.read().unwrap();
                    }
                }
            }
        });
        let mut client = replica.client();
        while !writer.is_finished() {
            client.command(&["BGSAVE"]);
            wait_until("the snapshot to end", || client.info("rdb_bgsave_in_progress") == "0");
        }
        writer.join().unwrap();
        replica.kill();
        replica.launch();
        in_step(&master, &replica);
        assert_eq!(syncs(&master).0, "1", "the replica went on from its own disk");
    }
}
