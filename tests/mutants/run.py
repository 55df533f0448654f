"""Breaks the code on purpose, one patch at a time in a copy of the tree, and sees whether the named test notices."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CAUGHT, SURVIVED, NO_PATCH, NO_TEST = "caught", "SURVIVED", "does not apply", "its test does not run"
TEST_FAILED = 1  # pytest's exit codes: 0 all passed, 1 a test failed, anything else: it could not run the test
LONGEST_SECONDS = 300


@dataclass(frozen=True)
class Mutant:
    """A patch, what it breaks in words, and the node id of the test that should see it."""

    patch: Path
    breaks: str
    seen_by: str

    @property
    def name(self) -> str:
        return self.patch.stem


def read(folder: Path) -> list[Mutant]:
    """The mutants of a folder, by name.

    Raises:
        ValueError: a patch lacks one of its two header lines.
    """
    return [_read(patch) for patch in sorted(folder.glob("*.patch"))]


def _read(patch: Path) -> Mutant:
    head = patch.read_text("utf-8").partition("\n--- ")[0]
    found = {}
    for key in ("breaks", "seen by"):
        lines = re.findall(rf"^# {key}: (.+)$", head, re.MULTILINE)
        if len(lines) != 1:
            message = f"{patch.name}: one line `# {key}: …` is needed above the diff, {len(lines)} are there"
            raise ValueError(message)
        found[key] = lines[0].strip()
    return Mutant(patch.resolve(), found["breaks"], found["seen by"])


def copy(root: Path, to: Path) -> Path:
    """Copy the files of the tree that git knows or would add, as they are now, to the new folder `to`."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(asked, cwd=root, capture_output=True, check=True).stdout.decode().split("\0")
    for name in names:
        if name and (root / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, to / name)
    return to


def applies(patch: Path, tree: Path, *, only_look: bool = False) -> bool:
    """Apply the patch to the tree; whether that went well."""
    command = ["git", "apply", *(["--check"] if only_look else []), str(patch)]
    # Without a ceiling git would look for a repository above the copy, and take paths from there.
    environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(tree.resolve().parent)}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, check=False).returncode == 0


def pytest_of(tree: Path, nodes: list[str], seconds: float | None) -> subprocess.CompletedProcess[str]:
    """Run tests in a copy, for so long at most. PYTHONPATH comes before an editable install: the copy's flows/ is tested."""
    options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:faker", "-p", "no:xdist", "-o", "addopts="]
    options += ["--import-mode=importlib", "--no-header", "--tb=short"]
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", *options, *nodes]
    try:
        return subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired as slow:
        # A mutant that hangs the code has been noticed as much as one that fails a test.
        return subprocess.CompletedProcess(command, TEST_FAILED, f"{slow}", "")


def judge(mutant: Mutant, root: Path) -> str:
    """Break a fresh copy with one mutant and run its test there."""
    with tempfile.TemporaryDirectory(prefix="justenough-mutant-") as folder:
        tree = copy(root, Path(folder))
        if not applies(mutant.patch, tree):
            return NO_PATCH
        code = pytest_of(tree, [mutant.seen_by], LONGEST_SECONDS).returncode
        return {0: SURVIVED, TEST_FAILED: CAUGHT}.get(code, NO_TEST)


def run(mutants: list[Mutant], root: Path, *, at_a_time: int = 2) -> dict[str, str]:
    """Each mutant's verdict by name, printed as they come.

    Raises:
        RuntimeError: a named test fails, or cannot be run, without any mutant.
    """
    with tempfile.TemporaryDirectory(prefix="justenough-mutant-") as folder:
        whole = pytest_of(copy(root, Path(folder)), sorted({mutant.seen_by for mutant in mutants}), None)
    if whole.returncode:
        message = f"the named tests do not pass on the code as it is:\n{whole.stdout}{whole.stderr}"
        raise RuntimeError(message)
    verdicts = {}
    with ThreadPoolExecutor(at_a_time) as pool:
        for mutant, verdict in zip(mutants, pool.map(lambda mutant: judge(mutant, root), mutants), strict=True):
            verdicts[mutant.name] = verdict
            print(f"{verdict:<14} {mutant.name}: {mutant.breaks}", flush=True)
            if verdict != CAUGHT:
                print(f"{'':<14} by {mutant.seen_by}", flush=True)
    return verdicts


def main(arguments: list[str] | None = None) -> int:
    """Run all mutants, or the ones named. Returns 0 when each was caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="the mutants to run (default: all)")
    names = parser.parse_args(arguments).names
    try:
        mutants = read(Path(__file__).parent)
        if unknown := set(names) - {mutant.name for mutant in mutants}:
            print(f"no such mutant: {', '.join(sorted(unknown))}", file=sys.stderr)
            return 2
        verdicts = run([mutant for mutant in mutants if not names or mutant.name in names], ROOT)
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    caught = sum(verdict == CAUGHT for verdict in verdicts.values())
    print(f"{caught} of {len(verdicts)} mutants caught")
    return int(caught < len(verdicts) or not verdicts)


if __name__ == "__main__":
    sys.exit(main())
