"""A TCP proxy between the site and its database, for tests of what happens when connections are lost."""

import contextlib
import socket
import threading


class Proxy:
    """Can reset every connection and refuse new ones, as a primary that steps down does, or fall silent, as one that
    dies."""

    def __init__(self, port: int) -> None:
        self.target, self.is_up, self.is_silent = port, True, False
        self.pairs: list[tuple[socket.socket, socket.socket]] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            try:
                upstream = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                reset(client)
                continue
            self.pairs.append((client, upstream))
            if not self.is_up:
                self.drop()
                continue
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    def copy(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if not self.is_silent:
                    sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            # To close alone tells nobody while another thread waits on the same socket.
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def drop(self) -> None:
        """Reset every connection, and each new one at once, until `is_up` is set."""
        self.is_up = False
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                reset(end)

    def close(self) -> None:
        self.server.close()
        self.drop()


def reset(end: socket.socket) -> None:
    """RST instead of FIN, as from a host that knows nothing of the connection any more."""
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        end.shutdown(socket.SHUT_RD)
        end.close()
    except OSError:
        return  # It was closed already.
