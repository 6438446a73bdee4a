"""Those who store documents of 1 KiB, one request each: ours, PostgreSQL, a bare axum log.

Takes a scope, a folder, writers and seconds; gives samples with `rate` (a second), `p99_ms`,
`server_us` (processor time of the server per operation) and `disk_b` (per document).
Must not know: rounds, goals.
"""

import json
import os
import pwd
import re
import signal

from lib import tools
from lib.measure import Meter, disk_bytes, run
from lib.scope import BenchError, free_port

from .base import Contender
from .ours import Ours

BODY = 1024


class DocumentStore(Contender):
    """Adds the two kinds of load to a contender."""

    writers, seconds = 16, 10
    reads = True

    def load_put(self):
        """`writers` at once put documents, durably, for `seconds`."""
        before = self.disk()
        with self.meter() as meter:
            answer = self.do_load(meter, "put")
        sample = self.per_operation(meter.sample, answer)
        if self.disk() and answer["operations"]:
            sample["disk_b"] = (self.disk() - before) / answer["operations"]
        return sample

    def load_get(self):
        """`writers` at once read documents by key."""
        with self.meter() as meter:
            answer = self.do_load(meter, "get")
        return self.per_operation(meter.sample, answer)

    def per_operation(self, sample, answer):
        if not answer["operations"]:
            raise BenchError("the load did nothing")
        sample["rate"] = answer["operations"] / answer["seconds"]
        sample["server_us"] = sample["server_cpu_s"] / answer["operations"] * 1e6
        if "p99_ms" in answer:
            sample["p99_ms"] = answer["p99_ms"]
        return sample

    def disk(self):
        return disk_bytes(self.store)


class OursLoad(DocumentStore, Ours):
    """Ours: bench/load holds the client, `strongroom-load`, which seals beforehand."""

    name = "ours"
    note = ("sealed beforehand by strongroom-load; authentication checked by the provider; what is "
            "read is a chunk of 1 KiB by its id")

    def missing(self):
        return tools.strongroom_missing() or tools.build("load")[1]

    def load_get(self):
        # What is to be read is put first, unmeasured: entries are answered by cursor, chunks by id.
        run([tools.build("load")[0] / "strongroom-load", "fill", "--provider", self.url, "--state",
             self.folder / "load-state", "--json"], self.env)
        return super().load_get()

    def do_load(self, meter, verb):
        # Contract: put leaves its vault in --state, get reads what fill put there. The last line of
        # its output is {"operations": N, "seconds": S, "p50_ms": …, "p99_ms": …}.
        text = meter.run([tools.build("load")[0] / "strongroom-load", verb, "--provider", self.url,
                          "--writers", self.writers, "--seconds", self.seconds, "--state",
                          self.folder / "load-state", "--json"], self.env)
        return json.loads(text.strip().splitlines()[-1])


class AxumLog(DocumentStore):
    """The floor: HTTP and one group fdatasync, nothing checked, nothing indexed."""

    name = "axum + log"
    note = "bare axum, append-only log, group fdatasync; no check, no index, no reading"
    networked, reads = True, False

    def missing(self):
        return tools.build("axumlog")[1]

    def prepare(self):
        self.program = tools.build("axumlog")[0] / "axumlog"
        server = self.scope.serve([self.program, "serve", self.store / "log"], r":(\d+)\"")
        self.servers.append(server)
        self.port = int(server.match[1])

    def do_load(self, meter, verb):
        return json.loads(meter.run([self.program, "load", self.port, self.writers, self.seconds]))


class Postgres(DocumentStore):
    """PostgreSQL as its package makes it (fsync on), loaded by pgbench with prepared statements."""

    name = "postgres"
    note = ("pgbench over loopback TCP, -M prepared, trust: no authentication; random 63-bit key; "
            "disk bytes are table and index")
    networked = True
    commands = ("initdb", "pgbench")
    about = ("pgbench", "--version")
    rows = 50_000
    body = BODY

    def missing(self):
        if why := super().missing():
            return why
        if os.geteuid() == 0 and not self.user():
            return "run by root, and there is no user postgres to run it as"
        return None

    @staticmethod
    def user():
        """PostgreSQL refuses to run as root."""
        if os.geteuid():
            return None
        try:
            found = pwd.getpwnam("postgres")
        except KeyError:
            return None
        return found.pw_uid, found.pw_gid

    def prepare(self):
        # The base folder is root's; the server's user gets its own inside.
        user = self.user()
        before = []
        if user:
            os.chown(self.store, *user)
            before = ["setpriv", f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups"]
        cluster = self.store / "cluster"
        run([*before, tools.which("initdb"), "-D", cluster, "-U", "bench", "-A", "trust", "-E",
             "UTF8", "--no-locale"], cwd=self.store)
        self.port = free_port()
        self.server = self.scope.serve(
            [tools.which("postgres"), "-D", cluster, "-p", self.port, "-h", "127.0.0.1", "-k", ""],
            "ready to accept connections", cwd=self.store, user=user)
        self.servers.append(self.server)
        self.sql("create table docs (id bigint primary key, body bytea not null)")
        self.sql(f"insert into docs select i, decode(repeat(md5(i::text), {self.body // 16}), 'hex') "
                 f"from generate_series(1, {self.rows}) i")
        self.sql("vacuum analyze docs")
        self.sql("checkpoint")
        (self.folder / "put.sql").write_text("\\set id random(1000000, 9000000000000000000)\n"
                                             "insert into docs values (:id, :body);\n")
        (self.folder / "get.sql").write_text(f"\\set id random(1, {self.rows})\n"
                                             "select body from docs where id = :id;\n")

    def sql(self, text):
        return run([tools.which("psql"), "-XAtq", "-h", "127.0.0.1", "-p", self.port, "-U", "bench",
                    "-d", "postgres", "-c", text])[0].strip()

    def disk(self):
        return int(self.sql("select pg_total_relation_size('docs')"))

    def do_load(self, meter, verb):
        body = "\\x" + os.urandom(self.body).hex()
        logs = self.folder / f"log-{verb}"
        text = meter.run(
            [tools.which("pgbench"), "-h", "127.0.0.1", "-p", self.port, "-U", "bench", "-n", "-M",
             "prepared", "-c", self.writers, "-j", "2", "-T", self.seconds, "-f",
             self.folder / f"{verb}.sql", "-D", f"body={body}", "--log", "--log-prefix", logs,
             "--sampling-rate", "0.2", "postgres"])
        done = int(re.search(r"transactions actually processed: (\d+)", text)[1])
        rate = float(re.search(r"tps = ([\d.]+)", text)[1])
        took = sorted(int(line.split()[2]) for log in self.folder.glob(f"log-{verb}.*")
                      for line in log.read_text().splitlines())
        answer = {"operations": done, "seconds": done / rate}
        if took:
            answer["p99_ms"] = took[int(len(took) * 0.99)] / 1000
        return answer

    def close(self):
        # SIGINT is its fast stop; SIGTERM would wait for clients.
        if self.servers:
            self.scope.end(self.servers.pop(), how=signal.SIGINT)
        super().close()
