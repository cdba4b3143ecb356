"""JSON Lines and Parquet: round trips, compression, pipes, and what other programs read in them."""

import json
import re
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from support import example_documents, read_bytes, read_jsonl, write_plain

FORMS = [
    *("docs.json", "docs.json.zst", "docs.json.gz"),
    *("docs.jsonl", "docs.jsonl.zst", "docs.jsonl.gz"),
    "docs.parquet",
]


@pytest.mark.parametrize("form", FORMS)
def test_round_trip(vecferry, folder, docs, form):
    made = vecferry.json("export", docs, f"out-{form}")
    assert (made["points"], made["verified"]) == (420, True)
    assert vecferry.json("info", f"out-{form}")["points_count"] == 420

    back = vecferry.json("import", f"out-{form}", "local:db/back")
    assert back["digest"] == made["digest"]
    verdict = vecferry.json("verify", docs, "local:db/back")
    assert verdict["equal"] and verdict["config_equal"], verdict


def test_every_form_equals_every_other(vecferry, docs):
    for form in FORMS:
        vecferry.json("export", docs, f"out-{form}")
    digests = {vecferry.json("verify", docs, f"out-{form}")["digest_b"] for form in FORMS}
    assert len(digests) == 1


def test_zst_is_zstandard(vecferry, folder, docs):
    vecferry.json("export", docs, "out.jsonl")
    vecferry.json("export", docs, "out.jsonl.zst")
    packed = (folder / "out.jsonl.zst").read_bytes()
    assert zstandard.frame_content_size(packed) is not None
    assert read_bytes(folder / "out.jsonl.zst") == (folder / "out.jsonl").read_bytes()


def test_json_lines_have_the_collection_first(vecferry, folder, docs):
    vecferry.json("export", docs, "out.jsonl")
    first, points = read_jsonl(folder / "out.jsonl")
    assert (first["format"], first["version"]) == ("vecferry.collection", 1)
    assert first["config"] == vecferry.json("info", docs)["config"]
    assert [point["id"] for point in points] == list(range(1, 421))


def test_pyarrow_reads_parquet(vecferry, folder, docs):
    vecferry.json("export", docs, "out.parquet")
    table = pq.read_table(folder / "out.parquet")
    assert table.column_names == ["id", "uuid", "shard_key", "vector", "payload"]
    assert table.schema.field("id").type == pa.uint64()
    assert table.schema.field("vector").type.list_size == 384

    documents = example_documents()
    assert table.column("id").to_pylist() == [int(d["id"]) for d in documents]
    assert table.column("uuid").null_count == len(documents)
    vectors = table.column("vector").combine_chunks().flatten().to_numpy()
    expected = np.array([d["vector"] for d in documents], dtype=np.float32)
    np.testing.assert_allclose(vectors.reshape(expected.shape), expected, rtol=0, atol=1e-6)
    payloads = [json.loads(text) for text in table.column("payload").to_pylist()]
    assert payloads == [{"content": d["content"], **d["metadata"]} for d in documents]

    collection = json.loads(table.schema.metadata[b"vecferry.collection"])
    assert collection["config"] == vecferry.json("info", docs)["config"]


def test_duckdb_reads_parquet(vecferry, folder, docs):
    vecferry.json("export", docs, "out.parquet")
    rows = duckdb.sql(
        "SELECT payload->>'chapter' AS chapter, count(*) AS n, max(len(vector)) AS dim"
        f" FROM read_parquet('{folder}/out.parquet') GROUP BY chapter ORDER BY n DESC"
    ).fetchall()
    assert rows[0] == ("Data Definition", 102, 384)
    assert sum(n for _, n, _ in rows) == 420


def test_stdout_carries_the_file(vecferry, folder, docs):
    vecferry.json("export", docs, "out.jsonl")
    run = vecferry.run("export", docs, "-")
    assert run.stdout == (folder / "out.jsonl").read_text()


def test_stdin_is_a_file(vecferry, folder, docs):
    vecferry.json("export", docs, "out.jsonl")
    data = (folder / "out.jsonl").read_bytes()
    result = vecferry.json("import", "-", "local:db/piped", stdin=data)
    assert result["points"] == 420
    assert vecferry.json("verify", docs, "local:db/piped")["equal"]


def rich_table():
    """Points as another program would write them: two named vectors, sparse, both kinds of id."""
    rng = np.random.default_rng(3)
    count, dim = 50, 8
    numeric = count // 2
    ids = pa.array([*range(1, numeric + 1), *[None] * (count - numeric)], pa.uint64())
    uuids = pa.array(
        [*[None] * numeric, *sorted(rng.bytes(16) for _ in range(count - numeric))], pa.binary(16)
    )

    def dense(kind, missing):
        values = rng.integers(0, 255, (count, dim)).astype(kind)
        rows = [None if i % missing == 0 else list(values[i]) for i in range(count)]
        return pa.array(rows, pa.list_(pa.from_numpy_dtype(kind), dim))

    many = [[list(map(float, rng.random(dim))) for _ in range(1 + i % 3)] for i in range(count)]
    sparse = [
        {
            "indices": sorted(map(int, rng.choice(1000, 5, replace=False))),
            "values": [0.5, 1, 2, 3, 4],
        }
        for _ in range(count)
    ]
    columns = {
        "id": ids,
        "uuid": uuids,
        "shard_key": pa.nulls(count, pa.string()),
        "vector.bytes": dense(np.uint8, 7),
        "vector.half": dense(np.float16, 5),
        "vector.many": pa.array(many, pa.list_(pa.list_(pa.float32(), dim))),
        "vector.words": pa.array(
            sparse, pa.struct({"indices": pa.list_(pa.uint32()), "values": pa.list_(pa.float32())})
        ),
        "payload": pa.array(
            [
                None if i % 4 == 0 else json.dumps({"n": i, "tag": "ab"[i % 2]})
                for i in range(count)
            ],
            pa.large_string(),
        ),
    }
    size = {"size": dim}
    params = {
        "vectors": {
            "bytes": {**size, "distance": "Euclid", "datatype": "uint8"},
            "half": {**size, "distance": "Dot", "datatype": "float16"},
            "many": {**size, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
        },
        "sparse_vectors": {"words": {"modifier": "idf"}},
    }
    collection = {
        "format": "vecferry.collection",
        "version": 1,
        "config": {"params": params},
        "payload_schema": {"tag": "keyword"},
        "aliases": [],
    }
    return pa.table(columns).replace_schema_metadata(
        {"vecferry.collection": json.dumps(collection)}
    )


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_vector_and_id_round_trips(vecferry, folder, form):
    pq.write_table(rich_table(), folder / "rich.parquet")
    vecferry.json("import", "rich.parquet", "local:db/rich")
    assert vecferry.json("verify", "rich.parquet", "local:db/rich")["equal"]

    vecferry.json("export", "local:db/rich", f"out-{form}")
    vecferry.json("import", f"out-{form}", "local:db/back")
    verdict = vecferry.json("verify", "local:db/rich", "local:db/back")
    assert verdict["equal"] and verdict["config_equal"], verdict
    assert vecferry.json("verify", "rich.parquet", "local:db/back")["equal"]


def test_pyarrow_gets_back_what_it_wrote(vecferry, folder):
    table = rich_table()
    pq.write_table(table, folder / "rich.parquet")
    vecferry.json("import", "rich.parquet", "local:db/rich")
    vecferry.json("export", "local:db/rich", "out.parquet")
    back = pq.read_table(folder / "out.parquet")
    assert back.column_names == table.column_names
    for name in ("id", "vector.bytes", "vector.half", "vector.many", "vector.words"):
        assert back.column(name).to_pylist() == table.column(name).to_pylist(), name


def test_integers_and_floats_stay_apart(vecferry, folder):
    (document,) = example_documents(1)
    document["metadata"] = {
        "int": 1,
        "float": 1.0,
        "large": 2**63,
        "negative": -(2**63),
        "tiny": 5e-324,
    }
    write_plain(folder / "one.json", [document])
    vecferry.json("import", "one.json", "local:db/one")
    vecferry.json("export", "local:db/one", "one.parquet")
    (text,) = pq.read_table(folder / "one.parquet").column("payload").to_pylist()
    assert '"int":1,' in text and '"float":1.0,' in text
    assert f'"large":{2**63},' in text and f'"negative":{-(2**63)},' in text
    assert json.loads(text)["tiny"] == 5e-324


def peak_mib(process):
    """Most memory that a process had in use at once, watched until it ends."""
    peak = 0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        peak = max(peak, int(found[1]) >> 10) if found else peak
        time.sleep(0.002)
    return peak


def test_a_large_file_takes_hardly_more_memory_than_a_small_one(
    vecferry, folder, example, large, start
):
    vecferry.json("copy", large, "large.json", "--no-verify")
    size_mib = (folder / "large.json").stat().st_size >> 20
    assert size_mib > 150
    peaks = {}
    for file in (example.name, "large.json"):
        process = start("-q", "copy", file, f"copy-of-{file}", "--memory", "16MiB")
        peaks[file] = peak_mib(process)
        assert process.returncode == 0
    assert peaks["large.json"] < peaks[example.name] + size_mib / 3, peaks
