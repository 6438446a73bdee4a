"""The provider at rest: time until it is ready, idle memory, size of its binary.

Beside it, servers that are here anyway. Ready means the line that says so; a fresh data folder
each time. Idle memory is VmRSS, for PostgreSQL the proportional sizes of all its processes.
"""

import struct
import time
from pathlib import Path

from contenders.documents import AxumLog, Postgres
from contenders.ours import Ours, serve
from contenders.rclone import Rclone
from lib import tools
from lib.flow import interleave
from lib.measure import family, shared_out_bytes, status_bytes
from lib.report import Goal, Report

NAME, ABOUT = "provider", "ready time, idle memory, size of the binary"
WORK = "provider"
IDLE_SECONDS = 2


class Provider(Ours):
    """`strongroom serve`, with no client."""

    name, note = "ours", "strongroom serve"

    def command_line(self):
        return [tools.strongroom(), "serve"]

    def prepare(self):
        self.servers.append(serve(self.scope, self.folder, self.store, self.command_line()))


class ProviderAlone(Provider):
    """The second binary, which is the provider alone."""

    name, note = "ours, strongroomd", "the provider's own binary"

    def command_line(self):
        return [tools.strongroom().with_name("strongroomd")]

    def missing(self):
        return None if self.command_line()[0].is_file() else "not built: strongroomd"


def measure(scope, options):
    ours = ("ours", "ours, strongroomd")
    goals = [Goal(WORK, "ready_s", 0.5), Goal(WORK, "idle_b", 30e6), Goal(WORK, "binary_b", 40e6)]
    report = Report(NAME, f"ready time, memory after {IDLE_SECONDS} s idle, binary",
                    ("ready_s", "idle_b", "binary_b"), lead="ready_s", goals=goals, ours=ours)
    postgres = Postgres()
    postgres.rows = 1
    everyone = [Provider(), ProviderAlone(), Rclone(), postgres, AxumLog()]
    interleave(options, report, everyone, lambda who, n: one_round(scope, who, report))
    return report


def one_round(scope, who, report):
    folder = scope.folder(who.name)
    who.open(scope, folder)
    try:
        server = who.servers[0]
        time.sleep(IDLE_SECONDS)
        many = len(family(server.pid)) > 1
        binary = Path(f"/proc/{server.pid}/exe").resolve()
        report.notes[who.name] = f"binary {linkage(binary)}"
        yield WORK, {"ready_s": server.ready_s, "binary_b": binary.stat().st_size, "idle_b":
                     shared_out_bytes([server.pid]) if many else status_bytes(server.pid, "VmRSS")}
    finally:
        who.close()
        scope.remove(folder)


def linkage(binary):
    """"static" or "dynamic", "stripped" or not, read from a 64-bit ELF file."""
    with open(binary, "rb") as f:
        head = f.read(64)
        programs, sections = struct.unpack_from("<QQ", head, 32)
        program_size, program_count, section_size, section_count = struct.unpack_from("<4H", head,
                                                                                      54)

        def kinds(start, size, count, at):
            for n in range(count):
                f.seek(start + n * size + at)
                yield struct.unpack("<I", f.read(4))[0]
        interpreter = 3 in kinds(programs, program_size, program_count, 0)
        symbols = 2 in kinds(sections, section_size, section_count, 4)
    return (f"{'dynamic' if interpreter else 'static'}, "
            f"{'not stripped' if symbols else 'stripped'}")
