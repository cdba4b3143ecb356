"""Fixtures of the end-to-end tests: the built binary, the example, the recorded data."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support import EXAMPLE, ROOT, Vecferry


def find_binary():
    named = os.environ.get("VECFERRY_BIN")
    candidates = (
        [Path(named)] if named else [ROOT / f"build/{p}/vecferry" for p in ("release", "dev")]
    )
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    # Not a skip: a suite that finds nothing to test must not look green.
    pytest.exit(f"no binary at {' or '.join(map(str, candidates))}; set VECFERRY_BIN", returncode=2)


@pytest.fixture(scope="session")
def binary():
    return find_binary()


@pytest.fixture
def folder(tmp_path):
    """The working folder of the program under test; empty at first."""
    work = tmp_path / "work"
    work.mkdir()
    return work


@pytest.fixture
def vecferry(binary, folder):
    return Vecferry(binary, folder)


@pytest.fixture
def example(folder):
    """The example export, in the working folder."""
    return Path(shutil.copy(EXAMPLE, folder / "docs.json"))


@pytest.fixture
def docs(vecferry, example):
    """The example as a local collection: the location."""
    vecferry.json("import", example.name, "local:db/docs")
    return "local:db/docs"


@pytest.fixture(scope="session")
def shared():
    """The folder of recorded real data, which is no part of the project."""
    folder = Path(os.environ.get("VECFERRY_SHARED_DIR") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip("needs ../shared")
    return folder


@pytest.fixture
def half_fed(vecferry, folder, docs):
    """Starts a copy from a pipe that has given half of its points and stays open.

    The call returns once the program has read most of that half: it is in the middle.
    """
    vecferry.json("export", docs, "all.jsonl")
    data = (folder / "all.jsonl").read_bytes()
    started = []

    def start(target="local:fed/docs", **popen):
        process = vecferry.start(
            "copy", "-", target, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **popen
        )
        started.append(process)
        process.stdin.write(data[: len(data) // 2])
        process.stdin.flush()
        return process, data[len(data) // 2 :]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
