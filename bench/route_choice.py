#!/usr/bin/env python3
"""Does the choice of a route hold? A table of cases between two servers, every route measured.

    bench/route_choice.py VECFERRY QDRANT [--rounds 3] [--cases tiny,wide] [--json FILE]

VECFERRY is the program, QDRANT a server's (a real `qdrant`, or the word `serve` for two of ours).
Two servers are started in a folder of their own, with a key that may all and one that may only
read; each case makes its collection in the first, runs `vecferry bench` into the second, and is
dropped again. Slow links are a network namespace whose link is shaped (`ip netns`, `tc tbf`: needs
root); without that right those cases are left out, and the table says so.

A case holds when the route that the choice would take was the fastest, verification and index
included, or within 15 % of it. Prints a table in Markdown, and the summary: so many of so many.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from qdrant_client import QdrantClient, models

BATCH = 1000
KEY, LOOK = "all-rights", "only-look"
NEAR, FAR = "10.213.7.1", "10.213.7.2"
NAMESPACE, LINK = "vecferry-bench", "vfbench"
WITHIN = 1.15


@dataclass(frozen=True)
class Case:
    """A collection, and what is special about the way."""

    what: str
    points: int
    dim: int
    fields: int = 5
    indexed: int = 0  # of the fields
    text: int = 120  # bytes of the last field
    shards: int = 1
    hnsw: bool = False  # large enough for a vector index, and one is wanted
    look_only: bool = False  # the source's key may not make snapshots
    slow: str = ""  # "source" or "target" is behind the shaped link
    options: tuple = field(default=())


CASES = {
    "tiny": Case("500 points", 500, 384),
    "small": Case("5,000 points", 5_000, 384),
    "plain": Case("large, not indexed", 60_000, 384),
    "indexed": Case("large, indexed", 16_000, 384, indexed=2, hnsw=True),
    "wide": Case("wide, not indexed", 12_000, 1536),
    "wide-indexed": Case("wide, indexed", 5_000, 1536, hnsw=True),
    "fields": Case("30 payload fields, 10 indexed", 60_000, 64, fields=30, indexed=10),
    "texts": Case("8 KB of text a point", 10_000, 128, text=8_000),
    "shards": Case("6 shards, indexed", 60_000, 512, shards=6, hnsw=True),
    "shards-plain": Case("6 shards, not indexed", 60_000, 256, shards=6),
    "no-right": Case("no right to snapshots, indexed", 16_000, 384, hnsw=True, look_only=True),
    "no-right-plain": Case("no right to snapshots, not indexed", 60_000, 256, look_only=True),
    "slow-source": Case("source behind 80 Mbit/s", 20_000, 384, slow="source"),
    "slow-target": Case("target behind 80 Mbit/s", 20_000, 384, slow="target"),
    "slow-indexed": Case("source behind 80 Mbit/s, indexed", 16_000, 384, hnsw=True, slow="source"),
}  # fmt: skip


def run(*command):
    subprocess.run(command, check=True, capture_output=True, text=True)


@contextlib.contextmanager
def shaped_link():
    """A namespace behind a link of 80 Mbit/s each way; None where there is no right to make one."""
    shape = ("root", "tbf", "rate", "80mbit", "burst", "64kb", "latency", "50ms")
    try:
        run("ip", "netns", "add", NAMESPACE)
    except (subprocess.CalledProcessError, FileNotFoundError):
        yield None
        return
    try:
        run("ip", "link", "add", LINK, "type", "veth", "peer", "name", "far", "netns", NAMESPACE)
        run("ip", "addr", "add", f"{NEAR}/24", "dev", LINK)
        run("ip", "link", "set", LINK, "up")
        run("ip", "-n", NAMESPACE, "addr", "add", f"{FAR}/24", "dev", "far")
        run("ip", "-n", NAMESPACE, "link", "set", "far", "up")
        run("ip", "-n", NAMESPACE, "link", "set", "lo", "up")
        run("tc", "qdisc", "add", "dev", LINK, *shape)
        run("tc", "-n", NAMESPACE, "qdisc", "add", "dev", "far", *shape)
        yield NAMESPACE
    except subprocess.CalledProcessError as error:
        print(f"no shaped link: {error.stderr.strip()}", file=sys.stderr)
        yield None
    finally:
        run("ip", "netns", "del", NAMESPACE)


def free_port(host):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


class Server:
    """A server that this script starts and ends."""

    def __init__(self, programs, folder, host="127.0.0.1", namespace=None):
        self.folder, self.host = Path(folder), host
        self.folder.mkdir(parents=True)
        bind = "127.0.0.1" if namespace else host
        self.http, self.grpc = free_port(bind), free_port(bind)
        vecferry, qdrant = programs
        inside = ["ip", "netns", "exec", namespace] if namespace else []
        environment = dict(os.environ)
        if qdrant == "serve":
            words = [vecferry, "serve", "local:place", "--http", f"{host}:{self.http}",
                     "--grpc", f"{host}:{self.grpc}"]  # fmt: skip
            environment |= {"VECFERRY_API_KEY": KEY, "VECFERRY_READ_ONLY_API_KEY": LOOK}
        else:
            words = [qdrant, "--disable-telemetry"]
            environment |= {
                "QDRANT__SERVICE__HOST": host,
                "QDRANT__SERVICE__HTTP_PORT": str(self.http),
                "QDRANT__SERVICE__GRPC_PORT": str(self.grpc),
                "QDRANT__SERVICE__API_KEY": KEY,
                "QDRANT__SERVICE__READ_ONLY_API_KEY": LOOK,
                "QDRANT__LOG_LEVEL": "WARN",
            }
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [*inside, *words], cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        self.url = f"http://{host}:{self.http}"
        deadline = time.monotonic() + 60
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit((self.folder / "log").read_text())
            time.sleep(0.05)

    def ready(self):
        request = urllib.request.Request(f"{self.url}/collections", headers={"api-key": KEY})
        try:
            with urllib.request.urlopen(request, timeout=5):
                return True
        except OSError:
            return False

    def client(self):
        return QdrantClient(
            url=self.url, grpc_port=self.grpc, prefer_grpc=True, api_key=KEY, timeout=600,
            check_compatibility=False,
        )  # fmt: skip

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def payload(case, id):
    words = ("network", "library", "shared", "files", "runtime", "common", "modules", "header")
    made = {"number": id, "title": f"document {id}", "section": words[id % len(words)],
            "score": id / 7}  # fmt: skip
    for extra in range(4, case.fields - 1):
        made[f"field{extra}"] = f"value {id * extra % 1013}" if extra % 2 else id * extra % 1013
    made["text"] = " ".join(words[(id + n) % len(words)] for n in range(case.text // 8))
    return made


def fill(server, name, case):
    client = server.client()
    client.delete_collection(name)
    client.create_collection(
        name,
        vectors_config=models.VectorParams(size=case.dim, distance=models.Distance.COSINE),
        shard_number=case.shards,
        optimizers_config=models.OptimizersConfigDiff(
            indexing_threshold=10_000 if case.hnsw else 0
        ),
    )
    fields = ["section", "number", "score", *[f"field{n}" for n in range(4, 16)]]
    for path in fields[: case.indexed]:
        kind = "integer" if path in ("number",) or path[5:] in ("4", "6", "8", "10", "12") else (
            "float" if path == "score" else "keyword"
        )  # fmt: skip
        client.create_payload_index(name, path, field_schema=models.PayloadSchemaType(kind))
    random = np.random.default_rng(1)
    for first in range(0, case.points, BATCH):
        count = min(BATCH, case.points - first)
        vectors = random.standard_normal((count, case.dim)).astype(np.float32)
        client.upsert(
            name,
            [
                models.PointStruct(id=first + n, vector=vectors[n].tolist(), payload=payload(case, first + n))
                for n in range(count)
            ],
            wait=True,
        )  # fmt: skip
    quiet = 0
    while quiet < 3:  # green twice, apart
        info = client.get_collection(name)
        quiet = quiet + 1 if info.status == models.CollectionStatus.GREEN else 0
        time.sleep(0.5)
    client.close()


def bench(vecferry, folder, servers, case, rounds):
    keys = {
        name: "BENCH_LOOK" if case.look_only and name == "a" else "BENCH_KEY" for name in servers
    }
    (folder / "vecferry.toml").write_text(
        "".join(
            f'[env.{name}]\nurl = "{server.url}"\ngrpc_port = {server.grpc}\n'
            f'api_key_env = "{keys[name]}"\n'
            for name, server in servers.items()
        )
    )
    done = subprocess.run(
        [vecferry, "--json", "--quiet", "bench", "a/case", "b", "--rounds", str(rounds), *case.options],
        cwd=folder, env=dict(os.environ, BENCH_KEY=KEY, BENCH_LOOK=LOOK), capture_output=True,
        text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def figures(way):
    if way["runs"] == 0:
        return "–" if way["error"].startswith("not possible") else "failed"
    text = f"{way['proved_seconds']:.2f}"
    if way["estimated_seconds"] is not None:
        text += f" ({way['estimated_seconds']:.2f})"
    return text if way["verified"] else text + " not verified"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vecferry")
    parser.add_argument("qdrant")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--json", help="every case's result, for a closer look")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):  # servers and namespace go on the way out
        signal.signal(number, lambda *_: sys.exit(1))
    vecferry = str(Path(options.vecferry).resolve())
    qdrant = options.qdrant if options.qdrant == "serve" else str(Path(options.qdrant).resolve())
    routes = ("stream", "native", "engine-read", "ship")
    rows, results, held, tried = [], {}, 0, 0
    with tempfile.TemporaryDirectory() as work, shaped_link() as namespace, contextlib.ExitStack() as stack:  # fmt: skip
        folder = Path(work)

        def start(name, **where):
            server = Server((vecferry, qdrant), folder / name, **where)
            stack.callback(server.end)
            return server

        near = {"a": start("a"), "b": start("b")}
        linked = None
        for name in options.cases.split(","):
            case = CASES[name]
            servers = dict(near)
            if case.slow and namespace is None:
                rows.append(f"| {case.what} | left out: no right to make a shaped link |")
                continue
            if case.slow:
                if linked is None:  # one inside; and one that it can reach
                    linked = (start("far", host=FAR, namespace=namespace), start("near", host=NEAR))
                far, beside = linked
                servers = (
                    {"a": far, "b": beside} if case.slow == "source" else {"a": beside, "b": far}
                )
            fill(servers["a"], "case", case)
            result = bench(vecferry, folder, servers, case, options.rounds)
            servers["a"].client().delete_collection("case")
            results[name] = result
            ways = {way["way"]: way for way in result["ways"]}
            ratio = result["chosen_by_fastest"]
            tried, held = tried + 1, held + (0 < ratio <= WITHIN)
            rows.append(
                f"| {case.what} | {case.points:,} × {case.dim} | "
                + " | ".join(figures(ways[route]) if route in ways else "–" for route in routes)
                + f" | {result['choice']['route']} | {ratio:.2f} |"
            )
            print(rows[-1], flush=True)
    print("\n| case | points | " + " | ".join(routes) + " | chosen | of the fastest |")
    print("|---|---" + "|---" * len(routes) + "|---|---|")
    print("\n".join(rows))
    print(f"\n{held} of {tried} within {WITHIN - 1:.0%} of the fastest")
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
