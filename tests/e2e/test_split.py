"""Splitting: by value, filter and share; the parts are the whole, and merge back to it."""

import pytest


@pytest.fixture
def merged(vecferry, shared):
    """Both files of packages in one collection: 2,500 documents."""
    files = [shared / "data" / f"packages_{x}_20261122_101500.json.zst" for x in "ab"]
    vecferry.json("merge", *files, "--into", "local:db/all", "--dedupe", "content")
    return "local:db/all"


def collections(vecferry, place="local:db"):
    return {
        each["name"]: each["points_count"] for each in vecferry.json("ls", place)["collections"]
    }


def test_split_by_section_and_merged_back_is_the_same(vecferry, merged):
    before = vecferry.json("verify", merged, merged)["digest_a"]
    done = vecferry.json("split", merged, "--by", "section")
    assert done["verified"] and (done["points"], done["digest"]) == (2500, before)
    (step,) = done["receipt"]["steps"]
    assert step["kind"] == "split"
    parts = {name: count for name, count in collections(vecferry).items() if name != "all"}
    assert len(parts) > 20 and sum(parts.values()) == 2500
    assert [part["points"] for part in step["facts"]["parts"]] == list(parts.values())
    assert all(name.startswith("all-") for name in parts)

    locations = [f"local:db/{name}" for name in parts]
    back = vecferry.json("merge", *locations, "--into", "local:db/back", "--no-provenance")
    assert (back["points"], back["digest"]) == (2500, before)
    assert vecferry.json("verify", merged, "local:db/back")["config_equal"]


def test_small_values_go_to_the_rest(vecferry, merged):
    error = vecferry.fails("split", merged, "--by", "section", "--min-size", 100, code=6)
    assert "--rest" in error["next"]
    done = vecferry.json("split", merged, "--by", "section", "--min-size", 100, "--rest", "small")
    assert done["points"] == 2500
    made = collections(vecferry)
    assert made.pop("all") == 2500
    assert "small" in made and sum(made.values()) == 2500
    assert all(count >= 100 for count in made.values())


def test_filters_must_not_meet(vecferry, merged):
    wheres = ["--where", "libs=section=libs", "--where", "big=installed_size>1000"]
    error = vecferry.fails("split", merged, *wheres, "--rest", "rest", code=6)
    assert "several parts" in error["what"] and "--allow-overlap" in error["next"]
    done = vecferry.json("split", merged, *wheres, "--rest", "rest", "--allow-overlap")
    made = collections(vecferry)
    assert done["points"] == made["libs"] + made["big"] + made["rest"] > 2500
    other = ["--where", "others=section=libs", "--rest", "rest2", "--dry-run"]
    plan = vecferry.run("--json", "split", merged, *other).lines[0]
    assert plan["details"]["parts"][0]["points"] == made["libs"]


def test_shares_are_even_and_the_source_goes_and_comes_back(vecferry, merged):
    before = vecferry.json("verify", merged, merged)["digest_a"]
    refused = vecferry.fails("split", merged, "--parts", 3, "--drop-source", code=6)
    assert "--yes" in refused["next"]
    done = vecferry.json("split", merged, "--parts", 3, "--drop-source", "--yes")
    made = collections(vecferry)
    assert set(made) == {"all-1", "all-2", "all-3"} and sum(made.values()) == 2500
    assert all(700 < count < 970 for count in made.values())

    vecferry.json("undo", done["operation"])
    assert collections(vecferry) == {"all": 2500}
    assert vecferry.json("verify", merged, merged)["digest_a"] == before


def test_a_file_is_split_into_a_place(vecferry, shared):
    file = shared / "data" / "packages_a_20261122_101500.json.zst"
    error = vecferry.fails("split", file, "--parts", 2, code=2)
    assert "--to" in error["next"]
    name = ["--name", "part{value}"]
    done = vecferry.json("split", file, "--parts", 2, "--to", "local:store", *name)
    assert done["points"] == 1500 and done["verified"]
    assert set(collections(vecferry, "local:store")) == {"part1", "part2"}


def test_a_name_that_is_taken_stops_everything(vecferry, merged):
    vecferry.json("copy", merged, "local:db/all-2", "--limit", 1)
    error = vecferry.fails("split", merged, "--parts", 2)
    assert "all-2" in error["what"]
    assert collections(vecferry) == {"all": 2500, "all-2": 1}
