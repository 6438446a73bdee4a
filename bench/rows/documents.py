"""Documents of 1 KiB, one request each: 16 writers, durable; then 16 readers."""

from contenders.documents import AxumLog, OursLoad, Postgres
from lib.flow import interleave
from lib.report import Goal, Report

NAME, ABOUT = "documents", "1 KiB documents, 16 at once: durable puts, reads by key, disk"
PUT, GET = "put", "get"
GOALS = [Goal(PUT, "rate", 1.0, ("postgres",), at_least=True),
         Goal(PUT, "server_us", 3, ("axum + log",)), Goal(PUT, "p99_ms", 20),
         Goal(PUT, "disk_b", 2048), Goal(GET, "rate", 1.2, ("postgres",), at_least=True)]


def measure(scope, options):
    report = Report(NAME, f"1 KiB documents, 16 at once, {options.seconds} s each round",
                    ("rate", "p99_ms", "server_us", "client_cpu_s", "server_cpu_s", "server_rss_b",
                     "disk_b"), lead="rate", goals=GOALS, ours=("ours",))
    everyone = [OursLoad(), Postgres(), AxumLog()]
    for who in everyone:
        who.seconds = options.seconds
    interleave(options, report, everyone, lambda who, n: one_round(scope, who))
    return report


def one_round(scope, who):
    folder = scope.folder(who.name)
    who.open(scope, folder)
    try:
        yield PUT, who.load_put()
        if who.reads:
            yield GET, who.load_get()
    finally:
        who.close()
        scope.remove(folder)
