"""The shell scripts on machines that this one is not: dpkg-query, apt-get, sudo and id are
replaced by small programs that write down how they were called."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTALL = ROOT / "tools" / "install_packages.sh"


class Machine:
    """A PATH with stand-ins. `installed` packages are there, `known` ones in the package lists."""

    def __init__(self, installed=(), known=(), user=0, sudo=True, broken=()):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.calls = self.path / "calls"
        self.calls.write_text("")
        (self.path / "packages.txt").write_text("[one]\na\nb  # why\n\n[two]\nc\n")
        note = f'echo "$(basename "$0") $*" >>"{self.calls}"'
        present = "\n".join(f'echo "{name} installed"' for name in installed)
        self.program("dpkg-query", f"{present}\nexit 1")
        self.program("apt-cache", f'for p in {" ".join(known)}; do [ "$p" = "$3" ] && exit 0; done; exit 1')
        failing = " ".join(broken)
        self.program("apt-get", f'{note}\nfor p in {failing}; do case " $* " in *" $p "*) exit 100;; esac; done')
        self.program("id", f"echo {user}")
        if sudo:
            self.program("sudo", f'{note}\n[ "$1" = -n ] && shift\nexec "$@"')
        for name in ("bash", "env", "awk", "grep", "dirname", "basename", "cat"):
            (self.path / name).symlink_to(shutil.which(name))

    def program(self, name, body):
        path = self.path / name
        path.write_text(f"#!{shutil.which('bash')}\n{body}\n")
        path.chmod(0o755)

    def install(self, *groups):
        environment = {"PATH": str(self.path), "SYOLO_PACKAGES": str(self.path / "packages.txt")}
        run = subprocess.run([str(self.path / "bash"), str(INSTALL), *groups], env=environment,
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        calls = self.calls.read_text()
        self.folder.cleanup()
        return run.returncode, run.stderr, calls


class InstallPackages(unittest.TestCase):
    def test_asks_dpkg_only_when_nothing_is_missing(self):
        self.assertEqual(Machine(installed="abc").install("one", "two"), (0, "", ""))

    def test_installs_what_is_missing_without_fetching_known_lists(self):
        code, text, calls = Machine(installed="a", known="bc").install("one", "two")
        self.assertEqual(code, 0, text)
        self.assertRegex(calls, r"\Aapt-get [^\n]* install b c\n\Z")
        self.assertIn("installing 2 packages: b c", text)

    def test_fetches_lists_when_a_package_is_unknown(self):
        code, text, calls = Machine(installed="a", known="c").install("one")
        self.assertEqual(code, 0, text)
        self.assertRegex(calls, r"\Aapt-get [^\n]*update\napt-get [^\n]* install b\n\Z")

    def test_uses_sudo_without_root_and_never_waits_for_a_password(self):
        code, text, calls = Machine(known="abc", user=1000).install("two")
        self.assertEqual(code, 0, text)
        self.assertIn("sudo -n env DEBIAN_FRONTEND=noninteractive apt-get", calls)

    def test_says_what_to_do_without_root_and_sudo(self):
        code, text, calls = Machine(known="abc", user=1000, sudo=False).install("one")
        self.assertEqual((code, calls), (4, ""))
        self.assertIn("need root or sudo: run as root: apt-get install a b", text)

    def test_names_the_packages_that_apt_cannot_install(self):
        code, text, _ = Machine(known="abc", broken="c").install("two")
        self.assertEqual(code, 4)
        self.assertIn("apt-get could not install: c", text)

    def test_refuses_unknown_groups(self):
        code, text, _ = Machine().install("three")
        self.assertEqual(code, 2)
        self.assertIn('no group "three"', text)


class Steps(unittest.TestCase):
    def run_steps(self, body):
        script = f'set -euo pipefail\ncd "{ROOT}"\n. tools/steps.sh\n{body}\n'
        return subprocess.run(["bash", "-c", script, "some.sh"], capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)

    def test_a_failing_step_names_itself_and_ends_the_script(self):
        run = self.run_steps('step "first" true\nstep "second" sh -c "exit 7"\necho never')
        self.assertEqual((run.returncode, run.stdout), (7, ""))
        self.assertIn("== some.sh: first: done", run.stderr)
        self.assertIn("== some.sh: FAILED: second (exit 7) in: sh -c exit 7", run.stderr)

    def test_quiet_commands_speak_only_when_they_fail(self):
        self.assertEqual(self.run_steps("quietly echo hello").stderr, "")
        run = self.run_steps('quietly sh -c "echo reason; exit 3"')
        self.assertEqual((run.returncode, run.stderr), (3, "reason\n"))


class Arguments(unittest.TestCase):
    def test_scripts_refuse_what_they_do_not_know(self):
        for script, argument in (("test.sh", "unitt"), ("demo.sh", "dog.jpg"), ("tools/fuzz.sh", "long")):
            run = subprocess.run([str(ROOT / script), argument], capture_output=True, text=True,
                                 check=False, stdin=subprocess.DEVNULL, env=os.environ)
            self.assertEqual(run.returncode, 2, run.stderr)
            self.assertIn(f'found "{argument}"', run.stderr)

    def test_all_scripts_parse(self):
        for path in (ROOT / "demo.sh", ROOT / "test.sh", ROOT / ".ci" / "run",
                     *sorted((ROOT / "tools").glob("*.sh")), *sorted((ROOT / "tests" / "bench").rglob("*.sh"))):
            run = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 0, run.stderr)


if __name__ == "__main__":
    unittest.main()
