"""Stopped in the middle: exit by the signal's number, and no half-made target."""

import signal
import subprocess

import pytest
from support import tree


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("target", ["local:fed/docs", "out.parquet", "out.jsonl.zst", "out.json"])
def test_signal_leaves_no_half_made_target(folder, docs, half_fed, number, target):
    before = {*tree(folder), "all.jsonl"}
    process, _ = half_fed(target, stderr=subprocess.PIPE)
    process.send_signal(number)
    _, message = process.communicate(timeout=20)
    assert process.returncode == 128 + number, message
    assert set(tree(folder)) == before


def test_source_that_ends_in_the_middle_leaves_nothing(folder, docs, half_fed):
    before = {*tree(folder), "all.jsonl"}
    process, _ = half_fed(stderr=subprocess.PIPE)
    _, message = process.communicate(timeout=20)  # closes the pipe within a line
    assert process.returncode == 1
    assert b"line" in message
    assert set(tree(folder)) == before


def test_killed_import_leaves_nothing_that_is_listed(vecferry, docs, half_fed):
    """After kill -9 the half-made collection is not shown, and does not stop the next copy."""
    process, _ = half_fed("local:db/fed", stderr=subprocess.DEVNULL)
    process.kill()
    process.wait(timeout=20)
    names = [collection["name"] for collection in vecferry.json("ls", "local:db")["collections"]]
    assert names == ["docs"]
    assert vecferry.json("copy", "local:db/docs", "local:db/fed")["verified"]
    assert vecferry.json("verify", "local:db/docs", "local:db/fed")["equal"]


def test_two_copies_into_one_new_collection(vecferry, docs, half_fed):
    """While one fills it, another is refused; the first still ends well."""
    process, rest = half_fed("local:db/fed", stderr=subprocess.DEVNULL)
    error = vecferry.fails("copy", "local:db/docs", "local:db/fed", code=(1, 7))
    assert error["kind"] in ("exists", "conflict")
    process.communicate(rest, timeout=60)
    assert process.returncode == 0
    assert vecferry.json("verify", "local:db/docs", "local:db/fed")["equal"]
