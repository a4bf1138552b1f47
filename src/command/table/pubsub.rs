//! Rows of the commands that publish and subscribe.

use crate::command::families::help;
use crate::command::host::{HostCommand, Topic};
use crate::command::spec::ArgumentKind::{Pattern, String};
use crate::command::spec::{Argument, Flags, Group, KeyFlags, KeySpec, Run, Spec};

/// What those commands have in common that change what a client listens to.
const LISTENING: &[Flags] = &[Flags::PUBSUB, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE];
const PUBLISHING: &[Flags] =
    &[Flags::PUBSUB, Flags::LOADING, Flags::STALE, Flags::FAST, Flags::MAY_REPLICATE];
const LOOKING: &[Flags] = &[Flags::PUBSUB, Flags::LOADING, Flags::STALE];
/// Channels that a cluster has to find, and no keys.
const SHARD_CHANNELS: &[KeySpec] = &[KeySpec::range(1, -1, 1, &[KeyFlags::NOT_KEY])];

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::new(
        Group::PubSub,
        "psubscribe",
        -2,
        Run::Host(HostCommand::Subscribe(Topic::Pattern)),
        "Listens to all channels whose names match patterns.",
    )
    .flags(LISTENING)
    .since("2.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::block("pattern", &[Argument::new(Pattern, "pattern")]).multiple()]),
    Spec::new(
        Group::PubSub,
        "publish",
        3,
        Run::Host(HostCommand::Publish(Topic::Channel)),
        "Sends a message to those who listen to a channel.",
    )
    .flags(PUBLISHING)
    .since("2.0.0")
    .complexity("O(N+M)")
    .arguments(&[Argument::new(String, "channel"), Argument::new(String, "message")]),
    Spec::container(
        Group::PubSub,
        "pubsub",
        "Tells who listens to what.",
        &[
            Spec::new(
                Group::PubSub,
                "pubsub|channels",
                -2,
                Run::Host(HostCommand::PubSubChannels(Topic::Channel)),
                "Tells the channels that somebody listens to.",
            )
            .flags(LOOKING)
            .since("2.8.0")
            .complexity("O(N)")
            .arguments(&[Argument::new(Pattern, "pattern").optional()]),
            Spec::new(Group::PubSub, "pubsub|help", 2, Run::Handler(help::help), "Prints help.")
                .flags(&[Flags::LOADING, Flags::STALE])
                .since("6.2.0"),
            Spec::new(
                Group::PubSub,
                "pubsub|numpat",
                2,
                Run::Host(HostCommand::PubSubNumPat),
                "Counts the patterns that somebody listens by.",
            )
            .flags(LOOKING)
            .since("2.8.0"),
            Spec::new(
                Group::PubSub,
                "pubsub|numsub",
                -2,
                Run::Host(HostCommand::PubSubNumSub(Topic::Channel)),
                "Counts those who listen to channels.",
            )
            .flags(LOOKING)
            .since("2.8.0")
            .complexity("O(N)")
            .arguments(&[Argument::new(String, "channel").optional().multiple()]),
            Spec::new(
                Group::PubSub,
                "pubsub|shardchannels",
                -2,
                Run::Host(HostCommand::PubSubChannels(Topic::ShardChannel)),
                "Tells the shard channels that somebody listens to.",
            )
            .flags(LOOKING)
            .since("7.0.0")
            .complexity("O(N)")
            .arguments(&[Argument::new(Pattern, "pattern").optional()]),
            Spec::new(
                Group::PubSub,
                "pubsub|shardnumsub",
                -2,
                Run::Host(HostCommand::PubSubNumSub(Topic::ShardChannel)),
                "Counts those who listen to shard channels.",
            )
            .flags(LOOKING)
            .since("7.0.0")
            .complexity("O(N)")
            .arguments(&[Argument::new(String, "shardchannel").optional().multiple()]),
        ],
    )
    .since("2.8.0"),
    Spec::new(
        Group::PubSub,
        "punsubscribe",
        -1,
        Run::Host(HostCommand::Unsubscribe(Topic::Pattern)),
        "Stops listening by patterns.",
    )
    .flags(LISTENING)
    .since("2.0.0")
    .complexity("O(N+M)")
    .arguments(&[Argument::new(Pattern, "pattern").optional().multiple()]),
    Spec::new(
        Group::PubSub,
        "spublish",
        3,
        Run::Host(HostCommand::Publish(Topic::ShardChannel)),
        "Sends a message to those who listen to a shard channel.",
    )
    .flags(PUBLISHING)
    .keys(&[KeySpec::at(1, &[KeyFlags::NOT_KEY])])
    .since("7.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::new(String, "shardchannel"), Argument::new(String, "message")]),
    Spec::new(
        Group::PubSub,
        "ssubscribe",
        -2,
        Run::Host(HostCommand::Subscribe(Topic::ShardChannel)),
        "Listens to shard channels.",
    )
    .flags(LISTENING)
    .keys(SHARD_CHANNELS)
    .since("7.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::new(String, "shardchannel").multiple()]),
    Spec::new(
        Group::PubSub,
        "subscribe",
        -2,
        Run::Host(HostCommand::Subscribe(Topic::Channel)),
        "Listens to channels.",
    )
    .flags(LISTENING)
    .since("2.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::new(String, "channel").multiple()]),
    Spec::new(
        Group::PubSub,
        "sunsubscribe",
        -1,
        Run::Host(HostCommand::Unsubscribe(Topic::ShardChannel)),
        "Stops listening to shard channels.",
    )
    .flags(LISTENING)
    .keys(SHARD_CHANNELS)
    .since("7.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::new(String, "shardchannel").optional().multiple()]),
    Spec::new(
        Group::PubSub,
        "unsubscribe",
        -1,
        Run::Host(HostCommand::Unsubscribe(Topic::Channel)),
        "Stops listening to channels.",
    )
    .flags(LISTENING)
    .since("2.0.0")
    .complexity("O(N)")
    .arguments(&[Argument::new(String, "channel").optional().multiple()]),
];
