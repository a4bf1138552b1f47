#!/usr/bin/env python3
"""Stands in for redis-server in the tree of the suite: starts vellum-server, which stands beside it.

The suite knows redis-server by its configuration, its log and its process id:

- configuration: the file is edited in place, once. What vellum-server refuses by name and the suite
  only passes along goes; where vellum-server's defaults are others than Redis's, Redis's come in.
- log: what the suite looks for in it is written behind the line of vellum-server's that says the same.
- process id: this process becomes vellum-server; a process apart from it passes the log on.
"""

import os
import re
import sys

MARK = "# for vellum-server\n"

# Directives that are refused by vellum-server, or that write outside the server's own folder.
DROPPED = {
    "enable-module-command",
    "propagation-error-behavior",
    "pidfile",
    # Redis's own tests slow it down with these; vellum-server has no such places.
    "key-load-delay",
    "rdb-key-save-delay",
    "loading-process-events-interval-bytes",
    # How redis-server ends on an assertion that fails.
    "use-exit-on-panic",
}

# What Redis does where its configuration says nothing.
DEFAULTS = {
    "appendonly": "no",
    "appendfsync": "everysec",
    "dir": "./",
    # Sets of strings are packed since Redis 7.2; the suite knows none.
    "set-max-listpack-entries": "0",
}

# A line of vellum-server's log, and what the suite waits for in its place.
SAYS = [
    (r"is starting, .*pid=(\d+)", r"Running mode=standalone, PID: \1"),
    (r"cannot listen on \S*?:(\d+): ", r"Failed listening on port \1, aborting."),
    # Shutdown.
    (r"the server goes on reason=aborted", "Shutdown manually aborted."),
    (r"the server goes on reason=(?!aborted)", "Error trying to save the DB, can't exit."),
    (r"the server goes on", "Errors trying to shut down the server."),
    # Replication.
    (r"the master's snapshot is here: checking it", "MASTER <-> REPLICA sync: Loading DB in memory"),
    (r"the master's data set is loaded", "MASTER <-> REPLICA sync: Finished with success"),
    (r"the master refused AUTH", "Unable to AUTH to MASTER"),
    (r"no link to the master .*the master is silent", "Timeout connecting to the MASTER..."),
    # Files.
    (r"cannot load .*wrong checksum", "Wrong RDB checksum expected, RDB CRC error."),
    (r"(\S+) is missing \(the manifest names it", r"The append log file \1: No such file or directory"),
    (r"segments out of order", "Found a non-monotonic sequence number in the AOF manifest file"),
    (r"expected `file|a word without its value|not a file name", "Invalid AOF manifest file format"),
    (r"in line \d+: a second base", "Found duplicate base file information"),
    (r"unknown type of file", "Unknown AOF file type"),
    (r"it names no file", "Found an empty AOF manifest"),
    (r"in line \d+: too long", "The AOF manifest file contains too long line"),
    (r"the file ends inside a (command|transaction)",
     "Unexpected end of file reading the append only file"),
    (r"holds plain commands.*: (?!the file ends)", "Bad file format reading the append only file"),
    (r"unknown command '(.*?)'", r"Unknown command '\1' reading the append only file"),
]
PATTERNS = [(re.compile(pattern), says) for pattern, says in SAYS]


def adapted(text):
    """The configuration as vellum-server takes it; the same text when it has been here before."""
    if MARK in text:
        return text
    kept, named = [], set()
    for line in text.splitlines(keepends=True):
        name = line.split(maxsplit=1)[0].lower() if line.strip() else ""
        if name in DROPPED:
            continue
        named.add(name)
        kept.append(line)
    added = [f"{name} {value}\n" for name, value in DEFAULTS.items() if name not in named]
    return "".join([MARK, *added, *kept])


def adapt(path):
    """Edits a configuration file in place; one that cannot be read is vellum-server's to complain of."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(adapted(text))
    except OSError:
        pass


def translation(line):
    """What the suite waits for, as lines to write behind this one."""
    head = re.match(r"\d+:[CMS] .{20,28} [.\-*#] ", line)
    head = head.group() if head else ""
    found = [match.expand(says) for pattern, says in PATTERNS if (match := pattern.search(line))]
    return "".join(f"{head}{text}\n" for text in found)


def pass_on(source, target):
    """Copies the log line by line until vellum-server has ended."""
    rest = b""
    while chunk := os.read(source, 65536):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            behind = translation(line.decode("utf-8", "replace"))
            os.write(target, line + b"\n" + behind.encode())
    os.write(target, rest)


def split_log():
    """Puts a process of its own between standard output and what becomes vellum-server."""
    source, sink = os.pipe()
    between = os.fork()
    if between == 0:
        # Not a child of the server's: the suite counts those.
        if os.fork() == 0:
            os.close(sink)
            pass_on(source, 1)
        os._exit(0)
    os.waitpid(between, 0)
    os.dup2(sink, 1)
    os.close(source)
    os.close(sink)


def main():
    args = sys.argv[1:]
    if args and not args[0].startswith("-"):
        adapt(args[0])
    split_log()
    server = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vellum-server")
    os.execv(server, [server, *args])


if __name__ == "__main__":
    main()
