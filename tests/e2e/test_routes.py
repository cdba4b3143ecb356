"""Collections that travel as what a server has on disk: native, engine-read and ship."""

import json
import random
import subprocess
import threading
import time

import httpx
import pyarrow.parquet
import pytest
from qdrant_client import models
from served import start_serve, stop_serve
from support import tree
from test_operations import newest, run_killed
from test_servers import config_of, name_servers

ROUTES = ["stream", "native", "engine-read", "ship"]


@pytest.fixture
def servers(vecferry, start, shared):
    """Two servers; the first has a recorded collection with all kinds of vectors and indexes."""
    snapshot = shared / "qdrant" / "snapshots" / "packages_rich-1.18.3.snapshot.zst"
    vecferry.json("import", snapshot, "local:first/rich")
    processes, servers = zip(
        *[start_serve(start, f"local:{place}") for place in ("first", "second")], strict=True
    )
    name_servers(vecferry, first=servers[0], second=servers[1])
    yield servers
    for process in processes:
        stop_serve(process)


def nothing_is_left(vecferry, *servers):
    """No snapshot on a server, nothing unfinished, no spool (`run` looks into TMPDIR itself)."""
    for server in servers:
        for name in names_at(server):
            for path in (
                f"/collections/{name}/snapshots",
                f"/collections/{name}/shards/0/snapshots",
            ):
                listed = httpx.get(server.url + path, timeout=60).raise_for_status().json()
                assert listed["result"] == []
            info = httpx.get(f"{server.url}/collections/{name}", timeout=60).json()
            assert "vecferry.unfinished_load" not in json.dumps(info)
    state = vecferry.folder.parent / "home" / ".local" / "state" / "vecferry"
    assert not [path for path in tree(state) if "ship-" in path]


def names_at(server):
    listed = httpx.get(f"{server.url}/collections", timeout=60).raise_for_status().json()
    return sorted(entry["name"] for entry in listed["result"]["collections"])


def takes_writes(server, name):
    """Later writes must not be acknowledged and dropped: overwrite one point, delete another."""
    with server.client() as client:
        first, second = client.scroll(name, limit=2, with_vectors=True)[0]
        client.set_payload(name, {"touched": True}, points=[first.id], wait=True)
        client.delete(name, models.PointIdsList(points=[second.id]), wait=True)
        found = client.retrieve(name, [first.id, second.id])
    assert [point.id for point in found] == [first.id]
    assert found[0].payload["touched"] is True


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_brings_the_same(vecferry, servers, route):
    first, second = servers
    copied = vecferry.json("copy", "first/rich", "second/rich", "--route", route)
    assert (copied["route"], copied["verified"], copied["points"]) == (route, True, 600)
    proof = vecferry.json("verify", "first/rich", "second/rich")
    assert proof["equal"] and proof["config_equal"], proof
    assert config_of(first, "rich") == config_of(second, "rich")
    info = httpx.get(f"{second.url}/collections/rich", timeout=60).json()["result"]
    assert info["status"] == "green"
    assert all(index["points"] > 0 for index in info["payload_schema"].values())
    nothing_is_left(vecferry, first, second)
    takes_writes(second, "rich")


@pytest.mark.parametrize("route", ["stream", "engine-read"])
def test_export_by_route(vecferry, servers, folder, route):
    exported = vecferry.json("export", "first/rich", "rich.parquet", "--route", route)
    assert (exported["route"], exported["verified"]) == (route, True)
    assert pyarrow.parquet.read_table(folder / "rich.parquet").num_rows == 600
    assert vecferry.json("verify", "first/rich", "rich.parquet", "--route", route)["equal"]
    nothing_is_left(vecferry, *servers)


class Writer(threading.Thread):
    """Gives every operation a rising number and writes it into all of its points at once."""

    def __init__(self, url, name, ids):
        super().__init__()
        self.url, self.name, self.ids = url, name, ids
        self.stopped, self.written = threading.Event(), 0

    def run(self):
        with httpx.Client(timeout=60) as client:
            while not self.stopped.is_set():
                body = {"payload": {"turn": self.written + 1}, "points": self.ids}
                path = f"{self.url}/collections/{self.name}/points/payload?wait=true"
                client.post(path, json=body).raise_for_status()
                self.written += 1


def test_engine_read_is_a_point_in_time(vecferry, servers, folder):
    """Under a writer that never stops, each file holds all of one operation and none of the next."""
    first, _ = servers
    with first.client() as client:
        ids = [point.id for point in client.scroll("rich", limit=200)[0]]
    writer = Writer(first.url, "rich", ids)
    writer.start()
    try:
        for i in range(3):
            before = writer.written
            vecferry.json("export", "first/rich", f"{i}.parquet", "--route", "engine-read")
            payloads = pyarrow.parquet.read_table(folder / f"{i}.parquet")["payload"].to_pylist()
            turns = {json.loads(text).get("turn") for text in payloads if text} - {None}
            assert len(turns) == 1 and turns.pop() >= before
    finally:
        writer.stopped.set()
        writer.join()
    assert writer.written > 3


def test_native_catches_up_with_a_live_source(vecferry, servers):
    first, second = servers
    with first.client() as client:
        ids = [point.id for point in client.scroll("rich", limit=50)[0]]
    writer = Writer(first.url, "rich", ids)
    writer.start()
    try:
        copied = vecferry.json("copy", "first/rich", "second/rich", "--route", "native")
    finally:
        writer.stopped.set()
        writer.join()
    assert copied["points"] == 600
    vecferry.json("sync", "first/rich", "second/rich")
    assert vecferry.json("verify", "first/rich", "second/rich")["equal"]


@pytest.mark.parametrize("route", ["native", "engine-read", "ship"])
def test_without_the_right_it_is_said_or_streamed(
    vecferry, start, shared, folder, monkeypatch, route
):
    """A key that may only read streams a source, and can neither take nor put snapshots."""
    snapshot = shared / "qdrant" / "snapshots" / "packages_rich-1.18.3.snapshot.zst"
    vecferry.json("import", snapshot, "local:first/rich")
    (folder / "full").write_text("full-key")
    (folder / "read").write_text("read-key")
    environment = vecferry.environment() | {"VECFERRY_READ_ONLY_API_KEY": "read-key"}
    monkeypatch.setattr(vecferry, "environment", lambda: environment)
    process, server = start_serve(start, "local:first", "--api-key-file", "full")
    (folder / "vecferry.toml").write_text(
        f'[env.first]\nurl = "{server.url}"\ngrpc_port = {server.grpc_port}\napi_key_file = "read"\n'
    )
    target = "first/other" if route == "ship" else "local:here/rich"
    source = "local:away/rich" if route == "ship" else "first/rich"
    if route == "ship":
        vecferry.json("import", snapshot, "local:away/rich")
    error = vecferry.fails("copy", source, target, "--route", route, code=(1, 5, 6))
    assert error["next"], error
    if route != "ship":
        copied = vecferry.json("copy", source, target)
        assert (copied["route"], copied["verified"]) == ("stream", True)
    stop_serve(process)


@pytest.mark.parametrize("route", ["native", "ship", "engine-read"])
@pytest.mark.parametrize("way", ["resume", "undo"])
def test_killed_at_every_point(vecferry, servers, route, way):
    first, second = servers
    passed = 0
    while True:
        target = f"{second.url}/copy-{passed}"
        clone = ("clone", f"{first.url}/rich", target, "--route", route, "--spool", "spool")
        if not run_killed(vecferry, f"#{passed + 1}", *clone):
            break
        passed += 1
        entry = newest(vecferry)
        if entry is None or entry["target"] != target or entry["state"] == "done":
            continue
        vecferry.json(way, entry["id"])
        if way == "resume":
            compared = vecferry.json("verify", f"{first.url}/rich", target)
            assert compared["equal"] and compared["config_equal"], f"point {passed}"
        else:
            vecferry.fails("info", target, code=5)
    assert passed >= 8
    nothing_is_left(vecferry, first, second)
    assert tree(vecferry.folder / "spool") == {}


@pytest.mark.parametrize("route", ROUTES)
def test_a_copy_killed_at_any_moment_is_typed_again(vecferry, servers, start, route):
    """What a kill leaves is replaced by the same command, or is complete."""
    choice, killed = random.Random(3), 0
    command = ("copy", "first/rich", "second/rich", "--route", route, "--spool", "spool")
    began = time.monotonic()
    vecferry.json(*command)
    span = time.monotonic() - began
    vecferry.json("drop", "second/rich", "--yes", "--no-backup")
    for _ in range(12):
        process = start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=span * choice.uniform(0.05, 0.9))
        except subprocess.TimeoutExpired:
            process.kill()
        if process.wait() != 0:
            killed += 1
            again = vecferry.run("--json", *command, code=(0, 1))
            assert again.code == 0 or again.error["kind"] == "exists"
        assert vecferry.json("verify", "first/rich", "second/rich")["equal"]
        vecferry.json("drop", "second/rich", "--yes", "--no-backup")
    assert killed >= 3
    nothing_is_left(vecferry, *servers)


def test_merge_and_split_over_snapshots_and_shipped(vecferry, servers):
    first, second = servers
    vecferry.json("split", "first/rich", "--parts", "2", "--to", "second", "--route", "ship")
    parts = names_at(second)
    assert len(parts) == 2
    merged = vecferry.json(
        "merge", *(f"second/{part}" for part in parts), "--into", "second/again",
        "--no-provenance", "--route", "engine-read",
    )  # fmt: skip
    assert merged["points"] == 600
    assert vecferry.json("verify", "first/rich", "second/again")["equal"]
    takes_writes(second, "again")


def test_backup_through_snapshots_is_a_point_in_time(vecferry, servers):
    vecferry.json("backup", "first/rich", "--to", "archive", "--route", "engine-read")
    listed = vecferry.json("info", "archive:archive/rich")["backups"]
    assert [backup["consistency"] for backup in listed] == ["point_in_time"]
    assert vecferry.json("verify", "archive:archive/rich", "first/rich")["equal"]
    restored = vecferry.json(
        "restore", "rich", "second/rich", "--from", "archive", "--route", "ship"
    )
    assert (restored["route"], restored["verified"]) == ("ship", True)
    takes_writes(servers[1], "rich")


def test_a_route_that_is_none(vecferry, servers, folder):
    error = vecferry.fails("copy", "first/rich", "second/x", "--route", "nativ", code=2)
    assert "native" in error["what"]
    error = vecferry.fails("copy", "first/rich", "x.parquet", "--route", "native", code=6)
    assert error["next"]
    error = vecferry.fails(
        "copy", "first/rich", "second/x", "--route", "native", "--limit=5", code=6
    )
    assert error["next"]
    assert not (folder / "x.parquet").exists() and names_at(servers[1]) == []


def test_a_dry_run_names_the_route_and_takes_no_snapshot(vecferry, servers):
    done = vecferry.run(
        "--json", "copy", "first/rich", "second/rich", "--route", "native", "--dry-run"
    )
    assert done.lines[0]["route"] == "native" and done.result["dry_run"]
    assert names_at(servers[1]) == []


def test_two_runs_ship_at_once(vecferry, servers, start):
    first = start("copy", "first/rich", "second/a", "--route", "ship", stderr=subprocess.PIPE)
    second = start("copy", "first/rich", "second/b", "--route", "ship", stderr=subprocess.PIPE)
    assert first.wait(timeout=300) == 0 and second.wait(timeout=300) == 0
    assert vecferry.json("verify", "second/a", "second/b")["equal"]
