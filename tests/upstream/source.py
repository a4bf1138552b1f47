"""Fetches Debian's source package of Redis 7.0 and unpacks it.

apt does the fetching, with a configuration of its own that is made from the machine's: the same
mirrors and keys, but their source packages. It verifies the index by its signature and the files by
the index; nothing of the machine's own apt is changed.
"""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# 7.0 is under the BSD licence, and what Vellum is compared with; later ones test what it has not.
SERIES = "5:7.0."


class Unavailable(Exception):
    """The source package cannot be had here; says why."""


def run(*command, cwd=None):
    done = subprocess.run(command, cwd=cwd, text=True, capture_output=True)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def mirrors():
    """What apt has of Debian's: (address, release, component), each once."""
    form = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    wanted = ["Identifier: Packages", "Origin: Debian"]
    lines = run("apt-get", "indextargets", "--format", form, *wanted).split()
    if not lines:
        run("apt-get", "update")
        lines = run("apt-get", "indextargets", "--format", form, *wanted).split()
    if not lines:
        raise Unavailable("apt knows no archive of Debian's")
    return sorted({tuple(line.split("|")) for line in lines})


def apt_options(folder):
    """Options that make apt use its own lists and cache in `folder`."""
    signed = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
    folder = folder.resolve()
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache").mkdir(exist_ok=True)
    lines = [f"deb-src {signed}{' '.join(mirror)}\n" for mirror in mirrors()]
    (folder / "sources.list").write_text("".join(lines))
    options = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
    }
    if os.geteuid() == 0:
        options["APT::Sandbox::User"] = "root"
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def fetch(folder):
    """Downloads the package's files; the path of the upstream tar."""
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(folder.glob("redis_7.0.*.orig.tar.gz"))
    if found:
        return found[-1]
    if not shutil.which("apt-get"):
        raise Unavailable("there is no apt-get here")
    options = apt_options(folder / "apt")
    run("apt-get", *options, "update")
    lines = run("apt-cache", *options, "showsrc", "redis").splitlines()
    versions = [line.split()[1] for line in lines if line.startswith(f"Version: {SERIES}")]
    if not versions:
        raise Unavailable("apt's archives have no Redis 7.0; Debian 12 has")
    # The archive of security updates is listed beside the others; apt takes the one that is named.
    newest = versions[0]
    for version in versions[1:]:
        if subprocess.run(["dpkg", "--compare-versions", version, "gt", newest]).returncode == 0:
            newest = version
    run("apt-get", *options, "source", "--download-only", f"redis={newest}", cwd=folder)
    return next(iter(sorted(folder.glob("redis_7.0.*.orig.tar.gz"))))


def unpack(archive, tree):
    """Unpacks the upstream tar into `tree`, anew."""
    shutil.rmtree(tree, ignore_errors=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            _, _, inner = member.name.partition("/")
            # Only the suite: none of Redis's own programs are built.
            if inner in ("runtest", "COPYING") or inner.startswith("tests/"):
                member.name = inner
                if sys.version_info >= (3, 12):
                    tar.extract(member, tree, filter="data")
                else:
                    tar.extract(member, tree)
    (tree / "src").mkdir()
