//! Rows of the connection commands, `CLIENT` included.

use crate::command::families::{connection, help};
use crate::command::host::HostCommand;
use crate::command::spec::ArgumentKind::{Integer, String};
use crate::command::spec::{Argument, Categories, Flags, Group, Run, Spec};

/// The rows, by name.
pub(super) static ROWS: &[Spec] = &[
    Spec::new(Group::Connection, "auth", -2, Run::Host(HostCommand::Auth), "Gives the password.")
        .flags(&[
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::FAST,
            Flags::NO_AUTH,
            Flags::ALLOW_BUSY,
        ])
        .categories(&[Categories::CONNECTION])
        .complexity("O(N)")
        .arguments(&[
            Argument::new(String, "username").optional().since("6.0.0"),
            Argument::new(String, "password"),
        ]),
    Spec::container(
        Group::Connection,
        "client",
        "Looks at connections and steers them.",
        &[
            Spec::new(
                Group::Connection,
                "client|caching",
                3,
                Run::Host(HostCommand::ClientCaching),
                "Says whether the next command's keys are tracked.",
            )
            .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("6.0.0")
            .arguments(&[Argument::one_of(
                "mode",
                &[Argument::word("yes", "YES"), Argument::word("no", "NO")],
            )]),
            Spec::new(
                Group::Connection,
                "client|getname",
                2,
                Run::Host(HostCommand::ClientGetName),
                "Tells the name of this connection.",
            )
            .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("2.6.9"),
            Spec::new(
                Group::Connection,
                "client|getredir",
                2,
                Run::Host(HostCommand::ClientGetRedir),
                "Tells which connection gets the invalidation messages of this one.",
            )
            .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("6.0.0"),
            Spec::new(
                Group::Connection,
                "client|help",
                2,
                Run::Handler(help::help),
                "Tells the subcommands.",
            )
            .flags(&[Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("5.0.0"),
            Spec::new(
                Group::Connection,
                "client|id",
                2,
                Run::Host(HostCommand::ClientId),
                "Tells the number of this connection.",
            )
            .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("5.0.0"),
            Spec::new(
                Group::Connection,
                "client|info",
                2,
                Run::Host(HostCommand::ClientInfo),
                "Tells all about this connection.",
            )
            .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .tips(&["nondeterministic_output"])
            .since("6.2.0"),
            Spec::new(
                Group::Connection,
                "client|kill",
                -3,
                Run::Host(HostCommand::ClientKill),
                "Closes connections.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("2.4.0")
            .complexity("O(N)")
            .arguments(&[Argument::one_of(
                "filter",
                &[
                    Argument::new(String, "ip:port").deprecated_since("2.8.12"),
                    Argument::one_of(
                        "new-format",
                        &[
                            Argument::new(Integer, "client-id")
                                .token("ID")
                                .optional()
                                .since("2.8.12"),
                            Argument::one_of(
                                "normal_master_slave_pubsub",
                                &[
                                    Argument::word("normal", "NORMAL"),
                                    Argument::word("master", "MASTER").since("3.2.0"),
                                    Argument::word("slave", "SLAVE"),
                                    Argument::word("replica", "REPLICA").since("5.0.0"),
                                    Argument::word("pubsub", "PUBSUB"),
                                ],
                            )
                            .token("TYPE")
                            .optional()
                            .since("2.8.12"),
                            Argument::new(String, "username").token("USER").optional(),
                            Argument::new(String, "ip:port").token("ADDR").optional(),
                            Argument::new(String, "ip:port")
                                .token("LADDR")
                                .optional()
                                .since("6.2.0"),
                            Argument::new(String, "yes/no").token("SKIPME").optional(),
                        ],
                    )
                    .multiple(),
                ],
            )]),
            Spec::new(
                Group::Connection,
                "client|list",
                -2,
                Run::Host(HostCommand::ClientList),
                "Tells all about all connections.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .tips(&["nondeterministic_output"])
            .since("2.4.0")
            .complexity("O(N)")
            .arguments(&[
                Argument::one_of(
                    "normal_master_replica_pubsub",
                    &[
                        Argument::word("normal", "NORMAL"),
                        Argument::word("master", "MASTER"),
                        Argument::word("replica", "REPLICA"),
                        Argument::word("pubsub", "PUBSUB"),
                    ],
                )
                .token("TYPE")
                .optional()
                .since("5.0.0"),
                Argument::block("id", &[Argument::new(Integer, "client-id").multiple()])
                    .token("ID")
                    .optional()
                    .since("6.2.0"),
            ]),
            Spec::new(
                Group::Connection,
                "client|no-evict",
                3,
                Run::Host(HostCommand::ClientNoEvict),
                "Keeps this connection open when clients take too much memory.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("7.0.0")
            .arguments(&[Argument::one_of(
                "enabled",
                &[Argument::word("on", "ON"), Argument::word("off", "OFF")],
            )]),
            Spec::new(
                Group::Connection,
                "client|no-touch",
                3,
                Run::Host(HostCommand::ClientNoTouch),
                "Keeps this connection's reads from making keys recently used.",
            )
            .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("7.2.0")
            .arguments(&[Argument::one_of(
                "enabled",
                &[Argument::word("on", "ON"), Argument::word("off", "OFF")],
            )]),
            Spec::new(
                Group::Connection,
                "client|pause",
                -3,
                Run::Host(HostCommand::ClientPause),
                "Holds back the commands of all clients for a while.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("2.9.50")
            .arguments(&[
                Argument::new(Integer, "timeout"),
                Argument::one_of(
                    "mode",
                    &[Argument::word("write", "WRITE"), Argument::word("all", "ALL")],
                )
                .optional()
                .since("6.2.0"),
            ]),
            Spec::new(
                Group::Connection,
                "client|reply",
                3,
                Run::Host(HostCommand::ClientReply),
                "Switches the replies to this connection on or off.",
            )
            .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("3.2.0")
            .arguments(&[Argument::one_of(
                "on_off_skip",
                &[
                    Argument::word("on", "ON"),
                    Argument::word("off", "OFF"),
                    Argument::word("skip", "SKIP"),
                ],
            )]),
            Spec::new(
                Group::Connection,
                "client|setinfo",
                4,
                Run::Host(HostCommand::ClientSetInfo),
                "Notes the client library of this connection.",
            )
            .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
            .since("7.2.0")
            .arguments(&[Argument::one_of(
                "attr",
                &[
                    Argument::new(String, "libname").token("LIB-NAME"),
                    Argument::new(String, "libver").token("LIB-VER"),
                ],
            )]),
            Spec::new(
                Group::Connection,
                "client|setname",
                3,
                Run::Host(HostCommand::ClientSetName),
                "Names this connection.",
            )
            .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("2.6.9")
            .arguments(&[Argument::new(String, "connection-name")]),
            Spec::new(
                Group::Connection,
                "client|tracking",
                -3,
                Run::Host(HostCommand::ClientTracking),
                "Switches help for client-side caching on or off.",
            )
            .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("6.0.0")
            .arguments(&[
                Argument::one_of(
                    "status",
                    &[Argument::word("on", "ON"), Argument::word("off", "OFF")],
                ),
                Argument::new(Integer, "client-id").token("REDIRECT").optional(),
                Argument::new(String, "prefix").token("PREFIX").optional().multiple_token(),
                Argument::word("bcast", "BCAST").optional(),
                Argument::word("optin", "OPTIN").optional(),
                Argument::word("optout", "OPTOUT").optional(),
                Argument::word("noloop", "NOLOOP").optional(),
            ]),
            Spec::new(
                Group::Connection,
                "client|trackinginfo",
                2,
                Run::Host(HostCommand::ClientTrackingInfo),
                "Tells how this connection is tracked.",
            )
            .flags(&[Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("6.2.0"),
            Spec::new(
                Group::Connection,
                "client|unblock",
                -3,
                Run::Host(HostCommand::ClientUnblock),
                "Wakes a connection that waits in a blocking command.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("5.0.0")
            .complexity("O(log N)")
            .arguments(&[
                Argument::new(Integer, "client-id"),
                Argument::one_of(
                    "timeout_error",
                    &[Argument::word("timeout", "TIMEOUT"), Argument::word("error", "ERROR")],
                )
                .optional(),
            ]),
            Spec::new(
                Group::Connection,
                "client|unpause",
                2,
                Run::Host(HostCommand::ClientUnpause),
                "Ends a pause.",
            )
            .flags(&[Flags::ADMIN, Flags::NOSCRIPT, Flags::LOADING, Flags::STALE])
            .categories(&[Categories::CONNECTION])
            .since("6.2.0")
            .complexity("O(N)"),
        ],
    )
    .since("2.4.0"),
    Spec::new(
        Group::Connection,
        "echo",
        2,
        Run::Handler(connection::echo),
        "Tells back what it is told.",
    )
    .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
    .categories(&[Categories::CONNECTION])
    .arguments(&[Argument::new(String, "message")]),
    Spec::new(
        Group::Connection,
        "hello",
        -1,
        Run::Host(HostCommand::Hello),
        "Chooses the protocol version, and may give password and name with it.",
    )
    .flags(&[
        Flags::NOSCRIPT,
        Flags::LOADING,
        Flags::STALE,
        Flags::FAST,
        Flags::NO_AUTH,
        Flags::ALLOW_BUSY,
    ])
    .categories(&[Categories::CONNECTION])
    .since("6.0.0")
    .arguments(&[Argument::block(
        "arguments",
        &[
            Argument::new(Integer, "protover"),
            Argument::block(
                "username_password",
                &[Argument::new(String, "username"), Argument::new(String, "password")],
            )
            .token("AUTH")
            .optional(),
            Argument::new(String, "clientname").token("SETNAME").optional(),
        ],
    )
    .optional()]),
    Spec::new(
        Group::Connection,
        "ping",
        -1,
        Run::Host(HostCommand::Ping),
        "Answers, to show that the server does.",
    )
    .flags(&[Flags::FAST])
    .categories(&[Categories::CONNECTION])
    .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
    .arguments(&[Argument::new(String, "message").optional()]),
    Spec::new(
        Group::Connection,
        "quit",
        -1,
        Run::Host(HostCommand::Quit),
        "Closes the connection.",
    )
    .flags(&[
        Flags::NOSCRIPT,
        Flags::LOADING,
        Flags::STALE,
        Flags::FAST,
        Flags::NO_AUTH,
        Flags::ALLOW_BUSY,
    ])
    .categories(&[Categories::CONNECTION]),
    Spec::new(
        Group::Connection,
        "reset",
        1,
        Run::Host(HostCommand::Reset),
        "Puts the connection back to its first state.",
    )
    .flags(&[
        Flags::NOSCRIPT,
        Flags::LOADING,
        Flags::STALE,
        Flags::FAST,
        Flags::NO_AUTH,
        Flags::ALLOW_BUSY,
    ])
    .categories(&[Categories::CONNECTION])
    .since("6.2.0"),
    Spec::new(
        Group::Connection,
        "select",
        2,
        Run::Host(HostCommand::Select),
        "Chooses the database of this connection.",
    )
    .flags(&[Flags::LOADING, Flags::STALE, Flags::FAST])
    .categories(&[Categories::CONNECTION])
    .arguments(&[Argument::new(Integer, "index")]),
];
