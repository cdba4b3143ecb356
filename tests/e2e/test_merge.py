"""Merging: the two files of real data, the rules, the report, and the way back."""

import json
import uuid

import pytest
from support import read_jsonl

OURS = uuid.UUID("5b0c2e6d-437a-5f19-9e61-7c05d18b3a42")


@pytest.fixture
def packages(vecferry, shared):
    """Both files of packages: 1,500 documents each, 500 of them in both, ids 1 to 1500 in both."""
    files = [shared / "data" / f"packages_{x}_20261122_101500.json.zst" for x in "ab"]
    for name, file in zip("ab", files, strict=True):
        vecferry.json("import", file, f"local:db/{name}")
    return ["local:db/a", "local:db/b"]


def points_of(vecferry, location):
    file = vecferry.folder / "points.jsonl"
    vecferry.json("export", location, file, "--no-verify")
    _, points = read_jsonl(file)
    file.unlink()
    return {point["id"]: point for point in points}


def write_points(folder, name, points, dim=2):
    """A .jsonl file as `export` writes it."""
    config = {"params": {"vectors": {"size": dim, "distance": "Dot"}}}
    head = {"format": "vecferry.collection", "version": 1, "config": config, "name": name}
    lines = [head, *points]
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path.name


def test_by_content_the_two_files_are_2500_documents(vecferry, folder, packages):
    done = vecferry.json(
        "merge", *packages, "--into", "local:db/all", "--dedupe", "content", "--report", "r.json"
    )
    assert done["verified"] and done["points"] == 2500
    report = json.loads((folder / "r.json").read_text())
    assert (report["points"], report["duplicates"], report["remapped"]) == (2500, 500, 1000)
    first, second = report["sources"]
    assert (first["points"], first["kept"], first["remapped"]) == (1500, 1500, 0)
    assert (second["points"], second["kept"], second["remapped"]) == (1500, 1000, 1000)
    assert second["duplicates_of"] == {"local:db/a": 500}

    # The report names the 500: each pair really has the same text.
    a, b = (points_of(vecferry, location) for location in packages)
    pairs = report["duplicate_points"]
    assert len(pairs) == len({pair["id"] for pair in pairs}) == 500
    for pair in pairs:
        assert (pair["source"], pair["kept_source"]) == ("local:db/b", "local:db/a")
        assert b[pair["id"]]["payload"]["content"] == a[pair["kept_id"]]["payload"]["content"]

    # Nothing else is gone, and the way back is in the payload.
    merged = points_of(vecferry, "local:db/all")
    texts = {point["payload"]["content"] for point in [*a.values(), *b.values()]}
    assert {point["payload"]["content"] for point in merged.values()} == texts
    for point in merged.values():
        payload = dict(point["payload"])
        source = payload.pop("merged_from")
        former = payload.pop("merged_id", point["id"])
        original = (a if source == "local:db/a" else b)[former]
        assert (payload, point["vector"]) == (original["payload"], original["vector"])
        if former != point["id"]:
            assert point["id"] == str(uuid.uuid5(OURS, f"{source}\n{former}"))


def test_without_dedupe_nothing_is_lost(vecferry, packages):
    done = vecferry.json("merge", *packages, "--into", "local:db/all", "--dedupe", "none")
    assert done["points"] == 3000 and done["verified"]
    assert len(points_of(vecferry, "local:db/all")) == 3000


def test_files_merge_like_collections(vecferry, shared, packages):
    files = [shared / "data" / f"packages_{x}_20261122_101500.json.zst" for x in "ab"]
    rules = ["--dedupe", "content", "--on-conflict", "first", "--no-provenance"]
    of_files = vecferry.json("merge", *files, "--into", "local:db/f", *rules)
    of_places = vecferry.json("merge", *packages, "--into", "local:db/p", *rules)
    assert of_files["digest"] == of_places["digest"]


def test_equal_ids_are_refused_with_advice(vecferry, packages):
    error = vecferry.fails("merge", *packages, "--into", "local:db/all", code=6)
    assert "1500 ids are in more than one source" in error["what"]
    assert "--on-conflict" in error["next"]
    names = [each["name"] for each in vecferry.json("ls", "local:db")["collections"]]
    assert names == ["a", "b"]


def test_dry_run_decides_and_writes_only_the_report(vecferry, folder, packages):
    rules = ["--dedupe", "content", "--report", "r.json", "--dry-run"]
    run = vecferry.run("--json", "merge", *packages, "--into", "local:db/all", *rules)
    plan = run.lines[0]
    assert plan["type"] == "plan" and plan["points"] == 2500
    assert plan["details"]["sources"][1]["duplicates"] == 500
    assert any("500 duplicates of local:db/a" in note for note in plan["notes"]), plan["notes"]
    assert run.result["dry_run"]
    assert json.loads((folder / "r.json").read_text())["points"] == 2500
    assert len(vecferry.json("ls", "local:db")["collections"]) == 2
    assert vecferry.json("history")["operations"] == []


@pytest.mark.parametrize(
    ("rule", "kept"),
    [("first", [10, 20, 30]), ("last", [11, 21, 31]), ("newest:at", [11, 20, 31])],
)
def test_on_conflict(vecferry, folder, rule, kept):
    def points(extra, times):
        return [
            {"id": i, "vector": [i, extra], "payload": {"v": 10 * i + extra, "at": at}}
            for i, at in zip((1, 2, 3), times, strict=True)
        ]

    times_a = ["2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-01-01"]
    times_b = ["2026-02-01T00:00:00Z", "2026-01-31T23:00:00-01:00", "2026-01-01T00:00:01Z"]
    a = write_points(folder, "a", points(0, times_a))
    b = write_points(folder, "b", points(1, times_b))
    done = vecferry.json("merge", a, b, "--into", "local:db/all", "--on-conflict", rule)
    assert done["points"] == 3
    merged = points_of(vecferry, "local:db/all")
    assert [merged[i]["payload"]["v"] for i in (1, 2, 3)] == kept


def test_other_vectors_are_refused_with_a_table(vecferry, folder, docs):
    a = write_points(folder, "a", [{"id": 1, "vector": [1, 2], "payload": {}}])
    error = vecferry.fails("merge", docs, a, "--into", "local:db/all", code=6)
    assert docs in error["where"] and "a.jsonl" in error["where"]
    assert "[2] Dot" in error["where"]


def test_a_renamed_vector_fits(vecferry, docs):
    vecferry.json("copy", docs, "local:db/named", "--rename-vector", "=text")
    both = [docs, "local:db/named"]
    error = vecferry.fails("merge", *both, "--into", "local:db/all", code=6)
    assert "--rename-vector" in error["next"]
    rename = ["--rename-vector", "local:db/named:text="]
    done = vecferry.json("merge", *both, "--into", "local:db/all", *rename, "--no-provenance")
    assert vecferry.json("verify", docs, "local:db/all")["equal"]
    assert done["receipt"]["details"]["duplicates"] == done["points"]


def test_merged_into_a_server(vecferry, server, name, packages):
    target = f"{server.url}/{name}"
    done = vecferry.json("merge", *packages, "--into", target, "--dedupe", "content")
    assert done["points"] == 2500 and done["verified"]
    undone = vecferry.json("undo", done["operation"])
    assert undone["operation"] == done["operation"]
    assert vecferry.fails("info", target, code=5)
