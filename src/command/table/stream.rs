//! Rows of the stream commands.

use crate::command::families::{stream, stream_read, stream_trim};
use crate::command::spec::ArgumentKind::{Integer, String};
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
    row("xadd", -5, stream::xadd, "Appends an entry to a stream, which is made if missing.")
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
        .tips(&["nondeterministic_output"])
        .complexity(
            "O(1) when adding a new entry, O(N) when trimming where N being the \
             number of entries evicted.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::word("nomkstream", "NOMKSTREAM").optional().since("6.2.0"),
            Argument::block(
                "trim",
                &[
                    Argument::one_of(
                        "strategy",
                        &[
                            Argument::word("maxlen", "MAXLEN"),
                            Argument::word("minid", "MINID").since("6.2.0"),
                        ],
                    ),
                    Argument::one_of(
                        "operator",
                        &[Argument::word("equal", "="), Argument::word("approximately", "~")],
                    )
                    .optional(),
                    Argument::new(String, "threshold"),
                    Argument::new(Integer, "count").token("LIMIT").optional().since("6.2.0"),
                ],
            )
            .optional(),
            Argument::one_of(
                "id-selector",
                &[Argument::word("auto-id", "*"), Argument::new(String, "id")],
            ),
            Argument::block(
                "data",
                &[Argument::new(String, "field"), Argument::new(String, "value")],
            )
            .multiple(),
        ]),
    row("xdel", -3, stream::xdel, "Deletes entries of a stream.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::DELETE])])
        .complexity(
            "O(1) for each single item to delete in the stream, regardless of the \
             stream size.",
        )
        .arguments(&[Argument::key("key", 0), Argument::new(String, "id").multiple()]),
    row("xlen", 2, stream::xlen, "Tells how many entries a stream has.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO])])
        .arguments(&[Argument::key("key", 0)]),
    row("xrange", -4, stream::xrange, "Tells the entries between two IDs.")
        .flags(&[Flags::READONLY])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .complexity(
            "O(N) with N being the number of elements being returned. If N is \
             constant (e.g. always asking for the first 10 elements with COUNT), \
             you can consider it O(1).",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(String, "start"),
            Argument::new(String, "end"),
            Argument::new(Integer, "count").token("COUNT").optional(),
        ]),
    row("xread", -4, stream_read::xread, "Tells what streams have got after given IDs.")
        .flags(&[Flags::READONLY, Flags::BLOCKING])
        .keys(&[KeySpec {
            flags: KeyFlags::of(&[KeyFlags::RO, KeyFlags::ACCESS]),
            begin: BeginSearch::Keyword("STREAMS", 1),
            find: FindKeys::Range { last: -1, step: 1, limit: 2 },
        }])
        .complexity(
            "For each stream mentioned: O(N) with N being the number of elements \
             being returned, it means that XREAD-ing with a fixed COUNT is O(1). \
             Note that when the BLOCK option is used, XADD will pay O(M) time in \
             order to serve the M clients blocked on the stream getting new data.",
        )
        .arguments(&[
            Argument::new(Integer, "count").token("COUNT").optional(),
            Argument::new(Integer, "milliseconds").token("BLOCK").optional(),
            Argument::block(
                "streams",
                &[Argument::key("key", 0).multiple(), Argument::new(String, "id").multiple()],
            )
            .token("STREAMS"),
        ]),
    row("xrevrange", -4, stream::xrevrange, "Tells the entries between two IDs, the last first.")
        .flags(&[Flags::READONLY])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .complexity(
            "O(N) with N being the number of elements returned. If N is constant \
             (e.g. always asking for the first 10 elements with COUNT), you can \
             consider it O(1).",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(String, "end"),
            Argument::new(String, "start"),
            Argument::new(Integer, "count").token("COUNT").optional(),
        ]),
    row("xtrim", -4, stream_trim::xtrim, "Removes the oldest entries of a stream.")
        .flags(&[Flags::WRITE])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::DELETE])])
        .tips(&["nondeterministic_output"])
        .complexity(
            "O(N), with N being the number of evicted entries. Constant times are \
             very small however, since entries are organized in macro nodes \
             containing multiple entries that can be released with a single \
             deallocation.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::block(
                "trim",
                &[
                    Argument::one_of(
                        "strategy",
                        &[
                            Argument::word("maxlen", "MAXLEN"),
                            Argument::word("minid", "MINID").since("6.2.0"),
                        ],
                    ),
                    Argument::one_of(
                        "operator",
                        &[Argument::word("equal", "="), Argument::word("approximately", "~")],
                    )
                    .optional(),
                    Argument::new(String, "threshold"),
                    Argument::new(Integer, "count").token("LIMIT").optional().since("6.2.0"),
                ],
            ),
        ]),
];
