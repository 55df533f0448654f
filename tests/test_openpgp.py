"""Files that only the platform can read, judged by GnuPG."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from flows.errors import SettingError
from tests.tiny import make

pytestmark = [pytest.mark.slow, pytest.mark.oracle]


@pytest.fixture(scope="module")
def gpg():
    """GnuPG with a home of its own: called with arguments it returns what it prints."""
    home = Path(tempfile.mkdtemp(prefix="gpg-"))  # its socket's path may not be long

    def call(*arguments: str, given: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", "", *arguments]
        return subprocess.run(command, input=given, capture_output=True, check=True).stdout

    yield call
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=False)
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def keys(gpg, tmp_path_factory) -> Path:
    """A folder with certificates of several kinds."""
    folder = tmp_path_factory.mktemp("keys")
    gpg("--quick-generate-key", "platform@example.com", "default", "default", "1y")
    gpg("--quick-generate-key", "signer@example.com", "default", "sign", "1y")
    gpg("--faked-system-time", "20200101T000000", "--quick-generate-key", "old@example.com", "default", "default", "1d")
    for name in ("platform", "signer", "old"):
        (folder / f"{name}.gpg").write_bytes(gpg("--export", f"{name}@example.com"))
    (folder / "armored.asc").write_bytes(gpg("--armor", "--export", "platform@example.com"))
    (folder / "private.gpg").write_bytes(gpg("--export-secret-keys", "platform@example.com"))
    (folder / "none.gpg").write_text("no key")
    return folder


def settings(tiny, key: Path) -> None:
    tiny.edit(
        "pyproject.toml",
        "[tool.justenough.crowd]",
        f'[tool.justenough.pgp]\nemail_file = "{key}"\n\n[tool.justenough.crowd]',
    )


@pytest.mark.parametrize("key", ["platform.gpg", "armored.asc"])
def test_the_platform_reads_what_would_have_been_written_and_nobody_else_can(gpg, keys, tmp_path, key):
    plain, sealed = make(tmp_path / "plain"), make(tmp_path / "sealed")
    settings(sealed, keys / key)
    plain.run()
    sealed.run()
    expected = {path.relative_to(plain.outbox): path for path in plain.outbox.glob("email_file/*/recipients-*.csv")}
    found = {path.relative_to(sealed.outbox): path for path in sealed.outbox.glob("email_file/*/recipients-*")}
    assert {str(name) for name in found} == {f"{name}.pgp" for name in expected}
    for name, path in expected.items():
        assert gpg("--decrypt", given=found[name.with_name(f"{name.name}.pgp")].read_bytes()) == path.read_bytes()
    clear = next(iter(expected.values())).read_bytes().splitlines()[1].split(b",")[2]
    assert b"@" in clear
    mine = [path for path in sealed.outbox.glob("email_file/**/*") if path.is_file()]
    assert [path for path in mine if clear in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("private.gpg", "there is a private key in private.gpg"),
        ("signer.gpg", "nothing can be encrypted to the key in signer.gpg"),
        ("old.gpg", "the key in old.gpg has run out"),
        ("none.gpg", "there is no OpenPGP key in none.gpg"),
        ("missing.gpg", "missing.gpg cannot be read"),
    ],
)
def test_a_key_that_nothing_should_be_encrypted_to_is_refused_before_anything_runs(keys, tmp_path, key, said):
    tiny = make(tmp_path / "tiny")
    settings(tiny, keys / key)
    with pytest.raises(SettingError) as caught:
        tiny.load()
    assert str(caught.value).startswith(f"pyproject.toml: tool.justenough.pgp.email_file: {said}")
