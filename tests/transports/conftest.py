"""Servers that the tests of one worker share, and a shop whose first batch could not be carried yet."""

from __future__ import annotations

import shutil

import pytest

from tests.tiny import make
from tests.transports.servers import KEYS, PATH, emptied, free_port, sshd, store
from tests.transports.shops import MAIL, environment, ways


@pytest.fixture(scope="session")
def openssh(tmp_path_factory):
    if not shutil.which("sshd", path=PATH):
        pytest.skip("OpenSSH's server is not installed")
    with sshd(tmp_path_factory.mktemp("ssh") / "home") as found:
        yield found


@pytest.fixture(scope="session")
def s3(tmp_path_factory):
    with environment(**KEYS), store(tmp_path_factory.mktemp("s3") / "log") as found:
        yield found


@pytest.fixture(scope="session")
def waiting_shop(openssh, tmp_path_factory):
    """The first day is over, and nobody has answered at the other end."""
    tiny = make(tmp_path_factory.mktemp("shop") / "tiny", brands=("north",))
    ways(tiny, **{MAIL: openssh.settings(port=free_port())})
    return tiny, tiny.run(targets=(MAIL,))


@pytest.fixture
def waiting(waiting_shop, tmp_path):
    """A copy of that shop."""
    return waiting_shop[0].copy(tmp_path / "tiny")


@pytest.fixture
def sftp_end(openssh):
    return emptied(openssh)


@pytest.fixture
def s3_end(s3):
    return emptied(s3)


@pytest.fixture(params=["sftp", "s3"])
def end(request):
    """Each of both ends, empty."""
    return request.getfixturevalue(f"{request.param}_end")
