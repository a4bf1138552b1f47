//! Rows of the HyperLogLog commands.

use crate::command::families::hyperloglog;
use crate::command::spec::ArgumentKind::String;
use crate::command::spec::{Argument, Categories, Flags, Group, KeyFlags, KeySpec, Run, Spec};

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::new(
        Group::HyperLogLog,
        "pfadd",
        -2,
        Run::Handler(hyperloglog::pfadd),
        "Shows elements to a HyperLogLog; a missing key starts with none.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .categories(&[Categories::HYPERLOGLOG])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::INSERT])])
    .since("2.8.9")
    .complexity("O(1) for each element")
    .arguments(&[Argument::key("key", 0), Argument::new(String, "element").optional().multiple()]),
    Spec::new(
        Group::HyperLogLog,
        "pfcount",
        -2,
        Run::Handler(hyperloglog::pfcount),
        "Tells about how many different elements HyperLogLogs were shown, all of them together.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::HYPERLOGLOG])
    // The count is noted in the value, and that goes to the replicas.
    .keys(&[KeySpec::range(1, -1, 1, &[KeyFlags::RW, KeyFlags::ACCESS])])
    .since("2.8.9")
    .complexity("O(1) for one key, O(N) for several")
    .arguments(&[Argument::key("key", 0).multiple()]),
    Spec::new(
        Group::HyperLogLog,
        "pfdebug",
        3,
        Run::Handler(hyperloglog::pfdebug),
        "Tells about the registers of a HyperLogLog and how they are held.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::ADMIN])
    .categories(&[Categories::HYPERLOGLOG])
    .keys(&[KeySpec::at(2, &[KeyFlags::RW, KeyFlags::ACCESS])])
    .since("2.8.9")
    .complexity("N/A")
    .internal()
    .arguments(&[Argument::new(String, "subcommand"), Argument::key("key", 0)]),
    Spec::new(
        Group::HyperLogLog,
        "pfmerge",
        -2,
        Run::Handler(hyperloglog::pfmerge),
        "Adds what HyperLogLogs were shown to another one.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::HYPERLOGLOG])
    .keys(&[
        KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::INSERT]),
        KeySpec::range(2, -1, 1, &[KeyFlags::RO, KeyFlags::ACCESS]),
    ])
    .since("2.8.9")
    .complexity("O(N)")
    .arguments(&[Argument::key("destkey", 0), Argument::key("sourcekey", 1).multiple()]),
    Spec::new(
        Group::HyperLogLog,
        "pfselftest",
        1,
        Run::Handler(hyperloglog::pfselftest),
        "Tests the HyperLogLog of this server.",
    )
    .flags(&[Flags::ADMIN])
    .categories(&[Categories::HYPERLOGLOG])
    .since("2.8.9")
    .complexity("N/A")
    .internal(),
];
