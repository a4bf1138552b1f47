//! redis-sentinel watches Vellum: it finds the replica, makes it the master when the master dies, and the
//! old master a replica when that comes back.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::process::free_port;
use crate::support::replicas::{ok, wait_to_catch_up};
use crate::support::{Client, Server, wait_until};

/// A running redis-sentinel; killed when dropped, and its log shown when the test fails.
struct Sentinel {
    process: Child,
    port: u16,
    log: PathBuf,
}

impl Sentinel {
    fn start(dir: &Path, master_port: u16) -> Self {
        let port = free_port();
        let (file, log) = (dir.join("sentinel.conf"), dir.join("sentinel.log"));
        // A server that is down, if for a moment, is made a replica only when it has been up for eight
        // seconds: a busy machine must not look like one.
        let config = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor mymaster 127.0.0.1 {master_port} 1\n\
             sentinel down-after-milliseconds mymaster 3000\n\
             sentinel failover-timeout mymaster 10000\nsentinel parallel-syncs mymaster 1\nlogfile {}\n",
            dir.display(),
            log.display()
        );
        std::fs::write(&file, config).expect("a file");
        let mut command = Command::new("redis-sentinel");
        command.arg(file).stdin(Stdio::null()).stdout(Stdio::null());
        let sentinel = Self { process: command.spawn().expect("redis-sentinel runs"), port, log };
        wait_until("the sentinel to answer", || {
            let client = Client::connect(port).ok();
            client.is_some_and(|mut c| c.try_command(&["PING"]).is_ok_and(|r| r.text() == "PONG"))
        });
        sentinel
    }

    fn client(&self) -> Client {
        Client::connect(self.port).expect("a connection")
    }

    /// The line that tells of the master.
    fn status(&self) -> String {
        let text = self.client().command(&["INFO", "sentinel"]).text();
        text.lines().find(|line| line.starts_with("master0:")).unwrap_or_default().to_owned()
    }

    fn master_port(&self) -> String {
        let words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"];
        self.client().command(&words).items()[1].text()
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            eprintln!("--- redis-sentinel on port {}:\n{log}", self.port);
        }
    }
}

#[test]
fn sentinel_fails_over_and_takes_the_old_master_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut master = Server::vellum(&dir.path().join("master"), &[]);
    let words = ["--replicaof", "127.0.0.1", &master.port.to_string()];
    let replica = Server::vellum(&dir.path().join("replica"), &words);
    wait_to_catch_up(&master, &replica);
    let sentinel = Sentinel::start(dir.path(), master.port);
    wait_until("the replica to be found", || {
        sentinel.status().contains("status=ok") && sentinel.status().contains("slaves=1")
    });

    // It tells of itself on both, every two seconds: that is how sentinels find each other.
    for server in [&master, &replica] {
        let mut hello = server.client();
        hello.command(&["SUBSCRIBE", "__sentinel__:hello"]);
        let told = hello.read().expect("a message").items()[2].text();
        assert!(told.contains(&format!("mymaster,127.0.0.1,{}", master.port)), "{told}");
    }
    let kinds = replica.client().command(&["CLIENT", "LIST", "TYPE", "pubsub"]).text();
    assert!(kinds.contains("name=sentinel-") && kinds.contains("-pubsub"), "{kinds}");

    ok(&master, &["SET", "mykey", "hello"]);
    wait_to_catch_up(&master, &replica);
    let mut listener = replica.client();
    listener.command(&["SUBSCRIBE", "news"]);
    let mut switched = sentinel.client();
    switched.command(&["SUBSCRIBE", "+switch-master"]);
    master.kill();
    let told = switched.read().expect("an event").items()[2].text();
    let expected = format!("mymaster 127.0.0.1 {} 127.0.0.1 {}", master.port, replica.port);
    assert_eq!(told, expected);
    assert_eq!(sentinel.master_port(), replica.port.to_string());
    // Clients are cut off so that they ask the sentinel anew, listeners too.
    assert_eq!(listener.read_to_end(), b"");
    let mut client = replica.client();
    assert_eq!(client.info("role"), "master");
    assert_eq!(client.command(&["GET", "mykey"]).text(), "hello");
    assert!(client.command(&["SET", "mykey", "again"]).is_ok());

    master.launch();
    wait_until("the old master to follow the new one", || {
        let mut old = master.client();
        old.info("role") == "slave" && old.info("master_port") == replica.port.to_string()
    });
    wait_to_catch_up(&replica, &master);
    assert_eq!(master.client().command(&["GET", "mykey"]).text(), "again");
    wait_until("the sentinel to see it", || {
        sentinel.status().contains("status=ok") && sentinel.status().contains("slaves=1")
    });
}
