//! A snapshot taken while 50 clients write: what is in it, and what it costs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::path::Path;
use std::sync::Arc;

use vellum::base::{Offset, SystemClock};
use vellum::command::{Origin, Settings};
use vellum::engine::Engine;
use vellum::engine::apply::Applier;
use vellum::keyspace::Keyspace;
use vellum::log::{Layout, Reader};
use vellum::rdb::digest::Digest;
use vellum::rdb::{Progress, SnapshotFile, StreamPosition, fill};
use vellum::storage::{RealDisk, Storage};

use crate::support::load::Load;
use crate::support::{Client, Server, wait_until};

const WRITERS: usize = 50;
/// Keys that are there beforehand, so that the snapshot takes a while.
const KEYS: &str = "400000";

fn keyspace() -> Keyspace {
    Keyspace::new(16, 1)
}

/// The data set of a snapshot file, and the place in the stream it states.
fn load(path: &Path) -> (Digest, StreamPosition) {
    let mapping = RealDisk.map(path).unwrap();
    let file = SnapshotFile::open(mapping.bytes()).unwrap();
    let mut loaded = keyspace();
    fill(&mut loaded, &file, 2, None, &Progress::new()).unwrap();
    (Digest::of_keyspace(&loaded), file.header().stream.unwrap())
}

/// The data set that the log makes up to an offset, from its very beginning.
fn replay(dir: &Path, end: Offset) -> Digest {
    let storage: Arc<dyn Storage> = Arc::new(RealDisk);
    let mut reader = Reader::open(storage, &Layout::new(dir), Some(Offset::ZERO)).unwrap();
    let mut engine = Engine::new(keyspace(), Settings::default(), Arc::new(SystemClock::new()), 1);
    let mut applier = Applier::new(Origin::Replay, 0);
    while let Some(frame) = reader.next_frame(end).unwrap() {
        assert!(frame.offset + frame.payload.len() as u64 <= end, "a frame lies across the cut");
        applier.apply(&mut engine, frame.payload).unwrap();
    }
    assert_eq!(reader.offset(), end);
    Digest::of_keyspace(&engine.keyspace)
}

fn used_memory(client: &mut Client) -> u64 {
    client.info("used_memory").parse().unwrap()
}

#[test]
fn its_content_is_the_state_at_its_cut_and_its_memory_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    // Everything the log ever had is kept, and `everysec` leaves the writers more of the machine.
    let args = ["--archive-bytes-max", "10gb", "--appendfsync", "everysec"];
    let mut server = Server::vellum(&data, &args);
    let mut client = server.client();
    assert!(client.command(&["DEBUG", "POPULATE", KEYS, "key", "64"]).is_ok());
    for round in 0..3 {
        let load = Load::begin(server.port, &[0; WRITERS]);
        let first = client.info("total_commands_processed");
        wait_until("the writers to be at work", || {
            let now: u64 = client.info("total_commands_processed").parse().unwrap();
            now > first.parse::<u64>().unwrap() + 5000
        });
        let before = used_memory(&mut client);
        let saved_before = client.info("rdb_saves");
        client.command(&["BGSAVE"]);
        let (mut most, mut looks) = (before, 0);
        wait_until("the snapshot to be in its place", || {
            most = most.max(used_memory(&mut client));
            looks += 1;
            client.info("rdb_saves") != saved_before
        });
        assert!(looks > 1, "nobody looked while it was being taken");
        let written = load.end();
        assert!(written.iter().all(|w| w.acknowledged > 0));
        assert!(
            most <= before + before / 10 + 16 * 1024 * 1024,
            "round {round}: {before} bytes became {most}"
        );
        assert_eq!(client.info("rdb_last_bgsave_status"), "ok");
        let (digest, at) = load_newest(&data);
        assert_eq!(digest, replay(&data, at.offset), "round {round}: offset {}", at.offset);
        client.command(&["CONFIG", "RESETSTAT"]);
    }
    assert!(server.stop().success());
}

fn load_newest(data: &Path) -> (Digest, StreamPosition) {
    load(&Layout::new(data).dump())
}
