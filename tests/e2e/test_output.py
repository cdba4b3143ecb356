"""What is printed where, what is asked, what is refused; docs/json-output.md as a test."""

import json
import os
import pty
import re
import signal
import subprocess
import time

import pytest
from support import ROOT, example_documents, read_until, tree, write_plain

FIELDS = {
    "plan": "verb source target route points create losses transforms writes drops",
    "copy": "verb source target points verified digest floats_rounded route seconds bytes receipt",
    "verify": "verb equal points_a points_b missing extra different missing_ids extra_ids"
    " different_ids config_equal config_differences digest_a digest_b",
    "info": "verb name place points_count config payload_schema aliases",
    "ls": "verb collections aliases",
    "peek": "verb points",
    "error": "kind what where next exit_code",
}


def check_fields(line, name):
    missing = set(FIELDS[name].split()) - set(line)
    assert not missing, (missing, line)


def test_json_fields_are_as_promised(vecferry, docs):
    lines = vecferry.run("--json", "copy", docs, "local:out/docs").lines
    assert lines[0]["type"] == "plan"
    check_fields(lines[0], "plan")
    check_fields(lines[-1], "copy")
    assert re.fullmatch("[0-9a-f]{32}", lines[-1]["digest"])
    assert lines[-1]["receipt"]["digest"] == lines[-1]["digest"]
    for verb in ("verify", "diff"):
        check_fields(vecferry.json(verb, docs, "local:out/docs"), "verify")
    check_fields(vecferry.json("info", docs), "info")
    check_fields(vecferry.json("ls", "local:db"), "ls")
    check_fields(vecferry.json("peek", docs), "peek")
    check_fields(vecferry.fails("info", "local:db/none", code=5), "error")


def test_the_page_of_promises_names_these_fields():
    page = (ROOT / "docs" / "json-output.md").read_text()
    samples = [json.loads(text) for text in re.findall(r"```json\n(\{.*?\})\n```", page)]
    samples = [sample for sample in samples if "type" in sample]  # some are parts of others
    for line in samples:
        name = {"import": "copy"}.get(line.get("verb"), line.get("verb"))
        if line["type"] in ("plan", "error"):
            name = line["type"]
        if name in FIELDS:
            check_fields(line, name)
    assert {line["type"] for line in samples} == {"plan", "progress", "warning", "result", "error"}


def test_verify_names_what_differs(vecferry, folder, docs):
    documents = example_documents()
    documents[6]["vector"][0] += 0.25
    documents[7]["metadata"]["words"] += 1
    del documents[8]
    documents.append(dict(example_documents(1)[0], id="5000"))
    write_plain(folder / "changed.json", documents)
    for verb in ("verify", "diff"):
        verdict = vecferry.json(verb, docs, "changed.json", code=3)
        assert not verdict["equal"]
        assert verdict["missing_ids"] == [9] and verdict["missing"] == 1
        assert verdict["extra_ids"] == [5000] and verdict["extra"] == 1
        assert verdict["different_ids"] == [7, 8] and verdict["different"] == 2
        assert verdict["digest_a"] != verdict["digest_b"]
    text = vecferry.run("diff", docs, "changed.json", code=3).stdout
    assert re.search(r"\b5000\b", text) and re.search(r"\b9\b", text)


@pytest.mark.parametrize("target", ["local:out/docs", "out.json", "out.jsonl", "out.parquet"])
def test_dry_run_writes_nothing(vecferry, folder, docs, target):
    before = tree(folder)
    lines = vecferry.run("--json", "copy", docs, target, "--dry-run").lines
    assert [line["type"] for line in lines if line["type"] != "warning"] == ["plan", "result"]
    assert lines[0]["points"] == 420 and lines[0]["route"] == "stream"
    assert lines[-1]["dry_run"] is True
    assert tree(folder) == before


def test_result_on_stdout_the_rest_on_stderr(vecferry, docs):
    run = vecferry.run("copy", docs, "local:out/docs")
    assert "420" in run.stdout and "verified" in run.stdout
    assert "\x1b" not in run.stdout + run.stderr  # no colour, no drawing: not a terminal
    failed = vecferry.run("info", "local:db/none", code=5)
    assert failed.stdout == ""
    assert failed.stderr.startswith("vecferry: error: ")
    quiet = vecferry.run("--quiet", "copy", docs, "local:out/again")
    assert quiet.stderr == ""


def test_ls_peek_and_info_for_people(vecferry, docs):
    assert re.search(r"docs\s+420", vecferry.run("ls", "local:db").stdout)
    text = vecferry.run("info", docs).stdout
    assert "420" in text and "384" in text and "Cosine" in text
    text = vecferry.run("peek", docs, "--limit", 2).stdout
    assert "A table in a relational database" in text


def test_peek_near_finds_neighbours(vecferry, docs):
    near = vecferry.json("peek", docs, "--near", 202, "--limit", 5)["points"]
    assert near[0]["id"] == 202 and near[0]["score"] == pytest.approx(1.0, abs=1e-5)
    assert [p["score"] for p in near] == sorted((p["score"] for p in near), reverse=True)
    assert {p["payload"]["chapter"] for p in near} == {"Concurrency Control"}
    text = vecferry.run("peek", docs, "--near", 202, "--limit", 5).stdout
    assert "deadlock" in text and "202" in text
    vecferry.fails("peek", docs, "--near", 99999, code=5)


def test_peek_shows_vectors_when_asked(vecferry, docs):
    (point,) = vecferry.json("peek", docs, "--limit", 1, "--vectors")["points"]
    assert len(point["vectors"][""]) == 384
    (point,) = vecferry.json("peek", docs, "--limit", 1)["points"]
    assert "vectors" not in point


@pytest.mark.parametrize(
    ("args", "offered", "code"),
    [
        (("cpoy", "a.json", "b.json"), "copy", 2),
        (("verfy", "a.json", "b.json"), "verify", 2),
        (("copy", "docs.json", "b.json", "--limt", "3"), "--limit", 2),
        (("info", "local:db/dosc"), "docs", 5),
        (("copy", "local:db/dcs", "b.json"), "docs", 5),
    ],
)
def test_mistyped_word_offers_the_nearest(vecferry, docs, args, offered, code):
    run = vecferry.run(*args, code=code)
    assert f"'{offered}'" in run.stderr, run.stderr
    assert "\n  next:" in run.stderr


@pytest.mark.parametrize(
    "args", [(), ("copy",), ("copy", "one"), ("--nonsense",), ("peek", "a", "--limit", "x")]
)
def test_wrong_usage_is_exit_2(vecferry, args):
    run = vecferry.run(*args, code=2)
    assert run.stdout == "" and run.stderr


def test_json_even_for_wrong_usage(vecferry):
    assert vecferry.fails("cpoy", "a", "b", code=2)["kind"] == "usage"
    assert vecferry.fails("copy", "a.json", code=2)["kind"] == "usage"


def test_existing_target_is_refused(vecferry, folder, docs, example):
    vecferry.json("export", docs, "out.parquet")
    before = tree(folder)
    for target in (docs, "out.parquet"):
        assert vecferry.fails("copy", example.name, target, code=1)["kind"] == "exists"
    assert tree(folder) == before


def test_copy_onto_itself_is_refused(vecferry, folder, docs, example):
    before = tree(folder)
    vecferry.fails("copy", docs, docs)
    vecferry.fails("copy", docs, "local:./db/docs")
    vecferry.fails("copy", docs, docs, "--into-existing")
    vecferry.fails("copy", "docs.json", "./docs.json")
    assert tree(folder) == before


def test_help_teaches(vecferry):
    text = vecferry.run("--help").stdout
    for verb in ("copy", "export", "import", "verify", "diff", "ls", "info", "peek"):
        assert re.search(rf"^\s+{verb}\b", text, re.MULTILINE), verb
        own = vecferry.run(verb, "--help").stdout
        assert "vecferry " + verb in own
    assert "local:DIR" in text
    assert re.fullmatch(r"vecferry \d+\.\d+\.\d+\n", vecferry.run("--version").stdout)


def test_no_server_at_the_default_place(vecferry):
    error = vecferry.fails("info", "docs", code=(2, 5, 6))
    assert error["next"]


@pytest.fixture
def stalled(start, large):
    """An export in the middle: nobody reads its stdout, so it stops when the pipe is full."""
    return lambda **popen: start(
        "export", large, "-", "--format", "jsonl", stdout=subprocess.PIPE, **popen
    )


def test_progress_is_drawn_on_a_terminal(stalled):
    ours, theirs = pty.openpty()
    stalled(stderr=theirs)
    os.close(theirs)
    assert b"copy: " in read_until(ours, rb"\r.*points", 120)
    os.close(ours)


def test_progress_elsewhere_is_a_line_every_ten_seconds(stalled):
    started = time.monotonic()
    process = stalled(stderr=subprocess.PIPE)
    line = read_until(process.stderr.fileno(), rb"vecferry: copy: .*points.*\n", 120)
    assert time.monotonic() - started > 9
    assert b"\r" not in line and b"\x1b" not in line


def test_signal_ends_an_export_that_nobody_reads(vecferry, stalled):
    process = stalled(stderr=subprocess.PIPE)
    assert os.read(process.stdout.fileno(), 10)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=10)
    assert process.returncode == 130
    assert tree(vecferry.temporary) == {}
