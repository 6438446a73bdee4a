"""Small documents of EDV clients, one request each: 16 at once insert, durable; then read."""

from contenders.edv import EdvLoad, PostgresEdv
from lib.flow import interleave
from lib.report import Goal, Report
from rows.documents import GET, PUT, one_round

NAME, ABOUT = "edv", "documents of EDV clients, 16 at once: durable inserts, reads by id"
GOALS = [Goal(PUT, "rate", 0.8, ("postgres",), at_least=True), Goal(PUT, "p99_ms", 25),
         Goal(GET, "rate", 0.8, ("postgres",), at_least=True), Goal(GET, "p99_ms", 25)]


def measure(scope, options):
    report = Report(NAME, f"EDV documents of 1.1 kB, 16 at once, {options.seconds} s each round",
                    ("rate", "p99_ms", "server_us", "client_cpu_s", "server_cpu_s", "server_rss_b",
                     "disk_b"), lead="rate", goals=GOALS, ours=("ours",))
    everyone = [EdvLoad(), PostgresEdv()]
    for who in everyone:
        who.seconds = options.seconds
    interleave(options, report, everyone, lambda who, n: one_round(scope, who))
    return report
