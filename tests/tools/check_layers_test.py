"""The layer check sees what it must, and lets through what design.md allows."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import check_layers


class Graph(unittest.TestCase):
    def test_edges_are_followed_all_the_way_down(self):
        self.assertEqual(
            check_layers.allowed_from("archive"), {"archive", "formats", "digest", "model", "base"}
        )

    def test_graph_has_no_cycle(self):
        for module, edges in check_layers.EDGES.items():
            for other in edges:
                if module != "cli":
                    self.assertNotIn(
                        module, check_layers.allowed_from(other), f"{module} <-> {other}"
                    )

    def test_backends_are_known_to_cli_alone_but_for_two(self):
        """A server serves local places; routes read the files of snapshots."""
        but_for = {"server": ["backends/local"]}
        but_for |= {module: ["backends/snapshot"] for module in ("routes", "ops", "report")}
        for module in check_layers.EDGES:
            if module != "cli" and not module.startswith("backends/"):
                reached = check_layers.allowed_from(module)
                known = [m for m in reached if m.startswith("backends/")]
                self.assertEqual(known, but_for.get(module, []), module)


class Tree(unittest.TestCase):
    def violations(self, files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return [
                line.removeprefix(folder + "/") for line in check_layers.check_tree(Path(folder))
            ]

    def assert_refused(self, name, text, why):
        found = self.violations({name: text})
        self.assertEqual(len(found), 1, found)
        self.assertIn(why, found[0])

    def assert_fine(self, name, text):
        self.assertEqual(self.violations({name: text}), [])

    def test_down_is_fine_up_and_sideways_are_not(self):
        self.assert_fine("digest/a.cpp", '#include "vecferry/base/error.h"\n')
        self.assert_refused(
            "model/a.cpp", '#include "vecferry/digest/a.h"\n', "model may not include digest"
        )
        self.assert_refused(
            "backends/local/a.h",
            '#include "vecferry/backends/memory/a.h"\n',
            "backends/local may not include backends/memory",
        )
        self.assert_refused("ops/a.cpp", '#include "vecferry/backends/local/a.h"\n', "may not")
        self.assert_fine("cli/a.cpp", '#include "vecferry/backends/local/a.h"\n')

    def test_file_and_line_are_named(self):
        found = self.violations({"base/a.h": '#pragma once\n\n  #  include "vecferry/model/b.h"\n'})
        self.assertEqual(found, ["base/a.h:3: base may not include model"])

    def test_heavy_headers_stay_in_sources(self):
        for header in ("parquet/arrow/reader.h", "httplib.h", "qdrant/points.pb.h", "simdjson.h"):
            self.assert_refused("formats/a.h", f"#include <{header}>\n", ".cpp files only")
            self.assert_fine("formats/a.cpp", f"#include <{header}>\n")
        self.assert_fine("formats/a.h", "#include <nlohmann/json_fwd.hpp>\n")
        self.assert_refused("formats/a.h", '#include "arrow/api.h"\n', "narrowest")
        self.assert_fine("formats/a.cpp", '#include "arrow/api.h"\n')

    def test_some_headers_belong_to_one_module(self):
        self.assert_fine("journal/a.cpp", "#include <sqlite3.h>\n")
        self.assert_refused("ops/a.cpp", "#include <sqlite3.h>\n", "journal/ alone")
        self.assert_fine("engine/a.cpp", '#include "vecferry_engine.h"\n')
        self.assert_refused(
            "backends/local/a.cpp", '#include "vecferry_engine.h"\n', "engine/ alone"
        )

    def test_private_headers_stay_in_their_module(self):
        self.assert_fine("formats/a.cpp", '#include "vecferry/formats/b_internal.h"\n')
        self.assert_refused(
            "archive/a.cpp", '#include "vecferry/formats/b_internal.h"\n', "private"
        )

    def test_a_private_header_may_be_heavy_and_no_public_one_shows_it(self):
        self.assert_fine("engine/a_internal.h", '#include "vecferry_engine.h"\n')
        self.assert_fine("engine/b_internal.h", '#include "vecferry/engine/a_internal.h"\n')
        self.assert_refused("engine/a.h", '#include "vecferry/engine/a_internal.h"\n', "is private")

    def test_ours_are_spelled_in_full(self):
        self.assert_refused("model/a.cpp", '#include "a.h"\n', '"vecferry/model/a.h"')
        self.assert_refused("model/a.cpp", '#include "../base/a.h"\n', "spell it in full")
        self.assert_fine("model/a.cpp", '#include "arrow/result.h"\n#include <vector>\n')

    def test_a_folder_outside_the_graph_is_refused(self):
        self.assert_refused("util/a.h", "#pragma once\n", "'util' is no module")


if __name__ == "__main__":
    unittest.main()
