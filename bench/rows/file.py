"""One large file of random bytes, put and got back, durable on both sides.

The page cache is warm for everyone: the source was just written or read, and what was put was
just written. Memory is touched before each step, see lib/measure.py. Every put and get ends with
an fsync, ours or the harness's, inside the time.
"""

from contenders.age import Age
from contenders.dd import Dd
from contenders.ours import Ours, OursAgent
from contenders.rclone import Rclone
from contenders.restic import Restic, ResticServer
from lib import data
from lib.flow import interleave
from lib.report import Goal, Report

NAME, ABOUT = "file", "one file of 1 GiB: put, get, processor time, peak memory"
PUT, GET = "put", "get"


def measure(scope, options):
    size = 64 if options.quick else options.mebibytes
    source = data.large_file(options.cache, size)
    gib = size / 1024
    goals = [Goal(PUT, "wall_s", 1.25, ("dd, fsync",)), Goal(GET, "wall_s", 1.25, ("dd, fsync",)),
             Goal(GET, "wall_s", 1.2, ("age",))]
    for work in (PUT, GET):
        goals += [Goal(work, "cpu_s", 4 * gib), Goal(work, "cpu_s", 0.45, ("rclone crypt",)),
                  Goal(work, "client_rss_b", 100e6), Goal(work, "server_rss_b", 64e6)]
    report = Report(NAME, f"one file of {size} MiB, random bytes",
                    ("wall_s", "cpu_s", "client_cpu_s", "server_cpu_s", "client_rss_b",
                     "server_rss_b"), goals=goals)
    everyone = [Ours(), OursAgent(), Dd(), Age(), Rclone(), ResticServer(), Restic()]
    for who in everyone:
        who.warm_mebibytes = min(2 * size + 256, 2047)  # one read by dd cannot be longer
    interleave(options, report, everyone, lambda who, n: one_round(scope, source, who))
    return report


def one_round(scope, source, who):
    folder = scope.folder(who.name)
    who.open(scope, folder)
    try:
        yield PUT, who.put(source, fsync=not who.durable)
        out = folder / "out"
        yield GET, who.get(out, fsync=who.restored(out, source))
        data.same(source, who.restored(out, source))
    finally:
        who.close()
        scope.remove(folder)
