"""Fixtures of the end-to-end tests: the built binary, the example, the recorded data."""

import os
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from served import Server, start_serve, stop_serve
from support import EXAMPLE, ROOT, Vecferry

MEMORY = pytest.StashKey[str]()
# A real Qdrant, its gRPC at the next port; only where one is named.
REAL_SERVER = os.environ.get("VECFERRY_TEST_QDRANT_URL", "").rstrip("/")


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


def pytest_configure(config):
    """Work in memory where there is room: the program syncs a lot, and disks differ."""
    room = os.statvfs("/dev/shm") if os.path.ismount("/dev/shm") else None
    if not config.option.basetemp and room and room.f_bavail * room.f_frsize > 6 << 30:
        config.option.basetemp = config.stash[MEMORY] = tempfile.mkdtemp(dir="/dev/shm")


def pytest_unconfigure(config):
    if MEMORY in config.stash:
        shutil.rmtree(config.stash[MEMORY], ignore_errors=True)


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


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """A Parquet file that takes a second or so to copy: 40,000 points of 384 dimensions."""
    count, dim = 40_000, 384
    values = np.random.default_rng(1).standard_normal(count * dim, dtype=np.float32)
    table = pa.table(
        {
            "id": pa.array(range(count), pa.uint64()),
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(values), dim),
        }
    )
    file = tmp_path_factory.mktemp("large") / "large.parquet"
    pq.write_table(table, file, row_group_size=2000)
    return file


@pytest.fixture
def as_anyone():
    """The wrapper that takes from root its right to open everything."""
    drop = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    return drop if os.geteuid() == 0 else ()


@pytest.fixture
def start(vecferry):
    """Starts the program without waiting for it; what still runs at the end is killed."""
    started = []

    def start(*args, **popen):
        process = subprocess.Popen(
            [vecferry.binary, *map(str, args)],
            cwd=vecferry.folder,
            env=vecferry.environment(),
            **popen,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(params=["serve", "real"] if REAL_SERVER else ["serve"])
def server(request, start):
    """Where official clients connect to: `vecferry serve`, and a real Qdrant if one is named."""
    if request.param == "real":
        yield Server(REAL_SERVER, int(REAL_SERVER.rpartition(":")[2]) + 1)
        return
    process, server = start_serve(start, "local:served")
    yield server
    stop_serve(process)


def names_at(url):
    told = httpx.get(f"{url}/collections", timeout=300).raise_for_status().json()
    return [found["name"] for found in told["result"]["collections"]]


@pytest.fixture(params=["serve", "real"] if REAL_SERVER else ["serve"])
def far_server(request, start):
    """The other end of a copy, empty: `vecferry serve`, and a real Qdrant if one is named."""
    if request.param == "real":
        assert names_at(REAL_SERVER) == [], "the server of VECFERRY_TEST_QDRANT_URL must be empty"
        yield Server(REAL_SERVER, int(REAL_SERVER.rpartition(":")[2]) + 1)
        for name in names_at(REAL_SERVER):
            url = f"{REAL_SERVER}/collections/{quote(name, safe='')}"
            httpx.delete(url, timeout=300).raise_for_status()
        return
    process, server = start_serve(start, "local:far")
    yield server
    stop_serve(process)


@pytest.fixture
def name(server):
    """The name of a collection that is not there, and will not be afterwards."""
    name = f"e2e-{uuid.uuid4()}"
    yield name
    httpx.delete(f"{server.url}/collections/{name}", timeout=300).raise_for_status()
