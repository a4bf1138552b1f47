"""What is changed in the suite's own files: where they know more of redis-server than its clients do.

The tests around these places are about what clients see, and run as they are.
"""

import re
from pathlib import Path

EDITS = [
    # How long an element of a list must be to get a node of its own: lists here have no such nodes, and
    # must do the same with elements of any length. The call's reply is the last thing a test tells.
    (r"\br debug quicklist-packed-threshold \w+", "set _ OK"),
    # A directive that cannot be set at run time, as many of redis-server's that stand in the same list.
    (r"(set skip_configs \{\n)", r"\1            log-format\n"),
    # A loop until a socket takes no more: the stream is read from the log here, and no buffer grows.
    (r"\[s \$idx mem_total_replication_buffers\]", "[expr {$i * 128 * 1024}]"),
    # Nothing forks; what a fork would begin is told as well by the number of rewrites.
    (r"\[s total_forks\]", "[s aof_rewrites]"),
    # With --durable a failure within a test is told and the next test goes on. The same for what stands
    # between tests: the block's other tests are lost, and the next block goes on.
    (r"if \{!\$assertion && \$::durable\}", 'if {$::durable && (!$assertion || $::cur_test eq "")}'),
]
PATTERNS = [(re.compile(pattern), text) for pattern, text in EDITS]

# Put behind a file of the suite's.
APPENDED = {"tests/support/aofmanifest.tcl": "aofmanifest.tcl"}


def commands(script):
    """The commands of a script at its outermost level, as (from, to)."""
    start = depth = at = 0
    while at < len(script):
        byte = script[at]
        if byte == "\\":
            at += 1
        elif byte == "{":
            depth += 1
        elif byte == "}":
            depth -= 1
        elif byte == "\n" and depth == 0:
            yield start, at
            start = at + 1
        at += 1
    yield start, len(script)


def without_block(script, test):
    """The script without the outermost command that holds a test, which is told as skipped."""
    for start, end in commands(script):
        if f"test {{{test}}}" in script[start:end] or f'test "{test}"' in script[start:end]:
            told = f"send_data_packet $::test_server_fd skip {{block of {test}}}"
            return f"{script[:start]}{told}\nif 0 {{\n{script[start:end]}\n}}{script[end:]}"
    raise ValueError(f"no block with the test {test}")


def apply(tree, blocks):
    """Edits the suite's files in place; `blocks` are (file, test) whose blocks are left out."""
    for path in sorted((tree / "tests").rglob("*.tcl")):
        # Bytes that are no text stay what they are.
        old = path.read_bytes().decode("latin-1")
        new = old
        for pattern, text in PATTERNS:
            new = pattern.sub(text, new)
        for file, test in blocks:
            if path == tree / "tests" / f"{file}.tcl":
                new = without_block(new, test)
        if new != old:
            path.write_bytes(new.encode("latin-1"))
    for path, name in APPENDED.items():
        with open(tree / path, "a", encoding="utf-8") as file:
            file.write((Path(__file__).parent / name).read_text())
