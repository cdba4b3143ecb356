"""The installed program runs from wherever it was put, and needs nothing of the build tree."""

import shutil
import subprocess

import pytest
from support import EXAMPLE, Vecferry


@pytest.fixture
def installed(binary, tmp_path, folder):
    build = binary.parent
    if not (build / "CMakeCache.txt").is_file():
        # VECFERRY_BIN may name an installed program: that is what we want to test, then.
        return Vecferry(binary, folder)
    prefix = tmp_path / "first"
    subprocess.run(
        ["cmake", "--install", build, "--prefix", prefix],
        check=True,
        capture_output=True,
        timeout=120,
    )
    moved = tmp_path / "second place"
    prefix.rename(moved)
    return Vecferry(moved / "bin" / "vecferry", folder)


def test_installed_program_runs_where_it_is_put(installed, folder):
    shutil.copy(EXAMPLE, folder / "docs.json")
    assert installed.json("import", "docs.json", "local:db/docs")["verified"]
    assert installed.json("verify", "docs.json", "local:db/docs")["equal"]


def test_installed_program_links_to_nothing_of_the_build(installed, binary):
    listed = subprocess.run(
        ["ldd", installed.binary], check=True, capture_output=True, text=True, timeout=300
    ).stdout
    assert "not found" not in listed
    assert ".deps" not in listed
    if installed.binary != str(binary):
        assert str(binary.parent) not in listed
