//! Rows of the commands on keys of any type.

use crate::command::families::{dump, help, keys, scan, transfer};
use crate::command::spec::ArgumentKind::{Integer, Pattern, String};
use crate::command::spec::{Argument, Categories, Flags, Group, KeyFlags, KeySpec, Run, Spec};

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::new(
        Group::Generic,
        "copy",
        -3,
        Run::Handler(transfer::copy),
        "Gives a value a second key.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::KEYSPACE])
    .keys(&[
        KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS]),
        KeySpec::at(2, &[KeyFlags::OW, KeyFlags::UPDATE]),
    ])
    .since("6.2.0")
    .complexity("O(N)")
    .arguments(&[
        Argument::key("source", 0),
        Argument::key("destination", 1),
        Argument::new(Integer, "destination-db").token("DB").optional(),
        Argument::word("replace", "REPLACE").optional(),
    ]),
    Spec::new(Group::Generic, "del", -2, Run::Handler(keys::del), "Deletes keys.")
        .flags(&[Flags::WRITE])
        .categories(&[Categories::KEYSPACE])
        .keys(&[KeySpec::range(1, -1, 1, &[KeyFlags::RM, KeyFlags::DELETE])])
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .complexity("O(N)")
        .arguments(&[Argument::key("key", 0).multiple()]),
    Spec::new(
        Group::Generic,
        "dump",
        2,
        Run::Handler(dump::dump),
        "Tells a value in its serialized form, for RESTORE.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .tips(&["nondeterministic_output"])
    .since("2.6.0")
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::Generic,
        "exists",
        -2,
        Run::Handler(keys::exists),
        "Counts how many of the keys exist.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::range(1, -1, 1, &[KeyFlags::RO])])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .complexity("O(N)")
    .arguments(&[Argument::key("key", 0).multiple()]),
    Spec::new(
        Group::Generic,
        "keys",
        2,
        Run::Handler(scan::keys),
        "Tells all keys that match a pattern.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
    .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
    .complexity("O(N)")
    .arguments(&[Argument::new(Pattern, "pattern")]),
    Spec::new(
        Group::Generic,
        "move",
        3,
        Run::Handler(transfer::move_key),
        "Moves a key to another database.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
    .arguments(&[Argument::key("key", 0), Argument::new(Integer, "db")]),
    Spec::container(
        Group::Generic,
        "object",
        "Tells how a value is kept.",
        &[
            Spec::new(
                Group::Generic,
                "object|encoding",
                3,
                Run::Handler(keys::object_encoding),
                "Tells the internal form of a value.",
            )
            .flags(&[Flags::READONLY])
            .categories(&[Categories::KEYSPACE])
            .keys(&[KeySpec::at(2, &[KeyFlags::RO])])
            .tips(&["nondeterministic_output"])
            .since("2.2.3")
            .arguments(&[Argument::key("key", 0)]),
            Spec::new(
                Group::Generic,
                "object|freq",
                3,
                Run::Handler(keys::object_freq),
                "Tells how often a key is used, on a logarithmic scale.",
            )
            .flags(&[Flags::READONLY])
            .categories(&[Categories::KEYSPACE])
            .keys(&[KeySpec::at(2, &[KeyFlags::RO])])
            .tips(&["nondeterministic_output"])
            .since("4.0.0")
            .arguments(&[Argument::key("key", 0)]),
            Spec::new(
                Group::Generic,
                "object|help",
                2,
                Run::Handler(help::help),
                "Tells the subcommands.",
            )
            .flags(&[Flags::LOADING, Flags::STALE])
            .categories(&[Categories::KEYSPACE])
            .since("6.2.0"),
            Spec::new(
                Group::Generic,
                "object|idletime",
                3,
                Run::Handler(keys::object_idletime),
                "Tells the seconds since a key was last used.",
            )
            .flags(&[Flags::READONLY])
            .categories(&[Categories::KEYSPACE])
            .keys(&[KeySpec::at(2, &[KeyFlags::RO])])
            .tips(&["nondeterministic_output"])
            .since("2.2.3")
            .arguments(&[Argument::key("key", 0)]),
            Spec::new(
                Group::Generic,
                "object|refcount",
                3,
                Run::Handler(keys::object_refcount),
                "Tells the number of references to a value.",
            )
            .flags(&[Flags::READONLY])
            .categories(&[Categories::KEYSPACE])
            .keys(&[KeySpec::at(2, &[KeyFlags::RO])])
            .tips(&["nondeterministic_output"])
            .since("2.2.3")
            .arguments(&[Argument::key("key", 0)]),
        ],
    )
    .since("2.2.3"),
    Spec::new(
        Group::Generic,
        "randomkey",
        1,
        Run::Handler(scan::randomkey),
        "Tells a key chosen at random.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::KEYSPACE])
    .tips(&["request_policy:all_shards", "nondeterministic_output"]),
    Spec::new(
        Group::Generic,
        "rename",
        3,
        Run::Handler(transfer::rename),
        "Gives a key a new name, in place of whatever had it.",
    )
    .flags(&[Flags::WRITE])
    .categories(&[Categories::KEYSPACE])
    .keys(&[
        KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE]),
        KeySpec::at(2, &[KeyFlags::OW, KeyFlags::UPDATE]),
    ])
    .arguments(&[Argument::key("key", 0), Argument::key("newkey", 1)]),
    Spec::new(
        Group::Generic,
        "renamenx",
        3,
        Run::Handler(transfer::renamenx),
        "Gives a key a new name if nothing has it.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[
        KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE]),
        KeySpec::at(2, &[KeyFlags::OW, KeyFlags::INSERT]),
    ])
    .arguments(&[Argument::key("key", 0), Argument::key("newkey", 1)]),
    Spec::new(
        Group::Generic,
        "restore",
        -4,
        Run::Handler(dump::restore),
        "Creates a key from a serialized value.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::KEYSPACE, Categories::DANGEROUS])
    .keys(&[KeySpec::at(1, &[KeyFlags::OW, KeyFlags::UPDATE])])
    .since("2.6.0")
    .complexity(
        "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value",
    )
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(Integer, "ttl"),
        Argument::new(String, "serialized-value"),
        Argument::word("replace", "REPLACE").optional().since("3.0.0"),
        Argument::word("absttl", "ABSTTL").optional().since("5.0.0"),
        Argument::new(Integer, "seconds").token("IDLETIME").optional().since("5.0.0"),
        Argument::new(Integer, "frequency").token("FREQ").optional().since("5.0.0"),
    ]),
    Spec::new(
        Group::Generic,
        "scan",
        -2,
        Run::Handler(scan::scan),
        "Goes through the keys of a database in small steps.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::KEYSPACE])
    .tips(&["nondeterministic_output", "request_policy:special"])
    .since("2.8.0")
    .arguments(&[
        Argument::new(Integer, "cursor"),
        Argument::new(Pattern, "pattern").token("MATCH").optional(),
        Argument::new(Integer, "count").token("COUNT").optional(),
        Argument::new(String, "type").token("TYPE").optional().since("6.0.0"),
    ]),
    Spec::new(
        Group::Generic,
        "touch",
        -2,
        Run::Handler(keys::touch),
        "Counts how many of the keys exist and makes them recently used.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::range(1, -1, 1, &[KeyFlags::RO])])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .since("3.2.1")
    .complexity("O(N)")
    .arguments(&[Argument::key("key", 0).multiple()]),
    Spec::new(
        Group::Generic,
        "type",
        2,
        Run::Handler(keys::type_of),
        "Tells the type of the value at a key.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO])])
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::Generic,
        "unlink",
        -2,
        Run::Handler(keys::unlink),
        "Deletes keys and frees large values in the background.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::range(1, -1, 1, &[KeyFlags::RM, KeyFlags::DELETE])])
    .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
    .since("4.0.0")
    .arguments(&[Argument::key("key", 0).multiple()]),
];
