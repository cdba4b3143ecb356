"""A small forward proxy, as companies have them: absolute addresses for HTTP, CONNECT for the rest."""

import socket
import socketserver
import threading
from urllib.parse import urlsplit


class ForwardProxy:
    """Leads "db.example:6333" to a port of this machine; names that it does not know are refused.

    `seen` lists method and authority of each request. Thread: safe for concurrent use.
    """

    def __init__(self, routes):
        self.seen = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.routes = routes
        self._server.seen = self.seen
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False  # a channel that is still open ends with the program under test


class _Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode()
        headers = []
        while (header := self.rfile.readline()) not in (b"\r\n", b"\n", b""):
            headers.append(header)
        if not line:
            return
        method, target, version = line.split()
        tunnel = method == "CONNECT"
        authority = target if tunnel else urlsplit(target).netloc
        self.server.seen.append((method, authority))
        if authority not in self.server.routes:
            self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", self.server.routes[authority])) as upstream:
            if tunnel:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                upstream.sendall(_relayed(method, target, version, headers))
            back = threading.Thread(target=_pour, args=(upstream.recv, self.connection))
            back.start()
            _pour(self.rfile.read1, upstream)
            back.join()


def _relayed(method, target, version, headers):
    """The head as the server is to see it: one request a connection keeps this simple."""
    path = target[target.index("/", len("http://")) :]
    kept = [h for h in headers if not h.lower().startswith((b"connection:", b"proxy-"))]
    return b"".join(
        [f"{method} {path} {version}\r\nConnection: close\r\n".encode(), *kept, b"\r\n"]
    )


def _pour(read, to):
    try:
        while data := read(1 << 16):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two has gone
