//! Rows of the commands that tell about the server: `COMMAND`, `LATENCY`, `MEMORY`, `MONITOR`, `SLOWLOG`.

use crate::command::families::{help, introspection, keys};
use crate::command::host::HostCommand;
use crate::command::spec::ArgumentKind::{Integer, Pattern, String};
use crate::command::spec::{Argument, Categories, Flags, Group, KeyFlags, KeySpec, Run, Spec};

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::new(
        Group::Server,
        "command",
        -1,
        Run::Handler(introspection::command),
        "Describes all commands.",
    )
    .flags(&[Flags::LOADING, Flags::STALE])
    .categories(&[Categories::CONNECTION])
    .tips(&["nondeterministic_output_order"])
    .since("2.8.13")
    .complexity("O(N)")
    .subcommands(&[
        Spec::new(
            Group::Server,
            "command|count",
            2,
            Run::Handler(introspection::command_count),
            "Counts the commands.",
        )
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories(&[Categories::CONNECTION])
        .since("2.8.13"),
        Spec::new(
            Group::Server,
            "command|docs",
            -2,
            Run::Handler(introspection::command_docs),
            "Tells the documentation of commands.",
        )
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories(&[Categories::CONNECTION])
        .tips(&["nondeterministic_output_order"])
        .since("7.0.0")
        .complexity("O(N)")
        .arguments(&[Argument::new(String, "command-name").optional().multiple()]),
        Spec::new(
            Group::Server,
            "command|getkeys",
            -4,
            Run::Handler(introspection::command_getkeys),
            "Finds the keys among the arguments of a command.",
        )
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories(&[Categories::CONNECTION])
        .since("2.8.13")
        .complexity("O(N)"),
        Spec::new(
            Group::Server,
            "command|getkeysandflags",
            -4,
            Run::Handler(introspection::command_getkeysandflags),
            "Finds the keys among the arguments of a command and what is done with them.",
        )
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories(&[Categories::CONNECTION])
        .since("7.0.0")
        .complexity("O(N)"),
        Spec::new(
            Group::Server,
            "command|help",
            2,
            Run::Handler(help::help),
            "Tells the subcommands.",
        )
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories(&[Categories::CONNECTION])
        .since("5.0.0"),
        Spec::new(
            Group::Server,
            "command|info",
            -2,
            Run::Handler(introspection::command_info),
            "Describes the commands named.",
        )
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories(&[Categories::CONNECTION])
        .tips(&["nondeterministic_output_order"])
        .since("2.8.13")
        .complexity("O(N)")
        .arguments(&[Argument::new(String, "command-name").optional().multiple()]),
        Spec::new(
            Group::Server,
            "command|list",
            -2,
            Run::Handler(introspection::command_list),
            "Tells the names of commands.",
        )
        .flags(&[Flags::LOADING, Flags::STALE])
        .categories(&[Categories::CONNECTION])
        .tips(&["nondeterministic_output_order"])
        .since("7.0.0")
        .complexity("O(N)")
        .arguments(&[Argument::one_of(
            "filterby",
            &[
                Argument::new(String, "module-name").token("MODULE"),
                Argument::new(String, "category").token("ACLCAT"),
                Argument::new(Pattern, "pattern").token("PATTERN"),
            ],
        )
        .token("FILTERBY")
        .optional()]),
    ]),
    Spec::container(
        Group::Server,
        "latency",
        "Tells what took long.",
        &[
            Spec::new(
                Group::Server,
                "latency|doctor",
                2,
                Run::Host(HostCommand::LatencyDoctor),
                "Explains what took long, in words.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .tips(&[
                "nondeterministic_output",
                "request_policy:all_nodes",
                "response_policy:special",
            ])
            .since("2.8.13"),
            Spec::new(
                Group::Server,
                "latency|graph",
                3,
                Run::Host(HostCommand::LatencyGraph),
                "Draws the latency of an event.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .tips(&[
                "nondeterministic_output",
                "request_policy:all_nodes",
                "response_policy:special",
            ])
            .since("2.8.13")
            .arguments(&[Argument::new(String, "event")]),
            Spec::new(
                Group::Server,
                "latency|help",
                2,
                Run::Handler(help::help),
                "Tells the subcommands.",
            )
            .flags(&[Flags::LOADING, Flags::STALE])
            .since("2.8.13"),
            Spec::new(
                Group::Server,
                "latency|histogram",
                -2,
                Run::Host(HostCommand::LatencyHistogram),
                "Tells how the latencies of commands are distributed.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .tips(&[
                "nondeterministic_output",
                "request_policy:all_nodes",
                "response_policy:special",
            ])
            .since("7.0.0")
            .complexity("O(N)")
            .arguments(&[Argument::new(String, "command").optional().multiple()]),
            Spec::new(
                Group::Server,
                "latency|history",
                3,
                Run::Host(HostCommand::LatencyHistory),
                "Tells the latencies of an event over time.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .tips(&[
                "nondeterministic_output",
                "request_policy:all_nodes",
                "response_policy:special",
            ])
            .since("2.8.13")
            .arguments(&[Argument::new(String, "event")]),
            Spec::new(
                Group::Server,
                "latency|latest",
                2,
                Run::Host(HostCommand::LatencyLatest),
                "Tells the last latency of every event.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .tips(&[
                "nondeterministic_output",
                "request_policy:all_nodes",
                "response_policy:special",
            ])
            .since("2.8.13"),
            Spec::new(
                Group::Server,
                "latency|reset",
                -2,
                Run::Host(HostCommand::LatencyReset),
                "Forgets the latencies of events.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
            .since("2.8.13")
            .arguments(&[Argument::new(String, "event").optional().multiple()]),
        ],
    )
    .since("2.8.13"),
    Spec::container(
        Group::Server,
        "memory",
        "Tells where memory goes.",
        &[
            Spec::new(
                Group::Server,
                "memory|doctor",
                2,
                Run::Host(HostCommand::MemoryDoctor),
                "Explains the use of memory, in words.",
            )
            .tips(&[
                "nondeterministic_output",
                "request_policy:all_shards",
                "response_policy:special",
            ])
            .since("4.0.0"),
            Spec::new(
                Group::Server,
                "memory|help",
                2,
                Run::Handler(help::help),
                "Tells the subcommands.",
            )
            .flags(&[Flags::LOADING, Flags::STALE])
            .since("4.0.0"),
            Spec::new(
                Group::Server,
                "memory|malloc-stats",
                2,
                Run::Host(HostCommand::MemoryMallocStats),
                "Tells the figures of the memory allocator.",
            )
            .tips(&[
                "nondeterministic_output",
                "request_policy:all_shards",
                "response_policy:special",
            ])
            .since("4.0.0")
            .complexity("Depends on the memory allocated."),
            Spec::new(
                Group::Server,
                "memory|purge",
                2,
                Run::Host(HostCommand::MemoryPurge),
                "Gives free memory back to the system.",
            )
            .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
            .since("4.0.0")
            .complexity("Depends on the memory allocated."),
            Spec::new(
                Group::Server,
                "memory|stats",
                2,
                Run::Host(HostCommand::MemoryStats),
                "Tells the figures of memory use.",
            )
            .tips(&[
                "nondeterministic_output",
                "request_policy:all_shards",
                "response_policy:special",
            ])
            .since("4.0.0"),
            Spec::new(
                Group::Server,
                "memory|usage",
                -3,
                Run::Handler(keys::memory_usage),
                "Tells the bytes that a key and its value take.",
            )
            .flags(&[Flags::READONLY])
            .keys(&[KeySpec::at(2, &[KeyFlags::RO])])
            .since("4.0.0")
            .complexity("O(N)")
            .arguments(&[
                Argument::key("key", 0),
                Argument::new(Integer, "count").token("SAMPLES").optional(),
            ]),
        ],
    )
    .since("4.0.0"),
    Spec::new(
        Group::Server,
        "monitor",
        1,
        Run::Host(HostCommand::Monitor),
        "Shows every command the server runs, as it runs.",
    )
    .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
    .complexity(""),
    Spec::container(
        Group::Server,
        "slowlog",
        "Tells which commands took long.",
        &[
            Spec::new(
                Group::Server,
                "slowlog|get",
                -2,
                Run::Host(HostCommand::SlowlogGet),
                "Tells the slow commands, the latest first.",
            )
            .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
            .tips(&["request_policy:all_nodes", "nondeterministic_output"])
            .since("2.2.12")
            .complexity("O(N)")
            .arguments(&[Argument::new(Integer, "count").optional()]),
            Spec::new(
                Group::Server,
                "slowlog|help",
                2,
                Run::Handler(help::help),
                "Tells the subcommands.",
            )
            .flags(&[Flags::LOADING, Flags::STALE])
            .since("6.2.0"),
            Spec::new(
                Group::Server,
                "slowlog|len",
                2,
                Run::Host(HostCommand::SlowlogLen),
                "Counts the slow commands noted.",
            )
            .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
            .tips(&[
                "request_policy:all_nodes",
                "response_policy:agg_sum",
                "nondeterministic_output",
            ])
            .since("2.2.12"),
            Spec::new(
                Group::Server,
                "slowlog|reset",
                2,
                Run::Host(HostCommand::SlowlogReset),
                "Forgets the slow commands.",
            )
            .flags(&[Flags::ADMIN, Flags::LOADING, Flags::STALE])
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
            .since("2.2.12")
            .complexity("O(N)"),
        ],
    )
    .since("2.2.12"),
];
