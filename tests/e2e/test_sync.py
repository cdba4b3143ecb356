"""`sync`: the smallest change that makes one collection equal to another, and its way back."""

import signal
import subprocess

import httpx
import pytest
from served import start_serve, stop_serve

POINTS = 40_000
CHANGED, DELETED, ADDED = 200, 150, 50  # one percent of it


@pytest.fixture
def pair(vecferry, large):
    """A large collection and its clone."""
    vecferry.json("copy", large, "local:db/a", "--no-verify")
    vecferry.json("clone", "local:db/a", "b")
    return "local:db/a", "local:db/b"


def change(start, collection="a"):
    """Change one percent of a collection, as its users would: through a server."""
    process, server = start_serve(start, "local:db")
    points = [
        {"id": 100 * i, "vector": [1.0] + [0.0] * 383, "payload": {"changed": i}}
        for i in range(CHANGED)
    ] + [
        {"id": POINTS + i, "vector": [0.0, 1.0] + [0.0] * 382, "payload": {"added": i}}
        for i in range(ADDED)
    ]
    url = f"{server.url}/collections/{collection}/points"
    httpx.put(f"{url}?wait=true", json={"points": points}, timeout=300).raise_for_status()
    gone = [100 * i + 7 for i in range(DELETED)]
    httpx.post(f"{url}/delete?wait=true", json={"points": gone}, timeout=300).raise_for_status()
    stop_serve(process)


def test_writes_only_what_changed(vecferry, start, pair):
    a, b = pair
    assert vecferry.json("sync", a, b)["nothing_to_do"]
    change(start)
    before = vecferry.json("verify", a, b, code=3)
    assert (before["missing"], before["different"], before["extra"]) == (ADDED, CHANGED, DELETED)

    plan = vecferry.run("--json", "sync", a, b, "--delete", "--dry-run").lines[0]
    assert plan["destructive"] and plan["details"]["removes"] == DELETED
    assert "--yes" in vecferry.fails("sync", a, b, "--delete", code=6)["next"]
    assert (
        "--max-delete"
        in vecferry.fails("sync", a, b, "--delete", "--max-delete", "0.1%", "--yes", code=6)["next"]
    )

    done = vecferry.json("sync", a, b, "--delete", "--yes")
    assert done["points"] == ADDED + CHANGED
    steps = {step["kind"]: step["facts"] for step in done["receipt"]["steps"]}
    assert steps["change"]["removed"] == DELETED
    assert steps["backup"]["points"] == CHANGED + DELETED
    assert vecferry.json("verify", a, b)["equal"]

    vecferry.json("undo", done["operation"])
    again = vecferry.json("verify", a, b, code=3)
    assert again["digest_b"] == before["digest_b"]


def test_without_delete_nothing_is_removed(vecferry, start, pair):
    a, b = pair
    change(start)
    vecferry.json("sync", a, b)
    left = vecferry.json("verify", a, b, code=3)
    assert (left["missing"], left["different"], left["extra"]) == (0, 0, DELETED)


def test_both_ways(vecferry, docs):
    vecferry.json("clone", docs, "other")
    for name, when in (("docs", "2026-01-01"), ("other", "2026-01-02")):
        file = vecferry.folder / f"{name}.jsonl"
        vecferry.json("export", f"local:db/{name}", file, "--limit", 3, "--no-verify")
        text = file.read_text().replace('"payload":{', f'"payload":{{"at":"{when}","by":"{name}",')
        file.write_text(text)
        vecferry.json("copy", file, f"local:db/{name}", "--into-existing")
    error = vecferry.fails("sync", docs, "local:db/other", "--both", code=2)
    assert "--prefer" in error["what"]
    done = vecferry.json("sync", docs, "local:db/other", "--both", "--prefer", "newest:at")
    assert done["receipt"]["details"]["conflicts"] == 3
    assert vecferry.json("verify", docs, "local:db/other")["equal"]
    found = vecferry.json("peek", docs, "--where", "by=other")["points"]
    assert len(found) == 3, "the newer ones stayed"


def test_watch_keeps_going(vecferry, start, pair):
    a, b = pair
    change(start)
    process = start(
        "--json", "sync", a, b, "--delete", "--yes", "--watch", "1h", stdout=subprocess.PIPE
    )
    line = b""
    while b'"type":"pass"' not in line:
        line = process.stdout.readline()
        assert line, "it ended"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    assert process.returncode == 143, "it went on until it was told to stop"
    assert vecferry.json("verify", a, b)["equal"]


def test_verify_repairs(vecferry, start, pair):
    """Just the points that differ are copied; what only the second side has stays."""
    a, b = pair
    change(start)
    vecferry.fails("verify", a, b, "--repair", "--where", "id<5", code=2)
    done = vecferry.json("verify", a, b, "--repair")
    assert (done["verb"], done["points"]) == ("repair", ADDED + CHANGED)
    left = vecferry.json("verify", a, b, code=3)
    assert (left["missing"], left["different"], left["extra"]) == (0, 0, DELETED)
    assert vecferry.json("verify", a, b, "--repair")["nothing_to_do"]
    vecferry.json("undo", done["operation"])
    assert vecferry.json("verify", a, b, code=3)["different"] == CHANGED
    error = vecferry.fails("verify", a, "local:db/none", "--repair", code=5)
    assert error["kind"] == "not_found"


def test_settings_on_request(vecferry, start, docs):
    vecferry.json("clone", docs, "other")
    process, server = start_serve(start, "local:db")
    httpx.put(
        f"{server.url}/collections/docs/index?wait=true",
        json={"field_name": "topic", "field_schema": "keyword"},
        timeout=300,
    ).raise_for_status()
    stop_serve(process)
    assert vecferry.json("sync", docs, "local:db/other")["nothing_to_do"]
    vecferry.json("sync", docs, "local:db/other", "--settings")
    assert "topic" in vecferry.json("info", "local:db/other")["payload_schema"]


def settings_of(vecferry, location):
    info = vecferry.json("info", location)
    return info["config"], info["payload_schema"]


def test_settings_become_the_source_s_and_come_back(vecferry, start, docs):
    """On a server: an index that the source lacks goes, parameters are patched, undo brings back."""
    vecferry.json("clone", docs, "other")
    process, server = start_serve(start, "local:db")
    url = f"{server.url}/collections"
    for name, field in (("docs", "topic"), ("other", "section")):
        httpx.put(
            f"{url}/{name}/index?wait=true",
            json={"field_name": field, "field_schema": "keyword"},
            timeout=300,
        ).raise_for_status()
    patch = {"hnsw_config": {"m": 24}, "optimizers_config": {"indexing_threshold": 12345}}
    httpx.patch(f"{url}/docs", json=patch, timeout=300).raise_for_status()
    source, target = f"{server.url}/docs", f"{server.url}/other"
    before = settings_of(vecferry, target)

    shown = vecferry.run("--json", "sync", source, target).lines[0]["notes"]
    assert any("hnsw_config" in note for note in shown), shown
    assert any("--settings" in note for note in shown), shown
    assert "--yes" in vecferry.fails("sync", source, target, "--settings", code=6)["next"]
    plan = vecferry.run("--json", "sync", source, target, "--settings", "--dry-run").lines[0]
    assert plan["destructive"] and any("section" in drop for drop in plan["drops"])
    done = vecferry.json("sync", source, target, "--settings", "--yes")
    assert settings_of(vecferry, target) == settings_of(vecferry, source)
    assert vecferry.json("verify", source, target)["config_equal"]
    assert vecferry.json("sync", source, target, "--settings")["nothing_to_do"]
    vecferry.json("undo", done["operation"])
    assert settings_of(vecferry, target) == before
    stop_serve(process)


def test_a_name_that_is_not_there(vecferry, docs):
    error = vecferry.fails("sync", "local:db/dosc", "local:db/x", code=5)
    assert "did you mean 'docs'" in error["what"] + error["next"]


def test_an_interval_is_checked(vecferry):
    assert vecferry.fails("sync", "a.json", "b.json", "--watch", "soon", code=2)["kind"] == "usage"
