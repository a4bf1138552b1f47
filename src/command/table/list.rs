//! Rows of the list commands.

use crate::command::families::{list, list_blocking, list_move};
use crate::command::spec::ArgumentKind::{Double, Integer, String};
use crate::command::spec::{
    Argument, BeginSearch, Categories, FindKeys, Flags, Group, Handler, KeyFlags, KeySpec, Run,
    Spec,
};

/// A row of this family.
const fn row(name: &'static str, arity: i32, handler: Handler, summary: &'static str) -> Spec {
    Spec::new(Group::List, name, arity, Run::Handler(handler), summary)
        .categories(&[Categories::LIST])
}

const LEFT_OR_RIGHT: &[Argument] =
    &[Argument::word("left", "LEFT"), Argument::word("right", "RIGHT")];
const KEY_AND_ELEMENTS: &[Argument] =
    &[Argument::key("key", 0), Argument::new(String, "element").multiple()];
const INSERTED: &[KeySpec] = &[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::INSERT])];
const READ: &[KeySpec] = &[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])];
const TAKEN_FROM: &[KeySpec] =
    &[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE])];
const MOVED: &[KeySpec] = &[
    KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE]),
    KeySpec::at(2, &[KeyFlags::RW, KeyFlags::INSERT]),
];
const EACH_ADDED: &str = "O(1) for each element added, so O(N) to add N elements when the command is called with \
                          multiple arguments.";
const EACH_POPPED: &str = "O(N) where N is the number of elements returned";

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    row(
        "blmove",
        6,
        list_blocking::blmove,
        "Moves an element from an end of a list to an end of a list; waits for one.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::NOSCRIPT, Flags::BLOCKING])
    .keys(MOVED)
    .since("6.2.0")
    .arguments(&[
        Argument::key("source", 0),
        Argument::key("destination", 1),
        Argument::one_of("wherefrom", LEFT_OR_RIGHT),
        Argument::one_of("whereto", LEFT_OR_RIGHT),
        Argument::new(Double, "timeout"),
    ]),
    row(
        "blmpop",
        -5,
        list_blocking::blmpop,
        "Pops elements from the first list that has some; waits for one.",
    )
    .flags(&[Flags::WRITE, Flags::BLOCKING])
    .keys(&[KeySpec {
        flags: KeyFlags::of(&[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE]),
        begin: BeginSearch::Index(2),
        find: FindKeys::KeyNum { count_at: 0, first: 1, step: 1 },
    }])
    .since("7.0.0")
    .complexity(
        "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
    )
    .arguments(&[
        Argument::new(Double, "timeout"),
        Argument::new(Integer, "numkeys"),
        Argument::key("key", 0).multiple(),
        Argument::one_of("where", LEFT_OR_RIGHT),
        Argument::new(Integer, "count").token("COUNT").optional(),
    ]),
    row(
        "blpop",
        -3,
        list_blocking::blpop,
        "Pops the first element of the first list that has one; waits for one.",
    )
    .flags(&[Flags::WRITE, Flags::NOSCRIPT, Flags::BLOCKING])
    .keys(&[KeySpec::range(1, -2, 1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE])])
    .since("2.0.0")
    .complexity("O(N) where N is the number of provided keys.")
    .arguments(&[Argument::key("key", 0).multiple(), Argument::new(Double, "timeout")]),
    row(
        "brpop",
        -3,
        list_blocking::brpop,
        "Pops the last element of the first list that has one; waits for one.",
    )
    .flags(&[Flags::WRITE, Flags::NOSCRIPT, Flags::BLOCKING])
    .keys(&[KeySpec::range(1, -2, 1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE])])
    .since("2.0.0")
    .complexity("O(N) where N is the number of provided keys.")
    .arguments(&[Argument::key("key", 0).multiple(), Argument::new(Double, "timeout")]),
    row(
        "brpoplpush",
        4,
        list_blocking::brpoplpush,
        "Moves the last element of a list to the front of another; waits for one.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::NOSCRIPT, Flags::BLOCKING])
    .keys(MOVED)
    .since("2.2.0")
    .deprecated("6.2.0", "`BLMOVE` with the `RIGHT` and `LEFT` arguments")
    .arguments(&[
        Argument::key("source", 0),
        Argument::key("destination", 1),
        Argument::new(Double, "timeout"),
    ]),
    row("lindex", 3, list::lindex, "Tells the element at a place of a list.")
        .flags(&[Flags::READONLY])
        .keys(READ)
        .complexity(
            "O(N) where N is the number of elements to traverse to get to the element at index. This makes \
             asking for the first or the last element of the list O(1).",
        )
        .arguments(&[Argument::key("key", 0), Argument::new(Integer, "index")]),
    row("linsert", 5, list::linsert, "Puts an element before or behind another one.")
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(INSERTED)
        .since("2.2.0")
        .complexity(
            "O(N) where N is the number of elements to traverse before seeing the value pivot. This means that \
             inserting somewhere on the left end on the list (head) can be considered O(1) and inserting \
             somewhere on the right end (tail) is O(N).",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::one_of(
                "where",
                &[Argument::word("before", "BEFORE"), Argument::word("after", "AFTER")],
            ),
            Argument::new(String, "pivot"),
            Argument::new(String, "element"),
        ]),
    row("llen", 2, list::llen, "Tells the length of a list.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO])])
        .arguments(&[Argument::key("key", 0)]),
    row("lmove", 5, list_move::lmove, "Moves an element from an end of a list to an end of a list.")
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(MOVED)
        .since("6.2.0")
        .arguments(&[
            Argument::key("source", 0),
            Argument::key("destination", 1),
            Argument::one_of("wherefrom", LEFT_OR_RIGHT),
            Argument::one_of("whereto", LEFT_OR_RIGHT),
        ]),
    row("lmpop", -4, list_move::lmpop, "Pops elements from the first list that has some.")
        .flags(&[Flags::WRITE])
        .keys(&[KeySpec {
            flags: KeyFlags::of(&[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE]),
            begin: BeginSearch::Index(1),
            find: FindKeys::KeyNum { count_at: 0, first: 1, step: 1 },
        }])
        .since("7.0.0")
        .complexity(
            "O(N+M) where N is the number of provided keys and M is the number of elements returned.",
        )
        .arguments(&[
            Argument::new(Integer, "numkeys"),
            Argument::key("key", 0).multiple(),
            Argument::one_of("where", LEFT_OR_RIGHT),
            Argument::new(Integer, "count").token("COUNT").optional(),
        ]),
    row("lpop", -2, list::lpop, "Pops elements from the left end of a list.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(TAKEN_FROM)
        .complexity(EACH_POPPED)
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(Integer, "count").optional().since("6.2.0"),
        ]),
    row("lpos", -3, list_move::lpos, "Tells where in a list an element is.")
        .flags(&[Flags::READONLY])
        .keys(READ)
        .since("6.0.6")
        .complexity(
            "O(N) where N is the number of elements in the list, for the average case. When searching for elements \
             near the head or the tail of the list, or when the MAXLEN option is provided, the command may \
             run in constant time.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(String, "element"),
            Argument::new(Integer, "rank").token("RANK").optional(),
            Argument::new(Integer, "num-matches").token("COUNT").optional(),
            Argument::new(Integer, "len").token("MAXLEN").optional(),
        ]),
    row("lpush", -3, list::lpush, "Puts elements at the left end of a list, which is made if missing.")
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(INSERTED)
        .complexity(EACH_ADDED)
        .arguments(KEY_AND_ELEMENTS),
    row("lpushx", -3, list::lpushx, "Puts elements at the left end of a list that is there.")
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(INSERTED)
        .since("2.2.0")
        .complexity(EACH_ADDED)
        .arguments(KEY_AND_ELEMENTS),
    row("lrange", 4, list::lrange, "Tells a part of a list.")
        .flags(&[Flags::READONLY])
        .keys(READ)
        .complexity(
            "O(S+N) where S is the distance of start offset from HEAD for small lists, from nearest end (HEAD or \
             TAIL) for large lists; and N is the number of elements in the specified range.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(Integer, "start"),
            Argument::new(Integer, "stop"),
        ]),
    row("lrem", 4, list::lrem, "Removes elements of a value from a list.")
        .flags(&[Flags::WRITE])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::DELETE])])
        .complexity(
            "O(N+M) where N is the length of the list and M is the number of elements removed.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(Integer, "count"),
            Argument::new(String, "element"),
        ]),
    row("lset", 4, list::lset, "Replaces the element at a place of a list.")
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE])])
        .complexity(
            "O(N) where N is the length of the list. Setting either the first or the last element of the list is \
             O(1).",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(Integer, "index"),
            Argument::new(String, "element"),
        ]),
    row("ltrim", 4, list::ltrim, "Removes all of a list but a part.")
        .flags(&[Flags::WRITE])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::DELETE])])
        .complexity("O(N) where N is the number of elements to be removed by the operation.")
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(Integer, "start"),
            Argument::new(Integer, "stop"),
        ]),
    row("rpop", -2, list::rpop, "Pops elements from the right end of a list.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(TAKEN_FROM)
        .complexity(EACH_POPPED)
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(Integer, "count").optional().since("6.2.0"),
        ]),
    row("rpoplpush", 3, list_move::rpoplpush, "Moves the last element of a list to the front of another.")
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(MOVED)
        .since("1.2.0")
        .deprecated("6.2.0", "`LMOVE` with the `RIGHT` and `LEFT` arguments")
        .arguments(&[Argument::key("source", 0), Argument::key("destination", 1)]),
    row("rpush", -3, list::rpush, "Puts elements at the right end of a list, which is made if missing.")
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(INSERTED)
        .complexity(EACH_ADDED)
        .arguments(KEY_AND_ELEMENTS),
    row("rpushx", -3, list::rpushx, "Puts elements at the right end of a list that is there.")
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(INSERTED)
        .since("2.2.0")
        .complexity(EACH_ADDED)
        .arguments(KEY_AND_ELEMENTS),
];
