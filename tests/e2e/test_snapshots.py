"""Snapshots recorded from a real server: read, carried to Parquet and back, proved."""

import io
import tarfile

import pyarrow.parquet as pq
import pytest
import zstandard
from support import read_bytes, tree

SNAPSHOTS = {
    "packages-1.18.3": 3000,
    "packages_rich-1.18.3": 600,
    "packages_rich-shard-0-1.18.3": None,
    "packages_rich-shard-1-1.18.3": None,
}


def snapshot_file(shared, name):
    return shared / "qdrant" / "snapshots" / f"{name}.snapshot.zst"


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_snapshot_goes_to_parquet_to_local_and_verifies(vecferry, folder, shared, name):
    file = snapshot_file(shared, name)
    first = vecferry.json("copy", file, "points.parquet")
    assert first["verified"]
    assert pq.read_metadata(folder / "points.parquet").num_rows == first["points"]

    second = vecferry.json("copy", "points.parquet", "local:db/points")
    assert second["verified"]
    assert (second["points"], second["digest"]) == (first["points"], first["digest"])

    verdict = vecferry.json("verify", file, "local:db/points")
    assert verdict["equal"] and verdict["config_equal"], verdict
    assert SNAPSHOTS[name] in (None, verdict["points_b"])

    back = vecferry.json("copy", "local:db/points", "back.parquet")
    assert back["digest"] == first["digest"]


def test_two_shards_are_the_collection(vecferry, shared):
    shards = [snapshot_file(shared, f"packages_rich-shard-{i}-1.18.3") for i in (0, 1)]
    vecferry.json("import", shards[0], "local:db/rich")
    vecferry.json("import", shards[1], "local:db/rich", "--into-existing")
    whole = snapshot_file(shared, "packages_rich-1.18.3")
    verdict = vecferry.json("verify", whole, "local:db/rich")
    assert verdict["equal"], verdict
    assert verdict["points_a"] == verdict["points_b"] == 600


def test_plain_snapshot_reads_like_the_compressed_one(vecferry, folder, shared):
    file = snapshot_file(shared, "packages_rich-1.18.3")
    (folder / "rich.snapshot").write_bytes(read_bytes(file))
    assert vecferry.json("verify", "rich.snapshot", file)["equal"]


@pytest.mark.parametrize("form", ["rich.json", "rich.jsonl", "rich.jsonl.zst"])
def test_rich_snapshot_survives_the_text_forms(vecferry, shared, form):
    """Named, float16, multi and sparse vectors, both kinds of id, missing vectors."""
    file = snapshot_file(shared, "packages_rich-1.18.3")
    vecferry.json("copy", file, form)
    vecferry.json("import", form, "local:db/rich")
    verdict = vecferry.json("verify", form, "local:db/rich")
    assert verdict["equal"] and verdict["config_equal"], verdict
    verdict = vecferry.json("verify", file, "local:db/rich")
    assert verdict["equal"] and verdict["config_equal"], verdict


def test_settings_of_the_server_are_kept(vecferry, shared):
    file = snapshot_file(shared, "packages_rich-1.18.3")
    vecferry.json("import", file, "local:db/rich")
    ours, theirs = vecferry.json("info", "local:db/rich"), vecferry.json("info", file)
    assert ours["config"] == theirs["config"]
    assert ours["payload_schema"] == theirs["payload_schema"] != {}
    vectors = ours["config"]["params"]["vectors"]
    assert {spec["distance"] for spec in vectors.values()} >= {"Cosine", "Dot"}
    assert any(spec.get("datatype") == "float16" for spec in vectors.values())
    assert ours["config"]["params"]["sparse_vectors"]


def test_snapshot_is_only_read(vecferry, folder, shared, docs):
    error = vecferry.fails("copy", docs, "out.snapshot", code=6)
    assert "out.snapshot" in error["where"]
    assert "read" in error["what"]
    assert not (folder / "out.snapshot").exists()


def test_snapshot_cut_short(vecferry, folder, shared):
    data = snapshot_file(shared, "packages_rich-1.18.3").read_bytes()
    (folder / "cut.snapshot.zst").write_bytes(data[: len(data) // 2])
    before = tree(folder)
    error = vecferry.fails("import", "cut.snapshot.zst", "local:db/rich")
    assert "cut.snapshot.zst" in error["what"] + error["where"]
    assert tree(folder) == before


def test_snapshot_of_an_unknown_version(vecferry, folder, shared):
    data = read_bytes(snapshot_file(shared, "packages_rich-1.18.3"))
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for member in old:
            content = old.extractfile(member).read() if member.isfile() else b""
            if member.name == "version.info":
                content = b"99.0.0"
            elif "/wal/" in member.name:
                continue  # sparse, 64 MB, and not needed
            member = tarfile.TarInfo(member.name)
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    (folder / "new.snapshot.zst").write_bytes(zstandard.compress(out.getvalue()))
    before = tree(folder)
    error = vecferry.fails("import", "new.snapshot.zst", "local:db/rich", code=(1, 2))
    assert "99.0.0" in error["what"] + error["where"]
    assert "new.snapshot.zst" in error["what"] + error["where"]
    assert tree(folder) == before
