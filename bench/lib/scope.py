"""Temp folders and processes of one run.

Takes commands of servers, gives their handles and addresses; ends every process it started
(by its id) and removes every folder it made, also after Ctrl-C.
Must not know: what is measured.
"""

import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 10
_libc = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """Something a person can act on; printed as one line."""


def _die_with_parent():
    # A harness killed with -9 runs no cleanup; the kernel then ends its servers.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    """A loopback TCP port that was free a moment ago, for servers that cannot choose."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def parents():
    """{pid: parent pid} of all processes now."""
    out = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    out[int(name)] = int(f.read().rpartition(")")[2].split()[1])
            except OSError:
                pass  # it ended while we looked
    return out


def family(pid):
    """A process and all its living descendants."""
    up, found = parents(), [pid]
    for member in found:
        found += [p for p, parent in up.items() if parent == member]
    return found


def naming(folder):
    """Processes whose environment names something in this temp folder: detached ones of ours."""
    mark, found = f"{folder}/".encode(), []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/environ", "rb") as f:
                    if mark in f.read():
                        found.append(int(name))
            except OSError:
                pass  # it ended, or is not ours to read
    return found


class Server:
    """A running process, ready. `match` is what its ready line said, `ready_s` how long it took."""

    def __init__(self, command, ready, env=None, cwd=None, user=None):
        start = time.monotonic()
        self.tail, self.match, self._hit = deque(maxlen=20), None, threading.Event()
        self.process = subprocess.Popen(
            [str(c) for c in command], env={**os.environ, **(env or {})}, cwd=cwd,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace",
            # Ctrl-C in the terminal must reach only the harness, which stops servers in order.
            start_new_session=True, preexec_fn=_die_with_parent,
            **({"user": user[0], "group": user[1], "extra_groups": []} if user else {}))
        self.pid = self.process.pid
        threading.Thread(target=self._read, args=(re.compile(ready),), daemon=True).start()
        self._hit.wait(READY_SECONDS_MAX)
        self.ready_s = time.monotonic() - start
        if self.match is None:
            self.stop()
            raise BenchError(f"{command[0]} did not become ready: {' / '.join(self.tail)[-500:]}")

    def _read(self, ready):
        for line in self.process.stdout:
            self.tail.append(line.strip())
            if self.match is None and (found := ready.search(line)):
                self.match = found
                self._hit.set()
        self._hit.set()

    def stop(self, how=signal.SIGTERM):
        """Ends it politely, then by force."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Scope:
    """One temp folder under `out`, and everything started while it lives."""

    def __init__(self, out: Path, keep=False):
        self.out, self.keep, self.servers, self._count = out, keep, [], 0
        out.mkdir(parents=True, exist_ok=True)
        for old in out.glob("tmp-*"):
            # Left by a harness that was killed. Only if its process is gone.
            if not Path(f"/proc/{old.name[4:]}").exists():
                for pid in naming(old):
                    os.kill(pid, signal.SIGKILL)
                self._remove(old)
        self.root = out / f"tmp-{os.getpid()}"
        self.root.mkdir()
        self.root.chmod(0o755)
        # Agents and daemons that detach come back to us, so that we can end them.
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)

    def folder(self, name):
        """A new empty folder."""
        self._count += 1
        path = self.root / f"{self._count:04}-{re.sub('[^a-z0-9]+', '-', name.lower())}"
        path.mkdir()
        return path

    def serve(self, command, ready, **more):
        """Starts a server and waits until a line of its output matches `ready`."""
        server = Server(command, ready, **more)
        self.servers.append(server)
        return server

    def end(self, server, how=signal.SIGTERM):
        """Stops one server early."""
        server.stop(how)
        self.servers.remove(server)

    def remove(self, folder):
        """Deletes a folder of ours, unless told to keep."""
        if not self.keep:
            self._remove(folder)

    def _remove(self, folder):
        with open("/proc/mounts") as mounts:
            inside = [m.split()[1] for m in mounts if m.split()[1].startswith(f"{folder}/")]
        for mount in inside:
            subprocess.run(["fusermount3", "-uz", mount], check=False)
        shutil.rmtree(folder, ignore_errors=True)

    def emptied_ago_s(self):
        """Seconds since a run deleted its files here; they still matter, see rows/tree.py."""
        stamp = self.out / "emptied"
        return time.time() - stamp.stat().st_mtime if stamp.exists() else float("inf")

    def close(self):
        """Ends all processes, then removes the folder. Ctrl-C meanwhile does not stop it."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        for server in reversed(self.servers):
            server.stop()
        self.servers.clear()
        self._end_strays()
        self.remove(self.root)
        (self.out / "emptied").touch()
        signal.signal(signal.SIGINT, before)

    def _end_strays(self):
        for how in (signal.SIGTERM, signal.SIGKILL):
            strays = family(os.getpid())[1:]
            for pid in strays:
                try:
                    os.kill(pid, how)
                except ProcessLookupError:
                    pass
            deadline = time.monotonic() + 2
            while strays and time.monotonic() < deadline:
                try:
                    while os.waitpid(-1, os.WNOHANG)[0]:
                        pass
                except ChildProcessError:
                    return
                strays = family(os.getpid())[1:]
                time.sleep(0.02)
