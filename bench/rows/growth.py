"""What work costs as a vault grows: put one file, list one folder, at 1k, 10k, 100k documents.

One vault of each size, filled once by one tree put (not measured); then rounds interleave over
the sizes. With the agent, so that opening the key store does not hide the growth; and without.
"""

import math

from contenders.ours import Ours
from lib import data, tools
from lib.flow import say
from lib.measure import Meter
from lib.report import Goal, Report

NAME, ABOUT = "growth", "put of one file and ls of one folder in vaults of 1k, 10k, 100k documents"
SIZES = (1_000, 10_000, 100_000)


class Vault(Ours):
    """Ours with `count` documents in it, each folder 100."""

    def __init__(self, count):
        self.count = count
        self.name = f"{count // 1000}k documents"

    def fill(self):
        source = self.folder / "source"
        data.documents(source, self.count)
        self.command("put", source, "/stored")

    def timed(self, *words):
        with Meter(self.servers, self.agents()) as meter:
            meter.run([tools.strongroom(), *words], self.env)
        return meter.sample


def measure(scope, options):
    sizes = SIZES[:2] if options.quick else SIZES
    vaults = [Vault(n) for n in sizes]
    report = Report(NAME, "the same command in vaults of different sizes",
                    ("wall_s", "cpu_s", "client_cpu_s", "server_cpu_s", "client_rss_b",
                     "server_rss_b"), ours=(vaults[-1].name,), runs=options.runs,
                    order=[v.name for v in vaults])
    options.started.append(report)
    growth = math.log(sizes[-1]) / math.log(sizes[0])
    for work in ("put", "ls"):
        report.goals += [Goal(f"{work}, {how}", "wall_s", growth, (vaults[0].name,))
                         for how in ("agent", "no agent")]
    if why := vaults[0].missing():
        report.left_out["ours"] = why
        return report
    try:
        for vault in vaults:
            say(options, f"growth: filling a vault with {vault.name}")
            vault.open(scope, scope.folder(vault.name))
            vault.fill()
        for how in ("agent", "no agent"):
            rounds(options, report, vaults, how)
    finally:
        for vault in vaults:
            if hasattr(vault, "servers"):
                vault.close()
    return report


def rounds(options, report, vaults, how):
    for vault in vaults:
        vault.command("unlock" if how == "agent" else "lock")
    for number in range(options.runs):
        for vault in vaults:
            say(options, f"growth: round {number + 1} of {options.runs}, {vault.name}, {how}")
            one = vault.folder / "one"
            one.write_text(f"a new document, {how}, round {number}\n")
            report.add(f"put, {how}", vault.name,
                       vault.timed("put", one, f"/new/{how.replace(' ', '-')}-{number}"))
            report.add(f"ls, {how}", vault.name, vault.timed("ls", "/stored/folder-00003"))
