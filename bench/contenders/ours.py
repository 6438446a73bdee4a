"""Strongroom: a provider and the command line, with and without the agent.

Without the agent every command opens the key store (Argon2id); with it, the agent's processor
time and memory count as the client's.
"""

import os
import re

from lib import tools
from lib.measure import Meter, run

from .base import Contender

READY = r'"url"\s*:\s*"([^"]+)"'


def serve(scope, folder, data):
    """Starts a provider; the server's handle, its `match[1]` is the URL."""
    return scope.serve([tools.strongroom(), "serve", "--data", data, "--listen", "127.0.0.1:0",
                        "--json"], READY, env={"STRONGROOM_HOME": str(folder / "provider-home")})


def with_home(home):
    """Processes whose environment names this replica: the agent, if there is one."""
    mark, found = f"STRONGROOM_HOME={home}".encode(), []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/environ", "rb") as f:
                    if mark in f.read().split(b"\0"):
                        found.append(int(name))
            except OSError:
                pass
    return found


class Ours(Contender):
    name = "ours"
    networked = True
    note = "key store opened by every command"
    agent = False

    def missing(self):
        return tools.strongroom_missing()

    def version(self):
        return tools.version(str(tools.strongroom()), "--version")

    def prepare(self):
        server = serve(self.scope, self.folder, self.store)
        self.servers.append(server)
        port = int(re.search(r":(\d+)", server.match[1])[1])
        url = f"http://127.0.0.1:{self.through(port)}"
        self.home, secret = self.folder / "home", self.folder / "secret"
        secret.write_text("correct horse battery staple\n")
        self.env = {"STRONGROOM_HOME": str(self.home), "STRONGROOM_PASSPHRASE_FILE": str(secret)}
        self.command("init", "--provider", url, "--yes", "--json")
        if self.agent:
            self.command("unlock")

    def command(self, *words):
        """Runs one command unmeasured; its output."""
        return run([tools.strongroom(), *words], self.env)[0]

    def meter(self):
        return Meter(self.servers, with_home(self.home) if self.agent else ())

    def do_put(self, meter, source):
        meter.run([tools.strongroom(), "put", source, "/stored"], self.env)

    def do_get(self, meter, out):
        meter.run([tools.strongroom(), "get", "/stored", out], self.env)

    def close(self):
        if self.agent:
            self.command("lock")
        super().close()


class OursAgent(Ours):
    name = "ours, agent"
    note = "key store held open by the agent, whose time and memory count as the client's"
    agent = True
