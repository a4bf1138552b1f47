//! Rows of the replication commands.

use crate::command::host::HostCommand;
use crate::command::spec::ArgumentKind::{Integer, String};
use crate::command::spec::{Argument, Categories, Flags, Group, Run, Spec};

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::new(
        Group::Server,
        "psync",
        -3,
        Run::Host(HostCommand::Psync),
        "Starts or goes on with a replica's stream.",
    )
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING, Flags::NO_MULTI])
    .since("2.8.0")
    .complexity("")
    .arguments(&[Argument::new(String, "replicationid"), Argument::new(Integer, "offset")]),
    Spec::new(
        Group::Server,
        "replconf",
        -1,
        Run::Host(HostCommand::ReplConf),
        "Carries a replica's settings and acknowledgements.",
    )
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::ALLOW_BUSY])
    .since("3.0.0")
    .internal(),
    Spec::new(
        Group::Server,
        "replicaof",
        3,
        Run::Host(HostCommand::ReplicaOf),
        "Makes the server a replica of another one, or a master.",
    )
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .since("5.0.0")
    .arguments(&[Argument::one_of(
        "args",
        &[
            Argument::block(
                "host-port",
                &[Argument::new(String, "host"), Argument::new(Integer, "port")],
            ),
            Argument::block("no-one", &[Argument::word("no", "NO"), Argument::word("one", "ONE")]),
        ],
    )]),
    Spec::new(
        Group::Server,
        "role",
        1,
        Run::Host(HostCommand::Role),
        "Tells the server's part in replication.",
    )
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST])
    .categories(&[Categories::ADMIN, Categories::DANGEROUS])
    .since("2.8.12"),
    Spec::new(
        Group::Server,
        "slaveof",
        3,
        Run::Host(HostCommand::ReplicaOf),
        "Makes the server a replica of another one, or a master.",
    )
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::STALE, Flags::NO_ASYNC_LOADING])
    .deprecated("5.0.0", "`REPLICAOF`")
    .arguments(&[Argument::one_of(
        "args",
        &[
            Argument::block(
                "host-port",
                &[Argument::new(String, "host"), Argument::new(Integer, "port")],
            ),
            Argument::block("no-one", &[Argument::word("no", "NO"), Argument::word("one", "ONE")]),
        ],
    )]),
    Spec::new(
        Group::Server,
        "sync",
        1,
        Run::Host(HostCommand::Sync),
        "Starts a replica's stream from a snapshot.",
    )
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING, Flags::NO_MULTI])
    .complexity(""),
    Spec::new(
        Group::Generic,
        "wait",
        3,
        Run::Host(HostCommand::Wait),
        "Waits until replicas have received this connection's writes.",
    )
    .flags(&[Flags::NOSCRIPT])
    .categories(&[Categories::CONNECTION])
    .tips(&["request_policy:all_shards", "response_policy:agg_min"])
    .since("3.0.0")
    .arguments(&[Argument::new(Integer, "numreplicas"), Argument::new(Integer, "timeout")]),
    Spec::new(
        Group::Generic,
        "waitaof",
        4,
        Run::Host(HostCommand::WaitAof),
        "Waits until this connection's writes are on disk, here and on replicas.",
    )
    .flags(&[Flags::NOSCRIPT])
    .categories(&[Categories::CONNECTION])
    .tips(&["request_policy:all_shards", "response_policy:agg_min"])
    .since("7.2.0")
    .arguments(&[
        Argument::new(Integer, "numlocal"),
        Argument::new(Integer, "numreplicas"),
        Argument::new(Integer, "timeout"),
    ]),
];
