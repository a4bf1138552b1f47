//! Rows of the commands on the time a key expires.

use crate::command::families::expiry;
use crate::command::spec::ArgumentKind::{Integer, UnixTime};
use crate::command::spec::{Argument, Categories, Flags, Group, KeyFlags, KeySpec, Run, Spec};

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::new(
        Group::Generic,
        "expire",
        -3,
        Run::Handler(expiry::expire),
        "Makes a key expire after some seconds.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(Integer, "seconds"),
        Argument::one_of(
            "condition",
            &[
                Argument::word("nx", "NX"),
                Argument::word("xx", "XX"),
                Argument::word("gt", "GT"),
                Argument::word("lt", "LT"),
            ],
        )
        .optional()
        .since("7.0.0"),
    ]),
    Spec::new(
        Group::Generic,
        "expireat",
        -3,
        Run::Handler(expiry::expireat),
        "Makes a key expire at a Unix time in seconds.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
    .since("1.2.0")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(UnixTime, "unix-time-seconds"),
        Argument::one_of(
            "condition",
            &[
                Argument::word("nx", "NX"),
                Argument::word("xx", "XX"),
                Argument::word("gt", "GT"),
                Argument::word("lt", "LT"),
            ],
        )
        .optional()
        .since("7.0.0"),
    ]),
    Spec::new(
        Group::Generic,
        "expiretime",
        2,
        Run::Handler(expiry::expiretime),
        "Tells the Unix time in seconds at which a key expires.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("7.0.0")
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::Generic,
        "persist",
        2,
        Run::Handler(expiry::persist),
        "Makes a key stay for ever.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
    .since("2.2.0")
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::Generic,
        "pexpire",
        -3,
        Run::Handler(expiry::pexpire),
        "Makes a key expire after some milliseconds.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
    .since("2.6.0")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(Integer, "milliseconds"),
        Argument::one_of(
            "condition",
            &[
                Argument::word("nx", "NX"),
                Argument::word("xx", "XX"),
                Argument::word("gt", "GT"),
                Argument::word("lt", "LT"),
            ],
        )
        .optional()
        .since("7.0.0"),
    ]),
    Spec::new(
        Group::Generic,
        "pexpireat",
        -3,
        Run::Handler(expiry::pexpireat),
        "Makes a key expire at a Unix time in milliseconds.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
    .since("2.6.0")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(UnixTime, "unix-time-milliseconds"),
        Argument::one_of(
            "condition",
            &[
                Argument::word("nx", "NX"),
                Argument::word("xx", "XX"),
                Argument::word("gt", "GT"),
                Argument::word("lt", "LT"),
            ],
        )
        .optional()
        .since("7.0.0"),
    ]),
    Spec::new(
        Group::Generic,
        "pexpiretime",
        2,
        Run::Handler(expiry::pexpiretime),
        "Tells the Unix time in milliseconds at which a key expires.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("7.0.0")
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::Generic,
        "pttl",
        2,
        Run::Handler(expiry::pttl),
        "Tells the milliseconds that a key has left.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .tips(&["nondeterministic_output"])
    .since("2.6.0")
    .arguments(&[Argument::key("key", 0)]),
    Spec::new(
        Group::Generic,
        "ttl",
        2,
        Run::Handler(expiry::ttl),
        "Tells the seconds that a key has left.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::KEYSPACE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .tips(&["nondeterministic_output"])
    .arguments(&[Argument::key("key", 0)]),
];
