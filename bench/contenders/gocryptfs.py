"""gocryptfs: `cp -a` into a mounted encrypted folder. Its process counts as the server."""

import os

from .base import Contender


class Gocryptfs(Contender):
    name = "gocryptfs copy"
    note = "cp -a, then one sync of the filesystem; its FUSE process stands under server"
    commands = ("gocryptfs", "fusermount3")
    about = ("gocryptfs", "-version")
    updates = False  # copying again is another tool's work (rsync), not its own

    def missing(self):
        if why := super().missing():
            return why
        return None if os.access("/dev/fuse", os.W_OK) else "cannot mount: no access to /dev/fuse"

    def prepare(self):
        secret, self.mount = self.folder / "secret", self.folder / "mount"
        secret.write_text("correct horse battery staple")
        self.mount.mkdir()
        self.meter().run(["gocryptfs", "-init", "-q", "-passfile", secret, self.store])
        self.servers.append(self.scope.serve(
            ["gocryptfs", "-fg", "-passfile", secret, self.store, self.mount], "mounted and ready"))

    def do_put(self, meter, source):
        meter.run(["cp", "-a", source, self.mount / "copy"])
        meter.syncfs(self.store)

    def do_get(self, meter, out):
        meter.run(["cp", "-a", self.mount / "copy", out])

    def close(self):
        self.meter().run(["fusermount3", "-u", self.mount])
        super().close()
