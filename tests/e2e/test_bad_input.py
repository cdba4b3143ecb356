"""Bad input: one clear error that names file, row and field; nothing is left behind."""

import json
import resource
import shutil
import signal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import EXAMPLE, example_documents, read_jsonl, tree, write_plain

ROW = 7  # the bad one of ten, counted from one


def said(error):
    return f"{error['what']} {error['where']}"


def refuse(vecferry, file, target="local:db/docs", **options):
    """Import `file`, expect an error that names it, and the folder as it was."""
    before = tree(vecferry.folder)
    error = vecferry.fails("import", file, target, **options)
    assert str(file) in said(error), error
    assert tree(vecferry.folder) == before
    return error


def vector_with(value):
    def change(point):
        return {**point, "vector": [*point["vector"][:5], value, *point["vector"][6:]]}

    return change


def as_text(change, old, new):
    """For what json.dumps cannot write."""
    return lambda point: json.dumps(change(point)).replace(old, new)


DEEP = "[" * 10_000 + "]" * 10_000
BAD_POINTS = {
    # what is wrong: (the change to the point, the field that the error must name)
    "wrong dimension": (lambda p: {**p, "vector": p["vector"][:-1]}, "vector"),
    "no vector of numbers": (vector_with("0.1"), "vector"),
    "NaN": (vector_with(float("nan")), "vector"),
    "infinity": (vector_with(float("inf")), "vector"),
    "beyond any float": (as_text(vector_with("@"), '"@"', "1e999"), "vector"),
    "beyond float32": (vector_with(1e39), "vector"),
    "duplicate id": (lambda p: {**p, "id": 3}, "id"),
    "negative id": (lambda p: {**p, "id": -1}, "id"),
    "id too large": (lambda p: {**p, "id": 2**64}, "id"),
    "id not whole": (lambda p: {**p, "id": 1.5}, "id"),
    "no id": (lambda p: {k: v for k, v in p.items() if k != "id"}, "id"),
    "slash in a vector name": (lambda p: {**p, "vector": {"a/b": p["vector"]}}, "a/b"),
}


@pytest.mark.parametrize("name", BAD_POINTS)
def test_bad_document_in_the_plain_form(vecferry, folder, name):
    change, field = BAD_POINTS[name]
    documents = example_documents(10)
    documents[ROW - 1] = change(documents[ROW - 1])
    write_plain(folder / "bad.json", documents)
    error = refuse(vecferry, "bad.json")
    assert field in said(error), error
    assert f"document {ROW}" in said(error), error


@pytest.mark.parametrize("name", BAD_POINTS)
def test_bad_line_in_json_lines(vecferry, folder, name):
    change, field = BAD_POINTS[name]
    write_plain(folder / "good.json", example_documents(10))
    vecferry.json("import", "good.json", "local:good/docs")
    vecferry.json("export", "local:good/docs", "bad.jsonl")
    first, points = read_jsonl(folder / "bad.jsonl")
    points[ROW - 1] = change(points[ROW - 1])
    lines = [line if isinstance(line, str) else json.dumps(line) for line in (first, *points)]
    (folder / "bad.jsonl").write_text("\n".join(lines) + "\n")
    error = refuse(vecferry, "bad.jsonl")
    assert field in said(error), error
    assert f"line {ROW + 1}" in said(error), error


def test_payload_nested_ten_thousand_deep(vecferry, folder):
    documents = example_documents(10)
    documents[ROW - 1]["metadata"]["deep"] = "@"
    documents[ROW - 1] = json.dumps(documents[ROW - 1]).replace('"@"', DEEP)
    write_plain(folder / "deep.json", documents)
    error = refuse(vecferry, "deep.json")
    assert f"document {ROW}" in said(error), error
    assert "nested" in said(error), error


@pytest.mark.parametrize("keep", [0, 1, 200, 0.5, 0.999])
def test_file_cut_short(vecferry, folder, keep):
    data = EXAMPLE.read_bytes()
    size = int(len(data) * keep) if isinstance(keep, float) else keep
    (folder / "cut.json").write_bytes(data[:size])
    refuse(vecferry, "cut.json")


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.zst", "parquet", "json.zst"])
def test_export_cut_short(vecferry, folder, docs, ending):
    vecferry.json("export", docs, f"cut.{ending}")
    data = (folder / f"cut.{ending}").read_bytes()
    # Within a line too: a cut between two lines is for the count of points to notice.
    (folder / f"cut.{ending}").write_bytes(data[: len(data) * 2 // 3])
    refuse(vecferry, f"cut.{ending}", "local:other/docs")


def test_cut_between_two_points_is_noticed_by_their_number(vecferry, folder, docs):
    vecferry.json("export", docs, "all.jsonl")
    lines = (folder / "all.jsonl").read_text().splitlines(keepends=True)
    (folder / "cut.jsonl").write_text("".join(lines[:100]))
    assert "420" in said(refuse(vecferry, "cut.jsonl", "local:other/docs"))

    export = json.loads(EXAMPLE.read_text())
    export["documents"].pop()
    (folder / "cut.json").write_text(json.dumps(export))
    assert "420" in said(refuse(vecferry, "cut.json", "local:other/docs"))


@pytest.mark.parametrize(
    "text",
    ["not json at all", "\x00\x01\x02", "[1, 2, 3]", '{"documents": 5}', "{}", '"documents"'],
)
def test_not_an_export(vecferry, folder, text):
    (folder / "odd.json").write_text(text)
    refuse(vecferry, "odd.json")


def test_not_what_the_name_says(vecferry, folder, example):
    for name in ("docs.parquet", "docs.jsonl", "docs.snapshot", "docs.json.zst"):
        shutil.copy(example, folder / name)
        refuse(vecferry, name)


def test_unknown_extension(vecferry, folder, example, docs):
    shutil.copy(example, folder / "docs.csv")
    assert ".json" in json.dumps(refuse(vecferry, "docs.csv", "local:other/docs"))
    before = tree(folder)
    vecferry.fails("export", docs, "out.csv", code=2)
    assert tree(folder) == before


def test_file_that_is_not_there(vecferry, folder):
    error = refuse(vecferry, "missing.json", code=5)
    assert error["kind"] == "not_found"


def points_parquet(vecferry, folder, docs):
    vecferry.json("export", docs, "docs.parquet")
    return pq.read_table(folder / "docs.parquet")


def replaced(table, row, column, value):
    """`table` with one cell changed, its types and metadata kept."""
    field = table.schema.field(column)
    storage = field.type.storage_type if hasattr(field.type, "storage_type") else field.type
    cells = table.column(column).to_pylist()
    cells[row] = value
    array = pa.array(cells, type=storage)
    if storage is not field.type:
        array = pa.ExtensionArray.from_storage(field.type, array)
    return table.set_column(table.schema.get_field_index(column), field, array)


@pytest.mark.parametrize(
    ("column", "value"),
    [("id", 3), ("id", None), ("payload", '{"cut": '), ("payload", "[1]"), ("payload", DEEP)],
    ids=["duplicate id", "no id", "payload not JSON", "payload not an object", "deep payload"],
)
def test_bad_row_in_parquet(vecferry, folder, docs, column, value):
    table = replaced(points_parquet(vecferry, folder, docs), ROW - 1, column, value)
    pq.write_table(table, folder / "bad.parquet")
    error = refuse(vecferry, "bad.parquet", "local:other/docs")
    assert column in said(error), error
    assert f"row {ROW}" in said(error), error


def test_corrupt_parquet_page(vecferry, folder, docs):
    points_parquet(vecferry, folder, docs)
    data = bytearray((folder / "docs.parquet").read_bytes())
    group = pq.read_metadata(folder / "docs.parquet").row_group(0)
    columns = {
        group.column(i).path_in_schema.split(".")[0]: group.column(i)
        for i in range(group.num_columns)
    }
    for name in ("vector", "payload"):
        bad = bytearray(data)
        middle = columns[name].data_page_offset + columns[name].total_compressed_size // 2
        bad[middle : middle + 8] = bytes(byte ^ 0x55 for byte in bad[middle : middle + 8])
        (folder / f"bad-{name}.parquet").write_bytes(bad)
        refuse(vecferry, f"bad-{name}.parquet", "local:other/docs")


def test_foreign_parquet(vecferry, folder):
    pq.write_table(pa.table({"name": ["a", "b"], "size": [1, 2]}), folder / "sales.parquet")
    refuse(vecferry, "sales.parquet")


@pytest.mark.parametrize(
    "target", ["locked/docs.parquet", "local:locked/docs", "local:locked/db/docs"]
)
def test_folder_without_rights(vecferry, folder, example, as_anyone, target):
    (folder / "locked").mkdir(mode=0o500)
    before = tree(folder)
    error = vecferry.fails("copy", example.name, target, prefix=as_anyone)
    assert "locked" in said(error), error
    assert error["kind"] == "io", error
    assert tree(folder) == before


def test_unreadable_file(vecferry, folder, example, as_anyone):
    example.chmod(0)
    refuse(vecferry, example.name, prefix=as_anyone)


@pytest.mark.parametrize("target", ["file/docs.parquet", "local:file/docs", "local:file/db/docs"])
def test_file_where_a_folder_must_be(vecferry, folder, example, target):
    (folder / "file").write_text("in the way")
    before = tree(folder)
    error = vecferry.fails("copy", example.name, target)
    assert "file" in said(error), error
    assert tree(folder) == before


def little_room():
    """Writes past 100 KiB fail, as on a full disk: EFBIG instead of ENOSPC, and no root needed."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100 << 10, 100 << 10))


@pytest.mark.parametrize("target", ["out.json", "out.jsonl.zst", "out.parquet", "local:db/docs"])
def test_disk_full(vecferry, folder, example, target):
    before = tree(folder)
    error = vecferry.fails(
        "copy", example.name, target, code=1, preexec_fn=little_room, restore_signals=False
    )
    assert error["kind"] == "io", error
    assert target.removeprefix("local:").split("/")[0] in said(error), error
    assert tree(folder) == before


def test_an_existing_file_survives_a_failed_copy(vecferry, folder, example):
    (folder / "out.parquet").write_text("precious")
    write_plain(folder / "bad.json", [{"id": "1"}])
    vecferry.fails("copy", "bad.json", "out.parquet")
    assert (folder / "out.parquet").read_text() == "precious"
    vecferry.fails("copy", example.name, "out.parquet")
    assert (folder / "out.parquet").read_text() == "precious"
