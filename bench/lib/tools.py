"""The programs rows need.

Takes names of commands, gives nothing, or one line that says what is missing; installs Debian
packages where it may.
Must not know: how they are used.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent
PACKAGES = {"restic": "restic", "borg": "borgbackup", "rclone": "rclone", "age": "age",
            "gocryptfs": "gocryptfs", "fusermount3": "fuse3", "initdb": "postgresql",
            "pgbench": "postgresql-contrib"}
may_install = True


@cache
def which(command):
    """The path of a command, or None. PostgreSQL keeps its server commands outside PATH."""
    if found := shutil.which(command):
        return found
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{command}"))
    return str(places[-1]) if places else None


@cache
def _apt_update():
    return _apt(["update", "-q"])


def _apt(arguments):
    before = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return subprocess.run([*before, "apt-get", *arguments], capture_output=True, check=False,
                          env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}).returncode == 0


@cache
def missing(command):
    """None if the command is here (perhaps installed just now), else what a person can do."""
    if which(command):
        return None
    package = PACKAGES.get(command)
    if package and may_install and shutil.which("apt-get"):
        _apt_update()
        if _apt(["install", "-y", "-q", "--no-install-recommends", package]):
            which.cache_clear()
            if which(command):
                return None
    return f"`{command}` is missing" + (f": apt-get install {package}" if package else "")


def target():
    """Where cargo puts what this harness builds."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or HERE / "target")


def strongroom():
    """Our binary: STRONGROOM_BIN, else the newer of `make release` and `cargo build --release`."""
    if named := os.environ.get("STRONGROOM_BIN"):
        return Path(named).absolute()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    built = [ROOT / "dist" / "strongroom", target / "release" / "strongroom"]
    return max(built, key=lambda p: p.stat().st_mtime if p.is_file() else 0)


def strongroom_missing():
    path = strongroom()
    return None if path.is_file() else (
        "not built: `make release`, or name it with STRONGROOM_BIN")


@cache
def build(crate):
    """Builds a crate of bench/ in release mode; gives (path of its binary, None) or (None, why)."""
    if not shutil.which("cargo"):
        return None, "`cargo` is missing: https://rustup.rs"
    if not (HERE / crate / "Cargo.toml").is_file():
        return None, f"bench/{crate} does not exist yet"
    done = subprocess.run(["cargo", "build", "--release", "--quiet", "--locked"], cwd=HERE / crate,
                          env={**os.environ, "CARGO_TARGET_DIR": str(target())},
                          capture_output=True, text=True, check=False)
    if done.returncode:
        return None, f"bench/{crate} does not build: {done.stderr.strip()[-300:]}"
    return target() / "release", None


@cache
def version(*command):
    """First line of what a command says about its version."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return "?"
    return ((done.stdout + done.stderr).strip().splitlines() or ["?"])[0]
