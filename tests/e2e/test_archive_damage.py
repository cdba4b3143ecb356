"""Bit rot in an archive: what is said of it, what is refused, what of it is still restored."""

import json
import random

import pyarrow.parquet as pq
import pytest
from support import example_documents, write_plain

ARCHIVE = "archive:kept"
HEAD = "vecferry-archive.json"
# As the archive calls them, and as the place that they come from does.
NAMES = {"docs": "docs", "docs_v2": "docs_v2", "a b/ü": "plain"}
EVERYTHING = ["--delete", "--max-delete=100%", "--yes"]


def digest(vecferry, location):
    return vecferry.json("verify", location, location)["digest_a"]


def encoded(name):
    return name.replace(" ", "%20").replace("/", "%2F").replace("ü", "%C3%BC")


class Kept:
    """An archive of three collections, the first one in three layers and marked as archived."""

    def __init__(self, vecferry):
        self.vecferry, self.folder = vecferry, vecferry.folder / "kept"
        documents = example_documents(260)
        for at, (name, local) in enumerate(NAMES.items()):
            file = write_plain(vecferry.folder / f"{at}.json", documents[: 200 - at], local)
            vecferry.json("import", file, f"local:db/{local}")
            vecferry.json("backup", f"local:db/{local}", "--to", ARCHIVE, "--name", name)
        more = write_plain(vecferry.folder / "more.json", documents[200:])
        vecferry.json("import", more, "local:db/docs", "--into-existing")
        vecferry.json("backup", "local:db/docs", "--to", ARCHIVE)
        vecferry.json("copy", "local:db/docs", "local:less/docs", "--limit", 150)
        vecferry.json("sync", "local:less/docs", "local:db/docs", *EVERYTHING)
        vecferry.json("archive", "local:db/docs", "--to", ARCHIVE, "--yes")
        self.manifests = {
            f"{manifest['collection']}@{manifest['id']}": manifest
            for path in self.folder.glob("collections/*/[0-9]*.json")
            for manifest in [json.loads(path.read_text())]
        }
        self.truth = {name: manifest["digest"] for name, manifest in self.manifests.items()}

    def files(self):
        return sorted(p.relative_to(self.folder) for p in self.folder.rglob("*") if p.is_file())

    def needed_by(self, file):
        """The backups that a file belongs to, from the manifests as they were written."""
        if str(file) == HEAD:
            return set(self.manifests)
        if file.name == "archived.json":
            return {"docs"}
        return {
            name
            for name, manifest in self.manifests.items()
            if file.stem == manifest["id"]
            or file.stem in {segment["sha256"] for segment in manifest["segments"]}
        }

    def restore(self, backup, target, *more, **run):
        return self.vecferry.run(
            "--json", "restore", backup, target, "--from", ARCHIVE, "--yes", *more, **run
        )


@pytest.fixture
def kept(vecferry):
    return Kept(vecferry)


def flipped(content, chance):
    """The same bytes with one bit changed: at the ends, and at places by chance."""
    for at in [0, len(content) - 1, *chance.sample(range(len(content)), 3)]:
        bad = bytearray(content)
        bad[at] ^= 1 << chance.randrange(8)
        yield at, bytes(bad)


def test_a_flip_in_any_file_is_named_with_all_that_it_touches(vecferry, kept):
    chance = random.Random(6)
    assert len(kept.manifests) == 5
    files = kept.files()
    assert len(files) == 1 + 5 + 1 + 5, files
    for file in files:
        path = kept.folder / file
        sound = path.read_bytes()
        touched = kept.needed_by(file)
        assert touched, file
        for at, bad in flipped(sound, chance):
            path.write_bytes(bad)
            checked = vecferry.run("--json", "check", ARCHIVE, code=3).result
            (damage,) = [each for each in checked["damage"] if each["file"] == str(file)]
            others = [each for each in checked["damage"] if each is not damage]
            assert all(  # a mark that names a backup which cannot be read
                each["file"].endswith("archived.json") and set(each["backups"]) <= touched
                for each in others
            ), (file, at, others)
            assert (damage["file"], set(damage["backups"])) == (str(file), touched), (file, at)
            assert not checked["unneeded"] and not checked["sound"]
        for backup in touched & set(kept.manifests):
            done = kept.restore(encoded(backup), "local:back/x", code=(1, 6))
            assert done.error["kind"] in ("corrupt", "refused"), (file, backup)
        # Not one of `docs`: its mark would go.
        others = [each for each in kept.manifests if not each.startswith("docs@")]
        for backup in sorted(set(others) - touched)[:1]:
            done = kept.restore(encoded(backup), "local:back/x").result
            assert done["digest"] == kept.truth[backup], (file, backup)
            vecferry.json("drop", "local:back/x", "--yes", "--no-backup")
        path.write_bytes(sound)
    assert vecferry.json("check", ARCHIVE)["sound"]


def test_without_its_head_what_is_not_encrypted_is_restored(vecferry, kept):
    (kept.folder / HEAD).unlink()
    checked = vecferry.run("--json", "check", ARCHIVE, code=3).result
    assert [each["file"] for each in checked["damage"]] == [HEAD]
    for verb in (["archives", ARCHIVE], ["backup", "local:less/docs", "--to", ARCHIVE]):
        error = vecferry.fails(*verb, code=(1, 4))
        assert "missing" in error["what"] and "--allow-partial" in error["next"]
    for number, backup in enumerate(sorted(kept.manifests)):
        done = kept.restore(encoded(backup), f"local:back/{number}", "--allow-partial").result
        assert done["digest"] == kept.truth[backup]


def test_a_damaged_mark_keeps_nobody_from_his_points(vecferry, kept):
    mark = kept.folder / "collections" / "docs" / "archived.json"
    mark.write_bytes(mark.read_bytes()[:-40])
    newest = max(name for name in kept.manifests if name.startswith("docs@"))
    error = kept.restore("docs", "local:back/docs", code=1).error
    assert "archived.json" in error["what"] + error["where"]
    error = vecferry.fails("prune", ARCHIVE, "--keep-last", 1, "--yes", code=1)
    assert error["kind"] == "corrupt"
    done = kept.restore("docs", "local:back/docs", "--allow-partial").result
    assert done["digest"] == kept.truth[newest]
    assert mark.exists()


def test_what_is_missing_is_listed_and_the_rest_is_restored(vecferry, kept):
    """The layer with 60 new points is lost: all others are there, and it says which are not."""
    _, second, third = (name for name in sorted(kept.manifests) if name.startswith("docs@"))
    (lost,) = [s for s in kept.manifests[second]["segments"] if s["layer"] == 1]
    path = kept.folder / "segments" / lost["sha256"][:2] / f"{lost['sha256']}.parquet"
    ids = set(pq.read_table(path)["id"].to_pylist())
    assert len(ids) == 60
    path.unlink()
    error = kept.restore(second, "local:back/docs", code=(1, 5)).error
    assert error["kind"] in ("corrupt", "not_found") and path.name in error["what"]
    done = kept.restore(second, "local:back/docs", "--allow-partial").result
    assert any(lost["sha256"] in each and "60 points" in each for each in done["receipt"]["losses"])
    assert done["points"] == 200
    exported = vecferry.folder / "back.parquet"
    vecferry.json("export", "local:back/docs", exported)
    assert not ids & set(pq.read_table(exported)["id"].to_pylist())
    for name in ("docs_v2", "a b/ü"):
        (backup,) = [each for each in kept.manifests if each.startswith(f"{name}@")]
        done = kept.restore(encoded(backup), f"local:back/{NAMES[name]}").result
        assert done["digest"] == kept.truth[backup]
    # What the lost layer only hid is said to be as an earlier backup has it.
    done = kept.restore(third, "local:back/third", "--allow-partial").result
    assert any("earlier backup" in each for each in done["receipt"]["losses"])


def test_the_next_backup_after_damage_says_so(vecferry, kept):
    """It would build on what is not there; written whole it needs nothing of it."""
    (only,) = [name for name in kept.manifests if name.startswith("docs_v2@")]
    for segment in kept.manifests[only]["segments"]:
        path = kept.folder / "segments" / segment["sha256"][:2] / f"{segment['sha256']}.parquet"
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    vecferry.json("copy", "local:db/docs_v2", "local:less/docs_v2", "--limit", 5, "--provenance")
    vecferry.json("copy", "local:less/docs_v2", "local:db/docs_v2", "--into-existing")
    vecferry.json("backup", "local:db/docs_v2", "--to", ARCHIVE, "--full")
    back = kept.restore("docs_v2", "local:back/docs_v2").result
    assert back["digest"] == digest(vecferry, "local:db/docs_v2")
    checked = vecferry.run("--json", "check", ARCHIVE, code=3).result
    assert {b for each in checked["damage"] for b in each["backups"]} == {only}
