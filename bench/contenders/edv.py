"""Those who keep small documents of EDV clients: ours, and PostgreSQL with the same bytes.

Takes a scope, a folder, writers and seconds; gives samples as `contenders.documents` does.
Must not know: rounds, goals.
"""

import json

from lib import tools
from lib.measure import run

from .documents import DocumentStore, Postgres
from .ours import serve

BODY = 1120  # bytes of what bench/edv puts in; its ids are a character longer or shorter


class EdvLoad(DocumentStore):
    """Ours: bench/edv signs as clients do, beforehand."""

    name = "ours"
    note = ("signed beforehand; every signature verified; index, history and uniqueness kept; one "
            "vault")
    networked = True

    def missing(self):
        return tools.strongroom_missing() or tools.build("edv")[1]

    def version(self):
        return tools.version(str(tools.strongroom()), "--version")

    def prepare(self):
        server = serve(self.scope, self.folder, self.store, more=("--edv", "open"))
        self.servers.append(server)
        self.url = server.match[1]

    def load_get(self):
        # What is to be read is put in first, unmeasured, as PostgreSQL's rows are.
        run(self.command_of("fill"))
        return super().load_get()

    def command_of(self, verb):
        return [tools.build("edv")[0] / "strongroom-edv-load", verb, "--provider", self.url,
                "--state", self.folder / "edv-state"]

    def do_load(self, meter, verb):
        text = meter.run([*self.command_of(verb), "--writers", self.writers, "--seconds",
                          self.seconds])
        answer = json.loads(text.strip().splitlines()[-1])
        if abs(answer["body_b"] - BODY) > 2:
            raise ValueError(f"BODY is {answer['body_b']}: say so in contenders/edv.py")
        return answer


class PostgresEdv(Postgres):
    """The same bytes under a random key, and nothing else of it."""

    body = BODY
