//! The catalogue beside a real server: built, followed, put aside when it is damaged, and never needed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::fs;
use std::path::Path;

use vellum::log::catalogue::{Catalogue, Found};

use crate::support::{Server, wait_until};

fn open(dir: &Path) -> Catalogue {
    let (catalogue, found) = Catalogue::open(&dir.join("catalogue")).unwrap();
    assert!(matches!(found, Found::Catalogue), "{found:?}");
    catalogue
}

/// Stops the server and compares what the catalogue says with what the server said.
fn check(server: &mut Server) {
    let mut client = server.client();
    let end: u64 = client.info("master_repl_offset").parse().unwrap();
    let replid = client.info("master_replid");
    assert!(server.stop().success(), "{}", server.log());
    let catalogue = open(&server.dir);
    let segments = catalogue.segments().unwrap();
    assert_eq!(segments.iter().map(|s| s.end.get()).max(), Some(end), "{segments:?}");
    for segment in &segments {
        let in_log = server.dir.join("appendonlydir").join(&segment.name);
        let in_archive = server.dir.join("archive").join(&segment.name);
        let len = fs::metadata(in_log).or_else(|_| fs::metadata(in_archive)).unwrap().len();
        assert_eq!((segment.file_len, segment.read_len), (len, len), "{segment:?}");
    }
    assert_eq!(catalogue.identity().unwrap().unwrap().replid.as_str(), replid);
}

#[test]
fn it_follows_the_log_and_is_rebuilt_when_it_is_lost_or_damaged() {
    let temp = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(&temp.path().join("data"), &[]);
    let folder = server.dir.join("catalogue");
    let mut client = server.client();
    client.command(&["DEBUG", "POPULATE", "1000"]);
    client.command(&["BGSAVE"]);
    wait_until("the snapshot to end", || client.info("rdb_bgsave_in_progress") == "0");
    client.command(&["SET", "after", "1"]);
    check(&mut server);
    let snapshots = open(&server.dir).snapshots().unwrap();
    let [snapshot] = snapshots.as_slice() else { panic!("{snapshots:?}") };
    let bytes = fs::read(server.dir.join("dump.rdb")).unwrap();
    assert_eq!((snapshot.keys, snapshot.len), (1000, bytes.len() as u64));
    assert_eq!(snapshot.checksum.to_le_bytes(), bytes[bytes.len() - 8..]);

    // It goes on where it was after a stop and after a kill.
    server.launch();
    server.client().command(&["SET", "more", "1"]);
    server.kill();
    server.launch();
    server.client().command(&["SET", "more", "2"]);
    check(&mut server);
    assert!(!server.log().contains("was damaged"), "{}", server.log());

    fs::remove_dir_all(&folder).unwrap();
    server.launch();
    wait_until("a line in the log", || {
        server.log().matches("no catalogue: building it").count() == 2
    });
    check(&mut server);

    fs::write(folder.join("db"), [0xa5; 700]).unwrap();
    server.launch();
    wait_until("a line in the log", || server.log().contains("the catalogue was damaged"));
    assert_eq!(server.client().command(&["GET", "more"]).text(), "2");
    check(&mut server);
    assert!(server.dir.join("catalogue.damaged").exists());
}

#[test]
fn a_server_that_cannot_have_one_serves_all_the_same() {
    let temp = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(&temp.path().join("data"), &[]);
    server.client().command(&["SET", "a", "1"]);
    assert!(server.stop().success());
    let held = open(&server.dir);
    server.launch();
    wait_until("a line in the log", || server.log().contains("going on without the catalogue"));
    let mut client = server.client();
    assert!(client.command(&["SET", "b", "2"]).is_ok());
    client.command(&["BGSAVE"]);
    wait_until("the snapshot to end", || client.info("rdb_bgsave_in_progress") == "0");
    let digest = client.command(&["DEBUG", "DIGEST"]);
    server.kill();
    server.launch();
    assert_eq!(server.client().command(&["DEBUG", "DIGEST"]), digest);
    assert!(server.stop().success());
    drop(held);
    server.launch();
    check(&mut server);
}
