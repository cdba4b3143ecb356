"""`vecferry bench`: every route side by side, and nothing of it stays."""

import json
import signal
import subprocess
import sys

import httpx
import pytest
from served import start_serve, stop_serve
from support import read_until, wait_for


def name_servers(vecferry, **servers):
    text = "".join(
        f'[env.{name}]\nurl = "{server.url}"\ngrpc_port = {server.grpc_port}\n'
        for name, server in servers.items()
    )
    (vecferry.folder / "vecferry.toml").write_text(text)


def collections(server):
    told = httpx.get(f"{server.url}/collections", timeout=300).raise_for_status().json()
    return sorted(each["name"] for each in told["result"]["collections"])


@pytest.fixture
def two(vecferry, start, example):
    """A server with the example's documents, and an empty one."""
    vecferry.json("import", example, "local:first/docs")
    processes, servers = zip(
        *[start_serve(start, f"local:{place}") for place in ("first", "second")], strict=True
    )
    name_servers(vecferry, a=servers[0], b=servers[1])
    yield servers
    for process in processes:
        stop_serve(process)


def test_each_possible_route_is_run_and_proved(vecferry, two):
    first, second = two
    run = vecferry.run("--json", "bench", "a/docs", "b", "--rounds", "2")
    result = run.result
    assert result["verb"] == "bench" and result["rounds"] == 2
    assert result["points"] == 420
    ways = {way["way"]: way for way in result["ways"]}
    assert set(ways) == {"stream", "native", "engine-read", "ship"}
    for name, way in ways.items():
        assert way["runs"] == 2, (name, way)
        assert way["error"] == "", (name, way)
        assert way["verified"] and way["points"] == 420, (name, way)
        assert 0 < way["seconds"] <= way["green_seconds"] <= way["proved_seconds"], (name, way)
        assert way["estimated_seconds"] > 0, (name, way)
    assert ways["native"]["wire_bytes"] < ways["stream"]["wire_bytes"]
    assert [way["way"] for way in result["ways"] if way["chosen"]] == [result["choice"]["route"]]
    assert result["chosen_by_fastest"] >= 1
    rounds = [(line["round"], line["way"]) for line in run.lines if line["type"] == "run"]
    assert sorted(rounds) == sorted((n, way) for n in (1, 2) for way in ways)
    assert [n for n, _ in rounds] == sorted(n for n, _ in rounds)  # in turns
    assert collections(first) == ["docs"]
    assert collections(second) == []


def test_made_points_go_again(vecferry, two):
    first, second = two
    text = vecferry.run("bench", "a", "b", "--points", 300, "--dim", 8, "--rounds", 1).stdout
    assert "300 points" in text
    assert sum(line.startswith("* ") for line in text.splitlines()) == 2, text  # and its reason
    assert collections(first) == ["docs"]
    assert collections(second) == []


def test_one_route_and_a_peer(vecferry, two, tmp_path):
    first, second = two
    peer = tmp_path / "peer.py"
    peer.write_text(
        "import subprocess, sys\n"
        "sys.exit(subprocess.run([sys.argv[1], '--quiet', 'copy', sys.argv[2], sys.argv[3]])"
        ".returncode)\n"
    )
    good = (
        f"{sys.executable} {peer} {vecferry.binary} a/{{source_collection}} b/{{target_collection}}"
    )
    part = f"{vecferry.binary} copy --limit 10 a/docs b/{{target_collection}}"
    broken = f"{sys.executable} -c 'import sys; sys.exit(\"no luck\")'"
    result = vecferry.json(
        "bench", "a/docs", "b", "--route", "stream", "--rounds", 1,
        "--peer", good, "--peer", part, "--peer", broken,
    )  # fmt: skip
    ways = {way["way"]: way for way in result["ways"]}
    assert list(ways) == ["stream", "peer 1", "peer 2", "peer 3"]
    assert ways["peer 1"]["verified"] and ways["peer 1"]["points"] == 420
    assert ways["peer 1"]["command"] == good
    assert not ways["peer 2"]["verified"] and ways["peer 2"]["points"] == 10
    assert ways["peer 3"]["runs"] == 0
    assert "status 1" in ways["peer 3"]["error"] and "no luck" in ways["peer 3"]["error"]
    assert collections(first) == ["docs"]
    assert collections(second) == []


def test_words_that_are_wrong_make_nothing(vecferry, two):
    error = vecferry.fails("bench", "a/docs", "b", "--peer", "true {sauce}", code=2)
    assert "{sauce}" in error["what"] and "{source}" in error["next"]
    assert vecferry.fails("bench", "a/dox", "b", code=5)["kind"] == "not_found"
    assert vecferry.fails("bench", "a/docs", "out.parquet", code=6)["kind"] == "incompatible"
    assert collections(two[1]) == []


def test_interrupted_in_the_middle_nothing_stays(vecferry, two, start):
    first, second = two
    waits = f"{sys.executable} -c 'import signal; signal.pause()'"
    process = start(
        "--json", "bench", "a", "b", "--points", 200, "--dim", 4, "--rounds", 1, "--peer", waits,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    # Ours have run, and the peer never ends by itself; its source is there meanwhile.
    read_until(process.stdout.fileno(), rb'"way":"ship"', 120)
    wait_for(lambda: len(collections(first)) == 2)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert json.loads(stdout.splitlines()[-1])["kind"] == "cancelled"
    assert collections(first) == ["docs"]
    assert collections(second) == []
