"""Another version of a workspace is found in a folder or in git, and is read without its data."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from flows.errors import UsageError
from flows.line.versions import version
from tests.tiny import Tiny, make

if TYPE_CHECKING:
    from pathlib import Path

WORDS = "templates/care/sms.j2"


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Tiny:
    """A workspace below the top of a repository, committed twice: `first`, and then with other words."""
    top = tmp_path_factory.mktemp("repository")
    git(top, "init", "-q")
    (top / "README").write_text("nothing yet", "utf-8")
    (top / ".gitignore").write_text(".justenough/\n*.duckdb\n", "utf-8")
    git(top, "add", ".")
    git(top, "commit", "-qm", "empty")
    git(top, "tag", "empty")
    tiny = make(top / "shop", brands=["north"])
    git(top, "add", ".")
    git(top, "commit", "-qm", "first")
    git(top, "tag", "first")
    tiny.edit(WORDS, "Dry your", "Wash your")
    git(top, "commit", "-qam", "second")
    return tiny


def words(tiny: Tiny, ref: str) -> str:
    with version(tiny.folder, ref) as found:
        return found.words["care"][next(key for key in found.words["care"] if key.channel == "sms")].source.text


@pytest.mark.parametrize(("ref", "said"), [("first", "Dry"), ("HEAD~1", "Dry"), ("HEAD", "Wash"), ("HEAD^0", "Wash")])
def test_a_ref_is_the_workspace_as_git_has_it(kept, ref, said):
    assert words(kept, ref).startswith(f"{{% block body %}}{said} your")


def test_what_is_not_committed_is_the_present_version_alone(kept, tmp_path):
    tiny = Tiny(kept.copy(tmp_path / "w").folder)
    tiny.edit(WORDS, "Wash", "Air")
    assert words(kept, str(tiny.folder)).startswith("{% block body %}Air")
    assert words(kept, "HEAD").startswith("{% block body %}Wash")


def test_nothing_is_left_of_a_version_that_was_looked_at(kept):
    with version(kept.folder, "first") as found:
        home = found.settings.workspace
        assert sorted(path.name for path in home.iterdir()) == ["pyproject.toml", "sql", "templates"]
    assert not home.exists()


@pytest.mark.parametrize(
    ("ref", "what"),
    [
        ("nowhere", "'nowhere' is neither a folder with a workspace nor a commit that git knows here"),
        ("--output=stolen", "'--output=stolen' is neither a folder with a workspace nor a commit that git knows here"),
        ("sql", "'sql' is neither a folder with a workspace nor a commit that git knows here"),
        ("", "'' is neither a folder with a workspace nor a commit that git knows here"),
        ("empty", "there was no workspace in this folder at 'empty'"),
    ],
)
def test_a_version_that_is_not_there_is_told(kept, ref, what):
    with pytest.raises(UsageError) as caught, version(kept.folder, ref):
        pass
    assert (caught.value.where, caught.value.what) == ("--diff", what)
    assert not (kept.folder / "stolen").exists()


def test_where_there_is_no_repository_only_folders_are_versions(tmp_path):
    tiny = make(tmp_path / "w", brands=["north"])
    with pytest.raises(UsageError), version(tiny.folder, "HEAD"):
        pass
    other = tiny.copy(tmp_path / "other")
    with version(tiny.folder, str(other.folder)) as found:
        assert found.settings.workspace == other.folder.resolve()


def test_a_version_that_is_refused_itself_says_where(tmp_path):
    tiny = make(tmp_path / "w", brands=["north"])
    other = tiny.copy(tmp_path / "other")
    other.edit("templates/care/product.yaml", "kind: teach", "kind: teech")
    with pytest.raises(UsageError) as caught, version(tiny.folder, str(other.folder)):
        pass
    assert caught.value.what == (
        f"in the version '{other.folder}', templates/care/product.yaml:4: help.kind: 'teech' is not known"
    )
