"""Archives behind `vecferry serve`: searched by the official client without a restore."""

import signal

import pytest
from qdrant_client import models
from qdrant_client.http.exceptions import UnexpectedResponse
from served import IDS, VECTORS, ids_of, nearest, start_serve, stop_serve
from support import Vecferry, example_documents, tree, write_plain

ARCHIVE = "archive:kept"


@pytest.fixture
def kept(vecferry):
    """`docs` as 200 points with an index and an alias, and before that as 100; and `notes`."""
    half = write_plain(vecferry.folder / "half.json", example_documents(100))
    vecferry.json("import", half, "local:db/docs")
    vecferry.json("backup", "local:db/docs", "--to", ARCHIVE)
    whole = write_plain(vecferry.folder / "whole.json", example_documents(200))
    vecferry.json("import", whole, "local:db/docs", "--into-existing")
    vecferry.json("alias", "set", "local:db/live", "--to", "docs")
    vecferry.json("backup", "local:db/docs", "--to", ARCHIVE)
    vecferry.json("copy", half, "local:db/notes")
    vecferry.json("archive", "local:db/notes", "--to", ARCHIVE, "--yes")


def folder_of_server(vecferry):
    return [name for name in tree(vecferry.temporary) if name.startswith("vecferry-served-")]


@pytest.mark.parametrize("grpc", [False, True])
def test_the_newest_backups_are_searched(vecferry, start, kept, grpc):
    before = tree(vecferry.folder / "kept")
    process, server = start_serve(start, ARCHIVE, "--index")
    with server.client(grpc) as client:
        assert {each.name for each in client.get_collections().collections} == {"docs", "notes"}
        assert client.count("live", exact=True).count == 200
        found = client.query_points("docs", query=VECTORS[7].tolist(), limit=5).points
        assert [each.id for each in found] == ids_of(nearest(VECTORS[7], limit=5))
        for change in (
            lambda: client.delete("docs", [IDS[0]], wait=True),
            lambda: client.delete_collection("docs"),
            lambda: client.create_collection("new", models.VectorParams(size=2, distance="Dot")),
            lambda: client.create_snapshot("docs"),
        ):
            with pytest.raises(Exception, match="read-only"):
                change()
    assert folder_of_server(vecferry) != []
    # A home of its own: what a run leaves in TMPDIR is an error, and the server works there.
    other = Vecferry(vecferry.binary, vecferry.folder.parent / "other" / "work")
    other.folder.mkdir(parents=True)
    archive = f"archive:{vecferry.folder}/kept/docs"
    proof = other.json("verify", f"{server.url}/docs", archive)
    assert proof["equal"] and proof["config_equal"]
    stop_serve(process)
    assert folder_of_server(vecferry) == []
    assert tree(vecferry.folder / "kept") == before


def test_beside_a_place_that_takes_writes(vecferry, start, kept):
    """A backup of long ago under the name that it had; what is written goes to the folder."""
    listed = vecferry.json("archives", ARCHIVE)["collections"]
    first = listed[0]["backups"][0]["id"]
    process, server = start_serve(start, "local:now", f"{ARCHIVE}/docs@{first}")
    with server.client() as client:
        assert client.count("docs", exact=True).count == 100
        client.create_collection("new", models.VectorParams(size=2, distance="Dot"))
        client.upsert("new", [models.PointStruct(id=1, vector=[1, 2])], wait=True)
        with pytest.raises(UnexpectedResponse, match="read-only"):
            client.delete("docs", [IDS[0]], wait=True)
        for collection, refused in (("docs", True), ("new", False)):
            action = models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name=collection, alias_name="a")
            )
            if refused:
                with pytest.raises(UnexpectedResponse, match="read-only"):
                    client.update_collection_aliases([action])
            else:
                assert client.update_collection_aliases([action])
    stop_serve(process)
    assert [each["name"] for each in vecferry.json("ls", "local:now")["collections"]] == ["new"]
    assert vecferry.json("verify", "local:now/new", "local:now/new")["points_a"] == 1


def test_a_killed_server_leaves_nothing_for_long(vecferry, start, kept):
    process, _ = start_serve(start, ARCHIVE)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=300)
    left = folder_of_server(vecferry)
    assert left != []
    process, _ = start_serve(start, ARCHIVE)
    assert not set(left) & set(folder_of_server(vecferry))
    stop_serve(process)


def test_what_cannot_be_served_says_why(vecferry, kept):
    error = vecferry.fails("serve", "archive:nowhere", code=(1, 5))
    assert error["kind"] == "not_found" and "nowhere" in error["what"] + error["where"]
    error = vecferry.fails("serve", f"{ARCHIVE}/doks", code=(1, 5))
    assert error["kind"] == "not_found"
    segment = next((vecferry.folder / "kept" / "segments").rglob("*.parquet"))
    segment.write_bytes(segment.read_bytes()[:-100])
    error = vecferry.fails("serve", ARCHIVE, "--http", "127.0.0.1:0", "--grpc", "off", code=(1, 5))
    assert error["kind"] == "corrupt" and segment.name in error["what"] + error["where"]
