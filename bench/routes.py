#!/usr/bin/env python3
"""Routes between two real Qdrant servers beside the bare calls that they are made of.

    bench/routes.py VECFERRY SOURCE_URL TARGET_URL --target-pid PID [--points 40000] [--dim 384] [--rounds 3]

Both servers on this machine, empty. Makes an indexed collection at the source, and prints

- `native` beside recover of a streamed shard, and beside snapshot, recover and delete of the collection;
- the target's processor seconds, and the wall time until it is green, by `stream` and by `ship`;
- `export` to Parquet by `stream` and by `engine-read`.

Bare calls and ours take turns; medians. What was made is dropped again.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SOURCE = "vecferry-bench-source"


def call(method, url, body=None):
    request = urllib.request.Request(
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)["result"]


def timed(work, *args):
    start = time.monotonic()
    result = work(*args)
    return time.monotonic() - start, result


class Bench:
    def __init__(self, options):
        self.options = options
        self.source = f"{options.source}/collections/{SOURCE}"

    def vecferry(self, *args):
        done = subprocess.run(
            [self.options.vecferry, "--json", *map(str, args)],
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.splitlines()[-1])

    def target(self, name):
        return f"{self.options.target}/collections/{name}"

    def fill(self, folder):
        points, dim = self.options.points, self.options.dim
        vectors = np.random.default_rng(1).standard_normal((points, dim), dtype=np.float32)
        payloads = [
            json.dumps({"n": i, "t": f"text {i}", "lang": "abc"[i % 3], "f": i / 7})
            for i in range(points)
        ]
        table = pa.table(
            {
                "id": pa.array(range(points), pa.uint64()),
                "vector": pa.FixedSizeListArray.from_arrays(vectors.ravel(), dim),
                "payload": payloads,
            }
        )
        pq.write_table(table, folder / "points.parquet")
        self.vecferry("import", folder / "points.parquet", f"{self.options.source}/{SOURCE}")

    def recover_streamed(self):
        settings = {"vectors": {"size": self.options.dim, "distance": "Cosine"}, "shard_number": 1}
        call("PUT", self.target("bare"), settings)
        where = {"location": f"{self.source}/shards/0/snapshot", "priority": "no_sync"}
        seconds, _ = timed(
            call, "PUT", self.target("bare") + "/shards/0/snapshots/recover?wait=true", where
        )
        call("DELETE", self.target("bare"))
        return seconds

    def recover_snapshot(self):
        def work():
            made = call("POST", f"{self.source}/snapshots?wait=true")
            where = {
                "location": f"{self.source}/snapshots/{made['name']}",
                "checksum": made["checksum"],
                "priority": "snapshot",
            }
            call("PUT", self.target("bare") + "/snapshots/recover?wait=true", where)
            return made["name"]

        seconds, name = timed(work)
        call("DELETE", f"{self.source}/snapshots/{name}")
        call("DELETE", self.target("bare"))
        return seconds

    def native(self):
        done = self.vecferry(
            "copy",
            f"{self.options.source}/{SOURCE}",
            f"{self.options.target}/ours",
            "--route=native",
        )
        call("DELETE", self.target("ours"))
        return done["receipt"]["copy_seconds"]

    def until_green(self, route):
        """Processor seconds of the target, and wall seconds; not verified, as the bare way is not."""
        before = self.processor()

        def work():
            self.vecferry(
                "copy", f"{self.options.source}/{SOURCE}", f"{self.options.target}/ours", f"--route={route}",
                "--no-verify",
            )  # fmt: skip
            while True:
                info = call("GET", self.target("ours"))
                if (
                    info["status"] == "green"
                    and info["indexed_vectors_count"] >= 0.9 * self.options.points
                ):
                    return
                time.sleep(0.1)

        wall, _ = timed(work)
        spent = self.processor() - before
        call("DELETE", self.target("ours"))
        return spent, wall

    def processor(self):
        fields = (
            Path(f"/proc/{self.options.target_pid}/stat").read_text().rpartition(")")[2].split()
        )
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def export(self, folder, route):
        file = folder / "out.parquet"
        file.unlink(missing_ok=True)
        seconds, _ = timed(
            self.vecferry,
            "export",
            f"{self.options.source}/{SOURCE}",
            file,
            f"--route={route}",
            "--no-verify",
        )
        return seconds

    def run(self, folder):
        rounds = range(self.options.rounds)
        ways = {
            "recover of a streamed shard": self.recover_streamed,
            "snapshot + recover": self.recover_snapshot,
            "native, verification apart": self.native,
        }
        seconds = {name: [] for name in ways}
        for _ in rounds:
            for name, work in ways.items():
                seconds[name].append(work())
        for name, each in seconds.items():
            print(f"{name:30} {statistics.median(each):.2f} s")
        for route in ("stream", "ship"):
            spent, wall = self.until_green(route)
            print(f"{route + ' until green':30} {wall:.1f} s, target's processor {spent:.2f} s")
        exports = {route: [] for route in ("stream", "engine-read")}
        for _ in rounds:
            for route, each in exports.items():
                each.append(self.export(folder, route))
        for route, each in exports.items():
            print(f"{'export by ' + route:30} {statistics.median(each):.2f} s")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("vecferry")
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--target-pid", type=int, required=True)
    parser.add_argument("--points", type=int, default=40_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    bench = Bench(parser.parse_args())
    with tempfile.TemporaryDirectory() as folder:
        try:
            bench.fill(Path(folder))
            bench.run(Path(folder))
        finally:
            call("DELETE", bench.source)


if __name__ == "__main__":
    main()
