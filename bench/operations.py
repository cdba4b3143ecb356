#!/usr/bin/env python3
"""Clone, rename, merge and split of a local collection beside `copy`, the journal's cost, and the memory
of finding duplicates.

    bench/operations.py BUILD_DIR [--points 200000] [--dim 384] [--rounds 5] [--index] [--folder DIR]

Every command reads back what it wrote and compares, as it does for users. Prints medians over
interleaved rounds, and the median of the ratios within a round, for machines are noisy. `--index`
builds the vector index first, which takes minutes, and shows that it is carried over.
"""

import argparse
import json
import shutil
import statistics
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from archives import Runner, seeded_file

TINY = (500_000, 2_000_000)  # points, for the memory of duplicates


def indexed_vectors(folder, name):
    """What the engine's own segments say; 0 before an index is built."""
    states = (folder / "db" / "collections" / name / "shard").rglob("segment.json")
    return sum("hnsw" in json.dumps(json.loads(state.read_text())) for state in states)


def one_round(run, folder):
    run("copy", "copy", "local:db/docs", "local:copied/docs")
    run("clone elsewhere", "clone", "local:db/docs", "local:cloned/docs")
    run("clone", "clone", "local:db/docs", "clone")
    run("rename", "rename", "local:db/clone", "renamed", "--yes")
    shutil.rmtree(folder / "journal" / "operations")  # what the rename has put aside
    run("rename back", "rename", "local:db/renamed", "clone", "--no-backup", "--yes")
    run(None, "drop", "local:db/clone", "--no-backup", "--yes")
    halves = ["local:halves/docs-1", "local:halves/docs-2"]
    run("split --parts 2", "split", "local:db/docs", "--parts", 2, "--to", "local:parts")
    run("split --by", "split", "local:db/docs", "--by", "lang", "--to", "local:by")
    run("merge", "merge", *halves, "--into", "local:merged/all")
    run("merge content", "merge", *halves, "--into", "local:once/all", "--dedupe", "content")
    for name in ("copied", "cloned", "parts", "by", "merged", "once"):
        shutil.rmtree(folder / name)


def bytes_a_point(run, folder):
    """How the highest memory of a merge that only decides grows with the points."""
    highest = []
    for points in TINY:
        halves = []
        for half in range(2):
            ids = range(half * points // 2, (half + 1) * points // 2)
            halves.append(folder / f"tiny-{points}-{half}.parquet")
            values = pa.array([0.0, 1.0] * len(ids), pa.float32())
            table = pa.table(
                {
                    "id": pa.array(ids, pa.uint64()),
                    "vector": pa.FixedSizeListArray.from_arrays(values, 2),
                    "payload": [f'{{"content":"text {number}"}}' for number in ids],
                }
            )
            pq.write_table(table, halves[-1], row_group_size=50_000)
        name = f"decide {points}"
        run(name, "merge", *halves, "--into", "local:tiny/all", "--dedupe", "content", "--dry-run")
        highest.append(run.memory_kib[name] * 1024)
        for file in halves:
            file.unlink()
    return (highest[1] - highest[0]) / (TINY[1] - TINY[0])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("build_dir", type=Path)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--index", action="store_true")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="vecferry-bench-", dir=options.folder))
    try:
        run = Runner((options.build_dir / "vecferry").resolve(), folder)
        source = folder / "seeded.parquet"
        seeded_file(source, options.points, options.dim)
        index = ["--index"] if options.index else []
        run(None, "import", source, "local:db/docs", "--no-verify", *index)
        source.unlink()
        run(None, "split", "local:db/docs", "--parts", 2, "--to", "local:halves")
        for _ in range(options.rounds):
            one_round(run, folder)
        if options.index:
            run(None, "clone", "local:db/docs", "last")
            built, carried = (indexed_vectors(folder, name) for name in ("docs", "last"))
            print(f"segments with a vector index: {built}, in the clone {carried}")
        copies = run.seconds["copy"]
        for name, seconds in run.seconds.items():
            ratio = statistics.median(c / s for c, s in zip(copies, seconds, strict=True))
            rate = options.points / run.median(name)
            print(
                f"{name:16} {run.median(name):6.2f} s  {rate:9,.0f} points/s  {ratio:.2f} of copy"
            )
        print(f"memory of --dedupe content: {bytes_a_point(run, folder):.1f} bytes a point")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
