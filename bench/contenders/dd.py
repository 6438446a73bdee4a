"""dd with fsync: what the disk takes, with no encryption at all."""

from .base import Contender


class Dd(Contender):
    name = "dd, fsync"
    note = "no encryption, no server: the disk"
    about = ("dd", "--version")
    updates = False

    def do_put(self, meter, source):
        self.copy = self.store / "copy"
        meter.run(["dd", f"if={source}", f"of={self.copy}", "bs=1M", "conv=fsync", "status=none"])

    def do_get(self, meter, out):
        meter.run(["dd", f"if={self.copy}", f"of={out}", "bs=1M", "conv=fsync", "status=none"])
