"""What is asked before something is taken away, and by whom it may be answered."""

import json
import os
import pty
import subprocess

import pytest
from support import read_until, tree


@pytest.fixture
def protected(folder, docs):
    """The example in an environment `prod` that is protected."""
    (folder / "vecferry.toml").write_text('[env.prod]\nurl = "local:db"\nprotect = true\n')
    return "prod/docs"


@pytest.fixture
def typed(vecferry):
    """Runs the program on a terminal where somebody types an answer; (exit status, screen)."""

    def typed(answer, *args):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [vecferry.binary, *args],
            cwd=vecferry.folder,
            env=vecferry.environment(),
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=theirs,
        )
        os.close(theirs)
        screen = read_until(ours, rb"(\[y/N\] |to go on: )", 120)
        os.write(ours, answer.encode() + b"\n")
        try:
            while chunk := os.read(ours, 65536):
                screen += chunk
        except OSError:  # the other end was closed
            pass
        os.close(ours)
        return process.wait(timeout=300), screen.decode()

    return typed


def test_a_terminal_is_asked(vecferry, docs, typed):
    code, screen = typed("n", "drop", docs)
    assert code == 6 and "way back" in screen and "not done, as you said" in screen
    assert vecferry.json("info", docs)["points_count"] > 0
    code, screen = typed("y", "drop", docs)
    assert code == 0
    vecferry.fails("info", docs, code=5)


def test_the_name_of_a_protected_environment_is_typed(vecferry, protected, typed):
    code, screen = typed("y", "drop", protected)
    assert code == 6 and "--confirm prod" in screen
    code, screen = typed("prod", "drop", protected)
    assert code == 0 and "[y/N]" not in screen, "one answer is enough"
    vecferry.fails("info", protected, code=5)


def test_protection_for_one_command(vecferry, folder, docs):
    (folder / "vecferry.toml").write_text('[env.prod]\nurl = "local:db"\n')
    error = vecferry.fails("--protect", "prod", "drop", "prod/docs", "--yes", code=6)
    assert "--confirm prod" in error["next"]
    error = vecferry.fails("--protect", "prd", "drop", "prod/docs", "--yes", code=2)
    assert "did you mean 'prod'" in error["what"]
    vecferry.json("drop", "prod/docs", "--yes")


def test_protection_holds_for_all_that_takes_away(vecferry, protected):
    vecferry.json("clone", protected, "other")  # takes nothing away
    made = vecferry.json("history")["operations"][0]["id"]
    for args in (
        ["empty", protected, "--yes"],
        ["rename", protected, "new", "--yes"],
        ["split", protected, "--parts", 2, "--drop-source", "--yes"],
        ["copy", "docs.json", protected, "--into-existing"],
        ["undo", made],
    ):
        before = vecferry.json("ls", "prod")["collections"]
        error = vecferry.fails(*args, code=6)
        assert "--confirm prod" in error["next"], args
        assert vecferry.json("ls", "prod")["collections"] == before
    assert vecferry.json("undo", made, "--confirm", "prod")["operation"] == made


def test_a_journal_that_may_not_be_written(vecferry, folder, docs, as_anyone):
    """Said before the plan is made, and still there to be looked at."""
    vecferry.json("--journal", "j", "clone", docs, "first")
    for path in sorted(folder.glob("j/**/*"), reverse=True):
        path.chmod(0o500 if path.is_dir() else 0o400)
    (folder / "j").chmod(0o500)
    before = tree(folder)
    error = vecferry.fails("--journal", "j", "clone", docs, "next", prefix=as_anyone)
    assert error["kind"] == "io" and "--journal" in error["next"]
    plan = vecferry.run(
        "--json", "--journal", "j", "clone", docs, "n", "--dry-run", prefix=as_anyone
    )
    assert plan.result["dry_run"]
    operations = vecferry.json("--journal", "j", "history", prefix=as_anyone)["operations"]
    assert [entry["verb"] for entry in operations] == ["clone"]
    shown = vecferry.json("--journal", "j", "show", operations[0]["id"], prefix=as_anyone)
    assert shown["operation"]["state"] == "done"
    assert tree(folder) == before


def test_without_a_home_a_folder_for_the_journal_is_asked_for(vecferry, docs):
    environment = {k: v for k, v in vecferry.environment().items() if k != "HOME"}
    done = subprocess.run(
        [vecferry.binary, "--json", "clone", docs, "next"],
        cwd=vecferry.folder,
        env=environment,
        capture_output=True,
        timeout=300,
        check=False,
    )
    error = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 2 and "--journal" in error["next"], error
