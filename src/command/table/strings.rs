//! Rows of the string commands.

use crate::command::families::{counters, edit, lcs, set, strings};
use crate::command::spec::ArgumentKind::{Double, Integer, String, UnixTime};
use crate::command::spec::{Argument, Categories, Flags, Group, KeyFlags, KeySpec, Run, Spec};

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::new(
        Group::String,
        "append",
        3,
        Run::Handler(edit::append),
        "Adds bytes to the end of a string; a missing key starts empty.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::INSERT])])
    .since("2.0.0")
    .arguments(&[Argument::key("key", 0), Argument::new(String, "value")]),
    Spec::new(
        Group::String,
        "decr",
        2,
        Run::Handler(counters::decr),
        "Takes one from the number at a key; a missing key counts as 0.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::String,
        "decrby",
        3,
        Run::Handler(counters::decrby),
        "Takes an amount from the number at a key; a missing key counts as 0.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
    .arguments(&[Argument::key("key", 0), Argument::new(Integer, "decrement")]),
    Spec::new(Group::String, "get", 2, Run::Handler(strings::get), "Tells the string at a key.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .categories(&[Categories::STRING])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::String,
        "getdel",
        2,
        Run::Handler(set::getdel),
        "Tells the string at a key and deletes the key.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE])])
    .since("6.2.0")
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::String,
        "getex",
        -2,
        Run::Handler(set::getex),
        "Tells the string at a key and changes when the key expires.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
    .since("6.2.0")
    .arguments(&[
        Argument::key("key", 0),
        Argument::one_of(
            "expiration",
            &[
                Argument::new(Integer, "seconds").token("EX"),
                Argument::new(Integer, "milliseconds").token("PX"),
                Argument::new(UnixTime, "unix-time-seconds").token("EXAT"),
                Argument::new(UnixTime, "unix-time-milliseconds").token("PXAT"),
                Argument::word("persist", "PERSIST"),
            ],
        )
        .optional(),
    ]),
    Spec::new(
        Group::String,
        "getrange",
        4,
        Run::Handler(edit::getrange),
        "Tells a part of the string at a key.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("2.4.0")
    .complexity("O(N)")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(Integer, "start"),
        Argument::new(Integer, "end"),
    ]),
    Spec::new(
        Group::String,
        "getset",
        3,
        Run::Handler(set::getset),
        "Sets a string and tells the one before.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
    .deprecated("6.2.0", "`SET` with `GET`")
    .arguments(&[Argument::key("key", 0), Argument::new(String, "value")]),
    Spec::new(
        Group::String,
        "incr",
        2,
        Run::Handler(counters::incr),
        "Adds one to the number at a key; a missing key counts as 0.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::String,
        "incrby",
        3,
        Run::Handler(counters::incrby),
        "Adds an amount to the number at a key; a missing key counts as 0.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
    .arguments(&[Argument::key("key", 0), Argument::new(Integer, "increment")]),
    Spec::new(
        Group::String,
        "incrbyfloat",
        3,
        Run::Handler(counters::incrbyfloat),
        "Adds an amount with a fraction to the number at a key; a missing key counts as 0.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
    .since("2.6.0")
    .arguments(&[Argument::key("key", 0), Argument::new(Double, "increment")]),
    Spec::new(
        Group::String,
        "lcs",
        -3,
        Run::Handler(lcs::lcs),
        "Finds a longest common subsequence of two strings.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::range(1, 1, 1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("7.0.0")
    .complexity("O(N*M)")
    .arguments(&[
        Argument::key("key1", 0),
        Argument::key("key2", 0),
        Argument::word("len", "LEN").optional(),
        Argument::word("idx", "IDX").optional(),
        Argument::new(Integer, "len").token("MINMATCHLEN").optional(),
        Argument::word("withmatchlen", "WITHMATCHLEN").optional(),
    ]),
    Spec::new(
        Group::String,
        "mget",
        -2,
        Run::Handler(strings::mget),
        "Tells the strings at several keys in one step.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::range(1, -1, 1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .tips(&["request_policy:multi_shard"])
    .complexity("O(N)")
    .arguments(&[Argument::key("key", 0).multiple()]),
    Spec::new(
        Group::String,
        "mset",
        -3,
        Run::Handler(set::mset),
        "Sets several strings in one step.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::range(1, -1, 2, &[KeyFlags::OW, KeyFlags::UPDATE])])
    .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
    .since("1.0.1")
    .complexity("O(N)")
    .arguments(&[Argument::block(
        "key_value",
        &[Argument::key("key", 0), Argument::new(String, "value")],
    )
    .multiple()]),
    Spec::new(
        Group::String,
        "msetnx",
        -3,
        Run::Handler(set::msetnx),
        "Sets several strings in one step if none of the keys exists.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::range(1, -1, 2, &[KeyFlags::OW, KeyFlags::INSERT])])
    .tips(&["request_policy:multi_shard", "response_policy:agg_min"])
    .since("1.0.1")
    .complexity("O(N)")
    .arguments(&[Argument::block(
        "key_value",
        &[Argument::key("key", 0), Argument::new(String, "value")],
    )
    .multiple()]),
    Spec::new(
        Group::String,
        "psetex",
        4,
        Run::Handler(set::psetex),
        "Sets a string that expires after some milliseconds.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::OW, KeyFlags::UPDATE])])
    .since("2.6.0")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(Integer, "milliseconds"),
        Argument::new(String, "value"),
    ]),
    Spec::new(
        Group::String,
        "set",
        -3,
        Run::Handler(set::set),
        "Sets a string, whatever type the key had before.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(
        1,
        &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE, KeyFlags::VARIABLE_FLAGS],
    )])
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(String, "value"),
        Argument::one_of("condition", &[Argument::word("nx", "NX"), Argument::word("xx", "XX")])
            .optional()
            .since("2.6.12"),
        Argument::word("get", "GET").optional().since("6.2.0"),
        Argument::one_of(
            "expiration",
            &[
                Argument::new(Integer, "seconds").token("EX").since("2.6.12"),
                Argument::new(Integer, "milliseconds").token("PX").since("2.6.12"),
                Argument::new(UnixTime, "unix-time-seconds").token("EXAT").since("6.2.0"),
                Argument::new(UnixTime, "unix-time-milliseconds").token("PXAT").since("6.2.0"),
                Argument::word("keepttl", "KEEPTTL").since("6.0.0"),
            ],
        )
        .optional(),
    ]),
    Spec::new(
        Group::String,
        "setex",
        4,
        Run::Handler(set::setex),
        "Sets a string that expires after some seconds.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::OW, KeyFlags::UPDATE])])
    .since("2.0.0")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(Integer, "seconds"),
        Argument::new(String, "value"),
    ]),
    Spec::new(
        Group::String,
        "setnx",
        3,
        Run::Handler(set::setnx),
        "Sets a string if the key does not exist.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::OW, KeyFlags::INSERT])])
    .arguments(&[Argument::key("key", 0), Argument::new(String, "value")]),
    Spec::new(
        Group::String,
        "setrange",
        4,
        Run::Handler(edit::setrange),
        "Writes over a part of a string, with zeros before it where it was shorter.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
    .since("2.2.0")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(Integer, "offset"),
        Argument::new(String, "value"),
    ]),
    Spec::new(
        Group::String,
        "strlen",
        2,
        Run::Handler(strings::strlen),
        "Tells the length of a string.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO])])
    .since("2.2.0")
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::String,
        "substr",
        4,
        Run::Handler(edit::getrange),
        "Tells a part of the string at a key.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::STRING])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .complexity("O(N)")
    .deprecated("2.0.0", "`GETRANGE`")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(Integer, "start"),
        Argument::new(Integer, "end"),
    ]),
];
