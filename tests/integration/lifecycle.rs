//! The life of a server process as its operator sees it: start and load, signals, SHUTDOWN, the files and
//! sockets it leaves behind, who may come in, and what it says when something is wrong.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::process::free_port;
use crate::support::{Client, PATIENCE, Program, Server, Value, wait_for, wait_until};

const LOADING: &str = "LOADING Redis is loading the dataset in memory";

/// Runs the program to its end: whether it was content, and what it printed.
fn run(args: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vellum-server"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The program may have ended without reading it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// A server whose load stands still: its manifest is a pipe that nobody writes to.
fn loading_for_ever(dir: &Path) -> (Server, Client) {
    let data = dir.join("data");
    let mut server = Server::prepare(Program::Vellum, &data, &[]);
    fs::create_dir_all(data.join("appendonlydir")).unwrap();
    let pipe = data.join("appendonlydir/appendonly.aof.manifest");
    if !pipe.exists() {
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    }
    server.spawn();
    let client = wait_for("a connection", || Client::connect(server.port).ok());
    (server, client)
}

#[test]
fn clients_are_told_that_the_data_is_being_loaded_and_a_signal_ends_the_wait() {
    let temp = tempfile::tempdir().unwrap();
    let (mut server, mut client) = loading_for_ever(temp.path());
    for command in [&["PING"][..], &["GET", "a"], &["SET", "a", "1"], &["DBSIZE"]] {
        assert_eq!(client.command(command), Value::Error(LOADING.to_owned()), "{command:?}");
    }
    assert_eq!(client.info("loading"), "1");
    assert_eq!(client.info("async_loading"), "0");
    assert_eq!(client.info("loading_loaded_bytes"), "0");
    assert_eq!(client.info("loading_loaded_perc"), "0.00");
    assert!(client.info("loading_start_time").parse::<u64>().unwrap() > 1_600_000_000);
    for field in ["loading_total_bytes", "loading_eta_seconds", "loading_rdb_used_mem"] {
        client.info(field).parse::<u64>().unwrap();
    }
    assert!(client.command(&["SELECT", "1"]).is_ok());
    assert!(matches!(client.command(&["HELLO", "3"]), Value::Map(_)));
    assert!(server.stop().success(), "{}", server.log());
    assert!(server.log().contains("shutdown signal during loading"), "{}", server.log());

    let (mut server, mut client) = loading_for_ever(temp.path());
    client.send(&["SHUTDOWN", "SAVE"]).unwrap();
    assert!(server.wait_end().success(), "{}", server.log());
    let (mut server, _client) = loading_for_ever(temp.path());
    assert!(server.signal("INT"));
    assert!(server.wait_end().success(), "{}", server.log());
    let names: Vec<_> = fs::read_dir(server.dir.join("appendonlydir")).unwrap().collect();
    assert_eq!(names.len(), 1, "a start that came to nothing changes nothing: {names:?}");
}

#[test]
fn a_long_load_says_how_far_it_is() {
    let temp = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(&temp.path().join("data"), &[]);
    server.client().command(&["DEBUG", "POPULATE", "600000", "key", "64"]);
    assert!(server.stop().success());
    server.spawn();
    let mut client = wait_for("a connection", || Client::connect(server.port).ok());
    let mut before = 0_u64;
    let mut looks = 0;
    loop {
        let text = client.command(&["INFO", "persistence"]).text();
        let field = |name: &str| text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        if field("loading") == Some("0") {
            assert_eq!(field("loading_total_bytes"), None, "these lines come only while loading");
            break;
        }
        let number = |name: &str| field(name).unwrap().parse::<u64>().unwrap();
        let (done, total) = (number("loading_loaded_bytes"), number("loading_total_bytes"));
        assert!(before <= done && done <= total, "{before}, {done} of {total}");
        let share: f64 = field("loading_loaded_perc").unwrap().parse().unwrap();
        assert!((0.0..=100.0).contains(&share), "{share}");
        before = done;
        looks += 1;
    }
    assert!(looks > 0, "the load was over before the first look");
    assert_eq!(client.command(&["DBSIZE"]).integer(), 600_000);
}

#[test]
fn the_process_id_file_and_the_init_system_are_kept_up_to_date() {
    let temp = tempfile::tempdir().unwrap();
    let (pid_file, socket) = (temp.path().join("vellum.pid"), temp.path().join("notify"));
    let inbox = UnixDatagram::bind(&socket).unwrap();
    inbox.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut message = [0; 200];
        let len = inbox.recv(&mut message).unwrap();
        String::from_utf8(message[..len].to_vec()).unwrap()
    };
    let pid_text = pid_file.to_str().unwrap();
    let args = ["--pidfile", pid_text, "--supervised", "systemd"];
    let mut server = Server::prepare(Program::Vellum, &temp.path().join("data"), &args);
    server.set_variable("NOTIFY_SOCKET", socket.to_str().unwrap());
    server.launch();
    let pid = format!("{}\n", server.pid());
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), pid);
    assert_eq!(next(), "STATUS=Loading the data set\n");
    assert_eq!(next(), "STATUS=Ready to accept connections\nREADY=1\n");
    assert_eq!(server.client().info("process_supervised"), "systemd");
    // One that is kept out of the directory must not take the file over.
    let (ok, _) =
        run(&["--dir", server.dir.to_str().unwrap(), "--port", "0", "--pidfile", pid_text], "");
    assert!(!ok);
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), pid);
    assert!(server.stop().success());
    assert_eq!(next(), "STOPPING=1\n");
    assert!(!pid_file.exists());

    let unwritable = temp.path().join("missing/vellum.pid");
    server.set_args(&["--pidfile", unwritable.to_str().unwrap(), "--supervised", "auto"]);
    server.set_variable("NOTIFY_SOCKET", "");
    server.launch();
    assert!(server.log().contains("Failed to write PID file"), "{}", server.log());
    assert_eq!(server.client().info("process_supervised"), "no");
}

#[test]
fn a_server_in_the_background_is_left_by_its_parent_and_stops_by_its_process_id() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    let (port, pid_file, log) = (free_port(), path("pid"), path("log"));
    let port_text = port.to_string();
    let args = ["--port", &port_text, "--bind", "127.0.0.1", "--dir", &path("data")];
    let args =
        [&args[..], &["--daemonize", "yes", "--pidfile", &pid_file, "--logfile", &log]].concat();
    let (ok, text) = run(&args, "");
    assert!(ok && text.is_empty(), "{text}");
    let mut client = wait_for("the server", || Client::connect(port).ok());
    wait_until("the load to end", || client.command(&["PING"]).text() == "PONG");
    let pid = fs::read_to_string(&pid_file).unwrap().trim().to_owned();
    assert_eq!(client.info("process_id"), pid);
    assert!(client.command(&["SET", "a", "1"]).is_ok());
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    wait_until("the file to go", || !Path::new(&pid_file).exists());
    wait_until("the last line", || fs::read_to_string(&log).unwrap().contains("bye bye"));
    let (ok, text) = run(&["-", "--daemonize", "yes"], "port 0\n");
    assert!(!ok && text.contains("needs its configuration from a file"), "{text}");
}

#[test]
fn signals_stop_the_server_once_and_at_once_when_repeated() {
    let temp = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(&temp.path().join("data"), &[]);
    let mut client = server.client();
    for harmless in ["HUP", "XFSZ", "PIPE"] {
        assert!(server.signal(harmless));
        assert!(client.command(&["SET", "a", harmless]).is_ok(), "after SIG{harmless}");
    }
    assert!(server.signal("INT"));
    assert!(server.wait_end().success(), "{}", server.log());

    server.launch();
    let mut client = server.client();
    assert_eq!(client.command(&["GET", "a"]).text(), "PIPE");
    // The executor is away for longer than this test waits.
    client.send(&["DEBUG", "SLEEP", "1000"]).unwrap();
    wait_until("the executor to be away", || server.client().is_silent());
    assert!(server.signal("TERM"));
    let mut ended = None;
    wait_until("the second signal to be heard", || {
        server.signal("TERM");
        ended = server.has_ended();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(1), "{}", server.log());
    assert!(server.log().contains("You insist"), "{}", server.log());
    server.launch();
    assert_eq!(server.client().command(&["GET", "a"]).text(), "PIPE");
}

/// A replica that has got the snapshot and acknowledges nothing after it.
fn silent_replica(server: &Server) -> Client {
    let mut replica = server.client();
    replica.command(&["REPLCONF", "listening-port", "1", "capa", "psync2"]);
    replica.send(&["PSYNC", "?", "-1"]).unwrap();
    assert!(replica.read_line().unwrap().starts_with("+FULLRESYNC"));
    let len =
        wait_for("the snapshot", || replica.read_line().unwrap().strip_prefix('$')?.parse().ok());
    replica.read_bytes(len).unwrap();
    replica.send(&["REPLCONF", "ACK", "0"]).unwrap();
    wait_until("the replica to be online", || {
        server.client().info("slave0").contains("state=online")
    });
    replica
}

#[test]
fn shutdown_waits_for_replicas_and_can_be_given_up() {
    let temp = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(&temp.path().join("data"), &["--shutdown-timeout", "1000"]);
    let mut client = server.client();
    assert_eq!(client.command(&["SHUTDOWN", "ABORT"]).text(), "ERR No shutdown in progress.");
    for wrong in
        [&["SHUTDOWN", "LATER"][..], &["SHUTDOWN", "SAVE", "NOSAVE"], &["SHUTDOWN", "ABORT", "NOW"]]
    {
        assert_eq!(client.command(wrong).text(), "ERR syntax error", "{wrong:?}");
    }
    client.command(&["MULTI"]);
    let text = "ERR Command not allowed inside a transaction";
    assert_eq!(client.command(&["SHUTDOWN"]).text(), text);
    assert!(client.command(&["EXEC"]).text().starts_with("EXECABORT"));

    let _replica = silent_replica(&server);
    client.command(&["SET", "a", "1"]);
    let (mut first, mut second, mut writer) = (server.client(), server.client(), server.client());
    first.send(&["SHUTDOWN"]).unwrap();
    second.send(&["SHUTDOWN", "NOSAVE"]).unwrap();
    wait_until("both to wait", || client.info("blocked_clients") == "2");
    let is_told = |client: &mut Client| {
        client.command(&["INFO", "server"]).text().contains("shutdown_in_milliseconds")
    };
    wait_until("the stop to wait for its replica", || is_told(&mut client));
    let left_ms: i64 = client.info("shutdown_in_milliseconds").parse().unwrap();
    assert!((1..=1_000_000).contains(&left_ms), "{left_ms}");
    writer.send(&["SET", "a", "2"]).unwrap();
    assert_eq!(client.command(&["GET", "a"]).text(), "1", "reads go on, writes wait");
    assert!(client.command(&["SHUTDOWN", "ABORT"]).is_ok());
    assert!(writer.read().unwrap().is_ok());
    for client in [&mut first, &mut second] {
        assert_eq!(client.read().unwrap().text(), "ERR Errors trying to SHUTDOWN. Check logs.");
    }
    assert_eq!(client.command(&["SHUTDOWN", "ABORT"]).text(), "ERR No shutdown in progress.");
    assert!(client.command(&["SET", "a", "3"]).is_ok(), "nothing is left of the stop");
    assert!(!is_told(&mut client));

    // A signal waits just so, and SHUTDOWN NOW does not.
    assert!(server.signal("TERM"));
    wait_until("the stop to begin", || {
        first.send(&["SET", "a", "4"]).unwrap();
        first.is_silent()
    });
    assert!(client.command(&["SHUTDOWN", "ABORT"]).is_ok());
    client.send(&["SHUTDOWN", "NOW"]).unwrap();
    assert!(server.wait_end().success(), "{}", server.log());
    server.set_args(&["--shutdown-timeout", "1"]);
    server.launch();
    assert_eq!(server.client().command(&["GET", "a"]).text(), "4");
    let _replica = silent_replica(&server);
    server.client().command(&["SET", "a", "5"]);
    assert!(server.stop().success());
    let log = server.log();
    for part in [
        "not caught up within shutdown-timeout",
        "Lagging replica ip=127.0.0.1",
        "0 of 1 replicas are in sync when shutting down.",
    ] {
        assert!(log.contains(part), "no '{part}' in: {log}");
    }
}

#[test]
fn the_log_goes_to_its_file_at_its_level_and_in_its_form() {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("vellum.log");
    let args =
        ["--logfile", file.to_str().unwrap(), "--loglevel", "warning", "--log-format", "json"];
    let mut server = Server::vellum(&temp.path().join("data"), &args);
    let mut client = server.client();
    client.command(&["DEBUG", "LOG", "before"]);
    assert!(client.command(&["CONFIG", "SET", "loglevel", "debug"]).is_ok());
    // Rotated away, the file is made anew.
    fs::rename(&file, temp.path().join("old.log")).unwrap();
    assert!(server.stop().success());
    assert_eq!(server.log(), "", "nothing goes to standard output");
    let old = fs::read_to_string(temp.path().join("old.log")).unwrap();
    assert!(old.contains("before") && !old.contains("Ready to accept"), "{old}");
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!((&last["level"], &last["role"]), (&"warning".into(), &"master".into()), "{last}");
    assert!(last["message"].as_str().unwrap().contains("bye bye"), "{last}");
}

#[test]
fn sockets_of_every_kind_are_listened_on() {
    let temp = tempfile::tempdir().unwrap();
    let socket = temp.path().join("vellum.sock");
    let socket_text = socket.to_str().unwrap();
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    let second = if has_ipv6 { "::1" } else { "-::1" };
    let args =
        ["--unixsocket", socket_text, "--unixsocketperm", "700", "--bind", "127.0.0.1", second];
    let mut server = Server::vellum(&temp.path().join("data"), &args);
    let ping = |stream: &mut dyn ReadWrite| {
        stream.write_all(b"PING\r\n").unwrap();
        let mut reply = [0; 7];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"+PONG\r\n");
    };
    ping(&mut UnixStream::connect(&socket).unwrap());
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o700);
    if has_ipv6 {
        ping(&mut std::net::TcpStream::connect(("::1", server.port)).unwrap());
    }
    let list = server.client().command(&["CONFIG", "GET", "bind"]);
    assert_eq!(list.items()[1].text(), format!("127.0.0.1 {second}"));
    // A socket that a killed server has left is taken over, and a stopped one leaves none.
    server.kill();
    assert!(socket.exists());
    server.launch();
    ping(&mut UnixStream::connect(&socket).unwrap());
    assert!(server.stop().success());
    assert!(!socket.exists());
    server.set_args(&["--unixsocket", socket_text, "--port", "0"]);
    server.spawn();
    let mut stream = wait_for("the socket", || UnixStream::connect(&socket).ok());
    wait_until("the load to end", || {
        stream.write_all(b"PING\r\n").unwrap();
        let mut reply = [0; 200];
        let len = stream.read(&mut reply).unwrap();
        reply[..len] == *b"+PONG\r\n"
    });
    assert!(Client::connect(server.port).is_err(), "port 0 is no port");
}

#[cfg(target_os = "linux")]
#[test]
fn keepalive_is_that_of_the_moment_a_client_came() {
    let temp = tempfile::tempdir().unwrap();
    let server = Server::vellum(&temp.path().join("data"), &["--tcp-keepalive", "100"]);
    // The kernel's table: local and remote address, state, queues, and which timer runs: 00 none, 02
    // keepalive, 01 while the other side has not acknowledged the reply.
    let has_probes = |client: &mut Client| {
        assert_eq!(client.command(&["PING"]).text(), "PONG");
        let ends = [server.port, client.local_port()].map(|port| format!(":{port:04X}"));
        let timer = wait_for("the acknowledgement", || {
            let table = fs::read_to_string("/proc/net/tcp").unwrap();
            let rows = table.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
            let mut rows =
                rows.filter(|row| row[1].ends_with(&ends[0]) && row[2].ends_with(&ends[1]));
            let timer = rows.next()?[5][..2].to_owned();
            (timer != "01").then_some(timer)
        });
        timer == "02"
    };
    let mut first = server.client();
    assert!(has_probes(&mut first));
    assert!(first.command(&["CONFIG", "SET", "tcp-keepalive", "0"]).is_ok());
    assert!(!has_probes(&mut server.client()));
    assert!(has_probes(&mut first));
}

#[test]
fn damage_is_refused_with_its_place_and_what_repairs_it() {
    let temp = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(&temp.path().join("data"), &[]);
    let mut client = server.client();
    for number in 0..20 {
        client.command(&["SET", &format!("k{number}"), "value"]);
    }
    assert!(server.stop().success());
    let segment = server.dir.join("appendonlydir/appendonly.aof.1.incr.aof");
    let sound = fs::read(&segment).unwrap();
    let mut damaged = sound.clone();
    damaged[sound.len() / 2] ^= 4;
    fs::write(&segment, &damaged).unwrap();
    server.spawn();
    assert_eq!(server.wait_end().code(), Some(1));
    let log = server.log();
    assert!(log.contains("incr.aof is damaged at position"), "{log}");
    assert!(log.contains(&format!("vellum-log repair {}", server.dir.display())), "{log}");
    assert_eq!(fs::read(&segment).unwrap(), damaged, "nothing was changed");
    fs::write(&segment, &sound).unwrap();
    server.launch();
    assert_eq!(server.client().command(&["DBSIZE"]).integer(), 20);
}

trait ReadWrite: std::io::Read + std::io::Write {}
impl<T: std::io::Read + std::io::Write> ReadWrite for T {}

#[test]
fn who_may_come_in_and_who_is_sent_away() {
    let temp = tempfile::tempdir().unwrap();
    let args = ["--requirepass", "secret word", "--maxclients", "3", "--timeout", "1"];
    let server = Server::vellum(&temp.path().join("data"), &args);
    let mut client = server.client();
    assert_eq!(client.command(&["GET", "a"]).text(), "NOAUTH Authentication required.");
    let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
    assert_eq!(client.command(&["AUTH", "secret"]).text(), wrong);
    assert_eq!(client.command(&["HELLO", "3", "AUTH", "default", "secret"]).text(), wrong);
    assert!(client.command(&["HELLO", "3"]).text().starts_with("NOAUTH HELLO must be called"));
    assert!(client.command(&["AUTH", "secret word"]).is_ok());
    let mut other = server.client();
    let hello = other.command(&["HELLO", "3", "AUTH", "default", "secret word"]);
    assert!(matches!(hello, Value::Map(_)), "{hello:?}");
    let _third = server.client();
    wait_until("three clients", || {
        let text = client.command(&["INFO", "clients"]).text();
        other.command(&["GET", "a"]);
        text.contains("connected_clients:3\r")
    });
    let mut fourth = server.client();
    assert_eq!(fourth.read_line().unwrap(), "-ERR max number of clients reached");
    assert!(fourth.read_line().is_err(), "and the connection is closed");
    // Whoever says nothing for longer than `timeout` goes.
    assert!(other.read_line().is_err());
    let mut client = server.client();
    assert!(client.command(&["AUTH", "secret word"]).is_ok());
    assert!(client.command(&["CONFIG", "SET", "timeout", "0", "requirepass", ""]).is_ok());
    assert!(server.client().command(&["SET", "a", "1"]).is_ok());
}

#[test]
fn what_is_wrong_is_said_before_anything_is_touched() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("bad.conf"), "port 0\n# a comment\nappendfsnyc always\n").unwrap();
    fs::write(path("file"), "in the way").unwrap();
    let refused = |args: &[&str], input: &str, parts: &[&str]| {
        let (ok, text) = run(args, input);
        assert!(!ok, "{args:?}: {text}");
        for part in parts {
            assert!(text.contains(part), "{args:?}: no '{part}' in: {text}");
        }
    };
    let conf = path("bad.conf");
    refused(&[&conf], "", &[&conf, "line 3: appendfsnyc always", "did you mean 'appendfsync'"]);
    refused(&["--check-config", &conf], "", &["line 3", "did you mean"]);
    refused(
        &["--maxmemory", "lots"],
        "",
        &["command line: 'maxmemory \"lots\"'", "expected: maxmemory bytes"],
    );
    refused(&["-"], "port 0\nsave 1\n", &["standard input, line 2: save 1", "expected: save"]);
    refused(&[&path("none.conf")], "", &["cannot read the configuration file", "none.conf"]);
    refused(&["--port", "0", "--dir", &path("file/data")], "", &["file/data", "Not a directory"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let args = ["--bind", "127.0.0.1", "--port", &port, "--dir", &path("data")];
    refused(&args, "", &[&format!("cannot listen on 127.0.0.1:{port}"), "in use"]);
    assert!(!Path::new(&path("data/appendonlydir")).exists(), "nothing was made for it");

    let (ok, help) = run(&["--help"], "");
    assert!(ok && help.contains("Usage: vellum-server [FILE | -]"), "{help}");
    assert!(help.lines().all(|line| line.len() <= 100), "{help}");
    fs::write(path("good.conf"), "port 0\nio-threads-do-reads yes\n").unwrap();
    let (ok, text) = run(&["--check-config", &path("good.conf")], "");
    assert!(ok && text.contains("'io-threads-do-reads' has no effect here"), "{text}");
    assert!(text.ends_with("The configuration is right.\n"), "{text}");
    let (ok, text) = run(&["--version"], "");
    assert!(ok && text.starts_with("Vellum server v="), "{text}");
}

#[test]
fn a_configuration_from_standard_input_serves() {
    let temp = tempfile::tempdir().unwrap();
    let (port, dir) = (free_port(), temp.path().join("data"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_vellum-server"))
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let text = format!("port {port}\nbind 127.0.0.1\ndir \"{}\"\nmaxmemory 7mb\n", dir.display());
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let mut client = wait_for("the server", || Client::connect(port).ok());
    wait_until("the load to end", || client.command(&["PING"]).text() == "PONG");
    assert_eq!(client.command(&["CONFIG", "GET", "maxmemory"]).items()[1].text(), "7340032");
    assert!(client.command(&["CONFIG", "REWRITE"]).text().contains("without a config file"));
    client.send(&["SHUTDOWN"]).unwrap();
    assert!(child.wait().unwrap().success());
}

#[cfg(target_os = "linux")]
#[test]
fn the_kernel_is_told_how_ready_to_be_to_end_the_process() {
    let temp = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(&temp.path().join("data"), &[]);
    let score = |server: &Server| -> i32 {
        let path = format!("/proc/{}/oom_score_adj", server.pid());
        fs::read_to_string(path).unwrap().trim().parse().unwrap()
    };
    let before = score(&server);
    let mut client = server.client();
    let values = ["CONFIG", "SET", "oom-score-adj-values", "10 20 30"];
    assert!(client.command(&values).is_ok());
    assert_eq!(score(&server), before, "nothing was asked for");
    assert!(client.command(&["CONFIG", "SET", "oom-score-adj", "yes"]).is_ok());
    assert_eq!(score(&server), before + 10);
    assert!(client.command(&["SLAVEOF", "127.0.0.1", "1"]).is_ok());
    assert_eq!(score(&server), before + 20);
    assert!(client.command(&["SLAVEOF", "NO", "ONE"]).is_ok());
    assert_eq!(score(&server), before + 10);
    assert!(client.command(&["CONFIG", "SET", "oom-score-adj", "absolute"]).is_ok());
    assert_eq!(score(&server), 10);
    assert!(client.command(&["CONFIG", "SET", "oom-score-adj", "no"]).is_ok());
    assert_eq!(score(&server), before);
    server.set_args(&["--oom-score-adj", "absolute", "--oom-score-adj-values", "40", "50", "60"]);
    server.restart();
    assert_eq!(score(&server), 40);
}
