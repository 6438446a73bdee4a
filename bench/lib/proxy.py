"""A loopback TCP proxy that counts bytes.

Takes the address of a server, gives an address that leads there and two counters: `up` (from
clients) and `down`. Slows what passes, so it is used only in runs whose times are thrown away.
Must not know: the protocol.
"""

import socket
import threading

PIECE = 1 << 18


class Proxy:
    def __init__(self, port):
        self.up = self.down = 0
        self._to, self._lock = port, threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                far = socket.create_connection(("127.0.0.1", self._to))
            except OSError:
                near.close()
                continue
            for a, b, side in ((near, far, "up"), (far, near, "down")):
                a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pump, args=(a, b, side), daemon=True).start()

    def _pump(self, source, target, side):
        try:
            while piece := source.recv(PIECE):
                with self._lock:
                    setattr(self, side, getattr(self, side) + len(piece))
                target.sendall(piece)
        except OSError:
            pass
        finally:
            try:
                target.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def close(self):
        self._listener.close()
