"""What an archive has to hold, wherever it lies: used by the tests of folders and of buckets."""

# Each `packages` collection that was recorded: exports of scripts, snapshots of a real server.
RECORDED = [
    "data/packages_a_20261122_101500.json.zst",
    "data/packages_b_20261122_101500.json.zst",
    "qdrant/snapshots/packages-1.18.3.snapshot.zst",
    "qdrant/snapshots/packages_rich-1.18.3.snapshot.zst",
    "qdrant/snapshots/packages_rich-shard-0-1.18.3.snapshot.zst",
    "qdrant/snapshots/packages_rich-shard-1-1.18.3.snapshot.zst",
]


def live_through(vecferry, source, archive):
    """Backup, change, backup, archive, restore, drill, prune, check of what the file `source` has."""
    docs, everything = "local:db/docs", ["--delete", "--max-delete=100%", "--yes"]

    def digest(location):
        return vecferry.json("verify", location, location)["digest_a"]

    def assert_same(a, b):
        found = vecferry.json("verify", a, b)
        assert found["equal"] and found["config_equal"], found

    def backups():
        (listed,) = vecferry.json("archives", archive)["collections"]
        return listed["archived"], [backup["id"] for backup in listed["backups"]]

    made = vecferry.json("copy", source, docs)
    count, first = made["points"], digest(docs)
    assert vecferry.json("backup", docs, "--to", archive)["digest"] == first

    # A third goes, twenty change.
    vecferry.json("copy", docs, "local:aside/less", "--limit", count * 2 // 3)
    vecferry.json("sync", "local:aside/less", docs, *everything)
    vecferry.json("copy", docs, "local:aside/marked", "--limit", 20, "--provenance")
    vecferry.json("copy", "local:aside/marked", docs, "--into-existing")
    second = digest(docs)
    assert second != first
    assert vecferry.json("backup", docs, "--to", archive)["digest"] == second
    _, (before, after) = backups()
    changed = vecferry.run("--json", "diff", f"{archive}/docs@{before}", docs, code=3).result
    assert (changed["missing"], changed["different"]) == (count - count * 2 // 3, 20)
    assert_same(f"{archive}/docs@{after}", docs)

    assert vecferry.json("archive", docs, "--to", archive, "--yes")["digest"] == second
    mark, _ = backups()
    assert mark and not vecferry.json("ls", "local:db")["collections"]
    drill = vecferry.json("restore", "docs", "--from", archive, "--drill")
    assert drill["verified"] and drill["digest"] == second
    assert vecferry.json("restore", "docs", "--from", archive)["digest"] == second
    mark, _ = backups()
    assert mark is None
    restored = vecferry.json("restore", f"docs@{before}", "local:db/was", "--from", archive)
    assert restored["digest"] == first
    assert_same(source, "local:db/was")

    vecferry.json("prune", archive, "--keep-last", 1, "--yes")
    _, left = backups()
    assert len(left) == 1
    checked = vecferry.json("check", archive)
    assert checked["sound"] and checked["unneeded"] == checked["strange"] == []
    assert_same(f"{archive}/docs", docs)
