#!/usr/bin/env python3
"""What the official Python client reaches against several servers, in one interleaved run.

    bench/serve_python.py real=HOST:PORT serve=HOST:PORT [--points 20000] [--dim 384] [--rounds 3]

HOST:PORT is REST, gRPC at the next port. In each server the collection `bench-python` is made and
dropped. Upserts go in batches of 500 with `wait`, scrolls in pages of 1,000 with vectors and payload.
Nothing is indexed meanwhile. Prints each run, then medians in points a second and what they are of the
first server's.
"""

import argparse
import statistics
import time

import numpy as np
from qdrant_client import QdrantClient, models

NAME = "bench-python"
BATCH, PAGE = 500, 1000


def points_of(count, dim):
    vectors = np.random.default_rng(1).standard_normal((count, dim)).astype(np.float32)
    return [
        models.PointStruct(
            id=id,
            vector=vector.tolist(),
            payload={
                "title": f"document {id}", "source": f"folder/{id % 97}.md", "chunk": id % 13,
                "score": id / 7, "text": "some words of about the usual length " * 6,
            },
        )
        for id, vector in enumerate(vectors)
    ]  # fmt: skip


def measure(server, grpc, points, dim):
    """Seconds of writing and of reading all points."""
    host, _, port = server.rpartition(":")
    client = QdrantClient(
        url=f"http://{host}:{port}", grpc_port=int(port) + 1, prefer_grpc=grpc, timeout=120,
        check_compatibility=False,
    )  # fmt: skip
    client.delete_collection(NAME)
    client.create_collection(
        NAME,
        vectors_config=models.VectorParams(size=dim, distance=models.Distance.DOT),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=0),
    )
    began = time.monotonic()
    for first in range(0, len(points), BATCH):
        client.upsert(NAME, points[first : first + BATCH], wait=True)
    written = time.monotonic()
    offset, seen = None, 0
    while True:
        page, offset = client.scroll(NAME, limit=PAGE, offset=offset, with_vectors=True)
        seen += len(page)
        if offset is None:
            break
    read = time.monotonic()
    assert seen == len(points), seen
    client.delete_collection(NAME)
    client.close()
    return {"upsert": written - began, "scroll": read - written}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("servers", nargs="+", metavar="NAME=HOST:PORT")
    parser.add_argument("--points", type=int, default=20000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    servers = dict(server.split("=", 1) for server in options.servers)
    points = points_of(options.points, options.dim)
    taken = {}
    for _ in range(options.rounds):
        for transport in ("rest", "grpc"):
            for name, server in servers.items():
                for what, seconds in measure(
                    server, transport == "grpc", points, options.dim
                ).items():
                    taken.setdefault((transport, what, name), []).append(seconds)
                    print(f"{transport} {what} {name}: {seconds:.2f} s", flush=True)
    print()
    first = next(iter(servers))
    for (transport, what, name), runs in taken.items():
        seconds = statistics.median(runs)
        ratio = statistics.median(taken[transport, what, first]) / seconds
        print(
            f"{transport:5} {what:7} {name:10} {options.points / seconds:9,.0f} points/s"
            f"  {ratio:5.2f} of {first}"
        )


if __name__ == "__main__":
    main()
