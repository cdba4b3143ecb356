"""The archive's format: what its page promises to other readers, and to the archives of today."""

import hashlib
import json
import re
import shutil

import numpy as np
import pytest
from support import ROOT, example_documents, read_jsonl, write_plain

GOLDEN = ROOT / "tests" / "golden" / "archive-v1"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())


def read_code(name):
    """The function that the page defines, from the code as it stands there."""
    page = (ROOT / "docs" / "archive-format.md").read_text()
    (code,) = [c for c in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if f"def {name}" in c]
    assert len(code.splitlines()) <= 30
    names = {}
    exec(code, names)
    return names[name]


@pytest.fixture
def layered(vecferry):
    """An archive with a backup of three layers; the points as they are in it."""
    documents = example_documents(300)
    vecferry.json(
        "import", write_plain(vecferry.folder / "a.json", documents[:250]), "local:db/docs"
    )
    vecferry.json("backup", "local:db/docs", "--to", "kept")
    changed = [
        document | {"content": f"new {at}", "vector": documents[at + 1]["vector"]}
        for at, document in enumerate(documents[100:120])
    ]
    more = write_plain(vecferry.folder / "b.json", [*changed, *documents[250:]])
    vecferry.json("import", more, "local:db/docs", "--into-existing")
    vecferry.json("backup", "local:db/docs", "--to", "kept")
    vecferry.json("copy", "local:db/docs", "local:db/less", "--where", "words>60")
    everything = ["--delete", "--max-delete=100%", "--yes"]
    vecferry.json("sync", "local:db/less", "local:db/docs", *everything)
    vecferry.json("backup", "local:db/docs", "--to", "kept")
    vecferry.json("export", "local:db/docs", "docs.jsonl")
    _, points = read_jsonl(vecferry.folder / "docs.jsonl")
    assert 50 < len(points) < 300
    return {point["id"]: point for point in points}


def test_the_reader_of_the_page(vecferry, layered):
    manifest, rows = read_code("read_backup")(vecferry.folder / "kept", "docs")
    assert {segment["layer"] for segment in manifest["segments"]} == {0, 1, 2}
    assert {id for id, _ in rows} == set(layered)
    for (id, _), row in rows.items():
        assert np.array_equal(np.float32(row["vector"]), np.float32(layered[id]["vector"]))
        assert json.loads(row["payload"]) == layered[id]["payload"]


def test_the_query_of_the_page(vecferry, layered):
    table = read_code("backup_as_table")(vecferry.folder / "kept", "docs")
    rows = table.project("id, vector, payload").fetchall()
    assert sorted(id for id, _, _ in rows) == sorted(layered)
    for id, vector, payload in rows:
        assert np.array_equal(np.float32(vector), np.float32(layered[id]["vector"]))
        assert json.loads(payload) == layered[id]["payload"]


@pytest.mark.parametrize("archive", ["plain", "sealed"])
def test_archives_of_version_1_are_read_for_ever(vecferry, archive):
    kept = vecferry.folder / archive
    shutil.copytree(GOLDEN / archive, kept)
    key = ["--key-file", GOLDEN / "key"] if archive == "sealed" else []

    assert vecferry.json("check", kept, *key)["sound"]
    listed = vecferry.json("archives", kept, *key)["collections"]
    assert {each["name"] for each in listed} == set(EXPECTED[archive])
    assert {each["name"] for each in listed if each["archived"]} == {"docs"}
    for collection in listed:
        name, backups = collection["name"], collection["backups"]
        for number, (backup, expected) in enumerate(
            zip(backups, EXPECTED[archive][name], strict=True)
        ):
            named = f"{name}@{backup['id']}".replace("%", "%25").replace("/", "%2F")
            back = f"local:db/back-{len(name)}-{number}"
            done = vecferry.json("restore", named, back, "--from", kept, "--yes", *key)
            assert (done["points"], done["digest"]) == (expected["points"], expected["digest"])
            assert vecferry.json("verify", back, back)["digest_a"] == expected["digest"]
    aliases = {each["alias"] for each in vecferry.json("alias", "list", "local:db")["aliases"]}
    assert aliases == {f"live-{archive}"}
    schema = vecferry.json("info", "local:db/back-4-0")["payload_schema"]
    assert schema == {"nested.lang": "keyword"}


def test_a_later_version_is_refused(vecferry):
    kept = vecferry.folder / "kept"
    shutil.copytree(GOLDEN / "plain", kept)
    head = kept / "vecferry-archive.json"
    body, _, _ = head.read_text().partition(',\n "sha256"')
    body = re.sub(r'("version": *)1', r"\g<1>2", body)
    sha256 = hashlib.sha256(body.encode()).hexdigest()
    head.write_text(f'{body},\n "sha256": "{sha256}"\n}}\n')
    error = vecferry.fails("archives", kept, code=(1, 6))
    assert "version 2" in error["what"], error
