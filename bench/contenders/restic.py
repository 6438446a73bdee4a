"""restic, to a server over HTTP and to a local folder.

The server is its own rest-server if Debian has it here (package restic-rest-server, after
bookworm), else `rclone serve restic`, which speaks the same protocol but does not fsync: then
the harness does, within the measured time.
"""

from lib import tools
from lib.scope import free_port

from .base import Contender


class Restic(Contender):
    name = "restic, local"
    note = "no server; its local store is durable by itself; sent = growth of the store"
    commands, about = ("restic",), ("restic", "version")

    def prepare(self):
        self.secret = self.folder / "secret"
        self.secret.write_text("correct horse battery staple")
        self.env = {"RESTIC_PASSWORD_FILE": str(self.secret),
                    "RESTIC_CACHE_DIR": str(self.folder / "cache"),
                    "RESTIC_REPOSITORY": self.repository()}
        self.meter().run(["restic", "init", "--quiet"], self.env)

    def repository(self):
        return str(self.store)

    def do_put(self, meter, source):
        # Relative, so that the path inside the snapshot is one name deep.
        meter.run(["restic", "backup", "--quiet", source.name], self.env, cwd=source.parent)

    def do_get(self, meter, out):
        meter.run(["restic", "restore", "latest", "--quiet", "--target", out], self.env)

    def restored(self, out, source):
        return out / source.name


class ResticServer(Restic):
    name = "restic, server"
    networked = True

    def __init__(self):
        self.own = next((c for c in ("rest-server", "restic-rest-server") if tools.which(c)), None)
        self.note = ("over HTTP to its rest-server" if self.own else
                     "over HTTP to `rclone serve restic` plus fsync by us: no rest-server package")
        self.commands = ("restic", self.own or "rclone")

    def repository(self):
        if self.own:
            port = free_port()
            server = self.scope.serve([self.own, "--no-auth", "--path", self.store, "--listen",
                                       f"127.0.0.1:{port}"], "start server")
        else:
            server = self.scope.serve(["rclone", "serve", "restic", self.store, "--addr",
                                       "127.0.0.1:0"], r"http://127\.0\.0\.1:(\d+)")
            port = int(server.match[1])
        self.servers.append(server)
        return f"rest:http://127.0.0.1:{self.through(port)}/"

    def do_put(self, meter, source):
        super().do_put(meter, source)
        if not self.own:
            meter.fsync(self.store)
