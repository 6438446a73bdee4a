"""rclone crypt over WebDAV, to `rclone serve webdav`.

One request per file and no fsync at the server. For trees it takes minutes, so it stores whole
folders until `files` files and its samples are scaled to the full tree; 0 stores everything.
"""

from lib import data
from lib.measure import run

from .base import Contender


class Rclone(Contender):
    name = "rclone crypt"
    commands, about = ("rclone",), ("rclone", "version")
    networked, durable = True, False

    def __init__(self, files=0):
        self.files, self.factor = files, 1
        self.note = ("over WebDAV; its server does not fsync: for one file the harness does, "
                     "for trees nobody")

    def source(self, tree):
        if not self.files:
            return tree
        part = tree.parent / "part-for-rclone"
        if not part.exists():
            copied = data.some_folders(tree, part, self.files)
            whole = data.describe(tree)[1]
            self.factor = whole / copied
            self.note += f"; extrapolated × {self.factor:.1f} from {copied} of {whole} files"
        return part

    def prepare(self):
        server = self.scope.serve(["rclone", "serve", "webdav", self.store, "--addr",
                                   "127.0.0.1:0"], r"http://127\.0\.0\.1:(\d+)")
        self.servers.append(server)
        port = self.through(int(server.match[1]))
        hidden = run(["rclone", "obscure", "correct horse battery staple"])[0].strip()
        self.env = {"RCLONE_CONFIG": "/dev/null", "RCLONE_CONFIG_DAV_TYPE": "webdav",
                    "RCLONE_CONFIG_DAV_URL": f"http://127.0.0.1:{port}",
                    "RCLONE_CONFIG_DAV_VENDOR": "other", "RCLONE_CONFIG_SAFE_TYPE": "crypt",
                    "RCLONE_CONFIG_SAFE_REMOTE": "dav:", "RCLONE_CONFIG_SAFE_PASSWORD": hidden}

    def do_put(self, meter, source):
        # --size-only: this WebDAV keeps no times, so size is all it could compare anyway.
        how = ["copyto"] if source.is_file() else ["copy", "--links", "--size-only"]
        meter.run(["rclone", *how, source, "safe:stored"], self.env)

    def do_get(self, meter, out):
        how = ["copyto"] if self.is_file else ["copy", "--links"]
        meter.run(["rclone", *how, "safe:stored", out], self.env)

    def put(self, source, fsync=False):
        self.is_file = source.is_file()
        return super().put(source, fsync)

    def scaled(self, sample):
        return {m: v if m.endswith("rss_b") else v * self.factor for m, v in sample.items()}
