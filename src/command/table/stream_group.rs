//! Rows of the commands on groups of streams.

use crate::command::families::{
    help, stream_claim, stream_group, stream_group_read, stream_info, stream_pending,
};
use crate::command::spec::ArgumentKind::{Integer, String, UnixTime};
use crate::command::spec::{
    Argument, BeginSearch, Categories, FindKeys, Flags, Group, Handler, KeyFlags, KeySpec, Run,
    Spec,
};

/// A row of this family.
const fn row(name: &'static str, arity: i32, handler: Handler, summary: &'static str) -> Spec {
    Spec::new(Group::Stream, name, arity, Run::Handler(handler), summary)
        .categories(&[Categories::STREAM])
        .since("5.0.0")
}

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    row("xack", -4, stream_group::xack, "Acknowledges entries that were delivered.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
        .complexity("O(1) for each message ID processed.")
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(String, "group"),
            Argument::new(String, "id").multiple(),
        ]),
    row(
        "xautoclaim",
        -6,
        stream_claim::xautoclaim,
        "Makes a consumer the owner of entries that are pending for long.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::DELETE])])
    .tips(&["nondeterministic_output"])
    .since("6.2.0")
    .complexity("O(1) if COUNT is small.")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(String, "group"),
        Argument::new(String, "consumer"),
        Argument::new(String, "min-idle-time"),
        Argument::new(String, "start"),
        Argument::new(Integer, "count").token("COUNT").optional(),
        Argument::word("justid", "JUSTID").optional(),
    ]),
    row("xclaim", -6, stream_claim::xclaim, "Makes a consumer the owner of pending entries.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
        .tips(&["nondeterministic_output"])
        .complexity(
            "O(log N) with N being the number of messages in the PEL of the \
             consumer group.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(String, "group"),
            Argument::new(String, "consumer"),
            Argument::new(String, "min-idle-time"),
            Argument::new(String, "id").multiple(),
            Argument::new(Integer, "ms").token("IDLE").optional(),
            Argument::new(UnixTime, "unix-time-milliseconds").token("TIME").optional(),
            Argument::new(Integer, "count").token("RETRYCOUNT").optional(),
            Argument::word("force", "FORCE").optional(),
            Argument::word("justid", "JUSTID").optional(),
            Argument::new(String, "lastid").token("LASTID").optional(),
        ]),
    Spec::container(
        Group::Stream,
        "xgroup",
        "Makes, removes and sets consumer groups.",
        &[
            row("xgroup|create", -5, stream_group::xgroup_create, "Makes a group.")
                .flags(&[Flags::WRITE, Flags::DENYOOM])
                .keys(&[KeySpec::at(2, &[KeyFlags::RW, KeyFlags::INSERT])])
                .arguments(&[
                    Argument::key("key", 0),
                    Argument::new(String, "group"),
                    Argument::one_of(
                        "id-selector",
                        &[Argument::new(String, "id"), Argument::word("new-id", "$")],
                    ),
                    Argument::word("mkstream", "MKSTREAM").optional(),
                    Argument::new(Integer, "entriesread").token("ENTRIESREAD").optional(),
                ]),
            row(
                "xgroup|createconsumer",
                5,
                stream_group::xgroup_createconsumer,
                "Makes a consumer of a group.",
            )
            .flags(&[Flags::WRITE, Flags::DENYOOM])
            .keys(&[KeySpec::at(2, &[KeyFlags::RW, KeyFlags::INSERT])])
            .since("6.2.0")
            .arguments(&[
                Argument::key("key", 0),
                Argument::new(String, "group"),
                Argument::new(String, "consumer"),
            ]),
            row(
                "xgroup|delconsumer",
                5,
                stream_group::xgroup_delconsumer,
                "Removes a consumer of a group, with what is pending for it.",
            )
            .flags(&[Flags::WRITE])
            .keys(&[KeySpec::at(2, &[KeyFlags::RW, KeyFlags::DELETE])])
            .arguments(&[
                Argument::key("key", 0),
                Argument::new(String, "group"),
                Argument::new(String, "consumer"),
            ]),
            row("xgroup|destroy", 4, stream_group::xgroup_destroy, "Removes a group.")
                .flags(&[Flags::WRITE])
                .keys(&[KeySpec::at(2, &[KeyFlags::RW, KeyFlags::DELETE])])
                .complexity(
                    "O(N) where N is the number of entries in the group's pending entries \
             list (PEL).",
                )
                .arguments(&[Argument::key("key", 0), Argument::new(String, "group")]),
            row("xgroup|help", 2, help::help, "Explains the subcommands.")
                .flags(&[Flags::LOADING, Flags::STALE]),
            row(
                "xgroup|setid",
                -5,
                stream_group::xgroup_setid,
                "Sets the last entry that a group has been given.",
            )
            .flags(&[Flags::WRITE])
            .keys(&[KeySpec::at(2, &[KeyFlags::RW, KeyFlags::UPDATE])])
            .arguments(&[
                Argument::key("key", 0),
                Argument::new(String, "group"),
                Argument::one_of(
                    "id-selector",
                    &[Argument::new(String, "id"), Argument::word("new-id", "$")],
                ),
                Argument::new(Integer, "entriesread").token("ENTRIESREAD").optional(),
            ]),
        ],
    )
    .since("5.0.0"),
    Spec::container(
        Group::Stream,
        "xinfo",
        "Tells of streams and their groups.",
        &[
            row(
                "xinfo|consumers",
                4,
                stream_info::xinfo_consumers,
                "Tells of the consumers of a group.",
            )
            .flags(&[Flags::READONLY])
            .keys(&[KeySpec::at(2, &[KeyFlags::RO, KeyFlags::ACCESS])])
            .tips(&["nondeterministic_output"])
            .arguments(&[Argument::key("key", 0), Argument::new(String, "group")]),
            row("xinfo|groups", 3, stream_info::xinfo_groups, "Tells of the groups of a stream.")
                .flags(&[Flags::READONLY])
                .keys(&[KeySpec::at(2, &[KeyFlags::RO, KeyFlags::ACCESS])])
                .arguments(&[Argument::key("key", 0)]),
            row("xinfo|help", 2, help::help, "Explains the subcommands.")
                .flags(&[Flags::LOADING, Flags::STALE]),
            row("xinfo|stream", -3, stream_info::xinfo_stream, "Tells of a stream.")
                .flags(&[Flags::READONLY])
                .keys(&[KeySpec::at(2, &[KeyFlags::RO, KeyFlags::ACCESS])])
                .arguments(&[
                    Argument::key("key", 0),
                    Argument::block(
                        "full",
                        &[Argument::new(Integer, "count").token("COUNT").optional()],
                    )
                    .token("FULL")
                    .optional(),
                ]),
        ],
    )
    .since("5.0.0"),
    row("xpending", -3, stream_pending::xpending, "Tells which entries are pending in a group.")
        .flags(&[Flags::READONLY])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .tips(&["nondeterministic_output"])
        .complexity(
            "O(N) with N being the number of elements returned, so asking for a \
             small fixed number of entries per call is O(1). O(M), where M is the \
             total number of entries scanned when used with the IDLE filter. When \
             the command returns just the summary and the list of consumers is \
             small, it runs in O(1) time; otherwise, an additional O(N) time for \
             iterating every consumer.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(String, "group"),
            Argument::block(
                "filters",
                &[
                    Argument::new(Integer, "min-idle-time").token("IDLE").optional().since("6.2.0"),
                    Argument::new(String, "start"),
                    Argument::new(String, "end"),
                    Argument::new(Integer, "count"),
                    Argument::new(String, "consumer").optional(),
                ],
            )
            .optional(),
        ]),
    row(
        "xreadgroup",
        -7,
        stream_group_read::xreadgroup,
        "Delivers entries to a consumer of a group, or tells what is pending for it.",
    )
    .flags(&[Flags::WRITE, Flags::BLOCKING])
    .keys(&[KeySpec {
        flags: KeyFlags::of(&[KeyFlags::RO, KeyFlags::ACCESS]),
        begin: BeginSearch::Keyword("STREAMS", 4),
        find: FindKeys::Range { last: -1, step: 1, limit: 2 },
    }])
    .complexity(
        "For each stream mentioned: O(M) with M being the number of elements \
             returned. If M is constant (e.g. always asking for the first 10 \
             elements with COUNT), you can consider it O(1). On the other side when\
              XREADGROUP blocks, XADD will pay the O(N) time in order to serve the \
             N clients blocked on the stream getting new data.",
    )
    .arguments(&[
        Argument::block(
            "group-block",
            &[Argument::new(String, "group"), Argument::new(String, "consumer")],
        )
        .token("GROUP"),
        Argument::new(Integer, "count").token("COUNT").optional(),
        Argument::new(Integer, "milliseconds").token("BLOCK").optional(),
        Argument::word("noack", "NOACK").optional(),
        Argument::block(
            "streams",
            &[Argument::key("key", 0).multiple(), Argument::new(String, "id").multiple()],
        )
        .token("STREAMS"),
    ]),
    row("xsetid", -3, stream_group::xsetid, "Sets the counters of a stream; for replication.")
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(String, "last-id"),
            Argument::new(Integer, "entries-added").token("ENTRIESADDED").optional().since("7.0.0"),
            Argument::new(String, "max-deleted-id").token("MAXDELETEDID").optional().since("7.0.0"),
        ]),
];
