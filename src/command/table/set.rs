//! Rows of the set commands.

use crate::command::families::{set_algebra, set_members};
use crate::command::spec::ArgumentKind::{Integer, Pattern, String};
use crate::command::spec::{
    Argument, BeginSearch, Categories, FindKeys, Flags, Group, Handler, KeyFlags, KeySpec, Run,
    Spec,
};

/// A row of this family.
const fn row(name: &'static str, arity: i32, handler: Handler, summary: &'static str) -> Spec {
    Spec::new(Group::Set, name, arity, Run::Handler(handler), summary)
        .categories(&[Categories::SET])
}

const LOOKED_AT: &[KeySpec] = &[KeySpec::at(1, &[KeyFlags::RO])];
const READ: &[KeySpec] = &[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])];
const ALL_READ: &[KeySpec] = &[KeySpec::range(1, -1, 1, &[KeyFlags::RO, KeyFlags::ACCESS])];
const OVERWRITTEN: &[KeySpec] = &[
    KeySpec::at(1, &[KeyFlags::OW, KeyFlags::UPDATE]),
    KeySpec::range(2, -1, 1, &[KeyFlags::RO, KeyFlags::ACCESS]),
];
const KEY_AND_MEMBERS: &[Argument] =
    &[Argument::key("key", 0), Argument::new(String, "member").multiple()];
const KEYS: &[Argument] = &[Argument::key("key", 0).multiple()];
const DESTINATION_AND_KEYS: &[Argument] =
    &[Argument::key("destination", 0), Argument::key("key", 1).multiple()];
const SMALLEST_TIMES_SETS: &str =
    "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.";
const ALL_MEMBERS: &str = "O(N) where N is the total number of elements in all given sets.";

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    row("sadd", -3, set_members::sadd, "Adds members to a set, which is made if missing.")
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::INSERT])])
        .complexity(
            "O(1) for each element added, so O(N) to add N elements when the command is called with multiple \
             arguments.",
        )
        .arguments(KEY_AND_MEMBERS),
    row("scard", 2, set_members::scard, "Counts the members of a set.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(LOOKED_AT)
        .arguments(&[Argument::key("key", 0)]),
    row("sdiff", -2, set_algebra::sdiff, "Tells the members of a set that others do not have.")
        .flags(&[Flags::READONLY])
        .keys(ALL_READ)
        .tips(&["nondeterministic_output_order"])
        .complexity(ALL_MEMBERS)
        .arguments(KEYS),
    row("sdiffstore", -3, set_algebra::sdiffstore, "Stores the members of a set that others do not have.")
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(OVERWRITTEN)
        .complexity(ALL_MEMBERS)
        .arguments(DESTINATION_AND_KEYS),
    row("sinter", -2, set_algebra::sinter, "Tells the members that several sets have in common.")
        .flags(&[Flags::READONLY])
        .keys(ALL_READ)
        .tips(&["nondeterministic_output_order"])
        .complexity(SMALLEST_TIMES_SETS)
        .arguments(KEYS),
    row("sintercard", -3, set_algebra::sintercard, "Counts the members that several sets have in common.")
        .flags(&[Flags::READONLY, Flags::MOVABLEKEYS])
        .keys(&[KeySpec {
            flags: KeyFlags::of(&[KeyFlags::RO, KeyFlags::ACCESS]),
            begin: BeginSearch::Index(1),
            find: FindKeys::KeyNum { count_at: 0, first: 1, step: 1 },
        }])
        .since("7.0.0")
        .complexity(SMALLEST_TIMES_SETS)
        .arguments(&[
            Argument::new(Integer, "numkeys"),
            Argument::key("key", 0).multiple(),
            Argument::new(Integer, "limit").token("LIMIT").optional(),
        ]),
    row("sinterstore", -3, set_algebra::sinterstore, "Stores the members that several sets have in common.")
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(&[
            KeySpec::at(1, &[KeyFlags::RW, KeyFlags::UPDATE]),
            KeySpec::range(2, -1, 1, &[KeyFlags::RO, KeyFlags::ACCESS]),
        ])
        .complexity(SMALLEST_TIMES_SETS)
        .arguments(DESTINATION_AND_KEYS),
    row("sismember", 3, set_members::sismember, "Tells whether a set has a member.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(LOOKED_AT)
        .arguments(&[Argument::key("key", 0), Argument::new(String, "member")]),
    row("smembers", 2, set_members::smembers, "Tells all members of a set.")
        .flags(&[Flags::READONLY])
        .keys(READ)
        .tips(&["nondeterministic_output_order"])
        .complexity("O(N) where N is the set cardinality.")
        .arguments(&[Argument::key("key", 0)]),
    row("smismember", -3, set_members::smismember, "Tells of several members whether a set has them.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(READ)
        .since("6.2.0")
        .complexity("O(N) where N is the number of elements being checked for membership")
        .arguments(KEY_AND_MEMBERS),
    row("smove", 4, set_members::smove, "Moves a member from a set to another.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(&[
            KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE]),
            KeySpec::at(2, &[KeyFlags::RW, KeyFlags::INSERT]),
        ])
        .arguments(&[
            Argument::key("source", 0),
            Argument::key("destination", 1),
            Argument::new(String, "member"),
        ]),
    row("spop", -2, set_members::spop, "Takes random members out of a set and tells them.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::DELETE])])
        .tips(&["nondeterministic_output"])
        .complexity(
            "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(Integer, "count").optional().since("3.2.0"),
        ]),
    row("srandmember", -2, set_members::srandmember, "Tells random members of a set.")
        .flags(&[Flags::READONLY])
        .keys(READ)
        .tips(&["nondeterministic_output"])
        .complexity(
            "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed count.",
        )
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(Integer, "count").optional().since("2.6.0"),
        ]),
    row("srem", -3, set_members::srem, "Takes members out of a set, and deletes it with the last one.")
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::DELETE])])
        .complexity("O(N) where N is the number of members to be removed.")
        .arguments(KEY_AND_MEMBERS),
    row("sscan", -3, set_members::sscan, "Goes through the members of a set step by step.")
        .flags(&[Flags::READONLY])
        .keys(READ)
        .tips(&["nondeterministic_output"])
        .since("2.8.0")
        .complexity("O(1) for every call, O(N) for all of a set")
        .arguments(&[
            Argument::key("key", 0),
            Argument::new(Integer, "cursor"),
            Argument::new(Pattern, "pattern").token("MATCH").optional(),
            Argument::new(Integer, "count").token("COUNT").optional(),
        ]),
    row("sunion", -2, set_algebra::sunion, "Tells the members of several sets together.")
        .flags(&[Flags::READONLY])
        .keys(ALL_READ)
        .tips(&["nondeterministic_output_order"])
        .complexity(ALL_MEMBERS)
        .arguments(KEYS),
    row("sunionstore", -3, set_algebra::sunionstore, "Stores the members of several sets together.")
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(OVERWRITTEN)
        .complexity(ALL_MEMBERS)
        .arguments(DESTINATION_AND_KEYS),
];
