"""Proxies that spoil a connection on purpose, in front of a real server: REST and gRPC.

Each request may meet one fault, drawn by a seeded generator. A fault either keeps the request from
the server, or lets it through and spoils the answer, which is what makes retries dangerous.
"""

import collections
import http.client
import http.server
import random
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

BEFORE = ("refused", "busy", "broken", "cut")  # the server never sees the request
AFTER = ("lost", "truncated", "twice")  # the server has done it; the answer is spoilt
DELAY_S = 0.05


class Faults:
    """Which requests meet what. `rate` of 0 spoils nothing, 1 every request.

    Thread: safe for concurrent use.
    """

    def __init__(self, rate, kinds=("delay", *BEFORE, *AFTER), seed=1):
        self.rate = rate
        self.kinds = kinds
        self.met = collections.Counter()
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def draw(self):
        with self._lock:
            if self._random.random() >= self.rate:
                self.met["none"] += 1
                return None
            kind = self._random.choice(self.kinds)
            self.met[kind] += 1
            return kind


class FaultyRest:
    """An HTTP proxy in front of `upstream` ("127.0.0.1:6333"), on a port of its own."""

    def __init__(self, upstream, faults):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _RestHandler)
        self._server.daemon_threads = True
        self._server.upstream = upstream
        self._server.faults = faults
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _RestHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.faults.draw()
        if fault == "delay":
            time.sleep(DELAY_S)
        elif fault in ("refused", "cut"):
            self._cut()
            return
        elif fault == "busy":
            self._send(429, b'{"status":{"error":"Rate limiting exceeded: slow"},"time":0.0}', 0)
            return
        elif fault == "broken":
            self._send(500, b'{"status":{"error":"Service internal error: spoilt"},"time":0.0}')
            return
        status, answer = self._forward(body)
        if fault == "lost":
            self._cut()
        elif fault == "truncated":
            self._send(status, answer, sent=len(answer) // 2)
            self._cut()
        else:
            self._send(status, answer)
            if fault == "twice":
                self._send(status, answer)

    def _forward(self, body):
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=300)
        headers = {
            key: value
            for key, value in self.headers.items()
            if key.lower() not in ("host", "connection", "content-length", "accept-encoding")
        }
        upstream.request(self.command, self.path, body, headers)
        response = upstream.getresponse()
        answer = response.read()
        upstream.close()
        return response.status, answer

    def _send(self, status, answer, retry_after=None, sent=None):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(answer[:sent])
        self.wfile.flush()

    def _cut(self):
        self.close_connection = True
        # Reset instead of an orderly end: what a dying machine looks like.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def handle(self):
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _answer


class FaultyGrpc(grpc.GenericRpcHandler):
    """A gRPC proxy for unary calls in front of `upstream` ("127.0.0.1:6334"), bytes untouched."""

    CODES = {
        "refused": grpc.StatusCode.UNAVAILABLE,
        "cut": grpc.StatusCode.UNAVAILABLE,
        "busy": grpc.StatusCode.RESOURCE_EXHAUSTED,
        "broken": grpc.StatusCode.INTERNAL,
        "lost": grpc.StatusCode.UNAVAILABLE,
        "truncated": grpc.StatusCode.UNAVAILABLE,  # gRPC knows how long a message is to be
    }

    def __init__(self, upstream, faults):
        limits = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.compression_enabled_algorithms_bitset", 1),
        ]
        self._faults = faults
        self._channel = grpc.insecure_channel(upstream, options=limits)
        self._server = grpc.server(ThreadPoolExecutor(16), handlers=[self], options=limits)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.stop(grace=None).wait()
        self._channel.close()

    def service(self, details):
        def answer(request, context):
            return self._answer(details.method, request, context)

        return grpc.unary_unary_rpc_method_handler(answer)  # no serialisers: bytes

    def _answer(self, method, request, context):
        fault = self._faults.draw()
        if fault == "delay":
            time.sleep(DELAY_S)
        if fault in BEFORE:
            self._fail(context, fault)
        forward = self._channel.unary_unary(method)
        key = [(k, v) for k, v in context.invocation_metadata() if k in ("api-key",)]
        try:
            answer = forward(request, metadata=key, timeout=300)
            if fault == "twice":
                answer = forward(request, metadata=key, timeout=300)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
        if fault in ("lost", "truncated"):
            self._fail(context, fault)
        return answer

    def _fail(self, context, fault):
        if fault == "busy":
            context.set_trailing_metadata((("retry-after", "0"),))
        context.abort(self.CODES[fault], f"spoilt on purpose: {fault}")
