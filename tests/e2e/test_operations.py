"""Operations with a journal: done, taken back, and killed at every point and at any moment."""

import json
import random
import re
import shutil
import signal
import subprocess

import pytest
from support import ROOT, Vecferry, example_documents, read_jsonl, tree, write_plain

# What to type, on a place with the collections `docs` and `more`.
VERBS = {
    "clone": ["clone", "local:db/docs", "copy", "--aliases"],
    "rename": ["rename", "local:db/docs", "new", "--keep-alias", "--yes"],
    "drop": ["drop", "local:db/docs", "--yes"],
    "empty": ["empty", "local:db/docs", "--yes"],
    "merge": ["merge", "local:db/docs", "local:db/more", "--into", "local:db/all", "--dedupe=none"],
    "split": ["split", "local:db/docs", "--parts", "2", "--drop-source", "--yes"],
    "archive": ["archive", "local:db/docs", "--to", "archive", "--yes"],
    "sync": ["sync", "local:db/more", "local:db/docs", "--delete", "--max-delete=100%", "--yes"],
    "sync --settings": ["sync", "local:db/more", "local:db/docs", "--settings"],
    "sync --both": ["sync", "local:db/more", "local:db/docs", "--both", "--prefer=left"],
    "alias": ["alias", "switch", "local:db/live", "--to", "more"],
}
RANDOM_KILLS = 200


def look(vecferry):
    """All that a person finds in the place: settings, aliases and points of every collection."""
    listed = vecferry.json("ls", "local:db")
    found = {"aliases": listed["aliases"]}
    for collection in listed["collections"]:
        name = collection["name"]
        file = vecferry.folder.parent / "look.jsonl"
        vecferry.json("export", f"local:db/{name}", file, "--no-verify")
        head, points = read_jsonl(file)
        file.unlink()
        found[name] = ({key: head[key] for key in ("config", "payload_schema")}, points)
    return found


def newest(vecferry):
    operations = vecferry.json("history", "--limit", 1)["operations"]
    return operations[0] if operations else None


def copy_tree(source, target):
    """Holes stay holes: the engine's files are mostly that, and tests run in memory."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", "--sparse=always", source, target], check=True)


def add_index(vecferry):
    """The collection `more` gets a payload index, and other parameters of its vector index."""
    file = vecferry.folder / "indexed.jsonl"
    vecferry.json("export", "local:db/more", file, "--no-verify")
    head, _, points = file.read_text().partition("\n")
    head = head.replace('"payload_schema":{}', '"payload_schema":{"page":"keyword"}')
    assert '"m":16' in head and '"page"' in head
    file.write_text(head.replace('"m":16', '"m":24') + f"\n{points}")
    journal = ["--journal", "j"]
    vecferry.json(*journal, "drop", "local:db/more", "--no-backup", "--yes")
    vecferry.json("copy", file, "local:db/more")
    file.unlink()


class World:
    """A prepared place, and copies of it to kill programs on."""

    def __init__(self, vecferry, example):
        self.binary = vecferry.binary
        self.template = vecferry.folder
        # Few points: what takes time is starting the program some thousand times.
        vecferry.json("import", example, "local:db/docs", "--limit", 40)
        vecferry.json("import", example, "local:db/more", "--limit", 5)
        document = example_documents(1)[0] | {"content": "another text"}
        changed = write_plain(vecferry.folder / "changed.json", [document])
        vecferry.json("import", changed, "local:db/more", "--into-existing")
        changed.unlink()
        add_index(vecferry)
        vecferry.json("--journal", "j", "alias", "set", "local:db/live", "--to", "docs")
        shutil.rmtree(vecferry.folder / "j")
        self.before = look(vecferry)
        self.count = 0

    def fresh(self):
        """Another program in a copy of its own, with a home (and so a journal) of its own."""
        self.count += 1
        work = self.template.parent / f"run-{self.count}" / "work"
        copy_tree(self.template, work)
        return Vecferry(self.binary, work)

    def forget_all(self):
        for run in self.template.parent.glob("run-*"):
            shutil.rmtree(run)

    @staticmethod
    def forget(vecferry):
        shutil.rmtree(vecferry.folder.parent)


@pytest.fixture
def world(vecferry, example):
    world = World(vecferry, example)
    yield world
    world.forget_all()


@pytest.fixture
def after(world):
    """What the place looks like when a verb is done."""
    known = {}

    def after(verb):
        if verb not in known:
            vecferry = world.fresh()
            vecferry.json(*VERBS[verb])
            known[verb] = look(vecferry)
            assert known[verb] != world.before
            world.forget(vecferry)
        return known[verb]

    return after


def run_killed(vecferry, point, *args):
    """Run until the kill point; True when the program got to it."""
    done = subprocess.run(
        [vecferry.binary, *args],
        cwd=vecferry.folder,
        env=vecferry.environment() | {"VECFERRY_KILL_POINT": point},
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode != 0


@pytest.mark.parametrize("verb", VERBS)
def test_done_and_taken_back(world, verb):
    vecferry = world.fresh()
    plan = vecferry.run("--json", *VERBS[verb], "--dry-run")
    assert plan.lines[0]["type"] == "plan" and plan.result["dry_run"]
    assert look(vecferry) == world.before
    assert newest(vecferry) is None, "a dry run writes no journal"
    done = vecferry.json(*VERBS[verb])
    assert done["verified"]
    assert look(vecferry) != world.before
    entry = newest(vecferry)
    assert (entry["id"], entry["state"]) == (done["operation"], "done")
    assert entry["verb"] == VERBS[verb][0]
    undone = vecferry.json("undo", entry["id"][:6])
    assert undone["operation"] == entry["id"]
    assert look(vecferry) == world.before
    assert newest(vecferry)["state"] == "undone"


@pytest.mark.parametrize("way", ["resume", "undo"])
@pytest.mark.parametrize("verb", VERBS)
def test_killed_at_every_point(world, after, verb, way):
    """Between every two durable acts: complete after `resume`, as before after `undo`."""
    wanted = after(verb) if way == "resume" else world.before
    passed = 0
    while True:
        vecferry = world.fresh()
        if not run_killed(vecferry, f"#{passed + 1}", *VERBS[verb]):
            break
        passed += 1
        entry = newest(vecferry)
        if entry is None:
            assert look(vecferry) == world.before, f"point {passed}"
        elif entry["state"] == "done":
            assert way == "undo" or look(vecferry) == wanted, f"point {passed}"
        else:
            assert entry["state"] == "stopped", f"point {passed}"
            vecferry.json(way, entry["id"])
            assert look(vecferry) == wanted, f"point {passed}"
        world.forget(vecferry)
    assert passed >= 5, "there are kill points"


@pytest.mark.parametrize("verb", VERBS)
def test_killed_at_every_point_of_undo(world, verb):
    template = world.fresh()
    done = template.json(*VERBS[verb])["operation"]
    passed = 0
    while True:
        # The journal names places by their full path, so the same folder is used each time.
        shutil.rmtree(template.folder.parent.with_name("kept"), ignore_errors=True)
        copy_tree(template.folder.parent, template.folder.parent.with_name("kept"))
        vecferry = template
        killed = run_killed(vecferry, f"#{passed + 1}", "undo", done)
        if killed:
            passed += 1
            assert newest(vecferry)["state"] == "stopped"
            vecferry.json("undo", done)
        assert look(vecferry) == world.before, f"point {passed}"
        shutil.rmtree(template.folder.parent)
        template.folder.parent.with_name("kept").rename(template.folder.parent)
        if not killed:
            break
    assert passed >= 3, "there are kill points"


def test_every_kill_point_is_passed(world):
    """So the tests above have killed at each of them by its number.

    `prune` and `compact` are no operations of the journal: test_archives.py kills them.
    """
    written = set()
    for module in ("journal", "ops"):
        for source in (ROOT / "src" / "vecferry" / module).glob("*.cpp"):
            if source.name == "prune.cpp":
                continue
            written |= set(re.findall(r'VECFERRY_KILL_POINT\("([^"]+)"\)', source.read_text()))
    passed = set()

    def traced(vecferry, *args):
        environment = vecferry.environment() | {"VECFERRY_KILL_POINT": "?"}
        done = subprocess.run(
            [vecferry.binary, *args],
            cwd=vecferry.folder,
            env=environment,
            capture_output=True,
            timeout=300,
            check=True,
        )
        passed.update(re.findall(r"kill point (\S+)", done.stderr.decode()))

    for args in VERBS.values():
        vecferry = world.fresh()
        run_killed(vecferry, "step.done", *args)
        traced(vecferry, "resume", newest(vecferry)["id"])
        traced(vecferry, "undo", newest(vecferry)["id"])
        traced(vecferry, *args)
        world.forget(vecferry)
    # Only where a server's snapshots fail: test_route_faults.py kills there.
    assert written - passed == {"load.begun_again"}
    assert len(written) >= 20


def test_killed_at_any_moment(world, after, large):
    """SIGKILL by the clock, over all verbs; the oracle is every point of the place."""
    choice = random.Random(5)
    verbs = sorted(VERBS)
    ends = {"resume": 0, "undo": 0, "before": 0, "done": 0}
    for turn in range(RANDOM_KILLS):
        verb = verbs[turn % len(verbs)]
        vecferry = world.fresh()
        process = subprocess.Popen(
            [vecferry.binary, *VERBS[verb]],
            cwd=vecferry.folder,
            env=vecferry.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(timeout=choice.uniform(0, 0.35))
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        assert process.returncode in (0, -signal.SIGKILL)
        entry = newest(vecferry)
        if entry is None:
            assert look(vecferry) == world.before
            ends["before"] += 1
        elif entry["state"] == "done":
            assert look(vecferry) == after(verb)
            ends["done"] += 1
        else:
            way = choice.choice(["resume", "undo"])
            vecferry.json(way, entry["id"])
            assert look(vecferry) == (after(verb) if way == "resume" else world.before)
            ends[way] += 1
        world.forget(vecferry)
    assert ends["resume"] > 0 and ends["undo"] > 0, ends


def test_history_and_show(vecferry, docs):
    assert vecferry.json("history")["operations"] == []
    first = vecferry.json("clone", docs, "a")["operation"]
    second = vecferry.json("clone", docs, "b")["operation"]
    operations = vecferry.json("history")["operations"]
    assert [entry["id"] for entry in operations] == [second, first]
    assert operations[0]["source"] == docs and operations[0]["target"] == "local:db/b"
    assert len(vecferry.json("history", "--limit", 1)["operations"]) == 1
    shown = vecferry.json("show", first)
    assert shown["receipt"]["points"] == shown["receipt"]["steps"][0]["facts"]["points"] > 0
    assert shown["operation"]["state"] == "done"
    assert vecferry.fails("show", "zz", code=5)["kind"] == "not_found"
    text = vecferry.run("show", first).stdout
    assert "verified  read back and equal" in text


def test_destructive_verbs_ask(vecferry, docs):
    for args in (["drop", docs], ["empty", docs], ["rename", docs, "x"]):
        error = vecferry.fails(*args, code=6)
        assert "--yes" in error["next"]
    assert vecferry.json("info", docs)["points_count"] > 0
    assert newest(vecferry) is None


def test_what_was_not_backed_up_is_not_begun_to_be_undone(vecferry, docs):
    """The operation stays done, so that what it made stays, too."""
    for args in (
        ["rename", docs, "new", "--no-backup", "--yes"],
        ["empty", "local:db/new", "--no-backup", "--yes"],
        ["drop", "local:db/new", "--no-backup", "--yes"],
    ):
        done = vecferry.json(*args)["operation"]
        before = look(vecferry)
        error = vecferry.fails("undo", done, code=6)
        assert "--no-backup" in error["what"] and error["next"], error
        assert look(vecferry) == before
        assert newest(vecferry)["state"] == "done"


def test_what_cannot_be_changed_is_refused_before_anything_is_done(vecferry, docs, example):
    vecferry.json("backup", docs, "--to", "archive")
    operations = len(vecferry.json("history")["operations"])
    before = example.read_bytes()
    vecferry.json("copy", docs, "local:db/few", "--limit", 3)
    for args in (
        ["sync", "local:db/few", "archive:archive/docs"],
        ["sync", "local:db/few", "docs.json"],
        ["sync", "local:db/few", "docs.json", "--both", "--prefer", "left"],
        ["verify", "local:db/few", "docs.json", "--repair"],
        ["empty", "archive:archive/docs", "--yes"],
        ["rename", "archive:archive/docs", "x", "--yes"],
        ["rename", "docs.json", "x", "--yes"],
    ):
        error = vecferry.fails(*args, code=(2, 6))
        assert error["next"], (args, error)
    assert example.read_bytes() == before
    assert len(vecferry.json("history")["operations"]) == operations


def test_counts_are_told_after_a_change(vecferry, docs):
    vecferry.json("empty", docs, "--yes")
    (listed,) = vecferry.json("ls", "local:db")["collections"]
    assert listed["points_count"] == 0


def test_a_protected_environment_wants_its_name(vecferry, docs, folder):
    (folder / "vecferry.toml").write_text('[env.prod]\nurl = "local:db"\nprotect = true\n')
    error = vecferry.fails("drop", "prod/docs", "--yes", code=6)
    assert "--confirm prod" in error["next"]
    vecferry.fails("drop", "prod/docs", "--yes", "--confirm", "staging", code=6)
    assert vecferry.json("drop", "prod/docs", "--yes", "--confirm", "prod")["verified"]


def test_the_journal_holds_no_secret(vecferry, docs, folder):
    """Nor does anything beside it: keys are named in the configuration, and read when used."""
    vecferry.json("clone", docs, "x")
    vecferry.json("rename", "local:db/x", "y", "--yes")
    state = folder.parent / "home" / ".local" / "state" / "vecferry"
    assert (state / "journal.db").exists()
    assert any("/aside/" in name for name in tree(state)), "the old files, in place of a backup"
    vecferry.json("drop", "local:db/y", "--yes")
    assert any(name.startswith("archive/segments/") for name in tree(state))
    journal = folder / "named"
    vecferry.json("--journal", journal, "clone", docs, "z")
    assert (journal / "journal.db").exists()
    assert len(vecferry.json("history")["operations"]) == 3


def test_anyone_can_read_the_journal(vecferry, docs, folder):
    import sqlite3

    done = vecferry.json("clone", docs, "x")
    state = folder.parent / "home" / ".local" / "state" / "vecferry"
    with sqlite3.connect(f"file:{state / 'journal.db'}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT id, verb, state, receipt FROM operation").fetchall()
        steps = db.execute("SELECT kind, state FROM step").fetchall()
    assert [(row[0], row[1], row[2]) for row in rows] == [(done["operation"], "clone", "done")]
    assert json.loads(rows[0][3])["points"] == done["points"]
    assert steps == [("load", "done")]
