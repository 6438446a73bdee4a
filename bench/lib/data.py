"""What gets stored: a tree of real small files, a large file, many documents.

Takes the cache folder, gives paths; changes 1 % of a tree and puts it back; compares trees.
Must not know: who stores it.
"""

import os
import random
import re
import shutil
import subprocess
from pathlib import Path

from .scope import BenchError

CHANGED_SHARE = 0.01


def real_tree(cache: Path):
    """The pristine tree: BENCH_TREE, else the files of a linux-headers-*-common package."""
    if named := os.environ.get("BENCH_TREE"):
        return Path(named).absolute()
    place = cache / "tree"
    if not (ready := list(place.glob("linux-headers-*-common"))):
        place.mkdir(parents=True, exist_ok=True)
        package = _newest_headers()
        done = subprocess.run(["apt-get", "download", "-q", package], cwd=place, check=False,
                              capture_output=True, text=True)
        if done.returncode:
            raise BenchError(f"cannot download {package} ({done.stderr.strip()[-200:]}): "
                             "apt-get update, or name a tree with BENCH_TREE=DIR")
        archive = next(place.glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", archive, place / "unpacked"], check=True)
        archive.unlink()
        (place / "unpacked/usr/src" / package).rename(place / package)
        shutil.rmtree(place / "unpacked")
        ready = [place / package]
    return ready[0]


def _newest_headers():
    found = subprocess.run(["apt-cache", "search", "--names-only", r"^linux-headers-.*-common$"],
                           capture_output=True, text=True, check=False).stdout
    names = [line.split()[0] for line in found.splitlines() if "-rt-" not in line.split()[0]]
    if not names:
        raise BenchError("no linux-headers-*-common package: apt-get update, or BENCH_TREE=DIR")
    # The distribution's own kernel, not a backport, whose name carries a `+`.
    own = [n for n in names if "+" not in n] or names
    return max(own, key=lambda n: [int(x) for x in re.findall(r"\d+", n)])


def tree_files(tree: Path):
    """All regular files below, in a fixed order."""
    return sorted(Path(base) / name for base, _, names in os.walk(tree) for name in names
                  if not (Path(base) / name).is_symlink())


def describe(tree: Path):
    files = tree_files(tree)
    size = sum(f.stat().st_size for f in files)
    return f"{len(files)} files, {size / 1e6:.0f} MB", len(files)


def copy_tree(source: Path, target: Path):
    subprocess.run(["cp", "-a", source, target], check=True)


def some_folders(source: Path, target: Path, count):
    """Copies whole folders, chosen once and for all by a fixed seed, until `count` files."""
    folders = {}
    for path in tree_files(source):
        folders.setdefault(path.parent, []).append(path)
    order = sorted(folders)
    random.Random(1).shuffle(order)
    copied = 0
    for folder in order:
        if copied >= count:
            break
        there = target / folder.relative_to(source)
        there.mkdir(parents=True, exist_ok=True)
        for path in folders[folder]:
            shutil.copy2(path, there / path.name)
            copied += 1
    return copied


def change(tree: Path, seed):
    """Adds a line to 1 % of the files; gives what `put_back` needs."""
    files = tree_files(tree)
    chosen = random.Random(seed).sample(files, max(1, round(len(files) * CHANGED_SHARE)))
    before = []
    for number, path in enumerate(chosen):
        before.append((path, path.read_bytes(), path.stat()))
        with open(path, "ab") as f:
            f.write(b"/* changed %d.%d */\n" % (seed, number))
    return before


def put_back(before):
    for path, content, stat in before:
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def same(a: Path, b: Path):
    """Raises unless two files, or two trees, hold the same bytes, links and folders."""
    if a.is_file() and b.is_file():
        if subprocess.run(["cmp", "-s", a, b], check=False).returncode:
            raise BenchError(f"what came back differs: {b.name}")
        return
    done = subprocess.run(["diff", "-rq", "--no-dereference", a, b], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise BenchError(f"what came back differs: {done.stdout.strip()[:300]}")


def large_file(cache: Path, mebibytes):
    """A file of random bytes: nothing to compress, nothing to find twice."""
    path = cache / f"random-{mebibytes}-mib"
    if not path.is_file() or path.stat().st_size != mebibytes << 20:
        cache.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as f:
            for _ in range(mebibytes):
                f.write(os.urandom(1 << 20))
    return path


def documents(target: Path, count, per_folder=100, size=300):
    """A tree of `count` small documents, `per_folder` in each folder; all differ."""
    noise = random.Random(count)
    for n in range(count):
        if n % per_folder == 0:
            folder = target / f"folder-{n // per_folder:05}"
            folder.mkdir(parents=True)
        (folder / f"document-{n:06}.txt").write_bytes(noise.randbytes(size))
