//! Rows of the sorted-set commands.

use crate::command::families::{zset, zset_blocking, zset_combine, zset_pop, zset_range};
use crate::command::spec::{
    Argument, ArgumentKind, BeginSearch, Categories, FindKeys, Flags, Group, Handler, KeyFlags,
    KeySpec, Run, Spec,
};

/// A row of this family.
const fn row(name: &'static str, arity: i32, handler: Handler, summary: &'static str) -> Spec {
    Spec::new(Group::SortedSet, name, arity, Run::Handler(handler), summary)
        .categories(&[Categories::SORTEDSET])
}

/// Keys behind their number, which is argument `index`.
const fn counted_at(index: i32, flags: &[KeyFlags]) -> KeySpec {
    KeySpec {
        flags: KeyFlags::of(flags),
        begin: BeginSearch::Index(index),
        find: FindKeys::KeyNum { count_at: 0, first: 1, step: 1 },
    }
}

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    row(
        "bzmpop",
        -5,
        zset_blocking::bzmpop,
        "Takes members off the first sorted set that has some; waits for one.",
    )
    .flags(&[Flags::WRITE, Flags::BLOCKING, Flags::MOVABLEKEYS])
    .keys(&[counted_at(2, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE])])
    .since("7.0.0")
    .complexity(
        "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of \
         elements in the sorted set, and M being the number of elements popped.",
    )
    .arguments(&[
        Argument::new(ArgumentKind::Double, "timeout"),
        Argument::new(ArgumentKind::Integer, "numkeys"),
        Argument::key("key", 0).multiple(),
        Argument::one_of(
            "where",
            &[Argument::word("min", "MIN"), Argument::word("max", "MAX")],
        ),
        Argument::new(ArgumentKind::Integer, "count").token("COUNT").optional(),
    ]),
    row(
        "bzpopmax",
        -3,
        zset_blocking::bzpopmax,
        "Takes the member with the highest score off the first sorted set that has one; waits for one.",
    )
    .flags(&[Flags::WRITE, Flags::NOSCRIPT, Flags::BLOCKING, Flags::FAST])
    .keys(&[KeySpec::range(1, -2, 1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE])])
    .since("5.0.0")
    .complexity("O(log(N)) with N being the number of elements in the sorted set.")
    .arguments(&[
        Argument::key("key", 0).multiple(),
        Argument::new(ArgumentKind::Double, "timeout"),
    ]),
    row(
        "bzpopmin",
        -3,
        zset_blocking::bzpopmin,
        "Takes the member with the lowest score off the first sorted set that has one; waits for one.",
    )
    .flags(&[Flags::WRITE, Flags::NOSCRIPT, Flags::BLOCKING, Flags::FAST])
    .keys(&[KeySpec::range(1, -2, 1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE])])
    .since("5.0.0")
    .complexity("O(log(N)) with N being the number of elements in the sorted set.")
    .arguments(&[
        Argument::key("key", 0).multiple(),
        Argument::new(ArgumentKind::Double, "timeout"),
    ]),
    row(
        "zadd",
        -4,
        zset::zadd,
        "Adds members with scores to a sorted set, or gives them other scores.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
    .since("1.2.0")
    .complexity(
        "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
    )
    .arguments(&[
        Argument::key("key", 0),
        Argument::one_of("condition", &[Argument::word("nx", "NX"), Argument::word("xx", "XX")])
            .optional()
            .since("3.0.2"),
        Argument::one_of("comparison", &[Argument::word("gt", "GT"), Argument::word("lt", "LT")])
            .optional()
            .since("6.2.0"),
        Argument::word("change", "CH").optional().since("3.0.2"),
        Argument::word("increment", "INCR").optional().since("3.0.2"),
        Argument::block(
            "score_member",
            &[
                Argument::new(ArgumentKind::Double, "score"),
                Argument::new(ArgumentKind::String, "member"),
            ],
        )
        .multiple(),
    ]),
    row("zcard", 2, zset::zcard, "Tells how many members a sorted set has.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO])])
        .since("1.2.0")
        .arguments(&[Argument::key("key", 0)]),
    row("zcount", 4, zset_range::zcount, "Counts the members with scores in a range.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .since("2.0.0")
        .complexity("O(log(N)) with N being the number of elements in the sorted set.")
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(ArgumentKind::Double, "min"),
            Argument::new(ArgumentKind::Double, "max"),
        ]),
    row(
        "zdiff",
        -3,
        zset_combine::zdiff,
        "Tells the members of the first sorted set that no other one has.",
    )
    .flags(&[Flags::READONLY, Flags::MOVABLEKEYS])
    .keys(&[counted_at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("6.2.0")
    .complexity(
        "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the \
             sets, N is the size of the first set, and K is the size of the result set.",
    )
    .arguments(&[
        Argument::new(ArgumentKind::Integer, "numkeys"),
        Argument::key("key", 0).multiple(),
        Argument::word("withscores", "WITHSCORES").optional(),
    ]),
    row(
        "zdiffstore",
        -4,
        zset_combine::zdiffstore,
        "Stores the members of the first sorted set that no other one has.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::MOVABLEKEYS])
    .keys(&[
        KeySpec::at(1, &[KeyFlags::OW, KeyFlags::UPDATE]),
        counted_at(2, &[KeyFlags::RO, KeyFlags::ACCESS]),
    ])
    .since("6.2.0")
    .complexity(
        "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the \
             sets, N is the size of the first set, and K is the size of the result set.",
    )
    .arguments(&[
        Argument::key("destination", 0),
        Argument::new(ArgumentKind::Integer, "numkeys"),
        Argument::key("key", 1).multiple(),
    ]),
    row("zincrby", 4, zset::zincrby, "Adds to the score of a member.")
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
        .since("1.2.0")
        .complexity("O(log(N)) where N is the number of elements in the sorted set.")
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(ArgumentKind::Integer, "increment"),
            Argument::new(ArgumentKind::String, "member"),
        ]),
    row("zinter", -3, zset_combine::zinter, "Tells the members that all sorted sets have.")
        .flags(&[Flags::READONLY, Flags::MOVABLEKEYS])
        .keys(&[counted_at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .since("6.2.0")
        .complexity(
            "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the \
             number of input sorted sets and M being the number of elements in the resulting \
             sorted set.",
        )
        .arguments(&[
            Argument::new(ArgumentKind::Integer, "numkeys"),
            Argument::key("key", 0).multiple(),
            Argument::new(ArgumentKind::Integer, "weight").token("WEIGHTS").optional().multiple(),
            Argument::one_of(
                "aggregate",
                &[
                    Argument::word("sum", "SUM"),
                    Argument::word("min", "MIN"),
                    Argument::word("max", "MAX"),
                ],
            )
            .token("AGGREGATE")
            .optional(),
            Argument::word("withscores", "WITHSCORES").optional(),
        ]),
    row(
        "zintercard",
        -3,
        zset_combine::zintercard,
        "Counts the members that all sorted sets have.",
    )
    .flags(&[Flags::READONLY, Flags::MOVABLEKEYS])
    .keys(&[counted_at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("7.0.0")
    .complexity(
        "O(N*K) worst case with N being the smallest input sorted set, K being the number of \
             input sorted sets.",
    )
    .arguments(&[
        Argument::new(ArgumentKind::Integer, "numkeys"),
        Argument::key("key", 0).multiple(),
        Argument::new(ArgumentKind::Integer, "limit").token("LIMIT").optional(),
    ]),
    row(
        "zinterstore",
        -4,
        zset_combine::zinterstore,
        "Stores the members that all sorted sets have.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::MOVABLEKEYS])
    .keys(&[
        KeySpec::at(1, &[KeyFlags::OW, KeyFlags::UPDATE]),
        counted_at(2, &[KeyFlags::RO, KeyFlags::ACCESS]),
    ])
    .since("2.0.0")
    .complexity(
        "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the \
             number of input sorted sets and M being the number of elements in the resulting \
             sorted set.",
    )
    .arguments(&[
        Argument::key("destination", 0),
        Argument::new(ArgumentKind::Integer, "numkeys"),
        Argument::key("key", 1).multiple(),
        Argument::new(ArgumentKind::Integer, "weight").token("WEIGHTS").optional().multiple(),
        Argument::one_of(
            "aggregate",
            &[
                Argument::word("sum", "SUM"),
                Argument::word("min", "MIN"),
                Argument::word("max", "MAX"),
            ],
        )
        .token("AGGREGATE")
        .optional(),
    ]),
    row(
        "zlexcount",
        4,
        zset_range::zlexcount,
        "Counts the members between two, where all scores are equal.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("2.8.9")
    .complexity("O(log(N)) with N being the number of elements in the sorted set.")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::String, "min"),
        Argument::new(ArgumentKind::String, "max"),
    ]),
    row("zmpop", -4, zset_pop::zmpop, "Takes members off the first sorted set that has some.")
        .flags(&[Flags::WRITE, Flags::MOVABLEKEYS])
        .keys(&[counted_at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE])])
        .since("7.0.0")
        .complexity(
            "O(K) + O(M*log(N)) where K is the number of provided keys, N being the number of \
             elements in the sorted set, and M being the number of elements popped.",
        )
        .arguments(&[
            Argument::new(ArgumentKind::Integer, "numkeys"),
            Argument::key("key", 0).multiple(),
            Argument::one_of(
                "where",
                &[Argument::word("min", "MIN"), Argument::word("max", "MAX")],
            ),
            Argument::new(ArgumentKind::Integer, "count").token("COUNT").optional(),
        ]),
    row("zmscore", -3, zset::zmscore, "Tells the scores of members.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .since("6.2.0")
        .complexity("O(N) where N is the number of members being requested.")
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(ArgumentKind::String, "member").multiple(),
        ]),
    row(
        "zpopmax",
        -2,
        zset_pop::zpopmax,
        "Takes off and tells the members with the highest scores.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE])])
    .since("5.0.0")
    .complexity(
        "O(log(N)*M) with N being the number of elements in the sorted set, and M being the \
             number of elements popped.",
    )
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::Integer, "count").optional(),
    ]),
    row(
        "zpopmin",
        -2,
        zset_pop::zpopmin,
        "Takes off and tells the members with the lowest scores.",
    )
    .flags(&[Flags::WRITE, Flags::FAST])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE])])
    .since("5.0.0")
    .complexity(
        "O(log(N)*M) with N being the number of elements in the sorted set, and M being the \
             number of elements popped.",
    )
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::Integer, "count").optional(),
    ]),
    row("zrandmember", -2, zset_pop::zrandmember, "Tells random members.")
        .flags(&[Flags::READONLY])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .tips(&["nondeterministic_output"])
        .since("6.2.0")
        .complexity("O(N) where N is the number of elements returned")
        .arguments(&[
            Argument::key("key", 0),
            Argument::block(
                "options",
                &[
                    Argument::new(ArgumentKind::Integer, "count"),
                    Argument::word("withscores", "WITHSCORES").optional(),
                ],
            )
            .optional(),
        ]),
    row("zrange", -4, zset_range::zrange, "Tells members by rank, score or name.")
        .flags(&[Flags::READONLY])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .since("1.2.0")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
             elements returned.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(ArgumentKind::String, "start"),
            Argument::new(ArgumentKind::String, "stop"),
            Argument::one_of(
                "sortby",
                &[Argument::word("byscore", "BYSCORE"), Argument::word("bylex", "BYLEX")],
            )
            .optional()
            .since("6.2.0"),
            Argument::word("rev", "REV").optional().since("6.2.0"),
            Argument::block(
                "offset_count",
                &[
                    Argument::new(ArgumentKind::Integer, "offset"),
                    Argument::new(ArgumentKind::Integer, "count"),
                ],
            )
            .token("LIMIT")
            .optional()
            .since("6.2.0"),
            Argument::word("withscores", "WITHSCORES").optional(),
        ]),
    row(
        "zrangebylex",
        -4,
        zset_range::zrangebylex,
        "Tells the members between two, where all scores are equal.",
    )
    .flags(&[Flags::READONLY])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("2.8.9")
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
             elements being returned. If M is constant (e.g. always asking for the first 10 \
             elements with LIMIT), you can consider it O(log(N)).",
    )
    .deprecated("6.2.0", "`ZRANGE` with the `BYLEX` argument")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::String, "min"),
        Argument::new(ArgumentKind::String, "max"),
        Argument::block(
            "offset_count",
            &[
                Argument::new(ArgumentKind::Integer, "offset"),
                Argument::new(ArgumentKind::Integer, "count"),
            ],
        )
        .token("LIMIT")
        .optional(),
    ]),
    row(
        "zrangebyscore",
        -4,
        zset_range::zrangebyscore,
        "Tells the members with scores in a range.",
    )
    .flags(&[Flags::READONLY])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("1.0.5")
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
             elements being returned. If M is constant (e.g. always asking for the first 10 \
             elements with LIMIT), you can consider it O(log(N)).",
    )
    .deprecated("6.2.0", "`ZRANGE` with the `BYSCORE` argument")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::Double, "min"),
        Argument::new(ArgumentKind::Double, "max"),
        Argument::word("withscores", "WITHSCORES").optional().since("2.0.0"),
        Argument::block(
            "offset_count",
            &[
                Argument::new(ArgumentKind::Integer, "offset"),
                Argument::new(ArgumentKind::Integer, "count"),
            ],
        )
        .token("LIMIT")
        .optional(),
    ]),
    row("zrangestore", -5, zset_range::zrangestore, "Stores members found by rank, score or name.")
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(&[
            KeySpec::at(1, &[KeyFlags::OW, KeyFlags::UPDATE]),
            KeySpec::at(2, &[KeyFlags::RO, KeyFlags::ACCESS]),
        ])
        .since("6.2.0")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
             elements stored into the destination key.",
        )
        .arguments(&[
            Argument::key("dst", 0),
            Argument::key("src", 1),
            Argument::new(ArgumentKind::String, "min"),
            Argument::new(ArgumentKind::String, "max"),
            Argument::one_of(
                "sortby",
                &[Argument::word("byscore", "BYSCORE"), Argument::word("bylex", "BYLEX")],
            )
            .optional(),
            Argument::word("rev", "REV").optional(),
            Argument::block(
                "offset_count",
                &[
                    Argument::new(ArgumentKind::Integer, "offset"),
                    Argument::new(ArgumentKind::Integer, "count"),
                ],
            )
            .token("LIMIT")
            .optional(),
        ]),
    row("zrank", -3, zset::zrank, "Tells the rank of a member, counted from the lowest score.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .since("2.0.0")
        .complexity("O(log(N))")
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(ArgumentKind::String, "member"),
            Argument::word("withscore", "WITHSCORE").optional().since("7.2.0"),
        ]),
    row("zrem", -3, zset::zrem, "Removes members.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::DELETE])])
        .since("1.2.0")
        .complexity(
            "O(M*log(N)) with N being the number of elements in the sorted set and M the number of \
             elements to be removed.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(ArgumentKind::String, "member").multiple(),
        ]),
    row(
        "zremrangebylex",
        4,
        zset_range::zremrangebylex,
        "Removes the members between two, where all scores are equal.",
    )
    .flags(&[Flags::WRITE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::DELETE])])
    .since("2.8.9")
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
             elements removed by the operation.",
    )
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::String, "min"),
        Argument::new(ArgumentKind::String, "max"),
    ]),
    row("zremrangebyrank", 4, zset_range::zremrangebyrank, "Removes members by rank.")
        .flags(&[Flags::WRITE])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::DELETE])])
        .since("2.0.0")
        .complexity(
            "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
             elements removed by the operation.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(ArgumentKind::Integer, "start"),
            Argument::new(ArgumentKind::Integer, "stop"),
        ]),
    row(
        "zremrangebyscore",
        4,
        zset_range::zremrangebyscore,
        "Removes the members with scores in a range.",
    )
    .flags(&[Flags::WRITE])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::DELETE])])
    .since("1.2.0")
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
             elements removed by the operation.",
    )
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::Double, "min"),
        Argument::new(ArgumentKind::Double, "max"),
    ]),
    row(
        "zrevrange",
        -4,
        zset_range::zrevrange,
        "Tells members by rank, counted from the highest score.",
    )
    .flags(&[Flags::READONLY])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("1.2.0")
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
             elements returned.",
    )
    .deprecated("6.2.0", "`ZRANGE` with the `REV` argument")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::Integer, "start"),
        Argument::new(ArgumentKind::Integer, "stop"),
        Argument::word("withscores", "WITHSCORES").optional(),
    ]),
    row(
        "zrevrangebylex",
        -4,
        zset_range::zrevrangebylex,
        "Tells the members between two from the last one, where all scores are equal.",
    )
    .flags(&[Flags::READONLY])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("2.8.9")
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
             elements being returned. If M is constant (e.g. always asking for the first 10 \
             elements with LIMIT), you can consider it O(log(N)).",
    )
    .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYLEX` arguments")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::String, "max"),
        Argument::new(ArgumentKind::String, "min"),
        Argument::block(
            "offset_count",
            &[
                Argument::new(ArgumentKind::Integer, "offset"),
                Argument::new(ArgumentKind::Integer, "count"),
            ],
        )
        .token("LIMIT")
        .optional(),
    ]),
    row(
        "zrevrangebyscore",
        -4,
        zset_range::zrevrangebyscore,
        "Tells the members with scores in a range from the highest one.",
    )
    .flags(&[Flags::READONLY])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("2.2.0")
    .complexity(
        "O(log(N)+M) with N being the number of elements in the sorted set and M the number of \
             elements being returned. If M is constant (e.g. always asking for the first 10 \
             elements with LIMIT), you can consider it O(log(N)).",
    )
    .deprecated("6.2.0", "`ZRANGE` with the `REV` and `BYSCORE` arguments")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::Double, "max"),
        Argument::new(ArgumentKind::Double, "min"),
        Argument::word("withscores", "WITHSCORES").optional(),
        Argument::block(
            "offset_count",
            &[
                Argument::new(ArgumentKind::Integer, "offset"),
                Argument::new(ArgumentKind::Integer, "count"),
            ],
        )
        .token("LIMIT")
        .optional(),
    ]),
    row(
        "zrevrank",
        -3,
        zset::zrevrank,
        "Tells the rank of a member, counted from the highest score.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("2.0.0")
    .complexity("O(log(N))")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::String, "member"),
        Argument::word("withscore", "WITHSCORE").optional().since("7.2.0"),
    ]),
    row(
        "zscan",
        -3,
        zset::zscan,
        "Goes through the members and scores of a sorted set step by step.",
    )
    .flags(&[Flags::READONLY])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .tips(&["nondeterministic_output"])
    .since("2.8.0")
    .complexity(
        "O(1) for every call. O(N) for a complete iteration, including enough command calls \
             for the cursor to return back to 0. N is the number of elements inside the \
             collection..",
    )
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(ArgumentKind::Integer, "cursor"),
        Argument::new(ArgumentKind::Pattern, "pattern").token("MATCH").optional(),
        Argument::new(ArgumentKind::Integer, "count").token("COUNT").optional(),
    ]),
    row("zscore", 3, zset::zscore, "Tells the score of a member.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .since("1.2.0")
        .arguments(&[Argument::key("key", 0), Argument::new(ArgumentKind::String, "member")]),
    row("zunion", -3, zset_combine::zunion, "Tells the members that any of the sorted sets has.")
        .flags(&[Flags::READONLY, Flags::MOVABLEKEYS])
        .keys(&[counted_at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .since("6.2.0")
        .complexity(
            "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M \
             being the number of elements in the resulting sorted set.",
        )
        .arguments(&[
            Argument::new(ArgumentKind::Integer, "numkeys"),
            Argument::key("key", 0).multiple(),
            Argument::new(ArgumentKind::Integer, "weight").token("WEIGHTS").optional().multiple(),
            Argument::one_of(
                "aggregate",
                &[
                    Argument::word("sum", "SUM"),
                    Argument::word("min", "MIN"),
                    Argument::word("max", "MAX"),
                ],
            )
            .token("AGGREGATE")
            .optional(),
            Argument::word("withscores", "WITHSCORES").optional(),
        ]),
    row(
        "zunionstore",
        -4,
        zset_combine::zunionstore,
        "Stores the members that any of the sorted sets has.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::MOVABLEKEYS])
    .keys(&[
        KeySpec::at(1, &[KeyFlags::OW, KeyFlags::UPDATE]),
        counted_at(2, &[KeyFlags::RO, KeyFlags::ACCESS]),
    ])
    .since("2.0.0")
    .complexity(
        "O(N)+O(M log(M)) with N being the sum of the sizes of the input sorted sets, and M \
             being the number of elements in the resulting sorted set.",
    )
    .arguments(&[
        Argument::key("destination", 0),
        Argument::new(ArgumentKind::Integer, "numkeys"),
        Argument::key("key", 1).multiple(),
        Argument::new(ArgumentKind::Integer, "weight").token("WEIGHTS").optional().multiple(),
        Argument::one_of(
            "aggregate",
            &[
                Argument::word("sum", "SUM"),
                Argument::word("min", "MIN"),
                Argument::word("max", "MAX"),
            ],
        )
        .token("AGGREGATE")
        .optional(),
    ]),
];
