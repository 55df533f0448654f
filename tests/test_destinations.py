"""`[tool.justenough.transports]`: what is no other end is refused, and a password is not repeated."""

from __future__ import annotations

import pytest

from flows.errors import SettingError
from flows.settings import load_settings
from flows.workspace import load_workspace
from tests.tiny import make
from tests.transports.shops import ways

KEYS = {"known_hosts": "hosts", "key_file": "key"}
SFTP = {"to": "sftp://shop@files.example.com:2222/in/mail", **KEYS}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make(tmp_path_factory.mktemp("shop") / "tiny", people=(), late=())


def refused(tiny, settings):
    ways(tiny, email_file=settings)
    with pytest.raises(SettingError) as found:
        load_settings(tiny.folder)
    assert found.value.where == "pyproject.toml: tool.justenough"
    return found.value


def test_where_batches_go_is_read_from_the_settings(tiny):
    ways(tiny, email_file=SFTP, sms_file={"to": "s3://shop-deliveries/in/sms/", "region": "eu-central-1"})
    found = load_settings(tiny.folder).transports
    mail, sms = found["email_file"], found["sms_file"]
    assert (mail.scheme, mail.user, mail.host, mail.port, mail.path) == (
        "sftp",
        "shop",
        "files.example.com",
        2222,
        "/in/mail",
    )
    assert (mail.known_hosts, mail.key_file) == (tiny.folder / "hosts", tiny.folder / "key")
    assert (sms.scheme, sms.bucket, sms.path, sms.keeps_files) == ("s3", "shop-deliveries", "/in/sms", False)
    assert mail.name("b-1", "manifest.json") == "b-1/manifest.json"
    assert mail.model_copy(update={"layout": "flat"}).name("b-1", "manifest.json") == "b-1-manifest.json"


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"to": "ftp://files.example.com/in"}, "`to` has no way that is known here"),
        ({"to": "s3://Shop/in"}, "`to` is no place in S3"),
        ({"to": "s3://key:secret@shop/in"}, "`to` is no place in S3"),
        ({"to": "s3://shop/in/../out"}, "a folder is named by going up"),
        ({"to": "s3://shop/in?list"}, "`to` is no place in S3"),
        ({"to": "s3://shop", "key_file": "key"}, "`known_hosts`, `key_file` and `temporary` are for SFTP"),
        ({"to": "s3://shop", "endpoint": "http://store.example.com"}, "`endpoint` is no address of a store"),
        ({"to": "s3://shop", "endpoint": "https://a:b@store.example.com"}, "`endpoint` is no address of a store"),
        ({**SFTP, "to": "sftp://files.example.com/in"}, "`to` is no place on an SFTP server"),
        ({**SFTP, "to": "sftp://shop@files.example.com:99999/in"}, "`to` is no place on an SFTP server"),
        ({**SFTP, "to": "sftp://shop@files.example.com/in;rm"}, "`to` is no place on an SFTP server"),
        ({**SFTP, "region": "eu-central-1"}, "`endpoint` and `region` are for S3"),
        ({**SFTP, "temporary": "making"}, "`temporary` is no folder"),
        ({"to": SFTP["to"], "key_file": "key"}, "SFTP needs `known_hosts` and `key_file`"),
        ({"to": SFTP["to"], "known_hosts": "hosts"}, "SFTP needs `known_hosts` and `key_file`"),
    ],
)
def test_what_is_no_other_end_is_refused(tiny, settings, what):
    assert refused(tiny, settings).what == f"transports.email_file: {what}"


def test_a_password_is_refused_and_not_repeated(tiny):
    error = refused(tiny, {**SFTP, "to": "sftp://shop:hush-secret@files.example.com/in"})
    assert error.what == "transports.email_file: there is a password in `to`"
    assert "hush-secret" not in str(error)
    assert "hush-secret" not in str(refused(tiny, {"to": "s3://key:hush-secret@shop/in"}))


def test_a_target_that_nobody_knows_is_refused(tiny):
    ways(tiny, email_fiel={"to": "s3://shop-deliveries"})
    with pytest.raises(SettingError, match="there is no target 'email_fiel'\nhint: did you mean 'email_file'"):
        load_workspace(tiny.folder)


def test_another_destination_needs_no_new_plan(tiny):
    ways(tiny)
    before = load_workspace(tiny.folder).inputs_digest
    ways(tiny, email_file={"to": "s3://shop-deliveries"})
    assert load_workspace(tiny.folder).inputs_digest == before
