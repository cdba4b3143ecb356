#!/usr/bin/env python3
"""Backup and restore of a local collection, beside a plain Parquet export and import of the same.

    bench/archives.py BUILD_DIR [--points 1000000] [--dim 384] [--rounds 3] [--folder DIR]

Vectors are random, which no codec makes much smaller; payloads have five fields. Every command reads
back what it wrote and compares, as it does for users. Prints medians over interleaved rounds, ratios,
bytes, and the highest anonymous memory of a process (what is mapped from files is not in it).
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard


def seeded_file(path, points, dim):
    """A Parquet file of `points`; returns the bytes of its vectors, and of its payloads at zstd-3."""
    chance = np.random.default_rng(1)
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    payload_bytes, step, writer = 0, 20_000, None
    for start in range(0, points, step):
        count = min(step, points - start)
        values = chance.standard_normal(count * dim, dtype=np.float32)
        texts = [
            json.dumps(
                {
                    "content": f"text {number} " + " ".join(map(str, words)),
                    "lang": ("de", "en", "fr")[number % 3],
                    "page": number % 977,
                    "score": number / 7,
                    "tags": [f"t{number % 5}", f"t{number % 11}"],
                }
            )
            for number, words in zip(
                range(start, start + count),
                chance.integers(0, 100_000, (count, 12)),
                strict=True,
            )
        ]
        payload_bytes += len(compressor.compress("".join(texts).encode()))
        table = pa.table(
            {
                "id": pa.array(range(start, start + count), pa.uint64()),
                "vector": pa.FixedSizeListArray.from_arrays(pa.array(values), dim),
                "payload": pa.array(texts),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema, compression="none")
        writer.write_table(table)
    writer.close()
    return points * dim * 4, payload_bytes + len(compressor.flush())


def anonymous_kib(process):
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except FileNotFoundError:
        return 0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("RssAnon")]
    return int(found[0]) if found else 0


class Runner:
    """Runs vecferry; keeps seconds by name, and the highest memory of all runs."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.seconds, self.memory_kib = {}, {}

    def __call__(self, name, *args):
        began = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                [self.binary, "--json", "--journal", self.folder / "journal", *map(str, args)],
                cwd=self.folder, stdout=out, stderr=err,
            )  # fmt: skip
            highest = 0
            while process.poll() is None:
                highest = max(highest, anonymous_kib(process))
                time.sleep(0.02)
            took = time.monotonic() - began
            out.seek(0), err.seek(0)
            lines, errors = out.read().decode().splitlines(), err.read().decode()
        if process.returncode != 0:
            raise SystemExit(f"{args}: {lines}\n{errors}")
        if name:
            self.seconds.setdefault(name, []).append(took)
            self.memory_kib[name] = max(self.memory_kib.get(name, 0), highest)
        return json.loads(lines[-1])

    def median(self, name):
        return statistics.median(self.seconds[name])


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def one_round(run, folder, points):
    """Each command once, on things as they were in the round before."""
    archive, exported = folder / "archive", folder / "docs.parquet"
    run("export", "export", "local:db/docs", exported)
    run("first backup", "backup", "local:db/docs", "--to", archive)
    first = size_of(archive)
    run("restore", "restore", "docs", "local:restored/docs", "--from", archive)
    shutil.rmtree(folder / "restored")
    run("import", "import", exported, "local:imported/docs")
    shutil.rmtree(folder / "changed", ignore_errors=True)
    part = ["--limit", points // 100, "--drop-payload", "lang"]
    run(None, "copy", "local:db/docs", "local:changed/docs", *part)
    run(None, "copy", "local:changed/docs", "local:db/docs", "--into-existing")
    run("second backup", "backup", "local:db/docs", "--to", archive)
    second = size_of(archive) - first
    run("restore layers", "restore", "docs", "local:restored/docs", "--from", archive)
    run(None, "copy", exported, "local:db/docs", "--into-existing", "--limit", points // 100)
    for name in ("archive", "imported", "restored", "journal"):
        shutil.rmtree(folder / name, ignore_errors=True)
    exported.unlink()
    return first, second


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("build_dir", type=Path)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="vecferry-bench-", dir=options.folder))
    try:
        run = Runner((options.build_dir / "vecferry").resolve(), folder)
        source = folder / "seeded.parquet"
        vectors, payloads = seeded_file(source, options.points, options.dim)
        run(None, "import", source, "local:db/docs", "--no-verify")
        source.unlink()
        for _ in range(options.rounds):
            first, second = one_round(run, folder, options.points)
        for name in run.seconds:
            rate = options.points / run.median(name)
            memory = run.memory_kib[name] / 1024
            print(f"{name:14} {run.median(name):7.2f} s  {rate:10,.0f} points/s  {memory:4.0f} MiB")
        share = lambda a, b: run.median(a) / run.median(b)  # noqa: E731
        print(f"first backup, speed beside export        {share('export', 'first backup'):.2f}")
        print(
            f"second backup, time beside the first     {share('second backup', 'first backup'):.2f}"
        )
        print(f"second backup, bytes beside the first    {second / first:.4f}")
        print(f"size beside vectors and zstd-3 payloads  {first / (vectors + payloads):.3f}")
        print(f"restore, speed beside import             {share('import', 'restore'):.2f}")
        print(f"restore of two layers, beside import     {share('import', 'restore layers'):.2f}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
