"""What is changed in the suite's own files: calls that set up internals of redis-server.

The tests around them are about what clients see, and run as they are.
"""

import re

EDITS = [
    # How long an element of a list must be to get a node of its own: lists here have no such nodes, and
    # must do the same with elements of any length. The call's reply is the last thing a test tells.
    (r"\br debug quicklist-packed-threshold \w+", "set _ OK"),
]
PATTERNS = [(re.compile(pattern), text) for pattern, text in EDITS]


def apply(tree):
    """Edits all files of the suite's in place."""
    for path in sorted((tree / "tests").rglob("*.tcl")):
        # Bytes that are no text stay what they are.
        old = path.read_bytes().decode("latin-1")
        new = old
        for pattern, text in PATTERNS:
            new = pattern.sub(text, new)
        if new != old:
            path.write_bytes(new.encode("latin-1"))
