"""`backup --native`: the server's own files beside a backup, and a restore from them."""

import json
import signal
import subprocess
import tarfile

import pytest
from served import start_serve, stop_serve
from support import TIMEOUT_S, example_documents, tree, write_plain

ARCHIVE = "archive:kept"


@pytest.fixture
def served(vecferry, start):
    """A server with `docs`, which has an index and an alias."""
    file = write_plain(vecferry.folder / "docs.json", example_documents(200))
    process, server = start_serve(start, "local:served")
    aside = vecferry.folder.parent / "elsewhere"  # what a server has in TMPDIR is its own
    aside.mkdir()
    vecferry.temporary = aside
    vecferry.json("import", file, f"{server.url}/docs")
    with server.client() as client:
        client.create_payload_index("docs", "source", "keyword", wait=True)
    vecferry.json("alias", "set", f"{server.url}/live", "--to", "docs")
    yield server
    stop_serve(process)


def manifest_of(vecferry):
    newest = max((vecferry.folder / "kept" / "collections" / "docs").glob("[0-9]*.json"))
    return json.loads(newest.read_text())


def native_file(vecferry):
    (path,) = (vecferry.folder / "kept" / "native" / "docs").iterdir()
    return path


def test_a_backup_keeps_the_servers_files_and_restore_prefers_them(vecferry, served):
    done = vecferry.json("backup", f"{served.url}/docs", "--to", ARCHIVE, "--native")
    assert (done["points"], done["verified"], done["route"]) == (200, True, "engine-read")
    manifest = manifest_of(vecferry)
    assert (manifest["route"], manifest["consistency"]) == ("engine-read", "point_in_time")
    assert manifest["native"]["version"] == "1.18"
    with tarfile.open(native_file(vecferry)) as tar:
        assert tar.getnames() == ["shard-0.snapshot"]
        assert tar.getmember("shard-0.snapshot").size == manifest["native"]["shards"][0]["bytes"]
        assert len(tarfile.open(fileobj=tar.extractfile("shard-0.snapshot")).getnames()) > 3
    assert vecferry.json("check", ARCHIVE)["sound"]

    back = vecferry.json("restore", "docs", f"{served.url}/back", "--from", ARCHIVE)
    assert (back["route"], back["verified"], back["digest"]) == ("native", True, done["digest"])
    compared = vecferry.json("verify", f"{served.url}/docs", f"{served.url}/back")
    assert compared["equal"] and compared["config_equal"]
    with served.client() as client:
        found = client.query_points("back", query=[0.1] * 384, limit=3).points
        assert len(found) == 3
        client.delete("back", [found[0].id], wait=True)
        assert client.count("back", exact=True).count == 199, "writes take effect"

    local = vecferry.json("restore", "docs", "local:db/docs", "--from", ARCHIVE)
    assert (local["route"], local["digest"]) == ("stream", done["digest"])
    part = vecferry.json("restore", "docs", f"{served.url}/part", "--from", ARCHIVE, "--limit", 20)
    assert part["points"] == 20 and part["route"] != "native"


def test_an_encrypted_archive_keeps_them_sealed(vecferry, served, monkeypatch):
    with_key = vecferry.environment() | {"VECFERRY_KEY": "0f" * 32}
    monkeypatch.setattr(vecferry, "environment", lambda: with_key)
    done = vecferry.json("backup", f"{served.url}/docs", "--to", ARCHIVE, "--native")
    content = native_file(vecferry).read_bytes()
    assert content.startswith(b"VFSEAL1\n")
    assert b"ustar" not in content and b"segment.json" not in content
    assert vecferry.json("check", ARCHIVE)["sound"]
    back = vecferry.json("restore", "docs", f"{served.url}/back", "--from", ARCHIVE)
    assert (back["route"], back["digest"]) == ("native", done["digest"])


def test_damaged_files_are_named_and_the_segments_restored(vecferry, served):
    done = vecferry.json("backup", f"{served.url}/docs", "--to", ARCHIVE, "--native")
    path = native_file(vecferry)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 16
    path.write_bytes(content)
    checked = vecferry.run("--json", "check", ARCHIVE, code=3).result
    (damage,) = checked["damage"]
    assert damage["file"] == f"native/docs/{path.name}"
    assert damage["backups"] == [f"docs@{manifest_of(vecferry)['id']}"]
    back = vecferry.json("restore", "docs", f"{served.url}/back", "--from", ARCHIVE)
    assert (back["route"], back["digest"]) == ("stream", done["digest"])
    assert any("native was given up" in note for note in back["receipt"]["notes"])
    error = vecferry.fails(
        "restore", "docs", f"{served.url}/more", "--from", ARCHIVE, "--route", "native"
    )
    assert error["kind"] == "corrupt"
    with served.client() as client:
        assert not client.collection_exists("more")


def test_they_go_with_their_backup(vecferry, served):
    done = vecferry.json("backup", f"{served.url}/docs", "--to", ARCHIVE, "--native")
    first = native_file(vecferry)
    with served.client() as client:
        some, _ = client.scroll("docs", limit=7)
        client.delete("docs", [point.id for point in some], wait=True)
    second = vecferry.json("backup", f"{served.url}/docs", "--to", ARCHIVE, "--native")
    assert (done["points"], second["points"]) == (200, 193)
    folded = vecferry.json("compact", f"{ARCHIVE}/docs")
    assert folded["folded"] and vecferry.json("check", ARCHIVE)["sound"]
    back = vecferry.json("restore", "docs", f"{served.url}/back", "--from", ARCHIVE)
    assert (back["route"], back["digest"]) == ("native", second["digest"])
    vecferry.json("prune", ARCHIVE, "--keep-last", 1, "--yes")
    assert not first.exists() and native_file(vecferry).exists()
    third = vecferry.json("backup", f"{served.url}/docs", "--to", ARCHIVE)
    vecferry.json("undo", third["operation"], "--yes")
    vecferry.json("undo", second["operation"], "--yes", code=(0, 1))
    assert vecferry.json("check", ARCHIVE)["unneeded"] == []


def test_killed_anywhere_nothing_of_them_is_left(vecferry, served):
    vecferry.json("backup", f"{served.url}/docs", "--to", ARCHIVE)
    # What a killed run leaves in the spool goes with the next one.
    backup = ("backup", f"{served.url}/docs", "--to", ARCHIVE, "--native", "--spool", "spool")
    killed = 0
    while True:
        done = subprocess.run(
            [vecferry.binary, *backup],
            cwd=vecferry.folder,
            env=vecferry.environment() | {"VECFERRY_KILL_POINT": f"#{killed + 1}"},
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        killed += 1
        assert vecferry.json("check", ARCHIVE)["sound"], f"after kill {killed}"
    assert killed > 5
    checked = vecferry.json("check", ARCHIVE)
    assert checked["sound"] and checked["unneeded"] == [] and checked["strange"] == []
    assert not [path for path in tree(vecferry.folder / "kept") if ".tmp-" in path]
    assert tree(vecferry.folder / "spool") == {}
    assert not vecferry.json("ls", served.url)["collections"][1:]


def test_a_place_without_such_files_is_refused(vecferry, docs):
    error = vecferry.fails("backup", docs, "--to", ARCHIVE, "--native", code=6)
    assert error["kind"] == "incompatible" and "snapshots" in error["what"]
    assert not (vecferry.folder / "kept").exists()
    error = vecferry.fails("backup", docs, "--to", ARCHIVE, "--native", "--route", "stream")
    assert error["kind"] == "usage"
