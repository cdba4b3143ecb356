#!/usr/bin/env python3
"""Adds up what tools/test.sh left in build/test-results and names every skipped and failed test.

Reads, for each suite: `<suite>.status` (its exit status), and `<suite>.ctest.xml` (ctest's JUnit
file, with the gtest results of the same build), `<suite>.pytest.xml` or `<suite>.cargo.log`.
The last line is `N passed, M failed, K skipped`; exit 1 if a test failed or none ran.
"""

import argparse
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

CARGO_RESULT = re.compile(r"^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored", re.M)
CARGO_TEST = re.compile(r"^test (.+) \.\.\. (FAILED|ignored)", re.M)


@dataclass
class Tally:
    passed: int = 0
    failed: list = field(default_factory=list)
    skipped: list = field(default_factory=list)


def read_gtest(path, program, tally):
    for suite in json.loads(path.read_text(encoding="utf-8"))["testsuites"]:
        for test in suite["testsuite"]:
            name = f"{program} {suite['name']}.{test['name']}"
            if test.get("failures"):
                tally.failed.append(name)
            elif test["result"] == "COMPLETED" and test["status"] == "RUN":
                tally.passed += 1
            else:
                tally.skipped.append(name)


def read_ctest(path, gtest_folder):
    tally = Tally()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        program = case.get("name")
        ran_well = case.get("status") == "run"
        gtest = gtest_folder / (program.replace("/", ".") + ".json")
        failed_before = len(tally.failed)
        if gtest.is_file():
            read_gtest(gtest, program, tally)
        elif ran_well:
            tally.passed += 1
        if not ran_well and len(tally.failed) == failed_before:
            tally.failed.append(f"{program} (crashed, timed out or did not run)")
    return tally


def read_pytest(path):
    tally = Tally()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failed.append(name)
        elif case.find("skipped") is not None:
            tally.skipped.append(name)
        else:
            tally.passed += 1
    return tally


def read_cargo(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    tally = Tally()
    for name, outcome in CARGO_TEST.findall(text):
        (tally.failed if outcome == "FAILED" else tally.skipped).append(name)
    tally.passed = sum(int(passed) for passed, _, _ in CARGO_RESULT.findall(text))
    return tally


def read_suite(status_file, build):
    """The tally of one suite; a suite that ended badly has at least one failure."""
    suite = status_file.stem
    results = status_file.parent
    tally = Tally()
    if (ctest := results / f"{suite}.ctest.xml").is_file():
        tally = read_ctest(ctest, build / suite / "test-results")
    elif (pytest := results / f"{suite}.pytest.xml").is_file():
        tally = read_pytest(pytest)
    elif (cargo := results / f"{suite}.cargo.log").is_file():
        tally = read_cargo(cargo)
    status = int(status_file.read_text())
    if status != 0 and not tally.failed:
        tally.failed.append(f"the suite ended with status {status}")
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parent.parent / "build"
    parser.add_argument("build", nargs="?", type=Path, default=default)
    build = parser.parse_args().build

    total = Tally()
    for status_file in sorted((build / "test-results").glob("*.status")):
        suite, tally = status_file.stem, read_suite(status_file, build)
        total.passed += tally.passed
        total.skipped += [f"{suite}: {name}" for name in tally.skipped]
        total.failed += [f"{suite}: {name}" for name in tally.failed]
        print(
            f"{suite:8} {tally.passed:5} passed {len(tally.failed):4} failed"
            f" {len(tally.skipped):4} skipped"
        )
    for name in total.skipped:
        print(f"skipped  {name}")
    for name in total.failed:
        print(f"FAILED   {name}")
    if not total.passed and not total.failed:
        print("no test ran")
    print(f"{total.passed} passed, {len(total.failed)} failed, {len(total.skipped)} skipped")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
