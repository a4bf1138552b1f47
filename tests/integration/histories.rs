//! One history, one server: whoever goes on where another server goes on too does so under a new replication
//! ID, so that nobody is ever told to continue with what he does not have.

use crate::support::{Client, Program, Server, wait_until};

fn follow(server: &Server, master: &Server) {
    let port = master.port.to_string();
    assert!(server.client().command(&["SLAVEOF", "127.0.0.1", &port]).is_ok());
}

fn in_step(master: &Server, replica: &Server) {
    let (mut of, mut follower) = (master.client(), replica.client());
    wait_until("the replica to have everything", || {
        follower.info("master_link_status") == "up"
            && of.info("master_repl_offset") == follower.info("slave_repl_offset")
    });
    let digest = |client: &mut Client| client.command(&["DEBUG", "DIGEST"]);
    assert_eq!(digest(&mut of), digest(&mut follower), "{}", replica.log());
}

fn write(server: &Server, keys: &str, count: usize) {
    let mut client = server.client();
    for number in 0..count {
        assert!(client.command(&["SET", &format!("{keys}{number}"), keys]).is_ok());
    }
}

fn replid(server: &Server) -> String {
    server.client().info("master_replid")
}

#[test]
fn a_history_is_continued_by_one_server_only() {
    let temp = tempfile::tempdir().expect("a directory");
    let dir = |name: &str| temp.path().join(name);
    let mut master = Server::vellum(&dir("master"), &[]);
    let mut replica = Server::vellum(&dir("replica"), &["--appendfsync", "everysec"]);
    follow(&replica, &master);
    write(&master, "first", 10);
    in_step(&master, &replica);
    // SLAVEOF at run time is forgotten: after a restart this is a master, with a history of its own.
    for stop in [true, false] {
        if stop {
            assert!(replica.stop().success());
        } else {
            replica.kill();
        }
        replica.launch();
        assert_eq!(replica.client().info("role"), "master");
        assert_ne!(replid(&replica), replid(&master));
        write(&replica, "own", 10);
        write(&master, "theirs", 40);
        follow(&replica, &master);
        in_step(&master, &replica);
    }
    // One that the configuration names is followed on in the same history, without a full sync.
    let syncs = master.client().info("sync_full");
    let port = master.port.to_string();
    replica.set_args(&["--appendfsync", "everysec", "--slaveof", "127.0.0.1", &port]);
    replica.restart();
    in_step(&master, &replica);
    replica.kill();
    replica.launch();
    in_step(&master, &replica);
    assert_eq!(master.client().info("sync_full"), syncs);
    assert_eq!(replid(&replica), replid(&master));
    // Promoted, it has its own; the former master comes back as its replica and goes on.
    assert!(replica.client().command(&["SLAVEOF", "NO", "ONE"]).is_ok());
    follow(&master, &replica);
    in_step(&replica, &master);
    assert_eq!(replica.client().info("sync_full"), "0", "{}", master.log());
    master.kill();
    master.launch();
    assert_ne!(replid(&replica), replid(&master));
}

#[test]
fn a_log_that_was_switched_off_is_not_the_history_that_replicas_know() {
    let temp = tempfile::tempdir().expect("a directory");
    let mut master = Server::vellum(&temp.path().join("master"), &[]);
    let port = master.port.to_string();
    let args = ["--slaveof", "127.0.0.1", &port];
    let mut replica = Server::prepare(Program::Vellum, &temp.path().join("replica"), &args);
    write(&master, "first", 10);
    replica.launch();
    in_step(&master, &replica);
    assert!(master.client().command(&["CONFIG", "SET", "appendonly", "no"]).is_ok());
    write(&master, "lost", 10);
    in_step(&master, &replica);
    assert_eq!(master.client().info("sync_full"), "1", "switching the log off costs no full sync");
    assert!(replica.stop().success());
    master.kill();
    master.launch();
    write(&master, "theirs", 40);
    replica.launch();
    in_step(&master, &replica);
}
