"""What can be asked of a copy: which points, which fields, which vectors, where from."""

import json
import re
from datetime import datetime

import pyarrow.parquet as pq
import pytest
from support import example_documents, tree, write_plain
from test_forms import rich_table


def payloads(vecferry, location):
    points = vecferry.json("peek", location, "--limit", 1000)["points"]
    return {point["id"]: point["payload"] for point in points}


WHERE = {
    "chapter=Indexes": lambda m: m["chapter"] == "Indexes",
    "chapter=Indexes and words>100": lambda m: m["chapter"] == "Indexes" and m["words"] > 100,
    "words<=25": lambda m: m["words"] <= 25,
    "chapter!=Indexes": lambda m: m["chapter"] != "Indexes",
    "position>=0.5 and position<0.75": lambda m: 0.5 <= m["position"] < 0.75,
    "chapter='Data Definition' and paragraph=1": lambda m: (
        m["chapter"] == "Data Definition" and m["paragraph"] == 1
    ),
    '{"must":[{"key":"chapter","match":{"value":"Indexes"}},{"key":"words","range":{"gt":100}}]}': (
        lambda m: m["chapter"] == "Indexes" and m["words"] > 100
    ),
    '{"must_not":[{"key":"chapter","match":{"any":["Indexes","Data Definition"]}}]}': (
        lambda m: m["chapter"] not in ("Indexes", "Data Definition")
    ),
    "chapter in (Indexes, 'Data Definition') and not paragraph>2": lambda m: (
        m["chapter"] in ("Indexes", "Data Definition") and m["paragraph"] <= 2
    ),
    "links is empty or words>150": lambda m: not m["links"] or m["words"] > 150,
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("source", ["docs.json", "local:db/docs"])
def test_where(vecferry, docs, where, source):
    expected = {int(d["id"]) for d in example_documents() if WHERE[where](d["metadata"])}
    result = vecferry.json("copy", source, "local:out/docs", "--where", where)
    assert result["verified"]
    assert set(payloads(vecferry, "local:out/docs")) == expected
    assert 0 < len(expected) < 420


@pytest.mark.parametrize("where", ["id in (1, 2, 999)", '{"must":[{"has_id":[1,2,999]}]}'])
@pytest.mark.parametrize("source", ["docs.json", "local:db/docs"])
def test_where_by_id(vecferry, docs, where, source):
    vecferry.json("copy", source, "local:out/docs", "--where", where)
    assert set(payloads(vecferry, "local:out/docs")) == {1, 2}


@pytest.mark.parametrize("where", ["words>", "words>many>few", '{"must":', '{"most":[]}', "and"])
def test_where_that_makes_no_sense(vecferry, docs, where):
    error = vecferry.fails("copy", docs, "local:out/docs", "--where", where, code=2)
    assert error["kind"] == "usage"


def test_select_payload(vecferry, docs):
    vecferry.json("copy", docs, "local:out/docs", "--select-payload", "chapter,words")
    kept = payloads(vecferry, "local:out/docs")
    assert kept == {
        int(d["id"]): {k: d["metadata"][k] for k in ("chapter", "words")}
        for d in example_documents()
    }


def test_drop_payload(vecferry, docs):
    vecferry.json("copy", docs, "local:out/docs", "--drop-payload", "content,links")
    kept = payloads(vecferry, "local:out/docs")
    assert kept == {
        int(d["id"]): {k: v for k, v in d["metadata"].items() if k != "links"}
        for d in example_documents()
    }


def test_limit(vecferry, docs):
    result = vecferry.json("copy", docs, "local:out/docs", "--limit", 17)
    assert (result["points"], result["verified"]) == (17, True)
    assert list(payloads(vecferry, "local:out/docs")) == list(range(1, 18))


def test_provenance(vecferry, folder, docs):
    vecferry.json("copy", docs, "local:out/docs", "--provenance")
    for payload in payloads(vecferry, "local:out/docs").values():
        assert payload["imported_from"] == docs
        assert datetime.fromisoformat(payload["imported_at"]).utcoffset().total_seconds() == 0
    verdict = vecferry.json("verify", docs, "local:out/docs", code=3)
    assert verdict["different"] == 420


@pytest.fixture
def rich(vecferry, folder):
    pq.write_table(rich_table(), folder / "rich.parquet")
    vecferry.json("import", "rich.parquet", "local:db/rich")
    return "local:db/rich"


def test_vectors(vecferry, folder, rich):
    vecferry.json("copy", rich, "out.parquet", "--vectors", "half,words")
    assert pq.read_schema(folder / "out.parquet").names == [
        *("id", "uuid", "shard_key", "vector.half", "vector.words", "payload"),
    ]
    params = vecferry.json("info", "out.parquet")["config"]["params"]
    assert list(params["vectors"]) == ["half"]
    assert list(params["sparse_vectors"]) == ["words"]


def test_rename_vector(vecferry, folder, rich):
    vecferry.json("copy", rich, "local:out/rich", "--rename-vector", "half=title")
    assert set(vecferry.json("info", "local:out/rich")["config"]["params"]["vectors"]) == {
        *("bytes", "title", "many"),
    }
    vecferry.json("export", "local:out/rich", "out.parquet")
    renamed = pq.read_table(folder / "out.parquet")
    original = pq.read_table(folder / "rich.parquet")
    assert renamed.column("vector.title").to_pylist() == original.column("vector.half").to_pylist()


def test_unnamed_vector_gets_a_name(vecferry, folder, docs):
    vecferry.json("copy", docs, "out.parquet", "--rename-vector", "=text")
    assert "vector.text" in pq.read_schema(folder / "out.parquet").names


@pytest.mark.parametrize(
    "options",
    [("--vectors", "titel"), ("--rename-vector", "titel=x"), ("--rename-vector", "half=a/b")],
)
def test_vector_that_cannot_be(vecferry, folder, rich, options):
    error = vecferry.fails("copy", rich, "out.parquet", *options, code=(2, 5, 6))
    assert options[1].split("=")[-1] in json.dumps(error) or "titel" in json.dumps(error)
    assert not (folder / "out.parquet").exists()


def test_no_verify_is_in_the_receipt(vecferry, docs):
    result = vecferry.json("copy", docs, "local:out/docs", "--no-verify")
    assert result["verified"] is False
    assert result["receipt"]["verified"] is False
    text = vecferry.run("copy", docs, "local:out/again", "--no-verify")
    assert re.search(r"verified +no", text.stdout)


def test_memory_bound_is_taken(vecferry, docs):
    result = vecferry.json("copy", docs, "local:out/docs", "--memory", "16MiB")
    assert result["verified"]
    vecferry.fails("copy", docs, "local:out/again", "--memory", "much", code=2)


def test_strict_floats(vecferry, folder):
    """One float in ten of 17 digits moves in the engine's parser: counted, or refused."""
    documents = example_documents(50)
    for i, document in enumerate(documents):
        document["metadata"]["score"] = 0.1 + i / 7
    write_plain(folder / "floats.json", documents)
    result = vecferry.json("import", "floats.json", "local:db/floats")
    assert result["verified"]
    assert 0 < result["floats_rounded"] < 50
    before = tree(folder)
    vecferry.fails("import", "floats.json", "local:db/strict", "--strict-floats", code=(1, 6))
    assert tree(folder) == before


def test_distance_and_id_key(vecferry, folder):
    documents = [dict(d, id=f"page {d['id']}") for d in example_documents(5)]
    write_plain(folder / "pages.json", documents)
    vecferry.json("import", "pages.json", "local:db/x", "--distance", "Dot", "--id-key", "page_id")
    config = vecferry.json("info", "local:db/x")["config"]
    assert config["params"]["vectors"]["distance"] == "Dot"
    kept = {payload["page_id"] for payload in payloads(vecferry, "local:db/x").values()}
    assert kept == {document["id"] for document in documents}
    vecferry.fails("import", "pages.json", "local:db/y", "--distance", "Manhatan", code=2)
