"""Stopped in the middle: exit by the signal's number, and no half-made target."""

import signal
import subprocess

import pytest
from support import tree, wait_for

TARGETS = ["local:fed/docs", "out.parquet", "out.jsonl.zst", "out.json"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("target", TARGETS)
def test_signal_leaves_no_half_made_target(vecferry, folder, start, large, number, target):
    before = tree(folder)
    process = start("copy", large, target, stderr=subprocess.PIPE)
    wait_for(lambda: tree(folder) != before)
    process.send_signal(number)
    _, message = process.communicate(timeout=20)
    assert process.returncode == 128 + number, message
    assert tree(folder) == before
    assert tree(vecferry.temporary) == {}


@pytest.mark.parametrize("target", ["local:db/docs", "out.parquet"])
def test_second_signal_ends_at_once_and_the_next_run_sweeps(vecferry, folder, start, large, target):
    process = start("copy", large, target, stderr=subprocess.DEVNULL)
    wait_for(lambda: tree(folder))
    process.kill()  # what a second signal amounts to, for certain in the middle
    process.wait(timeout=20)
    result = vecferry.json("copy", large, target, "--limit", 100)
    assert (result["points"], result["verified"]) == (100, True)
    assert [p.name for p in folder.iterdir()] == [target.removeprefix("local:").split("/")[0]]


def test_killed_copy_leaves_nothing_that_is_listed(vecferry, folder, start, large, docs):
    before = tree(folder)
    process = start("copy", large, "local:db/fed", stderr=subprocess.DEVNULL)
    wait_for(lambda: tree(folder) != before)
    process.kill()
    process.wait(timeout=20)
    names = [collection["name"] for collection in vecferry.json("ls", "local:db")["collections"]]
    assert names == ["docs"]
    vecferry.fails("info", "local:db/fed", code=5)
    assert vecferry.json("copy", docs, "local:db/fed")["verified"]
    assert vecferry.json("verify", docs, "local:db/fed")["equal"]


def test_two_copies_into_one_new_collection(vecferry, folder, start, large, docs):
    """While one fills it, another is refused; the first still ends well."""
    before = tree(folder)
    process = start("copy", large, "local:db/fed", stderr=subprocess.PIPE)
    wait_for(lambda: tree(folder) != before)
    error = vecferry.fails("copy", docs, "local:db/fed", code=(1, 7))
    assert error["kind"] in ("exists", "conflict")
    _, message = process.communicate(timeout=300)
    assert process.returncode == 0, message
    assert vecferry.json("info", "local:db/fed")["points_count"] == 40_000


@pytest.fixture
def half(vecferry, folder, docs):
    """Half of an export, cut within a line."""
    vecferry.json("export", docs, "all.jsonl")
    data = (folder / "all.jsonl").read_bytes()
    return data[: len(data) // 2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_stdin_is_silent(vecferry, folder, start, half, number):
    before = tree(folder)
    process = start("import", "-", "local:fed/docs", stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(half)  # returns when most of it was read
    process.stdin.flush()
    process.send_signal(number)
    process.wait(timeout=10)
    assert process.returncode == 128 + number
    assert tree(folder) == before
    assert tree(vecferry.temporary) == {}


def test_stdin_that_ends_within_a_line(vecferry, folder, half):
    before = tree(folder)
    error = vecferry.fails("import", "-", "local:fed/docs", stdin=half, code=1)
    assert "line" in error["where"], error
    assert tree(folder) == before
