"""borgbackup to a local folder: it encrypts on the client, and its repository fsyncs."""

from .base import Contender


class Borg(Contender):
    name = "borg, local"
    note = "no server; durable by itself; sent = growth of the store"
    commands, about = ("borg",), ("borg", "--version")

    def prepare(self):
        self.count = 0
        self.env = {"BORG_BASE_DIR": str(self.folder), "BORG_REPO": str(self.store),
                    "BORG_PASSPHRASE": "correct horse battery staple"}
        self.meter().run(["borg", "init", "--encryption", "repokey-blake2"], self.env)

    def do_put(self, meter, source):
        self.count += 1
        meter.run(["borg", "create", f"::{self.count}", source.name], self.env, cwd=source.parent)

    def do_get(self, meter, out):
        out.mkdir()
        meter.run(["borg", "extract", f"::{self.count}"], self.env, cwd=out)

    def restored(self, out, source):
        return out / source.name
