"""The summary of a test run counts what ran and never calls a broken run good."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "summarise_tests.py"


def gtest(*tests):
    """A gtest JSON result; a test is (name, result, failures)."""
    rows = [
        {"name": name, "status": "RUN", "result": result}
        | ({"failures": failures} if failures else {})
        for name, result, failures in tests
    ]
    return json.dumps({"testsuites": [{"name": "Suite", "testsuite": rows}]})


class Summary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = Path(folder.name)

    def write(self, name, text):
        path = self.build / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run_tool(self):
        done = subprocess.run(
            [sys.executable, TOOL, self.build], capture_output=True, text=True, timeout=60
        )
        return done.returncode, done.stdout.splitlines()

    def test_nothing_ran_is_a_failure(self):
        code, lines = self.run_tool()
        self.assertEqual((code, lines), (1, ["no test ran", "0 passed, 0 failed, 0 skipped"]))

    def test_suites_add_up(self):
        self.write("test-results/dev.status", "0\n")
        self.write(
            "test-results/dev.ctest.xml",
            '<testsuite><testcase name="model/a_test" status="run"/>'
            '<testcase name="tools/layers" status="run"/></testsuite>',
        )
        self.write(
            "dev/test-results/model.a_test.json",
            gtest(("One", "COMPLETED", []), ("Two", "SKIPPED", [])),
        )
        self.write("test-results/engine.status", "0\n")
        self.write(
            "test-results/engine.cargo.log",
            "test a ... ok\ntest b ... ignored\n"
            "test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured\n"
            "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured\n",
        )
        self.write("test-results/e2e.status", "0\n")
        self.write(
            "test-results/e2e.pytest.xml",
            '<testsuites><testsuite><testcase classname="t" name="x"/>'
            '<testcase classname="t" name="y"><skipped/></testcase></testsuite></testsuites>',
        )
        code, lines = self.run_tool()
        self.assertEqual(code, 0)
        self.assertEqual(lines[-1], "12 passed, 0 failed, 3 skipped")
        self.assertIn("skipped  dev: model/a_test Suite.Two", lines)

    def test_failures_are_named_and_fail_the_run(self):
        self.write("test-results/dev.status", "8\n")
        self.write(
            "test-results/dev.ctest.xml",
            '<testsuite><testcase name="model/a_test" status="fail"/>'
            '<testcase name="model/crashed_test" status="fail"/></testsuite>',
        )
        self.write(
            "dev/test-results/model.a_test.json",
            gtest(("One", "COMPLETED", []), ("Two", "COMPLETED", [{"failure": "x"}])),
        )
        code, lines = self.run_tool()
        self.assertEqual(code, 1)
        self.assertEqual(lines[-1], "1 passed, 2 failed, 0 skipped")
        self.assertIn("FAILED   dev: model/a_test Suite.Two", lines)

    def test_a_suite_that_never_started_fails(self):
        self.write("test-results/asan.status", "1\n")
        code, lines = self.run_tool()
        self.assertEqual(code, 1)
        self.assertEqual(lines[-1], "0 passed, 1 failed, 0 skipped")


if __name__ == "__main__":
    unittest.main()
