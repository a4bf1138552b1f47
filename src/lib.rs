//! Vellum: a persistence-first server that speaks the Redis protocol.
//!
//! The layers, one folder each; imports point down only (`tests/integration/tidy.rs` holds them to it):
//!
//! ```text
//! server       configuration, start, stop, supervision, metrics, administrative commands
//! net          listeners, connections, output limits: knows only the engine's handle
//! replication  master, replica, PSYNC wire format, state machine
//! engine       executes, logs, gates; recovery and replicas enter at its one apply
//! command      one file a family, one table: pure semantics
//! log          frames, segments, manifest, writer, reader, recovery, retention: opaque payloads
//! rdb          value codec and snapshot container
//! keyspace     values, databases, expiry, scan: pure data; no I/O, clock, async
//! resp         bytes <-> arguments and replies: no tokio, no storage
//! storage      the only file I/O: a trait, real disk, error latch, simulated disk for tests
//! base         offsets, limits, clock, fatal exits: standard library only
//! ```
//!
//! `inspect` (the `vellum-log` tool) is read-only over `log`, `rdb` and `storage`.

pub mod base;
pub mod command;
pub mod engine;
pub mod inspect;
pub mod keyspace;
pub mod log;
pub mod net;
pub mod rdb;
pub mod replication;
pub mod resp;
pub mod server;
pub mod storage;
