"""What a contender that stores files can do.

Takes a scope and an empty folder, gives samples.
Must not know: rows, rounds, goals.
"""

from lib import tools
from lib.measure import Meter, length_bytes, warm
from lib.proxy import Proxy


class Contender:
    """One way to put a file or a tree somewhere safe and to get it back."""

    name = "?"
    note = ""              # how it differs from the others, one line
    commands = ()          # programs it needs
    about = ()             # command that prints its version
    updates = True         # can put again over what is there
    durable = True         # put fsyncs, by itself or by what do_put adds
    warm_mebibytes = 256   # memory made ready before each step: what it may touch
    networked = False      # there is a server, so bytes are counted by a proxy

    def missing(self):
        """None, or what a person can do about it."""
        return next((why for c in self.commands if (why := tools.missing(c))), None)

    def version(self):
        return tools.version(*self.about) if self.about else ""

    def source(self, tree):
        """What it stores of the tree; a slow one takes less and scales its samples."""
        return tree

    def open(self, scope, folder, count_bytes=False):
        """Makes an empty store below `folder` and starts what it needs. Not measured."""
        self.scope, self.folder, self.count_bytes = scope, folder, count_bytes
        self.servers, self.proxy, self._length = [], None, 0
        self.store = folder / "store"
        self.store.mkdir()
        self.prepare()

    def prepare(self):
        pass

    def through(self, port):
        """The port clients shall use: the server's own, or a counting proxy's."""
        if self.count_bytes:
            self.proxy = Proxy(port)
            return self.proxy.port
        return port

    def meter(self):
        return Meter(self.servers)

    def put(self, source, fsync=False):
        """Stores it; gives a sample. `fsync`: the harness makes the store durable, in the time."""
        warm(self.warm_mebibytes)
        sent, length = (self.proxy.up if self.proxy else 0), self.length()
        with self.meter() as meter:
            self.do_put(meter, source)
            if fsync:
                meter.fsync(self.store)
        if self.proxy:
            meter.sample["sent_b"] = self.proxy.up - sent
        elif not self.networked:
            meter.sample["sent_b"] = self.length() - length
        return self.scaled(meter.sample)

    def get(self, out, fsync=None):
        """Brings what was put to `out`; gives a sample. `fsync`: a path to make durable."""
        warm(self.warm_mebibytes)
        with self.meter() as meter:
            self.do_get(meter, out)
            if fsync:
                meter.fsync(fsync)
        return self.scaled(meter.sample)

    def length(self):
        return 0 if self.networked else length_bytes(self.store)

    def scaled(self, sample):
        return sample

    def restored(self, out, source):
        """Where in `out` the stored file or tree came back."""
        return out

    def close(self):
        if self.proxy:
            self.proxy.close()
        for server in self.servers:
            self.scope.end(server)
        self.servers = []
