//! Rows of the commands on bits of strings.

use crate::command::families::{bitfield, bitmap};
use crate::command::spec::ArgumentKind::{Integer, String};
use crate::command::spec::{Argument, Categories, Flags, Group, KeyFlags, KeySpec, Run, Spec};

/// What the positions of a range count, since they may count something else than bytes.
const UNIT: Argument =
    Argument::one_of("index_unit", &[Argument::word("byte", "BYTE"), Argument::word("bit", "BIT")])
        .optional()
        .since("7.0.0");

const ENCODING: Argument = Argument::new(String, "encoding");
const OFFSET: Argument = Argument::new(Integer, "offset");

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::new(
        Group::Bitmap,
        "bitcount",
        -2,
        Run::Handler(bitmap::bitcount),
        "Counts the bits of a string that are set.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::BITMAP])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("2.6.0")
    .complexity("O(N)")
    .arguments(&[
        Argument::key("key", 0),
        Argument::block(
            "index",
            &[Argument::new(Integer, "start"), Argument::new(Integer, "end"), UNIT],
        )
        .optional(),
    ]),
    Spec::new(
        Group::Bitmap,
        "bitfield",
        -2,
        Run::Handler(bitfield::bitfield),
        "Reads and changes integers of any width inside of a string.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::BITMAP])
    .keys(&[KeySpec::at(
        1,
        &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE, KeyFlags::VARIABLE_FLAGS],
    )])
    .since("3.2.0")
    .complexity("O(1) for each operation")
    .arguments(&[
        Argument::key("key", 0),
        Argument::one_of(
            "operation",
            &[
                Argument::block("encoding_offset", &[ENCODING, OFFSET]).token("GET"),
                Argument::block(
                    "write",
                    &[
                        Argument::one_of(
                            "wrap_sat_fail",
                            &[
                                Argument::word("wrap", "WRAP"),
                                Argument::word("sat", "SAT"),
                                Argument::word("fail", "FAIL"),
                            ],
                        )
                        .token("OVERFLOW")
                        .optional(),
                        Argument::one_of(
                            "write_operation",
                            &[
                                Argument::block(
                                    "encoding_offset_value",
                                    &[ENCODING, OFFSET, Argument::new(Integer, "value")],
                                )
                                .token("SET"),
                                Argument::block(
                                    "encoding_offset_increment",
                                    &[ENCODING, OFFSET, Argument::new(Integer, "increment")],
                                )
                                .token("INCRBY"),
                            ],
                        ),
                    ],
                ),
            ],
        )
        .optional()
        .multiple(),
    ]),
    Spec::new(
        Group::Bitmap,
        "bitfield_ro",
        -2,
        Run::Handler(bitfield::bitfield_ro),
        "Reads integers of any width inside of a string.",
    )
    .flags(&[Flags::READONLY, Flags::FAST])
    .categories(&[Categories::BITMAP])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("6.0.0")
    .complexity("O(1) for each operation")
    .arguments(&[
        Argument::key("key", 0),
        Argument::block("encoding_offset", &[ENCODING, OFFSET])
            .token("GET")
            .optional()
            .multiple_token(),
    ]),
    Spec::new(
        Group::Bitmap,
        "bitop",
        -4,
        Run::Handler(bitmap::bitop),
        "Combines strings bit by bit and sets the result.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::BITMAP])
    .keys(&[
        KeySpec::at(2, &[KeyFlags::OW, KeyFlags::UPDATE]),
        KeySpec::range(3, -1, 1, &[KeyFlags::RO, KeyFlags::ACCESS]),
    ])
    .since("2.6.0")
    .complexity("O(N)")
    .arguments(&[
        Argument::new(String, "operation"),
        Argument::key("destkey", 0),
        Argument::key("key", 1).multiple(),
    ]),
    Spec::new(
        Group::Bitmap,
        "bitpos",
        -3,
        Run::Handler(bitmap::bitpos),
        "Finds the first bit of a string that is set, or clear.",
    )
    .flags(&[Flags::READONLY])
    .categories(&[Categories::BITMAP])
    .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
    .since("2.8.7")
    .complexity("O(N)")
    .arguments(&[
        Argument::key("key", 0),
        Argument::new(Integer, "bit"),
        Argument::block(
            "index",
            &[
                Argument::new(Integer, "start"),
                Argument::block("end_index", &[Argument::new(Integer, "end"), UNIT]).optional(),
            ],
        )
        .optional(),
    ]),
    Spec::new(Group::Bitmap, "getbit", 3, Run::Handler(bitmap::getbit), "Tells a bit of a string.")
        .flags(&[Flags::READONLY, Flags::FAST])
        .categories(&[Categories::BITMAP])
        .keys(&[KeySpec::at(1, &[KeyFlags::RO, KeyFlags::ACCESS])])
        .since("2.2.0")
        .arguments(&[Argument::key("key", 0), OFFSET]),
    Spec::new(
        Group::Bitmap,
        "setbit",
        4,
        Run::Handler(bitmap::setbit),
        "Sets or clears a bit of a string and tells what it was.",
    )
    .flags(&[Flags::WRITE, Flags::DENYOOM])
    .categories(&[Categories::BITMAP])
    .keys(&[KeySpec::at(1, &[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])])
    .since("2.2.0")
    .arguments(&[Argument::key("key", 0), OFFSET, Argument::new(Integer, "value")]),
];
