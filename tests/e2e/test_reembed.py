"""--reembed: vectors made anew from a text, by a server or a program; and sample --compare."""

import json
import signal
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from embed_server import Answer, base64_of, embed_server, vector_of
from minilm import MiniLM
from served import DIM, start_serve, stop_serve
from support import example_documents, read_jsonl, tree, wait_for, write_plain

SHORT = sorted(example_documents(), key=lambda document: len(document["content"]))[:24]


def without_vectors(path, documents):
    """A plain export of documents without vectors."""
    plain = [{k: v for k, v in document.items() if k != "vector"} for document in documents]
    return write_plain(path, plain).name


@pytest.fixture
def plain(folder):
    """200 documents of the example without vectors, as a file."""
    return without_vectors(folder / "plain.json", example_documents(200))


@pytest.fixture
def endpoint():
    with embed_server() as endpoint:
        yield endpoint


def vectors_in(vecferry, location, name="vector"):
    """id -> (payload, vector) of a collection, through an export."""
    file = vecferry.folder / "vectors.jsonl"
    file.unlink(missing_ok=True)
    vecferry.json("export", location, file.name)
    _, points = read_jsonl(file)
    return {
        point["id"]: (point["payload"], np.array(point[name], dtype=np.float32)) for point in points
    }


def assert_embedded(vecferry, location, documents, key=lambda document: document["content"]):
    points = vectors_in(vecferry, location)
    assert len(points) == len(documents)
    for document in documents:
        payload, vector = points[int(document["id"])]
        assert payload["content"] == document["content"]
        assert np.abs(vector - vector_of(key(document))).max() < 1e-6, document["id"]


# --- a real model


@pytest.fixture(scope="module")
def minilm():
    return MiniLM()


@pytest.mark.parametrize("encoding", [(), ("--embed-base64",)])
def test_the_real_model_gives_the_vectors_that_the_example_has(vecferry, folder, minilm, encoding):
    file = without_vectors(folder / "plain.json", SHORT)
    with embed_server(minilm.embed) as endpoint:
        result = vecferry.json(
            "import", file, "local:db/docs", "--reembed", "--embed-url", endpoint.url, *encoding
        )  # fmt: skip
    assert result["verified"] and result["points"] == len(SHORT)
    points = vectors_in(vecferry, "local:db/docs")
    for document in SHORT:
        _, vector = points[int(document["id"])]
        cosine = vector @ np.array(document["vector"], dtype=np.float32)
        assert cosine > 0.99999, document["id"]


def test_a_change_of_model_keeps_the_neighbours_that_it_keeps(vecferry, folder, minilm):
    write_plain(folder / "docs.json", SHORT)
    vecferry.json("import", "docs.json", "local:db/old")
    with embed_server(minilm.embed) as real, embed_server() as noise:
        vecferry.json("copy", "local:db/old", "local:db/same", "--reembed", "--embed-url", real.url)
        vecferry.json(
            "copy", "local:db/old", "local:db/noise", "--reembed", "--embed-url", noise.url,
            "--embed-model", "noise",
        )  # fmt: skip
    same = vecferry.json("sample", "local:db/old", "local:db/same", "--compare")
    assert same["overlap"] == 1
    assert len(same["queries"]) == len(SHORT)
    other = vecferry.json("sample", "local:db/old", "local:db/noise", "--compare", "--limit", 5)
    assert other["overlap"] < 0.6
    # numpy is the judge of the neighbours.
    points = {int(d["id"]): np.array(d["vector"], dtype=np.float32) for d in SHORT}
    for query in other["queries"]:
        near = points[query["id"]] / np.linalg.norm(points[query["id"]])
        scores = {i: near @ v / np.linalg.norm(v) for i, v in points.items() if i != query["id"]}
        best = sorted(scores, key=lambda i: -scores[i])[:5]
        assert set(query["nearest_a"]) == set(best)
        assert query["shared"] == len(set(query["nearest_a"]) & set(query["nearest_b"]))
    text = vecferry.run("sample", "local:db/old", "local:db/noise", "--compare").stdout
    assert "over 24 points" in text and "vecferry peek" in text


# --- from a file, and from collection to collection


def test_a_file_without_vectors_gets_them(vecferry, plain, endpoint):
    documents = example_documents(200)
    result = vecferry.json(
        "import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url
    )
    assert result["verified"]
    counts = result["receipt"]["counts"]
    assert counts["texts_embedded"] + counts["texts_from_cache"] == 200
    assert endpoint.paths == ["/v1/embeddings"] * len(endpoint.paths)
    assert max(len(request["input"]) for request in endpoint.requests) == 64
    assert sorted(endpoint.texts) == sorted(document["content"] for document in documents)
    assert {request["model"] for request in endpoint.requests} == {"all-MiniLM-L6-v2"}
    assert_embedded(vecferry, "local:db/docs", documents)


def test_the_plan_says_what_it_will_take(vecferry, plain, endpoint, folder):
    vecferry.run("--version")  # makes the folders that every run has
    before = tree(folder.parent)
    words = ("import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url,
             "--embed-price", "0.02")  # fmt: skip
    plan = vecferry.run("--json", *words, "--dry-run").lines[0]
    characters = sum(len(document["content"]) for document in example_documents(200))
    assert plan["reembed"]["points"] == 200
    assert plan["reembed"]["sampled_characters"] == characters
    assert plan["reembed"]["tokens"] == pytest.approx(characters / 4)
    assert plan["reembed"]["cost"] == pytest.approx(characters / 4 * 0.02 / 1e6)
    assert plan["reembed"]["text_key"] == "content"
    assert endpoint.requests == [] and tree(folder.parent) == before

    plan = vecferry.run("--json", *words).lines[0]
    assert plan["reembed"]["probe_texts"] == 64 and plan["reembed"]["seconds"] > 0
    again = vecferry.run("--json", *words, "--dry-run", code=(1, 6))  # the target is there now
    assert again.error["kind"] == "exists"


def test_a_copy_replaces_the_vector_and_reads_another_key(vecferry, docs, endpoint):
    result = vecferry.json(
        "copy", docs, "local:db/titles", "--reembed", "--embed-url", endpoint.url,
        "--text-key", "title", "--drop-payload", "title",
    )  # fmt: skip
    assert result["verified"]
    titles = {document["metadata"]["title"] for document in example_documents()}
    assert sorted(endpoint.texts) == sorted(titles)  # each once
    documents = example_documents()
    assert_embedded(
        vecferry, "local:db/titles", documents, key=lambda document: document["metadata"]["title"]
    )


def test_another_size_beside_the_old_vector(vecferry, docs):
    with embed_server(lambda texts: [vector_of(text, 8) for text in texts]) as endpoint:
        words = ("copy", docs, "local:db/both", "--reembed", "--embed-url", endpoint.url)
        error = vecferry.fails(*words, code=6)
        assert "8 numbers came back, expected 384" in error["what"]
        assert "--embed-dim 8" in error["next"]
        assert "point 1 and 63 after it" in error["where"]
        vecferry.json(*words, "--embed-dim", 8, "--embed-vector", "small")
    info = vecferry.json("info", "local:db/both")["config"]["params"]["vectors"]
    assert info[""]["size"] == DIM and info["small"]["size"] == 8


def test_a_served_place_takes_them_too(vecferry, docs, start):
    process, target = start_serve(start, "local:served")
    with embed_server() as endpoint:
        result = vecferry.json(
            "copy", docs, f"{target.url}/docs", "--reembed", "--embed-url", endpoint.url
        )
    assert result["verified"]
    with target.client() as client:
        points = client.retrieve("docs", ids=[1, 2, 3], with_vectors=True)
    for point, document in zip(points, example_documents(3), strict=True):
        assert np.abs(np.array(point.vector) - vector_of(document["content"])).max() < 1e-6
    stop_serve(process)


def test_points_without_a_text(vecferry, folder, endpoint):
    documents = example_documents(20)
    for document in documents[5:8]:
        document["content"] = ""
    file = without_vectors(folder / "gaps.json", documents)
    words = ("import", file, "local:db/docs", "--reembed", "--embed-url", endpoint.url)
    error = vecferry.fails(*words, code=6)
    assert "no text under 'content' in 3 of the first 20 points: 6, 7, 8" in error["what"]
    assert endpoint.requests == []
    result = vecferry.json(*words, "--embed-missing", "skip")
    assert result["receipt"]["counts"]["texts_missing"] == 3
    file = folder / "out.jsonl"
    vecferry.json("export", "local:db/docs", file.name)
    _, points = read_jsonl(file)
    assert [point["id"] for point in points if point.get("vector") is None] == [6, 7, 8]


def test_a_wrong_key_names_those_that_hold_text(vecferry, docs, endpoint):
    error = vecferry.fails(
        "copy", docs, "local:db/x", "--reembed", "--embed-url", endpoint.url, "--text-key", "tilte",
        code=6,
    )  # fmt: skip
    assert "--text-key" in error["next"] and "content" in error["next"]


# --- servers as they are


def test_a_busy_server_is_asked_again(vecferry, plain, endpoint):
    def script(number, request):
        if number in (0, 3):
            return Answer(429, {"error": {"message": "slow down"}}, {"Retry-After": "1"})
        if number == 1:
            return Answer(503, b"loading")
        if number == 2:
            return Answer(200, endpoint.reply(request), cut=True)
        return None

    endpoint.script = script
    vecferry.json("import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url)
    assert_embedded(vecferry, "local:db/docs", example_documents(200))
    assert len(endpoint.requests) == 4 + 4  # 200 texts of 64, four of them asked for twice


def test_the_index_decides_the_order(vecferry, plain, endpoint):
    def script(number, request):
        reply = endpoint.reply(request)
        reply["data"].reverse()
        return Answer(200, reply)

    endpoint.script = script
    vecferry.json("import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url)
    assert_embedded(vecferry, "local:db/docs", example_documents(200))


def change(endpoint, edit):
    """A script that changes the data of the usual reply."""

    def script(number, request):
        reply = endpoint.reply(request)
        edit(reply["data"])
        return Answer(200, reply)

    return script


WRONG = {
    "fewer": (lambda data: data.pop(), "63 vectors came back for 64 texts"),
    "short": (lambda data: data[5]["embedding"].pop(), "383 numbers"),
    "nan": (lambda data: data[5].update(embedding=[float("nan")] * DIM), "JSON"),
    "null": (lambda data: data[5].update(embedding=[None] * DIM), "null"),
    "base64 nan": (
        lambda data: data[5].update(embedding=base64_of([np.nan] * DIM)),
        "not finite",
    ),
    "twice": (lambda data: data[5].update(index=4), "twice"),
    "html": (None, "no JSON"),
}


@pytest.mark.parametrize("case", WRONG)
def test_vectors_that_are_none_leave_nothing_behind(vecferry, plain, endpoint, case):
    edit, words = WRONG[case]
    endpoint.script = change(endpoint, edit) if edit else lambda *_: Answer(200, b"<html>no</html>")
    error = vecferry.fails(
        "import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url, code=6
    )
    assert words in error["what"], error
    assert "point 1 and 63 after it" in error["where"]
    assert len(endpoint.requests) == 1  # what is wrong is not asked for again
    # Nothing of it was kept either: the right answer is asked for afterwards.
    endpoint.script = lambda *_: None
    vecferry.json("import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url)
    assert_embedded(vecferry, "local:db/docs", example_documents(200))


@pytest.mark.parametrize(("status", "code", "words"), [(400, 6, "--where"), (401, 6, "KEY")])
def test_a_refusal_is_quoted(vecferry, plain, endpoint, status, code, words):
    endpoint.script = lambda *_: Answer(status, {"error": {"message": "not these words"}})
    error = vecferry.fails(
        "import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url, code=(1, code)
    )
    assert f"{status}: not these words" in error["what"]
    assert words in error["next"]


def test_the_point_that_a_server_refuses_is_named(vecferry, plain, endpoint):
    documents = example_documents(200)

    def script(number, request):
        if documents[100]["content"] in request["input"]:
            return Answer(400, {"error": {"message": "longer than I read"}})
        return Answer(413, b"at most 20") if len(request["input"]) > 20 else None

    endpoint.script = script
    words = ("import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url)
    error = vecferry.fails(*words, code=6)
    assert "400: longer than I read" in error["what"]
    assert error["where"].startswith(f"point {documents[100]['id']},")
    vecferry.json(*words, "--where", f"id != {documents[100]['id']}")
    assert len(vectors_in(vecferry, "local:db/docs")) == 199


def test_nobody_there(vecferry, plain):
    error = vecferry.fails(
        "import", plain, "local:db/docs", "--reembed", "--embed-url", "http://127.0.0.1:1", code=5
    )
    assert "--embed-url" in error["next"]


# --- keys


def test_the_key_comes_from_the_environment_and_shows_nowhere(vecferry, plain, endpoint, folder):
    env = ("/usr/bin/env", "VECFERRY_EMBED_API_KEY=s3cret-key")
    run = vecferry.run(
        "--json", "import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url,
        prefix=env,
    )  # fmt: skip
    assert {headers["Authorization"] for headers in endpoint.headers} == {"Bearer s3cret-key"}
    assert "s3cret" not in run.stdout + run.stderr
    for path in folder.parent.rglob("*"):
        assert not path.is_file() or b"s3cret" not in path.read_bytes(), path


def test_the_configuration_names_the_server_and_its_key(vecferry, plain, endpoint, folder):
    (folder / "key").write_text("from-a-file\n")
    (folder / "vecferry.toml").write_text(
        f'[embed]\nurl = "{endpoint.url}"\nmodel = "mine"\nbatch = 50\napi_key_file = "key"\n'
    )
    vecferry.json("import", plain, "local:db/docs", "--reembed")
    assert {headers["Authorization"] for headers in endpoint.headers} == {"Bearer from-a-file"}
    assert {request["model"] for request in endpoint.requests} == {"mine"}
    assert len(endpoint.requests) == 4
    # The key of that server is not shown to another.
    with embed_server() as other:
        vecferry.json(
            "import", plain, "local:db/again", "--reembed", "--embed-url", other.url,
            "--embed-model", "other",
        )  # fmt: skip
    assert all("Authorization" not in headers for headers in other.headers)
    (folder / "vecferry.toml").write_text('[embed]\napi_key = "x"\n')
    error = vecferry.fails("import", plain, "local:db/x", "--reembed", code=2)
    assert "api_key_env" in error["next"]


# --- cut off, and again


def test_after_a_kill_nothing_is_asked_for_twice(vecferry, plain, endpoint, start):
    killed = []

    def script(number, request):
        if number == 2 and not killed:
            killed.append(request)
            process.kill()
            process.wait()
        return None

    endpoint.script = script
    words = ("import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url,
             "--embed-batch", "20")  # fmt: skip
    process = start(*words)
    assert process.wait(timeout=300) == -signal.SIGKILL
    asked = list(endpoint.texts)
    # The first two were answered; of the two in flight none need have been.
    done = [text for request in endpoint.requests[:1] for text in request["input"]]
    endpoint.script = lambda *_: None
    count = len(endpoint.requests)
    assert vecferry.json(*words)["verified"]
    later = [text for request in endpoint.requests[count:] for text in request["input"]]
    assert not set(done) & set(later)
    assert len(set(later) & set(asked)) <= 2 * 20 + 20
    assert_embedded(vecferry, "local:db/docs", example_documents(200))
    # And a third run asks for nothing at all.
    count = len(endpoint.requests)
    result = vecferry.json("import", plain, "local:db/third", *words[3:])
    assert result["receipt"]["counts"]["texts_from_cache"] == 200
    assert len(endpoint.requests) == count


def test_an_interrupt_ends_it_at_once(plain, endpoint, start, folder):
    started = []

    def script(number, request):
        if number == 1:
            started[0].send_signal(signal.SIGINT)
            started[0].wait(timeout=30)
        return None

    endpoint.script = script
    started.append(
        start("import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url)
    )
    assert started[0].wait(timeout=300) == 130
    assert not (folder / "db").exists()


def test_two_runs_do_not_write_one_cache(vecferry, plain, endpoint):
    def script(number, request):
        if number == 0:
            error = vecferry.fails(
                "import",
                plain,
                "local:other/docs",
                "--reembed",
                "--embed-url",
                endpoint.url,
                code=7,
            )
            assert "--embed-cache" in error["next"]
            vecferry.json(
                "import", plain, "local:other/docs", "--reembed", "--embed-url", endpoint.url,
                "--embed-cache", "elsewhere",
            )  # fmt: skip
        return None

    endpoint.script = script
    vecferry.json("import", plain, "local:db/docs", "--reembed", "--embed-url", endpoint.url)
    assert list(Path(vecferry.folder, "elsewhere").glob("*.vectors"))
    assert len(endpoint.texts) == 400


# --- programs


def program(folder, body):
    """A Python program that embeds, and the words that start it."""
    file = folder / "embed it.py"
    file.write_text(
        "import json, os, sys\n"
        "print(os.getpid(), file=open('started', 'a'))\n" + textwrap.dedent(body)
    )
    return f"{sys.executable} '{file.name}'"


LENGTHS = """
    for line in sys.stdin:
        text = json.loads(line)["text"]
        print(json.dumps({"vector": [len(text), len(text.split()), 1]}), flush=True)
    print("ended", file=open("ended", "a"))
"""


def test_a_program_embeds(vecferry, plain, folder):
    words = program(folder, LENGTHS)
    result = vecferry.json(
        "import", plain, "local:db/docs", "--reembed", "--embed-cmd", words, "--embed-dim", 3,
        "--distance", "Euclid",
    )  # fmt: skip
    assert result["verified"]
    points = vectors_in(vecferry, "local:db/docs")
    for document in example_documents(200):
        text = document["content"]
        expected = [len(text), len(text.split()), 1]
        assert points[int(document["id"])][1].tolist() == expected
    started = (folder / "started").read_text().split()
    assert len(started) == len((folder / "ended").read_text().split())
    # Another program is another model.
    vecferry.json(
        "import", plain, "local:db/again", "--reembed", "--embed-cmd", words + " x",
        "--embed-dim", 3,
    )  # fmt: skip
    assert len((folder / "started").read_text().split()) > len(started)


def test_a_program_that_dies_is_quoted_and_its_work_kept(vecferry, plain, folder):
    body = """
        for number, line in enumerate(sys.stdin):
            if number == 100 and not os.path.exists("fixed"):
                sys.exit("out of memory, says the card")
            print(json.dumps({"vector": [len(line), number, 1]}), flush=True)
            print(number, file=open("asked", "a"))
    """
    words = ("import", plain, "local:db/docs", "--reembed", "--embed-dim", 3, "--embed-cmd",
             program(folder, body))  # fmt: skip
    error = vecferry.fails(*words, code=6)
    assert "status 1" in error["what"] and "says the card" in error["what"]
    assert not (folder / "db").exists()
    (folder / "fixed").touch()
    (folder / "asked").unlink()
    assert vecferry.json(*words)["verified"]
    asked = len((folder / "asked").read_text().split())
    assert 100 <= asked <= 200 - 64  # the first request was kept


def test_a_killed_run_takes_its_program_along(vecferry, plain, folder, start):
    body = """
        sys.stdin.readline()
        os.kill(os.getppid(), 9)
        sys.stdin.read()
        print("gone", file=open("ended", "a"))
    """
    process = start(
        "import", plain, "local:db/docs", "--reembed", "--embed-cmd", program(folder, body)
    )
    assert process.wait(timeout=300) == -signal.SIGKILL
    wait_for((folder / "ended").exists)


# --- words


@pytest.mark.parametrize(
    "words",
    [
        ("--embed-url", "http://x"),
        ("--text-key", "a"),
        ("--reembed",),
        ("--reembed", "--embed-url", "x:1"),
        ("--reembed", "--embed-url", "http://x", "--embed-cmd", "y"),
        ("--reembed", "--embed-cmd", "'open"),
        ("--reembed", "--embed-url", "http://x", "--embed-dim", "0"),
        ("--reembed", "--embed-url", "http://x", "--text-key", "a[].b"),
        ("--reembed", "--embed-url", "http://x", "--embed-missing", "maybe"),
    ],
)
def test_words_that_make_no_sense(vecferry, plain, folder, words):
    before = tree(folder)
    vecferry.fails("import", plain, "local:db/docs", *words, code=2)
    assert tree(folder) == before


def test_sample_wants_to_compare(vecferry, docs):
    assert "--compare" in vecferry.fails("sample", docs, docs, code=2)["next"]
    result = vecferry.json("sample", docs, docs, "--compare", "--queries", 7)
    assert result["overlap"] == 1 and len(result["queries"]) == 7
    assert json.dumps(result["queries"]) == json.dumps(
        vecferry.json("sample", docs, docs, "--compare", "--queries", 7)["queries"]
    )
