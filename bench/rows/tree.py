"""A tree of about 10 000 small real files: cold put, again, 1 % changed, restore.

Every round of every contender starts with an empty store. Times come from `runs` rounds without
a proxy; bytes sent by networked contenders from one more round through a counting proxy, whose
times are thrown away.

Nothing is deleted before the end: ext4 does not reuse inodes deleted in the last minutes, and
looks at each of them whenever a file is created nearby. Unpacking this tree takes 0.4 s, and 3 to
8 s right after another copy was deleted.
"""

from contenders.age import TarAge
from contenders.borg import Borg
from contenders.gocryptfs import Gocryptfs
from contenders.ours import Ours, OursAgent
from contenders.rclone import Rclone
from contenders.restic import Restic, ResticServer
from lib import data
from lib.flow import interleave, say
from lib.report import Goal, Report
from lib.scope import BenchError

NAME, ABOUT = "tree", "small real files: cold put, again, 1 % changed, restore"
COLD, AGAIN, CHANGED, RESTORE = "cold put", "again, unchanged", "1 % changed", "restore"
RESTIC = ("restic, server", "restic, local")
EMPTIED_MATTERS_S = 360
GOALS = [
    Goal(COLD, "wall_s", 0.7, RESTIC), Goal(COLD, "cpu_s", 0.5, RESTIC),
    Goal(COLD, "wall_s", 0.02, ("rclone crypt",)), Goal(AGAIN, "wall_s", 0.25, RESTIC),
    Goal(CHANGED, "wall_s", 0.4, RESTIC), Goal(CHANGED, "sent_b", 1.1, RESTIC),
    Goal(RESTORE, "wall_s", 0.5, RESTIC)]


def measure(scope, options):
    tree = scope.folder("tree") / "tree"
    pristine = data.real_tree(options.cache)
    if options.quick:
        data.some_folders(pristine, tree, 500)
    else:
        data.copy_tree(pristine, tree)
    report = Report(NAME, f"{pristine.name}: {data.describe(tree)[0]}",
                    ("wall_s", "cpu_s", "client_cpu_s", "server_cpu_s", "client_rss_b",
                     "server_rss_b", "sent_b"), goals=GOALS)
    everyone = [Ours(), OursAgent(), ResticServer(), Restic(), Borg(), Gocryptfs(),
                Rclone(options.rclone_files), TarAge()]
    if (ago := scope.emptied_ago_s()) < EMPTIED_MATTERS_S:
        report.notes["harness"] = (f"files were deleted here {ago:.0f} s ago; on ext4 that slows "
                                   f"creating files for {EMPTIED_MATTERS_S} s: times may be high")
    ready = interleave(options, report, everyone,
                       lambda who, n: one_round(scope, tree, who, n))
    for who in ready:
        report.notes[who.name] = who.note  # rclone's knows its factor only now
        if who.networked:
            say(options, f"tree: counting bytes, {who.name}")
            try:
                for work, sample in one_round(scope, tree, who, 0, count_bytes=True):
                    if "sent_b" in sample:
                        report.add(work, who.name, {"sent_b": sample["sent_b"]})
            except BenchError as error:
                report.left_out[who.name + ", bytes"] = f"failed: {error}"
    return report


def one_round(scope, tree, who, number, count_bytes=False):
    source, folder = who.source(tree), scope.folder(who.name)
    before = []
    who.open(scope, folder, count_bytes)
    try:
        yield COLD, who.put(source)
        if who.updates:
            yield AGAIN, who.put(source)
            before = data.change(source, number)
            yield CHANGED, who.put(source)
        out = folder / "out"
        yield RESTORE, who.get(out)
        data.same(source, who.restored(out, source))
    finally:
        data.put_back(before)
        who.close()
