"""What the tests of the official clients share: a server, and the documents that go into it."""

import json
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from qdrant_client import QdrantClient
from support import TIMEOUT_S, example_documents, read_until

DIM = 384
DOCUMENTS = example_documents(200)
IDS = [int(document["id"]) for document in DOCUMENTS]
VECTORS = np.array([document["vector"] for document in DOCUMENTS], dtype=np.float32)
UNIT = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)


def payload_of(document):
    return {"content": document["content"], **document["metadata"]}


PAYLOADS = {id: payload_of(document) for id, document in zip(IDS, DOCUMENTS, strict=True)}


def nearest(vector, among=None, limit=10):
    """Ids and scores by cosine, computed here."""
    scores = UNIT @ (np.asarray(vector) / np.linalg.norm(vector))
    ranked = sorted(zip(IDS, scores, strict=True), key=lambda pair: -pair[1])
    return [(id, score) for id, score in ranked if among is None or id in among][:limit]


def ids_of(ids_and_scores):
    return [id for id, _ in ids_and_scores]


@dataclass(frozen=True)
class Server:
    """Where one server listens."""

    url: str
    grpc_port: int

    @contextmanager
    def client(self, grpc=False, **options):
        client = QdrantClient(
            url=self.url,
            grpc_port=self.grpc_port,
            prefer_grpc=grpc,
            timeout=TIMEOUT_S,
            check_compatibility=False,  # a newer client only warns
            **options,
        )
        yield client
        client.close()


def start_serve(start, *args):
    """Start `vecferry serve` on free ports; the process and where it listens."""
    process = start(
        "--json", "serve", *args, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    line = read_until(process.stdout.fileno(), rb"\n", 120).decode()
    ready = json.loads(line)
    return process, Server(ready["http"], int(ready["grpc"].rpartition(":")[2]))


def stop_serve(process):
    """End it as a person does; it has to go by itself and without an error."""
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr.decode()
