"""Backup, change, backup, archive, restore, drill, prune, check: on a local folder."""

import itertools
import json
import random
import resource
import shutil
import signal
import subprocess

import pyarrow.parquet as pq
import pytest
from archive_life import RECORDED, live_through
from support import TIMEOUT_S, tree

ARCHIVE = "archive:kept"


def file_of(shared, letter):
    return shared / "data" / f"packages_{letter}_20261122_101500.json.zst"


@pytest.fixture
def packages(vecferry, shared):
    vecferry.json("import", file_of(shared, "a"), "local:db/packages")
    return "local:db/packages"


def digest(vecferry, location):
    return vecferry.json("verify", location, location)["digest_a"]


def backups(vecferry, name, archive=ARCHIVE):
    listed = vecferry.json("archives", archive)["collections"]
    return next((each["backups"] for each in listed if each["name"] == name), [])


def test_the_whole_life_of_a_collection(vecferry, packages, shared):
    first = digest(vecferry, packages)
    done = vecferry.json("backup", packages, "--to", ARCHIVE)
    assert (done["points"], done["digest"], done["verified"]) == (1500, first, True)

    libs = vecferry.json("copy", packages, "local:db/libs", "--where", "section=libs")["points"]
    vecferry.json("sync", "local:db/libs", packages, "--delete", "--max-delete=100%", "--yes")
    second = digest(vecferry, packages)
    done = vecferry.json("backup", packages, "--to", ARCHIVE)
    assert done["digest"] == second
    whole, delta = backups(vecferry, "packages")
    assert (whole["points_count"], delta["points_count"]) == (1500, libs)
    assert (delta["added"], delta["changed"], delta["removed"]) == (0, 0, 1500 - libs)
    assert delta["bytes"] - whole["bytes"] < whole["bytes"] / 10

    done = vecferry.json("archive", packages, "--to", ARCHIVE, "--yes")
    assert done["digest"] == second
    assert [each["name"] for each in vecferry.json("ls", "local:db")["collections"]] == ["libs"]
    (listed,) = vecferry.json("archives", ARCHIVE)["collections"]
    assert listed["archived"]["source"].endswith("db/packages")

    drill = vecferry.json("restore", "packages", "--from", ARCHIVE, "--drill")
    assert (drill["digest"], drill["verified"]) == (second, True)
    error = vecferry.fails("restore", "packages", "local:db/libs", "--from", ARCHIVE, code=(1, 6))
    assert error["kind"] == "exists"
    vecferry.json("restore", "packages", "--from", ARCHIVE)
    assert digest(vecferry, packages) == second
    assert vecferry.json("archives", ARCHIVE)["collections"][0]["archived"] is None
    old = f"packages@{whole['id']}"
    vecferry.json("restore", old, "local:db/old", "--from", ARCHIVE)
    assert digest(vecferry, "local:db/old") == first
    part = ["--where", "section=libs"]
    some = vecferry.json("restore", old, "local:db/some", "--from", ARCHIVE, *part)
    assert some["points"] == libs
    assert not vecferry.json("diff", f"{ARCHIVE}/{old}", f"{ARCHIVE}/packages", code=3)["equal"]

    rules = ["--keep-last", 1]
    plan = vecferry.json("prune", ARCHIVE, *rules, "--dry-run")
    assert len(plan["removed"]) == 2 and len(backups(vecferry, "packages")) == 3
    vecferry.json("prune", ARCHIVE, *rules, "--yes")
    assert len(backups(vecferry, "packages")) == 1
    folded = vecferry.json("compact", f"{ARCHIVE}/packages")
    assert folded["folded"] and folded["digest"] == second
    checked = vecferry.json("check", ARCHIVE)
    assert checked["sound"] and checked["unneeded"] == [] and checked["strange"] == []
    assert vecferry.json("verify", f"{ARCHIVE}/packages", packages)["equal"]


def test_a_flipped_byte_is_named_and_never_restored(vecferry, packages):
    vecferry.json("backup", packages, "--to", ARCHIVE)
    kept = vecferry.folder / "kept"
    truth = digest(vecferry, packages)
    chance = random.Random(5)
    files = [name for name, size in tree(kept).items() if size]
    assert len(files) == 3, "the head, a manifest, a segment"
    for name in files:
        path = kept / name
        sound = path.read_bytes()
        for at in [0, len(sound) - 1, *chance.sample(range(len(sound)), 6)]:
            bad = bytearray(sound)
            bad[at] ^= 1 << chance.randrange(8)
            path.write_bytes(bad)
            checked = vecferry.run("--json", "check", ARCHIVE, code=(1, 3))
            assert name in checked.stdout, f"byte {at} of {name}"
            done = vecferry.run(
                "--json", "restore", "packages", "local:db/back", "--from", ARCHIVE, code=(1, 5, 6)
            )
            assert done.error["kind"] in ("corrupt", "refused", "incompatible")
        path.write_bytes(sound)
    assert vecferry.json("check", ARCHIVE)["sound"]
    vecferry.json("restore", "packages", "local:db/back", "--from", ARCHIVE)
    assert digest(vecferry, "local:db/back") == truth


def killed_everywhere(vecferry, *args):
    """Run `args` on copies of the archive, killed at its first, second… point; yields after each.

    Ends when a run comes to its end.
    """
    kept, before = vecferry.folder / "kept", vecferry.folder / "before"
    shutil.copytree(kept, before)
    for number in itertools.count(1):
        shutil.rmtree(kept)
        shutil.copytree(before, kept)
        done = subprocess.run(
            [vecferry.binary, *args],
            cwd=vecferry.folder,
            env=vecferry.environment() | {"VECFERRY_KILL_POINT": f"#{number}"},
            capture_output=True,
            timeout=300,
            check=False,
        )
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert vecferry.json("check", ARCHIVE)["sound"], f"after kill {number}"
        yield number
    shutil.rmtree(before)


def assert_tidy(vecferry, after):
    checked = vecferry.json("check", ARCHIVE)
    assert checked["sound"] and not checked["unneeded"], f"after kill {after}"


@pytest.fixture
def two_backups(vecferry, packages):
    """A backup, and what was left of the collection when all but `libs` was removed from it."""
    vecferry.json("backup", packages, "--to", ARCHIVE)
    vecferry.json("copy", packages, "local:db/libs", "--where", "section=libs")
    vecferry.json("sync", "local:db/libs", packages, "--delete", "--max-delete=100%", "--yes")
    return packages


def test_killed_anywhere_a_backup_is_whole_or_not_there(vecferry, two_backups):
    killed = 0
    for killed in killed_everywhere(vecferry, "backup", two_backups, "--to", ARCHIVE):
        assert len(backups(vecferry, "packages")) in (1, 2)
        vecferry.json("backup", two_backups, "--to", ARCHIVE)  # the next one cleans up
        assert_tidy(vecferry, killed)
        assert vecferry.json("verify", f"{ARCHIVE}/packages", two_backups)["equal"]
    assert killed > 8


def test_killed_anywhere_prune_and_compact_lose_nothing(vecferry, two_backups):
    vecferry.json("backup", two_backups, "--to", ARCHIVE)
    truth = digest(vecferry, two_backups)
    killed = 0
    for killed in killed_everywhere(vecferry, "compact", f"{ARCHIVE}/packages"):
        assert len(backups(vecferry, "packages")) == 2
        assert digest(vecferry, f"{ARCHIVE}/packages") == truth
        vecferry.json("compact", f"{ARCHIVE}/packages")
        vecferry.json("prune", ARCHIVE, "--keep-last", 2, "--yes")  # the next one cleans up
        assert_tidy(vecferry, killed)
    assert killed >= 2
    prune = ["prune", ARCHIVE, "--keep-last", "1", "--yes"]
    for killed in killed_everywhere(vecferry, *prune):
        assert digest(vecferry, f"{ARCHIVE}/packages") == truth
        vecferry.json(*prune)
        assert len(backups(vecferry, "packages")) == 1
        assert_tidy(vecferry, killed)
    assert killed >= 2


def test_what_scripts_have_left_is_adopted(vecferry, shared):
    old = vecferry.folder / "old"
    old.mkdir()
    for letter in "ab":
        shutil.copy(file_of(shared, letter), old)
    (old / "packages_b.archived").write_text("")
    (old / "notes.txt").write_text("")
    done = vecferry.json("archive", "adopt", old, "--to", ARCHIVE)
    assert [each["new"] for each in done["adopted"]] == [True, True]
    assert [each["archived"] for each in done["adopted"]].count(True) == 1
    assert done["others"] == ["notes.txt"]
    again = vecferry.json("archive", "adopt", old, "--to", ARCHIVE)
    assert [each["new"] for each in again["adopted"]] == [False, False]
    assert backups(vecferry, "packages_a")[0]["time"] == "2026-11-22T10:15:00.000Z"
    error = vecferry.fails("restore", "packages_a", "--from", ARCHIVE)
    assert "say where to" in error["next"]
    vecferry.json("restore", "packages_b", "local:db/b", "--from", ARCHIVE)
    assert vecferry.json("verify", file_of(shared, "b"), "local:db/b")["equal"]


def test_the_key_is_asked_for_and_found_nowhere(vecferry, packages):
    key = vecferry.folder / "key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    vecferry.json("--key-file", key, "backup", packages, "--to", ARCHIVE)
    assert vecferry.fails("archives", ARCHIVE, code=6)["kind"] == "refused"
    other = vecferry.folder / "other"
    other.write_text("cd" * 32)
    other.chmod(0o600)
    error = vecferry.fails("--key-file", other, "archives", ARCHIVE, code=6)
    assert "not the key" in error["what"]
    other.write_text("ab" * 32)
    other.chmod(0o644)
    said = vecferry.run("--key-file", other, "archives", ARCHIVE).stderr
    assert said.count("chmod 600") == 1 and "ab" * 32 not in said
    vecferry.json("--key-file", key, "restore", "packages", "local:db/back", "--from", ARCHIVE)
    assert vecferry.json("verify", packages, "local:db/back")["equal"]
    for folder in (vecferry.folder / "kept", vecferry.folder.parent / "home"):
        for path in folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert b"ab" * 32 not in content and bytes.fromhex("ab" * 32) not in content
                assert folder.name == "home" or b"installed_size" not in content


def test_a_backup_is_read_without_this_program(vecferry, packages):
    vecferry.json("backup", packages, "--to", ARCHIVE)
    kept = vecferry.folder / "kept"
    (path,) = (kept / "collections" / "packages").glob("[0-9]*.json")
    manifest = json.loads(path.read_text())
    rows = [
        row
        for segment in manifest["segments"]
        for row in pq.read_table(
            kept / "segments" / segment["sha256"][:2] / f"{segment['sha256']}.parquet"
        ).to_pylist()
    ]
    assert len(rows) == manifest["points"] == 1500
    assert not any(row["deleted"] for row in rows)
    assert all(len(row["vector"]) == 384 for row in rows)
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)


def test_backups_have_short_names(vecferry, two_backups):
    """NAME@WHEN alone is a backup in the archive that `backup` writes to by default."""
    vecferry.json("backup", two_backups)
    vecferry.json("sync", "local:db/libs", two_backups, "--delete", "--max-delete=100%", "--yes")
    vecferry.json("copy", two_backups, "local:db/few", "--limit", 5)
    vecferry.json("sync", "local:db/few", two_backups, "--delete", "--max-delete=100%", "--yes")
    vecferry.json("backup", two_backups)
    info = vecferry.json("info", two_backups)
    (listed,) = vecferry.json("archives")["collections"]
    before, after = (backup["id"] for backup in listed["backups"])
    found = vecferry.run("--json", "diff", f"packages@{before}", f"packages@{after}", code=3).result
    assert (found["points_b"], found["missing"]) == (5, found["points_a"] - 5)
    described = vecferry.json("info", f"packages@{before}")
    assert described["points_count"] == found["points_a"]
    assert described["config"] == info["config"]
    assert [backup["id"] for backup in described["backups"]] == [before, after]
    assert described["archived"] is None
    error = vecferry.fails("diff", f"packages@{before}", "packages@2001-01-01", code=(1, 5))
    assert error["kind"] == "not_found"
    error = vecferry.fails("info", f"pakages@{before}", code=(1, 5))
    assert "packages" in error["what"] + error["next"]


def test_several_writers_at_once_spoil_nothing(vecferry, two_backups, start):
    """Backups of two collections, of one collection twice, and a prune that keeps one of each."""
    vecferry.json("backup", "local:db/libs", "--to", ARCHIVE)
    vecferry.json("copy", "local:db/libs", "local:other/libs")
    vecferry.json("copy", two_backups, "local:third/packages")
    commands = [
        ["backup", two_backups, "--to", ARCHIVE],
        ["backup", "local:other/libs", "--to", ARCHIVE, "--name", "libs-too"],
        ["backup", "local:third/packages", "--to", ARCHIVE, "--name", "third"],
        ["prune", ARCHIVE, "--keep-last", "1", "--yes"],
        ["compact", f"{ARCHIVE}/packages"],
    ]
    for _ in range(4):
        running = [
            (command, start("--journal", f"j{at}", *command, stderr=subprocess.PIPE))
            for at, command in enumerate(commands)
        ]
        for command, process in running:
            _, said = process.communicate(timeout=TIMEOUT_S)
            # 7: somebody else is at work there; 1: what was planned is not so any more.
            assert process.returncode in (0, 1, 7), said.decode()
            assert process.returncode == 0 or b"next:" in said, (command, said)
        checked = vecferry.json("check", ARCHIVE)
        assert checked["sound"] and checked["strange"] == []
    for command in commands:
        vecferry.json(*command)
    checked = vecferry.json("check", ARCHIVE)
    assert checked["sound"] and checked["unneeded"] == []
    for name, truth in (
        ("packages", two_backups),
        ("third", two_backups),
        ("libs-too", "local:db/libs"),
    ):
        assert vecferry.json("verify", f"{ARCHIVE}/{name}", truth)["equal"]


@pytest.mark.parametrize("limit", [100, 3000, 30_000, 200_000])
def test_no_space_leaves_what_was_there(vecferry, two_backups, limit):
    """As a full disk does: no file may grow beyond the limit."""
    before = digest(vecferry, f"{ARCHIVE}/packages")
    vecferry.json("copy", two_backups, "local:new/packages", "--provenance")
    change = ["copy", "local:new/packages", two_backups, "--into-existing"]
    vecferry.json(*change)

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    journal = ["--journal", "kept-apart"]
    vecferry.json(*journal, "backup", "local:db/libs", "--to", "elsewhere")  # makes the journal
    error = vecferry.fails(
        *journal, "backup", two_backups, "--to", ARCHIVE, code=(1, 4), preexec_fn=limited
    )
    assert error["next"]
    assert len(backups(vecferry, "packages")) == 1
    assert vecferry.json("check", ARCHIVE)["sound"]
    assert digest(vecferry, f"{ARCHIVE}/packages") == before
    vecferry.json("backup", two_backups, "--to", ARCHIVE)
    assert_tidy(vecferry, limit)
    assert vecferry.json("verify", f"{ARCHIVE}/packages", two_backups)["equal"]


@pytest.mark.parametrize("source", RECORDED)
def test_every_recorded_collection_lives_through_it(vecferry, shared, source):
    live_through(vecferry, shared / source, ARCHIVE)


def test_an_encrypted_archive_lives_through_it(vecferry, shared, monkeypatch):
    sealed = vecferry.environment() | {"VECFERRY_KEY": "0f" * 32}
    monkeypatch.setattr(vecferry, "environment", lambda: sealed)
    live_through(vecferry, shared / RECORDED[3], ARCHIVE)


def test_a_place_that_is_gone_comes_back_with_its_aliases(vecferry, packages):
    vecferry.json("alias", "set", "local:db/live", "--to", "packages")
    vecferry.json("backup", packages, "--to", ARCHIVE)
    truth = digest(vecferry, packages)
    shutil.rmtree(vecferry.folder / "db")
    assert vecferry.json("restore", "packages", "--from", ARCHIVE)["digest"] == truth
    aliases = vecferry.json("alias", "list", "local:db")["aliases"]
    assert [(each["alias"], each["collection"]) for each in aliases] == [("live", "packages")]


def test_a_sample_is_never_nothing(vecferry, packages):
    vecferry.json("backup", packages, "--to", ARCHIVE)
    checked = vecferry.json("check", ARCHIVE, "--sample", "5%")
    assert (checked["segments"], checked["read"]) == (1, 1)


def test_a_full_backup_that_is_stopped_leaves_the_one_before(vecferry, packages):
    """It writes the very segments, under the very names, that the first one needs."""
    vecferry.json("backup", packages, "--to", ARCHIVE)
    before = tree(vecferry.folder / "kept")
    for number in (6, 8):
        done = subprocess.run(
            [vecferry.binary, "backup", packages, "--to", ARCHIVE, "--full"],
            cwd=vecferry.folder,
            env=vecferry.environment() | {"VECFERRY_KILL_POINT": f"#{number}"},
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert vecferry.json("check", ARCHIVE)["sound"]
    limit = max(size for size in before.values() if size) - 1

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    journal = ["--journal", "kept-apart"]
    vecferry.json(*journal, "backup", packages, "--to", "elsewhere")
    vecferry.fails(
        *journal, "backup", packages, "--to", ARCHIVE, "--full", code=(1, 4), preexec_fn=limited
    )
    assert vecferry.json("check", ARCHIVE)["sound"]
    vecferry.json("restore", "packages", "local:back/packages", "--from", ARCHIVE)
