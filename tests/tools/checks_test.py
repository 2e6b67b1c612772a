"""The tool checks find what they are for: each test plants one violation in a small tree."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
HEADER = "// A thing.\n#pragma once\n"


class Tree:
    """A folder with files {path: text} that lives as long as the object."""

    def __init__(self, files):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content, encoding="utf-8")

    def check(self, tool):
        run = subprocess.run([sys.executable, "-B", str(TOOLS / tool), str(self.root)],
                             capture_output=True, text=True, check=False)
        self.folder.cleanup()
        return run.returncode, run.stdout + run.stderr


def layers(path, *lines):
    return Tree({path: "".join(line + "\n" for line in lines)}).check("check_layers.py")


class Layers(unittest.TestCase):
    def refuses(self, path, line, reason):
        code, text = layers(path, "// x", line)
        self.assertEqual(code, 1, text)
        self.assertIn(f"{path}:2:", text)
        self.assertIn(reason, text)

    def accepts(self, path, line):
        code, text = layers(path, line)
        self.assertEqual(code, 0, text)

    def test_parts_know_only_what_stands_below_them(self):
        self.refuses("syolo/base/file.cpp", '#include "syolo/graph/net.h"', "base may not know graph")
        self.refuses("syolo/boxes/nms.h", '#include "syolo/image/image.h"', "boxes may not know image")
        self.refuses("syolo/weights/model.cpp", '#include "syolo/runtime/plan.h"', "may not know runtime")
        self.accepts("syolo/runtime/detector.h", '#include "syolo/base/error.h"')
        self.accepts("syolo/graph/net.cpp", '#include "syolo/graph/net.h"')

    def test_third_parties_stay_in_their_files(self):
        self.refuses("syolo/graph/cfg.cpp", "#include <fmt/format.h>", "fmt is private")
        self.refuses("syolo/base/text.h", "#include <fmt/format.h>", "fmt is private")
        self.refuses("syolo/weights/model.h", "#include <nlohmann/json.hpp>", "nlohmann-json is private")
        self.refuses("syolo/runtime/plan.cpp", "#include <oneapi/dnnl/dnnl.hpp>", "oneDNN is private")
        self.refuses("app/cli/detect.cpp", "#include <opencv2/core.hpp>", "OpenCV is private")
        self.refuses("syolo/boxes/nms.cpp", "#include <omp.h>", "OpenMP is private")
        self.refuses("syolo/weights/x.cpp", "#include <CLI/CLI.hpp>", "CLI11 is private")
        self.accepts("syolo/base/text.cpp", "#include <fmt/format.h>")
        self.accepts("syolo/runtime/onednn_impl.h", "#include <dnnl.hpp>")
        self.accepts("app/video/frames_opencv.cpp", "#include <opencv2/videoio.hpp>")
        self.accepts("syolo/image/jpeg.cpp", "#include <jpeglib.h>")
        self.accepts("app/cli/detect.cpp", "#include <dlfcn.h>")

    def test_new_third_parties_and_intrinsics_need_a_row(self):
        self.refuses("syolo/image/gif.cpp", "#include <gif_lib.h>", "unknown header")
        self.refuses("syolo/runtime/fast.cpp", "#include <immintrin.h>", "unknown header")

    def test_private_headers_stay_in_their_part(self):
        self.refuses("syolo/runtime/plan.cpp", '#include "syolo/weights/values_impl.h"', "is private")
        self.refuses("app/cli/x.cpp", '#include "syolo/runtime/plan_impl.h"', "is private")
        self.refuses("syolo/runtime/plan.h", '#include "syolo/runtime/plan_impl.h"', "public header")
        self.accepts("syolo/runtime/plan.cpp", '#include "syolo/runtime/plan_impl.h"')
        self.accepts("tests/unit/plan_test.cpp", '#include "syolo/runtime/plan_impl.h"')

    def test_paths_start_at_the_root(self):
        self.refuses("syolo/graph/cfg.cpp", '#include "cfg.h"', "path from the root")
        self.refuses("syolo/graph/cfg.cpp", "#include <syolo/graph/cfg.h>", "in quotes")

    def test_an_empty_tree_is_no_success(self):
        self.assertEqual(Tree({"README.md": "x"}).check("check_layers.py")[0], 2)


class Sources(unittest.TestCase):
    def refuses(self, path, text, reason):
        code, out = Tree({path: text}).check("check_sources.py")
        self.assertEqual(code, 1, out)
        self.assertIn(reason, out)

    def accepts(self, path, text):
        code, out = Tree({path: text}).check("check_sources.py")
        self.assertEqual(code, 0, out)

    def test_sources_are_ascii(self):
        self.refuses("syolo/base/a.cpp", "// x\n// caf\u00e9\n", "a.cpp:2: expected ASCII, found U+00E9")
        self.accepts("docs/a.md", "caf\u00e9\n")

    def test_headers_and_files_have_limits(self):
        self.accepts("syolo/base/a.h", HEADER + "//\n" * 148)
        self.refuses("syolo/base/a.h", HEADER + "//\n" * 149, "expected at most 150 lines, found 151")
        self.accepts("syolo/base/a.cpp", "//\n" * 600)
        self.refuses("syolo/base/a.cpp", "//\n" * 601, "expected at most 600 lines, found 601")

    def test_headers_begin_with_comment_and_guard(self):
        self.refuses("syolo/base/a.h", "#pragma once\n", "expected a comment")
        self.refuses("syolo/base/a.h", "// A thing.\n", "expected #pragma once")

    def test_functions_have_a_limit(self):
        def source(lines, head="int f(int a) {"):
            return "namespace x {\n" + head + "\n" + "  a += 1;\n" * (lines - 2) + "}\n}\n"

        self.accepts("app/a.cpp", source(60))
        self.refuses("app/a.cpp", source(61), "a.cpp:2: expected at most 60 lines of a function, found 61")
        self.refuses("app/a.cpp", source(61, "Foo::Foo(int a) : b_(a) {"), "found 61")
        self.refuses("app/a.cpp", source(61, "TEST(Foo, Bar) {"), "found 61")
        self.accepts("app/a.cpp", source(200, "const Row kRows[] = {"))
        self.accepts("app/a.cpp", source(200, "struct Table {"))
        self.accepts("app/a.cpp", 'int f() {\n  return "{{{"[0];  // {\n}\n' + "int g();\n" * 100)

    def test_paths_of_one_machine_are_found(self):
        folder = "/".join(["", "home", "somebody"])
        self.refuses("docs/a.md", f"see {folder}/x\n", "a path of one machine")
        self.refuses("tools/a.sh", f"cd '{folder}'\n", "a path of one machine")
        self.accepts("docs/a.md", "`build/home/x`, and https://x.org/home/y\n")

    def test_notes_to_do_later_are_found(self):
        self.refuses("syolo/base/a.cpp", "// TO" + "DO tidy up\n", "file an issue")

    def test_no_two_files_define_one_type(self):
        def header(*lines):
            return HEADER + "\n".join(lines) + "\n"

        here = header("namespace syolo {", "struct Part {", "};", "}  // namespace syolo")
        tree = {"syolo/zoo/a.h": here, "syolo/data/b.h": here.replace("struct", "enum class")}
        code, out = Tree(tree).check("check_sources.py")
        self.assertEqual(code, 1, out)
        self.assertIn("a.h:4: syolo::Part is also defined in syolo/data/b.h", out)
        for other in ("namespace syolo::data {", "namespace {"):
            tree["syolo/data/b.h"] = here.replace("namespace syolo {", other)
            self.assertEqual(Tree(tree).check("check_sources.py")[0], 0)

    def test_binary_files_and_test_data_are_left_alone(self):
        self.accepts("syolo/base/a.cpp", b"// x\0\xff")
        self.accepts("tests/data/a.txt", "/".join(["", "home", "x"]) + "\n")


RECORD = "# 1\n## Situation\n## Decision\n## Consequences\n## Figure\n"


class Docs(unittest.TestCase):
    def faults(self, files):
        return Tree({"Makefile": "test: ; x\n", "README.md": "# x\n", **files}).check("check_docs.py")

    def test_missing_links_paths_and_targets_are_found(self):
        for text, reason in (("[a](docs/no.md)", "link to a missing file"),
                             ("`syolo/base/no.h`", "names a missing path"),
                             ("`make nothing`", "no target nothing")):
            code, out = self.faults({"README.md": text + "\n"})
            self.assertEqual(code, 1, out)
            self.assertIn("README.md:1: ", out)
            self.assertIn(reason, out)
        code, out = self.faults({"README.md": "[a](docs/a.md#x) `docs/a.md` `make test`\n", "docs/a.md": ""})
        self.assertEqual(code, 0, out)

    def test_records_have_four_parts_and_own_numbers(self):
        self.assertEqual(self.faults({"docs/adr/0001-a.md": RECORD})[0], 0)
        self.assertIn("expected a part", self.faults({"docs/adr/0001-a.md": "# 1\n"})[1])
        self.assertIn("is taken", self.faults({"docs/adr/0001-a.md": RECORD, "docs/adr/0001-b.md": RECORD})[1])
        self.assertIn("expected NNNN", self.faults({"docs/adr/a.md": RECORD})[1])

    def test_every_layer_and_key_is_documented(self):
        code = 'read in.real("gain", 1, 0, 2); LayerType t() { return {"sam", "", read}; }'
        layer = {"syolo/graph/layers/sam.cpp": code}
        out = self.faults({**layer, "docs/layers.md": "nothing\n"})[1]
        self.assertIn("nothing on [sam]", out)
        self.assertIn("the key gain", out)
        self.assertEqual(self.faults({**layer, "docs/layers.md": "[sam] `gain`\n"})[0], 0)

    def test_every_option_is_documented(self):
        code = 'add_real(cli, "--conf", x); cli.add_flag("--raw", y); cli.add_option("inputs,--inputs", z);'
        command = {"app/cli/detect.cpp": code}
        out = self.faults({**command, "docs/commands.md": "--conf-thres --inputs\n"})[1]
        self.assertIn("nothing on --conf ", out)
        self.assertIn("nothing on --raw ", out)
        self.assertNotIn("--inputs", out)
        self.assertEqual(self.faults({**command, "docs/commands.md": "--conf --raw --inputs\n"})[0], 0)


if __name__ == "__main__":
    unittest.main()
