//! Rows of the hash commands.

use crate::command::families::{hash, hash_random};
use crate::command::spec::ArgumentKind::{Double, Integer, Pattern, String};
use crate::command::spec::{Argument, Categories, Flags, Group, KeyFlags, KeySpec, Run, Spec};

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::new(
        Group::Hash,
        "hdel",
        -3,
        Run::Handler(hash::hdel),
        "Deletes fields of a hash, and the hash with the last of them.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::DELETE])])
    .since("2.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::key("key", 0), Argument::new(String, "field").multiple()]),
    Spec::new(
        Group::Hash,
        "hexists",
        3,
        Run::Handler(hash::hexists),
        "Tells whether a hash has a field.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO])])
    .since("2.0.0")
    .arguments(&[Argument::key("key", 0), Argument::new(String, "field")]),
    Spec::new(
        Group::Hash,
        "hget",
        3,
        Run::Handler(hash::hget),
        "Tells the value of a field of a hash.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("2.0.0")
    .arguments(&[Argument::key("key", 0), Argument::new(String, "field")]),
    Spec::new(
        Group::Hash,
        "hgetall",
        2,
        Run::Handler(hash::hgetall),
        "Tells all fields of a hash and their values.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .tips(&["nondeterministic_output_order"])
    .since("2.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::Hash,
        "hincrby",
        4,
        Run::Handler(hash::hincrby),
        "Adds an amount to the number at a field of a hash; a missing field counts as 0.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
    .since("2.0.0")
    .arguments(&[Argument::key("key", 0), Argument::new(String, "field"), Argument::new(Integer, "increment")]),
    Spec::new(
        Group::Hash,
        "hincrbyfloat",
        4,
        Run::Handler(hash::hincrbyfloat),
        "Adds an amount to the floating-point number at a field of a hash; a missing field counts as 0.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
    .since("2.6.0")
    .arguments(&[Argument::key("key", 0), Argument::new(String, "field"), Argument::new(Double, "increment")]),
    Spec::new(
        Group::Hash,
        "hkeys",
        2,
        Run::Handler(hash::hkeys),
        "Tells all fields of a hash.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .tips(&["nondeterministic_output_order"])
    .since("2.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::Hash,
        "hlen",
        2,
        Run::Handler(hash::hlen),
        "Counts the fields of a hash.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO])])
    .since("2.0.0")
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::Hash,
        "hmget",
        -3,
        Run::Handler(hash::hmget),
        "Tells the values of several fields of a hash.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("2.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::key("key", 0), Argument::new(String, "field").multiple()]),
    Spec::new(
        Group::Hash,
        "hmset",
        -4,
        Run::Handler(hash::hmset),
        "Sets several fields of a hash.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
    .since("2.0.0")
    .complexity("O(N)")
    .deprecated("4.0.0", "`HSET` with multiple field-value pairs")
    .arguments(&[Argument::key("key", 0), Argument::block("field_value", &[Argument::new(String, "field"), Argument::new(String, "value")]).multiple()]),
    Spec::new(
        Group::Hash,
        "hrandfield",
        -2,
        Run::Handler(hash_random::hrandfield),
        "Tells a random field of a hash, or several of them.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .tips(&["nondeterministic_output"])
    .since("6.2.0")
    .complexity("O(N)")
    .arguments(&[Argument::key("key", 0), Argument::block("options", &[Argument::new(Integer, "count"), Argument::word("withvalues", "WITHVALUES").optional()]).optional()]),
    Spec::new(
        Group::Hash,
        "hscan",
        -3,
        Run::Handler(hash::hscan),
        "Goes through the fields of a hash and their values step by step.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .tips(&["nondeterministic_output"])
    .since("2.8.0")
    .complexity("O(1) for every call, O(N) for all of a hash")
    .arguments(&[Argument::key("key", 0), Argument::new(Integer, "cursor"), Argument::new(Pattern, "pattern").token("MATCH").optional(), Argument::new(Integer, "count").token("COUNT").optional()]),
    Spec::new(
        Group::Hash,
        "hset",
        -4,
        Run::Handler(hash::hset),
        "Sets fields of a hash.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
    .since("2.0.0")
    .complexity("O(1) for each field")
    .arguments(&[Argument::key("key", 0), Argument::block("field_value", &[Argument::new(String, "field"), Argument::new(String, "value")]).multiple()]),
    Spec::new(
        Group::Hash,
        "hsetnx",
        4,
        Run::Handler(hash::hsetnx),
        "Sets a field of a hash if it does not exist.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::INSERT])])
    .since("2.0.0")
    .arguments(&[Argument::key("key", 0), Argument::new(String, "field"), Argument::new(String, "value")]),
    Spec::new(
        Group::Hash,
        "hstrlen",
        3,
        Run::Handler(hash::hstrlen),
        "Tells the length of the value of a field of a hash.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO])])
    .since("3.2.0")
    .arguments(&[Argument::key("key", 0), Argument::new(String, "field")]),
    Spec::new(
        Group::Hash,
        "hvals",
        2,
        Run::Handler(hash::hvals),
        "Tells all values of a hash.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::HASH])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .tips(&["nondeterministic_output_order"])
    .since("2.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::key("key", 0)]),
];
