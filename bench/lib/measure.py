"""Measures a piece of work: wall time, processor time and peak memory of client and servers.

Takes commands to run and the ids of the servers behind them, gives one sample: {metric: number}.
Must not know: whose commands these are.

Processor time of commands comes from wait4 (exact, descendants they waited for included), of
servers from /proc/PID/stat (10 ms ticks). Peak memory of commands is ru_maxrss, which cannot go
below what this harness itself holds (about 20 MB), of servers VmHWM, reset when a meter starts.
"""

import os
import subprocess
import threading
import time
from pathlib import Path

from .scope import BenchError, family

TICKS = os.sysconf("SC_CLK_TCK")
COMMAND_SECONDS_MAX = 1800


def cpu_seconds(pids):
    """User and system seconds of processes, their living descendants and reaped children."""
    total = 0
    for pid in {member for pid in pids for member in family(pid)}:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(f) for f in fields[11:15])  # utime, stime, cutime, cstime
    return total / TICKS


def status_bytes(pid, field):
    """One of VmHWM, VmRSS of a process, in bytes; 0 if it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def shared_out_bytes(pids):
    """Memory of a family of processes that share pages: the sum of their proportional sizes."""
    total = 0
    for pid in pids:
        for member in family(pid):
            try:
                for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
            except OSError:
                pass
    return total


def disk_bytes(folder):
    """What a folder occupies on disk: allocated blocks, folders included."""
    total = os.lstat(folder).st_blocks
    for base, folders, files in os.walk(folder):
        for name in folders + files:
            try:
                total += os.lstat(os.path.join(base, name)).st_blocks
            except OSError:
                pass
    return total * 512


def length_bytes(folder):
    """The lengths of all files in a folder."""
    return sum(os.lstat(os.path.join(base, name)).st_size
               for base, _, files in os.walk(folder) for name in files)


def warm(mebibytes):
    """Touches memory and frees it, before a measured step.

    A virtual machine that hands free memory back to its host pays again at the first touch: here
    2 s of system time a GiB, on whoever happens to be measured. Now the harness pays for all. In
    a process of its own, because a command's ru_maxrss starts at the peak of its parent.
    """
    run(["dd", "if=/dev/zero", "of=/dev/null", f"bs={mebibytes}M", "count=1", "status=none"])


class Meter:
    """`with Meter(...) as m: m.run([...])`; then `m.sample`."""

    def __init__(self, servers=(), helpers=()):
        self.servers = [s.pid for s in servers]  # the far side
        self.helpers = list(helpers)             # processes of the client that outlive commands
        self._cpu, self._rss, self.sample = 0.0, 0, {}

    def __enter__(self):
        for pid in self.servers + self.helpers:
            try:
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # resets VmHWM
            except OSError:
                pass  # then the peak is that of its whole life, which is not less
        self._before = cpu_seconds(self.servers), cpu_seconds(self.helpers)
        self._start = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        wall = time.monotonic() - self._start
        if kind:
            return
        server = cpu_seconds(self.servers) - self._before[0]
        client = self._cpu + cpu_seconds(self.helpers) - self._before[1]
        rss = max([self._rss] + [status_bytes(p, "VmHWM") for p in self.helpers])
        self.sample = {"wall_s": wall, "client_cpu_s": client, "client_rss_b": rss,
                       "cpu_s": client + server}
        if self.servers:
            self.sample["server_cpu_s"] = server
            self.sample["server_rss_b"] = max(status_bytes(p, "VmHWM") for p in self.servers)

    def run(self, command, env=None, cwd=None):
        """Runs one command to its end; raises BenchError with its last words if it fails."""
        out, used = run(command, env, cwd)
        self._cpu += used.ru_utime + used.ru_stime
        self._rss = max(self._rss, used.ru_maxrss * 1024)
        return out

    def fsync(self, path):
        """Makes a file or all files of a folder durable, for peers that do not do it themselves."""
        paths = [path] if os.path.isfile(path) else [
            os.path.join(base, name) for base, _, files in os.walk(path) for name in files]
        for each in paths:
            handle = os.open(each, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def syncfs(self, path):
        """Makes the whole filesystem of `path` durable: cheaper than many fsyncs, but it also
        waits for what others wrote there."""
        self.run(["sync", "-f", path])


def run(command, env=None, cwd=None):
    """Runs a command, gives (its standard output, its resource usage)."""
    process = subprocess.Popen(
        [str(c) for c in command], env={**os.environ, **(env or {})}, cwd=cwd,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace")
    guard = threading.Timer(COMMAND_SECONDS_MAX, process.kill)
    guard.start()
    # A command may leave a daemon behind that keeps the pipe open: what counts is its own end,
    # so a thread drains the pipe while we wait for the process.
    pieces = []
    reader = threading.Thread(target=lambda: pieces.append(process.stdout.read()), daemon=True)
    reader.start()
    try:
        _, status, used = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        guard.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join(0.5)
    text = "".join(pieces)
    if process.returncode != 0:
        raise BenchError(f"`{' '.join(map(str, command))[:200]}` ended with {process.returncode}: "
                         f"{text.strip()[-400:]}")
    return text, used
