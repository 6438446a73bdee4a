"""Runs contenders interleaved.

Takes contenders and what one of them does in one round, gives a report with all samples.
A contender that is missing or fails is left out with one line; the others go on.
Must not know: what the contenders are.
"""

import os
import sys

from .scope import BenchError


def interleave(options, report, contenders, one_round):
    """`one_round(contender, number)` yields (work, sample). Order rotates each round."""
    report.runs = options.runs
    options.started.append(report)
    report.load = (os.getloadavg()[0], 0)
    ready = []
    for contender in contenders:
        if options.only and contender.name not in options.only:
            continue
        if why := contender.missing():
            report.left_out[contender.name] = why
            continue
        ready.append(contender)
        report.versions[contender.name] = contender.version()
        if contender.note:
            report.notes[contender.name] = contender.note
    report.order = [c.name for c in ready]
    for number in range(options.runs):
        turn = number % max(1, len(ready))
        for contender in ready[turn:] + ready[:turn]:
            if contender.name in report.left_out:
                continue
            say(options, f"{report.row}: round {number + 1} of {options.runs}, {contender.name}")
            # Nobody pays for the dirty pages of the one before.
            os.sync()
            try:
                for work, sample in one_round(contender, number):
                    report.add(work, contender.name, sample)
            except BenchError as error:
                report.left_out[contender.name] = f"failed: {error}"
    report.load = (report.load[0], os.getloadavg()[0])
    return [c for c in ready if c.name not in report.left_out]


def say(options, text):
    """Progress, for people only."""
    if not options.json and sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
