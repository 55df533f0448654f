"""Files that survive: private, whole or not at all, and never in the place of another."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import polars as pl
import pytest

from flows.durable import (
    Digests,
    boot_id,
    create_file,
    no_space,
    private_folder,
    rename_once,
    same_file_system,
    sync_file,
    sync_folder,
    write_bytes,
)
from flows.errors import OutboxError


@pytest.fixture(autouse=True)
def _lax_umask():
    """What is private is so by itself, not by the caller's umask."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path):
    return oct(path.stat().st_mode & 0o777)


def test_a_folder_and_its_missing_parents_are_private(tmp_path):
    made = private_folder(tmp_path / "a" / "b")
    assert [mode(tmp_path / "a"), mode(made)] == ["0o700", "0o700"]
    assert private_folder(made) == made


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "a").write_text("")
    for path in (tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises(OutboxError):
            private_folder(path)


def test_a_written_file_is_private_and_replaces_the_older_one(tmp_path):
    path = tmp_path / "new" / "file"
    for content in (b"one", b"two"):
        write_bytes(path, content)
        assert (path.read_bytes(), mode(path)) == (content, "0o600")
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "file").mkdir()
    with pytest.raises(OutboxError):
        write_bytes(tmp_path / "file", b"content")
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_new_file_is_private_and_takes_no_ones_place(tmp_path):
    create_file(tmp_path / "file", b"one")
    assert mode(tmp_path / "file") == "0o600"
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "file", b"two")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "link", b"two")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_others_wrote_becomes_private(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    assert mode(tmp_path / "file") == "0o666"
    sync_file(tmp_path / "file")
    assert mode(tmp_path / "file") == "0o600"


def test_a_rename_never_replaces_not_even_an_empty_folder(tmp_path):
    source, taken = tmp_path / "source", tmp_path / "taken"
    source.mkdir()
    (source / "file").write_text("new")
    taken.mkdir()
    with pytest.raises(FileExistsError):
        rename_once(source, taken)
    assert (source / "file").read_text() == "new"
    assert list(taken.iterdir()) == []
    rename_once(source, tmp_path / "free")
    assert (tmp_path / "free" / "file").read_text() == "new"
    assert not source.exists()


def test_a_rename_to_another_file_system_is_refused(tmp_path):
    proc = Path("/proc")
    assert not same_file_system(tmp_path, proc)
    assert same_file_system(tmp_path, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        rename_once(tmp_path / "file", proc / "file")


def test_a_file_that_grows_is_digested_to_its_end(tmp_path):
    digests, files = Digests(), {tmp_path / name: b"" for name in "abc"}
    for number in range(6):
        for path in files:
            more = bytes([number]) * 700_000
            files[path] += more
            with path.open("ab") as file:
                file.write(more)
            digests.follow(path)
    assert {path: digests.of(path) for path in files} == {
        path: (len(content), hashlib.sha256(content).hexdigest()) for path, content in files.items()
    }


def test_a_file_that_cannot_be_digested_is_told(tmp_path):
    digests = Digests()
    (tmp_path / "file").write_bytes(b"here")
    for name in ("file", "none", "file"):
        digests.follow(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        digests.of(tmp_path / "file")


def test_a_folder_is_synced_as_a_folder_only(tmp_path):
    sync_folder(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "file")


def test_the_machine_has_one_boot_id_until_it_restarts():
    assert boot_id() == boot_id() != ""


def test_a_full_disk_is_told_from_other_errors():
    assert no_space(OSError(28, "No space left on device"))
    assert not no_space(OSError(13, "Permission denied"))
    assert no_space(OSError("No space left on device (os error 28)"))  # as Polars tells it
    assert no_space(pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device (os error 28)"))
    assert not no_space(OSError("Permission denied (os error 13)"))
