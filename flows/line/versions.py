"""Another version of a workspace: a folder, or what git has of it, read without its data."""

from __future__ import annotations

import io
import subprocess
import tarfile
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from flows.errors import JustEnoughError, UsageError
from flows.workspace import load_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.workspace import Workspace

_OPTION = "--diff"
_HELD = ("pyproject.toml", "sql", "templates")


@contextmanager
def version(folder: Path, ref: str) -> Iterator[Workspace]:
    """Another version of the workspace in `folder`, for as long as it is looked at.

    Args:
        folder: of the present version.
        ref: the folder of the other one, or a git ref: a branch, a tag, a commit, `HEAD~1`.

    Raises:
        UsageError: there is no such folder or ref, or the version there is refused itself.
    """
    with TemporaryDirectory(prefix="justenough-") as scratch:
        is_folder = bool(ref) and (Path(ref) / "pyproject.toml").is_file()
        home = Path(ref) if is_folder else _unpacked(folder, ref, Path(scratch))
        try:
            workspace = load_workspace(home)
        except JustEnoughError as error:
            raise _refused(ref, error) from None
        yield workspace


@contextmanager
def of_version(ref: str) -> Iterator[None]:
    """What is refused inside is another version's: the hint is about which one to compare with."""
    try:
        yield
    except JustEnoughError as error:
        raise _refused(ref, error) from None


def _refused(ref: str, error: JustEnoughError) -> UsageError:
    what = f"in the version '{ref}', {error.where}: {error.what}"
    return UsageError(_OPTION, what, "compare with a version that its check lets pass")


def _unpacked(folder: Path, ref: str, scratch: Path) -> Path:
    """The files of a workspace at a git ref, as far as they are read."""
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if commit is None:
        what = f"'{ref}' is neither a folder with a workspace nor a commit that git knows here"
        raise UsageError(_OPTION, what, "name a branch, a tag or a commit of this workspace's repository, or a folder")
    held = _git(folder, "archive", "--format=tar", commit.decode().strip(), "--", *_HELD)
    if held is None:
        what = f"there was no workspace in this folder at '{ref}'"
        raise UsageError(_OPTION, what, f"name a version that holds {', '.join(_HELD)}")
    with tarfile.open(fileobj=io.BytesIO(held)) as archive:
        archive.extractall(scratch, filter="data")
    return scratch


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git says in a folder; None where it says no, or is not there. A workspace below a repository's top is seen alone."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)  # noqa: S603, S607
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
