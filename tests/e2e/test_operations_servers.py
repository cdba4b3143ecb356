"""Operations on collections of a server: readers notice nothing, and a kill is no loss."""

import subprocess
import threading

import httpx
import pytest
from served import start_serve, stop_serve
from support import wait_for
from test_operations import newest, run_killed
from test_servers import name_servers


@pytest.fixture
def place(vecferry, docs, far_server):
    """A running server with the collection `docs` and its alias `live`."""
    name_servers(vecferry, served=far_server)
    vecferry.json("copy", docs, "served/docs")
    vecferry.json("alias", "set", "served/live", "--to", "docs")
    return far_server.url


class Reader(threading.Thread):
    """Reads through the alias without a pause, and keeps what failed."""

    def __init__(self, url):
        super().__init__()
        self.url, self.stopped = url, threading.Event()
        self.reads, self.failed = 0, []

    def run(self):
        with httpx.Client(timeout=30) as client:
            while not self.stopped.is_set():
                answer = client.post(
                    f"{self.url}/collections/live/points/scroll", json={"limit": 5}
                )
                self.reads += 1
                if answer.status_code != 200 or len(answer.json()["result"]["points"]) != 5:
                    self.failed.append(answer.text)


def test_rename_under_a_reader(vecferry, place):
    reader = Reader(place)
    reader.start()
    try:
        done = vecferry.json("rename", f"{place}/docs", "renamed", "--keep-alias", "--yes")
        undone = vecferry.json("undo", done["operation"])
    finally:
        reader.stopped.set()
        reader.join()
    assert done["verified"] and undone["operation"] == done["operation"]
    assert reader.failed == [] and reader.reads > 10
    assert vecferry.json("info", f"{place}/docs")["points_count"] > 0


@pytest.mark.parametrize("way", ["resume", "undo"])
def test_clone_killed_at_every_point(vecferry, place, way):
    passed = 0
    while True:
        target = f"{place}/copy-{passed}"
        if not run_killed(vecferry, f"#{passed + 1}", "clone", f"{place}/docs", target):
            break
        passed += 1
        entry = newest(vecferry)
        if entry["target"] != target or entry["state"] == "done":
            continue
        vecferry.json(way, entry["id"])
        if way == "resume":
            compared = vecferry.json("verify", f"{place}/docs", target)
            assert compared["equal"] and compared["config_equal"], f"point {passed}"
        else:
            vecferry.fails("info", target, code=5)
    assert passed >= 8
    left = {c["collection_name"] for c in httpx_json(f"{place}/aliases")["result"]["aliases"]}
    assert left == {"docs"}


def httpx_json(url):
    answer = httpx.get(url, timeout=30)
    answer.raise_for_status()
    return answer.json()


def test_no_key_enters_the_journal(vecferry, start, folder, docs):
    """Keys come from the environment or a file, and stay there."""
    key = "s3cr3t-of-the-test"
    (folder / "key").write_text(key)
    process, server = start_serve(start, "local:db", "--api-key-file", "key")
    (folder / "vecferry.toml").write_text(
        f'[env.prod]\nurl = "{server.url}"\napi_key_file = "key"\n'
    )
    done = vecferry.json("clone", "prod/docs", "prod/copy")
    assert done["verified"]
    vecferry.json("rename", "prod/copy", "other", "--yes")
    stop_serve(process)
    state = folder.parent / "home" / ".local" / "state" / "vecferry"
    files = [file for file in state.rglob("*") if file.is_file()]
    assert len(files) > 3
    for file in files:
        assert key.encode() not in file.read_bytes(), file


def test_two_runs_on_one_target_do_not_meet(vecferry, start, place, large):
    vecferry.json("copy", large, f"{place}/large", "--no-verify")
    first = start("clone", f"{place}/large", "copy", stderr=subprocess.PIPE)
    wait_for(lambda: newest(vecferry)["verb"] == "clone" or first.poll() is not None)
    error = vecferry.fails("clone", f"{place}/docs", "copy", code=(1, 7))
    assert error["kind"] in ("conflict", "exists")
    assert first.wait(timeout=300) == 0
    assert vecferry.json("verify", f"{place}/large", f"{place}/copy")["equal"]
