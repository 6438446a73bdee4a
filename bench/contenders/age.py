"""age, and `tar` through age: the floor, encryption with no store behind it."""

from .base import Contender


class Age(Contender):
    name = "age"
    note = "one process, one file, fsync; no store, no server"
    commands, about = ("age",), ("age", "--version")
    updates = False

    def prepare(self):
        self.key = self.folder / "key"
        said = self.meter()
        said.run(["age-keygen", "-o", self.key])
        self.recipient = said.run(["age-keygen", "-y", self.key]).strip()
        self.sealed = self.store / "sealed"

    def do_put(self, meter, source):
        meter.run(["age", "-r", self.recipient, "-o", self.sealed, source])
        meter.fsync(self.sealed)

    def do_get(self, meter, out):
        meter.run(["age", "-d", "-i", self.key, "-o", out, self.sealed])


class TarAge(Age):
    name = "tar to age"

    def do_put(self, meter, source):
        meter.run(["bash", "-o", "pipefail", "-c", 'tar -cf - "$1" | age -r "$2" -o "$3"', "-",
                   source.name, self.recipient, self.sealed], cwd=source.parent)
        meter.fsync(self.sealed)

    def do_get(self, meter, out):
        out.mkdir()
        meter.run(["bash", "-o", "pipefail", "-c", 'age -d -i "$1" "$2" | tar -xf - -C "$3"', "-",
                   self.key, self.sealed, out])

    def restored(self, out, source):
        return out / source.name
