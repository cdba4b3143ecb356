"""Archives in a bucket, on a server that speaks S3."""

import os
import signal
import subprocess
import urllib.request

import boto3
import pytest
from archive_life import RECORDED, live_through
from moto.server import ThreadedMotoServer
from support import TIMEOUT_S, Vecferry

BUCKET = "backups"


class S3:
    """A server with one bucket, and what a process needs in its environment to find it."""

    def __init__(self, url):
        self.url = url
        self.environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-tester",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.client = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.environment["AWS_REGION"],
        )

    def files(self, prefix=""):
        """Path below `prefix` -> size, without what only marks a folder."""
        found = {}
        for page in self.client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=prefix
        ):
            for entry in page.get("Contents", ()):
                if not entry["Key"].endswith("/"):
                    found[entry["Key"][len(prefix) :]] = entry["Size"]
        return found


class VecferryOnS3(Vecferry):
    def __init__(self, binary, folder, s3):
        super().__init__(binary, folder)
        self.changes = dict(s3.environment)

    def environment(self):
        return {**super().environment(), **self.changes}


@pytest.fixture
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    s3 = S3(f"http://{host}:{port}")
    # What it keeps is the process's, not the server's.
    urllib.request.urlopen(urllib.request.Request(f"{s3.url}/moto-api/reset", method="POST"))
    s3.client.create_bucket(Bucket=BUCKET)
    yield s3
    server.stop()


@pytest.fixture
def vecferry(binary, folder, s3):
    return VecferryOnS3(binary, folder, s3)


ARCHIVE = f"archive:s3://{BUCKET}/some/prefix"


def test_backup_change_backup_restore(vecferry, docs, s3):
    first = vecferry.json("backup", docs, "--to", ARCHIVE)
    files = s3.files("some/prefix/")
    assert "vecferry-archive.json" in files
    assert not [path for path in files if path.startswith("writers/")]
    assert len([path for path in files if path.startswith("collections/docs/")]) == 1

    vecferry.json("backup", docs, "--to", ARCHIVE)
    again = s3.files("some/prefix/")
    new = set(again) - set(files)
    assert len(new) == 1, "nothing changed: a manifest alone"
    assert new.pop().startswith("collections/docs/")

    (listed,) = vecferry.json("archives", ARCHIVE)["collections"]
    assert listed["name"] == "docs"
    assert len(listed["backups"]) == 2

    vecferry.json("restore", f"{ARCHIVE}/docs", "local:db/again")
    proof = vecferry.json("verify", docs, "local:db/again")
    assert proof["equal"]
    assert first["verified"]


@pytest.mark.parametrize("source", RECORDED)
def test_every_recorded_collection_lives_through_it(vecferry, shared, source):
    live_through(vecferry, shared / source, ARCHIVE)


def test_killed_anywhere_the_bucket_stays_sound(vecferry, docs):
    """The bucket is not put back between the kills: each run meets what the one before has left."""
    vecferry.json("backup", docs, "--to", ARCHIVE)
    vecferry.json("copy", docs, "local:aside/docs", "--limit", 100, "--provenance")
    vecferry.json("copy", "local:aside/docs", docs, "--into-existing")
    killed = 0
    while True:
        environment = vecferry.environment() | {"VECFERRY_KILL_POINT": f"#{killed + 1}"}
        done = subprocess.run(
            [vecferry.binary, "backup", docs, "--to", ARCHIVE],
            cwd=vecferry.folder,
            env=environment,
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
    assert vecferry.json("verify", f"{ARCHIVE}/docs", docs)["equal"]


def test_an_encrypted_archive_in_a_bucket(vecferry, docs, s3):
    vecferry.changes["VECFERRY_KEY"] = "7" * 64
    vecferry.json("backup", docs, "--to", ARCHIVE)
    vecferry.json("restore", f"{ARCHIVE}/docs", "local:db/again")
    assert vecferry.json("verify", docs, "local:db/again")["equal"]
    del vecferry.changes["VECFERRY_KEY"]
    error = vecferry.fails("archives", ARCHIVE, code=6)
    assert error["kind"] == "refused"
    assert "--key-file" in error["next"]


def test_a_file_that_is_damaged_in_the_bucket(vecferry, docs, s3):
    vecferry.json("backup", docs, "--to", ARCHIVE)
    (path,) = [path for path in s3.files() if path.endswith(".parquet")]
    body = bytearray(s3.client.get_object(Bucket=BUCKET, Key=path)["Body"].read())
    body[len(body) // 2] ^= 1
    s3.client.put_object(Bucket=BUCKET, Key=path, Body=bytes(body))
    error = vecferry.fails("restore", f"{ARCHIVE}/docs", "local:db/again", code=(1, 3, 4))
    assert error["kind"] == "corrupt"
    assert path.rpartition("/")[2] in error["what"] + error["where"]


def test_no_bucket(vecferry, docs):
    for verb in (("archives",), ("backup", docs, "--to")):
        error = vecferry.fails(*verb, "archive:s3://nowhere/x", code=5)
        assert "no bucket 'nowhere'" in error["what"]
        assert "makes none" in error["next"]


def test_no_archive_in_the_bucket(vecferry):
    error = vecferry.fails("archives", ARCHIVE, code=5)
    assert "no archive here" in error["what"]


def test_wrong_credentials(vecferry, monkeypatch):
    monkeypatch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0)
    error = vecferry.fails("archives", ARCHIVE, code=6)
    assert error["kind"] == "refused"
    assert "credentials" in error["what"]
    assert "AWS_ACCESS_KEY_ID" in error["next"]
    assert "secret-of-the-tester" not in str(error)


def test_nobody_there(vecferry):
    vecferry.changes["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1"
    error = vecferry.fails("archives", ARCHIVE, code=5)
    assert error["kind"] == "unavailable"
    assert "does not answer" in error["what"]
    assert "AWS_ENDPOINT_URL" in error["next"]


def test_the_contract_of_stores_holds_in_a_bucket(binary, s3):
    program = binary.parent / "tests" / "archive" / "test_archive_store_test"
    if not (binary.parent / "CMakeCache.txt").is_file():
        pytest.skip("needs a build folder")  # an installed program is being tested
    done = subprocess.run(
        [program, "--gtest_filter=StoreContract.*"],
        env={
            **os.environ,
            **s3.environment,
            "VECFERRY_TEST_S3_URI": f"s3://{BUCKET}/contract",
        },
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert s3.files("contract/"), "it wrote to no bucket"
