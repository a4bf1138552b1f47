//! Rows of the server commands: configuration, databases, saving, stopping.

use crate::command::families::{connection, database, help};
use crate::command::host::HostCommand;
use crate::command::spec::ArgumentKind::{Integer, String};
use crate::command::spec::{Argument, Categories, Flags, Group, Run, Spec};

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::container(
        Group::Server,
        "config",
        "Reads and changes the configuration.",
        &[
            Spec::new(
                Group::Server,
                "config|get",
                -3,
                Run::Host(HostCommand::ConfigGet),
                "Tells the directives that match patterns.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .since("2.0.0")
            .complexity("O(N)")
            .arguments(&[Argument::block(
                "parameter",
                &[Argument::new(String, "parameter")],
            )
            .multiple()]),
            Spec::new(
                Group::Server,
                "config|help",
                2,
                Run::Handler(help::help),
                "Tells the subcommands.",
            )
            .flags(&[Flags::LOADING, Flags::STALE])
            .since("5.0.0"),
            Spec::new(
                Group::Server,
                "config|resetstat",
                2,
                Run::Host(HostCommand::ConfigResetStat),
                "Starts the statistics of INFO anew.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .since("2.0.0"),
            Spec::new(
                Group::Server,
                "config|rewrite",
                2,
                Run::Host(HostCommand::ConfigRewrite),
                "Writes the configuration in force to its file.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .since("2.8.0"),
            Spec::new(
                Group::Server,
                "config|set",
                -4,
                Run::Host(HostCommand::ConfigSet),
                "Changes directives.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
            .since("2.0.0")
            .complexity("O(N)")
            .arguments(&[Argument::block(
                "parameter_value",
                &[Argument::new(String, "parameter"), Argument::new(String, "value")],
            )
            .multiple()]),
        ],
    )
    .since("2.0.0"),
    Spec::new(
        Group::Server,
        "dbsize",
        1,
        Run::Handler(database::dbsize),
        "Counts the keys of the database.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    Spec::new(
        Group::Server,
        "debug",
        -2,
        Run::Host(HostCommand::Debug),
        "Helps to test the server.",
    )
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .complexity("Depends on subcommand.")
    .internal(),
    Spec::new(
        Group::Server,
        "flushall",
        -1,
        Run::Handler(database::flushall),
        "Deletes all keys of all databases.",
    )
    .flags(&[Flags::WRITE])
    .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .complexity("O(N)")
    .arguments(&[Argument::one_of(
        "async",
        &[
            Argument::word("async", "ASYNC").since("4.0.0"),
            Argument::word("sync", "SYNC").since("6.2.0"),
        ],
    )
    .optional()]),
    Spec::new(
        Group::Server,
        "flushdb",
        -1,
        Run::Handler(database::flushdb),
        "Deletes all keys of the database.",
    )
    .flags(&[Flags::WRITE])
    .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .complexity("O(N)")
    .arguments(&[Argument::one_of(
        "async",
        &[
            Argument::word("async", "ASYNC").since("4.0.0"),
            Argument::word("sync", "SYNC").since("6.2.0"),
        ],
    )
    .optional()]),
    Spec::new(
        Group::Server,
        "info",
        -1,
        Run::Host(HostCommand::Info),
        "Tells the state of the server in figures.",
    )
    .flags(&[Flags::LOADING, Flags::STALE])
    .categories(&[Categories::DANGEROUS])
    .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
    .arguments(&[Argument::new(String, "section").optional().multiple()]),
    Spec::new(
        Group::Server,
        "lolwut",
        -1,
        Run::Handler(connection::lolwut),
        "Tells the version in a less serious way.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .since("5.0.0")
    .complexity("")
    .arguments(&[Argument::new(Integer, "version").token("VERSION").optional()]),
    Spec::new(
        Group::Server,
        "shutdown",
        -1,
        Run::Host(HostCommand::Shutdown),
        "Stops the server, with everything on disk.",
    )
    .flags(&[
        Flags::ADMIN,
        Flags::NOSCRIPT,
        Flags::LOADING,
        Flags::STALE,
        Flags::NO_MULTI,
        Flags::ALLOW_BUSY,
    ])
    .complexity("O(N)")
    .arguments(&[
        Argument::one_of(
            "nosave_save",
            &[Argument::word("nosave", "NOSAVE"), Argument::word("save", "SAVE")],
        )
        .optional(),
        Argument::word("now", "NOW").optional().since("7.0.0"),
        Argument::word("force", "FORCE").optional().since("7.0.0"),
        Argument::word("abort", "ABORT").optional().since("7.0.0"),
    ]),
    Spec::new(
        Group::Server,
        "swapdb",
        3,
        Run::Handler(database::swapdb),
        "Exchanges two databases.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
    .since("4.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::new(Integer, "index1"), Argument::new(Integer, "index2")]),
    Spec::new(Group::Server, "time", 1, Run::Host(HostCommand::Time), "Tells the server's clock.")
        .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
        .tips(&["nondeterministic_output"])
        .since("2.6.0"),
    Spec::new(
        Group::Server,
        "bgrewriteaof",
        1,
        Run::Host(HostCommand::BgRewriteAof),
        "Writes a new snapshot and drops the log before it.",
    )
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING]),
    Spec::new(
        Group::Server,
        "bgsave",
        -1,
        Run::Host(HostCommand::BgSave),
        "Writes a snapshot in the background.",
    )
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING])
    .arguments(&[Argument::word("schedule", "SCHEDULE").optional().since("3.2.2")]),
    Spec::new(
        Group::Server,
        "lastsave",
        1,
        Run::Host(HostCommand::LastSave),
        "Tells the Unix time of the last snapshot.",
    )
    .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
    .categories(&[Categories::ADMIN, Categories::DANGEROUS])
    .tips(&["nondeterministic_output"]),
    Spec::new(
        Group::Server,
        "save",
        1,
        Run::Host(HostCommand::Save),
        "Writes a snapshot and waits for it.",
    )
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::NO_ASYNC_LOADING, Flags::NO_MULTI])
    .complexity("O(N)"),
];
