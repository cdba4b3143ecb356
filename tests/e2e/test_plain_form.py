"""The plain interchange form: what scripts wrote imports, what we write scripts read."""

import json
import uuid

import pytest
from support import example_documents, read_plain, write_plain

PACKAGES = ["packages_a", "packages_b"]


@pytest.mark.parametrize("name", PACKAGES)
def test_real_export_imports_and_equals_its_file(vecferry, shared, name):
    file = shared / "data" / f"{name}_20261122_101500.json.zst"
    result = vecferry.json("import", file, f"local:db/{name}")
    assert (result["points"], result["verified"]) == (1500, True)

    info = vecferry.json("info", f"local:db/{name}")
    assert info["points_count"] == 1500
    assert info["config"]["params"]["vectors"]["size"] == 384

    verdict = vecferry.json("verify", file, f"local:db/{name}")
    assert verdict["equal"]
    assert (verdict["missing"], verdict["extra"], verdict["different"]) == (0, 0, 0)


@pytest.mark.parametrize("name", PACKAGES)
def test_export_and_second_import_come_back_equal(vecferry, folder, shared, name):
    file = shared / "data" / f"{name}_20261122_101500.json.zst"
    vecferry.json("import", file, "local:db/first")
    vecferry.json("export", "local:db/first", "again.json")
    vecferry.json("import", "again.json", "local:db/second")
    verdict = vecferry.json("verify", "local:db/first", "local:db/second")
    assert verdict["equal"] and verdict["config_equal"], verdict
    assert verdict["digest_a"] == verdict["digest_b"]

    # The old script's reader sees in our file what it saw in its own.
    assert read_plain(folder / "again.json")[1] == read_plain(file)[1]


def test_script_reads_our_export(vecferry, folder, example, docs):
    vecferry.json("export", docs, "out.json")
    name, points = read_plain(folder / "out.json")
    assert name == "docs"
    assert points == read_plain(example)[1]


def test_export_names_its_file_after_the_collection_and_the_time(vecferry, folder, docs):
    before = set(folder.iterdir())
    result = vecferry.json("export", docs)
    (made,) = set(folder.iterdir()) - before
    assert made.match("docs_[0-9]*_[0-9]*.json")
    assert result["target"].endswith(made.name)
    assert len(made.stem) == len("docs_YYYYmmdd_HHMMSS")


def test_import_names_the_collection_after_the_file(vecferry, folder):
    write_plain(folder / "handbook.json", example_documents(3), name="handbook")
    vecferry.json("import", "handbook.json", "local:db/")
    assert vecferry.json("ls", "local:db")["collections"] == [
        {"name": "handbook", "points_count": 3}
    ]


def test_second_import_is_refused_unless_told(vecferry, folder, docs):
    write_plain(folder / "more.json", [dict(example_documents(1)[0], id="9001")])
    error = vecferry.fails("import", "more.json", docs, code=1)
    assert error["kind"] == "exists"
    assert "--into-existing" in error["next"]
    assert vecferry.json("info", docs)["points_count"] == 420

    vecferry.json("import", "more.json", docs, "--into-existing")
    assert vecferry.json("info", docs)["points_count"] == 421


def test_ids_in_strings_become_numbers_and_uuids(vecferry, folder):
    a, b, c = example_documents(3)
    a["id"], b["id"], c["id"] = "18446744073709551615", 7, "F47AC10B-58CC-4372-A567-0E02B2C3D479"
    write_plain(folder / "ids.json", [a, b, c])
    vecferry.json("import", "ids.json", "local:db/ids")
    points = vecferry.json("peek", "local:db/ids", "--limit", 10)["points"]
    ids = [point["id"] for point in points]
    assert ids == [7, 18446744073709551615, "f47ac10b-58cc-4372-a567-0e02b2c3d479"]


def test_other_ids_become_uuids_and_keep_the_original(vecferry, folder):
    documents = example_documents(2)
    documents[0]["id"], documents[1]["id"] = "guide/chapter-1", "guide/chapter-2"
    write_plain(folder / "named.json", documents)
    run = vecferry.run("--json", "import", "named.json", "local:db/named")
    plan = run.lines[0]
    assert plan["type"] == "plan"

    points = vecferry.json("peek", "local:db/named", "--limit", 10)["points"]
    assert all(uuid.UUID(point["id"]).version == 5 for point in points)
    keys = {
        k
        for p in points
        for k, v in p["payload"].items()
        if v in ("guide/chapter-1", "guide/chapter-2")
    }
    assert len(keys) == 1
    assert any(keys.copy().pop() in sentence for sentence in plan["transforms"] + plan["notes"])

    # The same string is the same point: a second import changes nothing.
    vecferry.json("import", "named.json", "local:db/again")
    assert vecferry.json("verify", "local:db/named", "local:db/again")["equal"]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"metadata": {"a": 1}}, id="no content"),
        pytest.param({"content": "", "metadata": {}}, id="empty content"),
        pytest.param(
            {"content": "x", "metadata": {"deep": {"list": [1, 2.5, None, [], {}]}}}, id="nested"
        ),
        pytest.param({"content": "x", "metadata": {"n": 1, "f": 1.0, "big": 2**63}}, id="numbers"),
        pytest.param({"content": "x", "metadata": {"": "empty key", "a.b": "dot"}}, id="odd keys"),
        pytest.param({"content": '\u0000\u2028\U0001f40c"\\', "metadata": {}}, id="odd text"),
    ],
)
def test_payload_survives_import_and_export(vecferry, folder, payload):
    document = {**example_documents(1)[0]}
    document.pop("content")
    document.pop("metadata")
    write_plain(folder / "one.json", [{**document, **payload}])
    vecferry.json("import", "one.json", "local:db/one")
    vecferry.json("export", "local:db/one", "out.json")
    (back,) = json.loads((folder / "out.json").read_bytes())["documents"]
    kept = {key: back[key] for key in ("content", "metadata") if key in back}
    # As text, because Python takes 1 and 1.0 for equal.
    assert json.dumps(kept, sort_keys=True) == json.dumps(payload, sort_keys=True)
