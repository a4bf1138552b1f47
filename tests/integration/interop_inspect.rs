//! `vellum-log` on directories that a real redis-server has written to.

use std::process::Command;
use std::sync::Arc;

use vellum::inspect::{EXIT_CLEAN, EXIT_TORN};
use vellum::storage::RealDisk;

use crate::inspect::{build, look, tool};
use crate::redis_server::{Answer, RedisServer};

#[test]
fn what_a_redis_server_appended_is_shown_and_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    build(Arc::new(RealDisk), dir.path()).stop();
    let data = dir.path().to_str().unwrap();
    let manifest = dir.path().join("appendonlydir/appendonly.aof.manifest");
    let checked = Command::new("redis-check-aof").arg(&manifest).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let own = look(&RealDisk, &["dump", data]).lines().count();

    let mut redis = RedisServer::start_with(dir.path(), &["--appendonly", "yes"]);
    redis.ok(&[b"SELECT", b"5"]);
    redis.ok(&[b"SET", b"from redis", b"x"]);
    assert_eq!(redis.call(&[b"RPUSH", b"list", b"a", b"b"]), Answer::Line(b":2".to_vec()));
    drop(redis);

    let out = look(&RealDisk, &["verify", data]);
    assert!(out.contains("another server wrote"), "{out}");
    let dump = look(&RealDisk, &["dump", data]);
    let added: Vec<&str> = dump.lines().skip(own).collect();
    assert!(added.iter().any(|line| line.ends_with("db5 SET \"from redis\" x")), "{added:?}");
    assert!(added.iter().any(|line| line.ends_with("db5 RPUSH list a b")), "{added:?}");
    let keyed = look(&RealDisk, &["dump", data, "--key", "list"]);
    assert_eq!(keyed.lines().count(), 1);
}

#[test]
fn a_directory_of_redis_alone_is_read_and_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let words = ["--appendonly", "yes", "--aof-timestamp-enabled", "yes"];
    let mut redis = RedisServer::start_with(dir.path(), &words);
    for n in 0..50 {
        redis.ok(&[b"SET", format!("key:{n}").as_bytes(), b"value"]);
    }
    drop(redis);
    assert!(look(&RealDisk, &["verify", data]).ends_with("clean\n"));
    assert!(look(&RealDisk, &["info", data]).contains("written by another server"));
    assert_eq!(look(&RealDisk, &["dump", data, "--command", "set"]).lines().count(), 50);

    let segment = dir.path().join("appendonlydir/appendonly.aof.1.incr.aof");
    let file = std::fs::OpenOptions::new().write(true).open(&segment).unwrap();
    file.set_len(file.metadata().unwrap().len() - 5).unwrap();
    assert_eq!(tool(&RealDisk, "", &["verify", data]).0, EXIT_TORN);
    assert_eq!(tool(&RealDisk, "", &["repair", data, "--yes"]).0, EXIT_CLEAN);
    assert!(look(&RealDisk, &["verify", data]).ends_with("clean\n"));
    assert_eq!(look(&RealDisk, &["dump", data, "--command", "set"]).lines().count(), 49);
}
