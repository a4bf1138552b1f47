//! Rows of the transaction commands.

use crate::command::host::HostCommand;
use crate::command::spec::{Argument, Categories, Flags, Group, KeyFlags, KeySpec, Run, Spec};

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::new(
        Group::Transactions,
        "discard",
        1,
        Run::Host(HostCommand::Discard),
        "Drops a transaction.",
    )
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::ALLOW_BUSY])
    .categories(&[Categories::TRANSACTION])
    .since("2.0.0")
    .complexity("O(N)"),
    Spec::new(Group::Transactions, "exec", 1, Run::Host(HostCommand::Exec), "Runs a transaction.")
        .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::SKIP_SLOWLOG])
        .categories(&[Categories::TRANSACTION])
        .since("1.2.0")
        .complexity("Depends on the commands queued."),
    Spec::new(
        Group::Transactions,
        "multi",
        1,
        Run::Host(HostCommand::Multi),
        "Begins a transaction.",
    )
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::ALLOW_BUSY])
    .categories(&[Categories::TRANSACTION])
    .since("1.2.0"),
    Spec::new(
        Group::Transactions,
        "unwatch",
        1,
        Run::Host(HostCommand::Unwatch),
        "Forgets the watched keys.",
    )
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::ALLOW_BUSY])
    .categories(&[Categories::TRANSACTION])
    .since("2.2.0"),
    Spec::new(
        Group::Transactions,
        "watch",
        -2,
        Run::Host(HostCommand::Watch),
        "Makes the next transaction depend on keys staying as they are.",
    )
    .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::ALLOW_BUSY])
    .categories(&[Categories::TRANSACTION])
    .keys(&[KeySpec::range(1, -1, 1, &[KeyFlags::RO])])
    .since("2.2.0")
    .arguments(&[Argument::key("key", 0).multiple()]),
];
