"""A small OpenAI-compatible server of embeddings, which can also misbehave as a test says."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np


def vector_of(text, dim=384):
    """A unit vector made from the text alone, for tests that need no meaning."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    vector = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    return vector / np.linalg.norm(vector)


def base64_of(vector):
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()


class Answer:
    """What one request gets: a status and a body (bytes, or JSON of anything else)."""

    def __init__(self, status, body, headers=None, cut=False):
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = headers or {}
        self.cut = cut  # end the connection in the middle of the body


class EmbedServer:
    """Counts what it was asked; `script` may answer in place of it (None: the usual answer)."""

    def __init__(self, embed):
        self.embed = embed  # list of texts -> list of vectors
        self.script = lambda number, request: None
        self.requests = []  # bodies, as they came
        self.headers = []
        self.paths = []
        self.lock = threading.Lock()
        self.url = ""

    @property
    def texts(self):
        """Every text that was asked for, in the order of the requests."""
        return [text for request in self.requests for text in request["input"]]

    def answer(self, path, headers, request):
        with self.lock:
            number = len(self.requests)
            self.requests.append(request)
            self.headers.append(headers)
            self.paths.append(path)
        scripted = self.script(number, request)
        return scripted or Answer(200, self.reply(request))

    def reply(self, request):
        vectors = self.embed(request["input"])
        plain = request.get("encoding_format") != "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": [float(x) for x in vector] if plain else base64_of(vector),
            }
            for index, vector in enumerate(vectors)
        ]
        return {"object": "list", "model": request["model"], "data": data}


@contextmanager
def embed_server(embed=lambda texts: [vector_of(text) for text in texts]):
    """Serve on a free port of 127.0.0.1 until the block ends."""
    server = EmbedServer(embed)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = server.answer(self.path, dict(self.headers), json.loads(body))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: len(answer.body) // 2] if answer.cut else answer.body)
            self.close_connection = answer.cut

        def log_message(self, *args):
            pass

    class QuietServer(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            pass  # a client that was killed

    with QuietServer(("127.0.0.1", 0), Handler) as http:
        server.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
