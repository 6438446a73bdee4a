"""Strongroom: a provider and the command line, with and without the agent.

Without the agent every command opens the key store (Argon2id); with it, the agent's processor
time and memory count as the client's.
"""

from lib import tools
from lib.measure import Meter, run
from lib.scope import free_port, naming

from .base import Contender

READY = r'"url"\s*:\s*"([^"]+)"'


def serve(scope, folder, data, command=None, port=0, more=()):
    """Starts a provider; gives the server's handle, whose `match[1]` is the URL."""
    return scope.serve([*(command or [tools.strongroom(), "serve"]), "--data", data, "--listen",
                        f"127.0.0.1:{port}", "--json", *more], READY,
                       env={"STRONGROOM_HOME": str(folder / "provider-home")})


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
        port, more = 0, ()
        if self.count_bytes:
            # Signatures name the address that was asked: the provider has to know the proxy's.
            port = free_port()
            more = ("--origin", f"http://127.0.0.1:{self.through(port)}")
        server = serve(self.scope, self.folder, self.store, port=port, more=more)
        self.servers.append(server)
        self.url = more[1] if more else server.match[1]
        self.home, secret = self.folder / "home", self.folder / "secret"
        secret.write_text("correct horse battery staple\n")
        self.env = {"STRONGROOM_HOME": str(self.home), "STRONGROOM_PASSPHRASE_FILE": str(secret)}
        self.command("init", "--provider", self.url, "--yes", "--json")
        if self.agent:
            self.command("unlock")

    def command(self, *words):
        """Runs one command unmeasured; its output."""
        return run([tools.strongroom(), *words], self.env)[0]

    def agents(self):
        """Processes that outlive the commands which started them."""
        servers = {s.pid for s in self.servers}
        return [pid for pid in naming(self.home.parent) if pid not in servers]

    def meter(self):
        return Meter(self.servers, self.agents() if self.agent else ())

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
