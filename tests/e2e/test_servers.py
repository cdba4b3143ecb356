"""Copies between two servers: settings and all; and what is left when one of the three dies."""

import json
import subprocess
import uuid

import httpx
import pytest
from conftest import REAL_SERVER
from qdrant_client import models
from served import start_serve, stop_serve
from support import wait_for


def name_servers(vecferry, **servers):
    """Give places their names in vecferry.toml, which is where a gRPC port of its own is told."""
    text = "".join(
        f'[env.{name}]\nurl = "{server.url}"\ngrpc_port = {server.grpc_port}\n'
        for name, server in servers.items()
    )
    (vecferry.folder / "vecferry.toml").write_text(text)


def config_of(server, name):
    """Settings and payload indexes as a server tells them; what only it knows left out."""
    told = httpx.get(f"{server.url}/collections/{name}", timeout=300).raise_for_status().json()
    indexes = {
        path: {key: value for key, value in index.items() if key != "points"}
        for path, index in told["result"]["payload_schema"].items()
    }
    config = told["result"]["config"]
    if config.get("metadata") == {}:  # emptied again: the note that a load was on its way
        del config["metadata"]
    return config, indexes


@pytest.mark.parametrize("transport", ["grpc", "rest"])
@pytest.mark.parametrize(("name", "count"), [("packages", 3000), ("packages_rich", 600)])
def test_a_recorded_collection_arrives_equal(
    vecferry, start, far_server, shared, name, count, transport
):
    snapshot = shared / "qdrant" / "snapshots" / f"{name}-1.18.3.snapshot.zst"
    vecferry.json("import", snapshot, f"local:first/{name}")
    process, first = start_serve(start, "local:first")
    alias = models.CreateAlias(collection_name=name, alias_name="current")
    with first.client() as client:
        client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])

    name_servers(vecferry, first=first, second=far_server)
    source, target = f"first/{name}", f"second/{name}"
    copied = vecferry.json("--transport", transport, "copy", source, target)
    assert copied["verified"]
    assert copied["points"] == count
    proof = vecferry.json("verify", source, target)
    assert proof["equal"] and proof["config_equal"], proof
    assert config_of(first, name) == config_of(far_server, name)
    assert len(config_of(first, name)[1]) > 0
    with far_server.client() as client:
        assert [found.alias_name for found in client.get_aliases().aliases] == ["current"]
    assert vecferry.fails("copy", source, target, code=1)["kind"] == "exists"

    # And back, under another name: what the other server tells of itself is all there was.
    back = vecferry.json("--transport", transport, "copy", target, "first/back")
    assert (back["verified"], back["points"]) == (True, count)
    assert config_of(first, "back") == config_of(first, name)
    stop_serve(process)
    assert vecferry.json("verify", snapshot, "local:first/back")["equal"]


@pytest.fixture
def served_large(vecferry, start, large):
    """A server of 40,000 points: its process and where it listens."""
    vecferry.json("import", large, "local:first/large", "--no-verify")
    return start_serve(start, "local:first")


def count_at(server):
    body = {"exact": True}
    answer = httpx.post(f"{server.url}/collections/large/points/count", json=body, timeout=300)
    return answer.json()["result"]["count"] if answer.status_code == 200 else 0


def end(process):
    """What a copy that met a dead server said; it may not hang, nor call it a success."""
    stdout, stderr = process.communicate(timeout=90)
    last = json.loads(stdout.splitlines()[-1])
    assert last["type"] == "error", stderr.decode()
    assert process.returncode == last["exit_code"] in (1, 4, 5), last
    assert last["kind"] == "unavailable", last
    assert last["where"] and last["next"], last
    return last


# The index of 40,000 points takes longer than all the rest.
COPY = ("--no-wait-index", "copy", "first/large", "second/large", "--route", "stream")


def start_copy(start, vecferry, first, second):
    name_servers(vecferry, first=first, second=second)
    return start("--json", *COPY, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def copy_again(vecferry, first, second):
    name_servers(vecferry, first=first, second=second)
    again = vecferry.json(*COPY)
    assert (again["points"], again["verified"]) == (40_000, True)


def test_a_target_that_dies_is_a_clean_error_and_the_next_copy_ends(start, vecferry, served_large):
    first_process, first = served_large
    second_process, second = start_serve(start, "local:second")
    copy = start_copy(start, vecferry, first, second)
    wait_for(lambda: count_at(second) > 0)
    second_process.kill()
    # What is left there cannot be removed, and the way on is what the rest of this test does.
    assert "run the same command" in end(copy)["next"]

    second_process, second = start_serve(start, "local:second")
    copy_again(vecferry, first, second)
    for process in (first_process, second_process):
        stop_serve(process)


def test_a_source_that_dies_leaves_no_target(start, vecferry, served_large, far_server):
    first_process, first = served_large
    second = far_server
    copy = start_copy(start, vecferry, first, second)
    wait_for(lambda: count_at(second) > 0)
    first_process.kill()
    end(copy)
    with second.client() as client:
        assert not client.collection_exists("large")

    first_process, first = start_serve(start, "local:first")
    copy_again(vecferry, first, second)
    stop_serve(first_process)


def test_a_copy_that_was_killed_is_done_again(start, vecferry, served_large, far_server):
    first_process, first = served_large
    copy = start_copy(start, vecferry, first, far_server)
    wait_for(lambda: count_at(far_server) > 0)
    copy.kill()
    copy.wait()
    copy_again(vecferry, first, far_server)
    stop_serve(first_process)


@pytest.fixture
def real_name():
    """A collection of a real Qdrant that is not there, and will not be afterwards."""
    if not REAL_SERVER:
        pytest.skip("needs VECFERRY_TEST_QDRANT_URL")
    name = f"e2e-{uuid.uuid4()}"
    yield name
    httpx.delete(f"{REAL_SERVER}/collections/{name}", timeout=300).raise_for_status()


@pytest.mark.parametrize("of", ["collection", "shard"])
def test_a_snapshot_that_we_made_works_in_a_real_server(vecferry, start, docs, real_name, of):
    process, served = start_serve(start, docs.rpartition("/")[0])
    name_servers(vecferry, served=served)
    collection, target = f"{served.url}/collections/docs", f"{REAL_SERVER}/collections/{real_name}"
    if of == "collection":
        made = httpx.post(f"{collection}/snapshots", timeout=300).json()["result"]
        packed = httpx.get(f"{collection}/snapshots/{made['name']}", timeout=300).content
        upload = f"{target}/snapshots/upload"
    else:
        vecferry.json("copy", "served/docs", f"{REAL_SERVER}/{real_name}", "--limit", "0")
        packed = httpx.get(f"{collection}/shards/0/snapshot", timeout=300).content
        upload = f"{target}/shards/0/snapshots/upload"
    answer = httpx.post(
        f"{upload}?priority=snapshot&wait=true", files={"snapshot": packed}, timeout=300
    )
    assert answer.status_code == 200, answer.text
    assert vecferry.json("verify", "served/docs", f"{REAL_SERVER}/{real_name}")["equal"]

    # What is written later takes effect, too.
    def count(**wanted):
        body = {"exact": True, **wanted}
        return httpx.post(f"{target}/points/count", json=body, timeout=300).json()["result"][
            "count"
        ]

    point = {"payload": {"later": True}, "filter": {}}
    httpx.post(f"{target}/points/payload?wait=true", json=point, timeout=300).raise_for_status()
    later = {"must": [{"key": "later", "match": {"value": True}}]}
    assert count(filter=later) == count() > 0
    stop_serve(process)


def test_doctor_tells_what_a_key_may_do(vecferry, start, docs):
    process, server = start_serve(start, docs.rpartition("/")[0])
    assert "make collections" in rights(vecferry, server)
    stop_serve(process)
    process, server = start_serve(start, docs.rpartition("/")[0], "--read-only")
    assert rights(vecferry, server).startswith("may read; good as a source")
    stop_serve(process)


def rights(vecferry, server):
    checks = vecferry.json("doctor", server.url)["checks"]
    (found,) = [check["text"] for check in checks if check["topic"] == "rights"]
    return found
