"""What is set for an environment, and that none gets into another's places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.environments import MARK
from flows.errors import SettingError
from flows.settings import load_settings
from tests.tiny import SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from flows.settings import Settings

SEEDS = '\n[tool.justenough.seeds]\nemail = ["qa@seeds.example.com"]\n'
BUCKET = '\n[tool.justenough.transports.email_file]\nto = "s3://shop/out"\n'


def workspace(folder: Path, more: str = SEEDS, first: str = "") -> Path:
    text = SETTINGS.replace("[tool.justenough]\n", f"[tool.justenough]\n{first}", 1)
    (folder / "pyproject.toml").write_text(text + more, "utf-8")
    return folder


def load(folder: Path, monkeypatch: pytest.MonkeyPatch, environment: str = "staging", **told: str) -> Settings:
    with monkeypatch.context() as patch:
        patch.setenv("JUSTENOUGH_ENVIRONMENT", environment)
        for name, value in told.items():
            patch.setenv(f"JUSTENOUGH_{name}", value)
        return load_settings(folder)


def places(settings: Settings) -> dict[str, str]:
    names = ("state", "ledger", "outbox", "key_file")
    return {name: str(getattr(settings, name).relative_to(settings.workspace)) for name in names}


def test_production_is_as_it_always_was(tmp_path):
    found = load_settings(workspace(tmp_path, SEEDS + BUCKET))
    assert (found.environment, found.name, found.mark) == ("production", "tiny", "")
    assert places(found) == {
        "state": ".justenough",
        "ledger": ".justenough/ledger.duckdb",
        "outbox": "outbox",
        "key_file": ".justenough/key",
    }
    assert found.targets["north"] == {"email": "email_file", "sms": "sms_file", "web": "web_profiles"}
    assert list(found.transports) == ["email_file"]
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


@pytest.mark.parametrize("first", ["", 'outbox = "/srv/out"\nstate = "/srv/state"\nledger = "/srv/l.duckdb"\n'])
def test_another_one_has_places_of_its_own_whatever_is_set_for_production(tmp_path, monkeypatch, first):
    found = load(workspace(tmp_path, SEEDS + BUCKET, first), monkeypatch)
    assert (found.environment, found.name, found.mark) == ("staging", "tiny [staging]", "[staging] ")
    assert places(found) == {
        "state": ".justenough-staging",
        "ledger": ".justenough-staging/ledger.duckdb",
        "outbox": "outbox-staging",
        "key_file": ".justenough-staging/key",
    }
    assert found.targets == {"north": {"email": "email_file"}, "south": {"email": "email_file"}}
    assert found.transports == {}
    assert (tmp_path / "outbox-staging" / MARK).read_text() == "staging\n"


def test_it_may_be_the_files_word_or_the_environments_and_its_table_comes_before_what_is_set_for_all(
    tmp_path, monkeypatch
):
    own = """
[tool.justenough.environments.staging]
outbox = "try/out"
suppression_lists = {email_file = "7 days"}
acknowledged = ["email_file", "web_profiles"]
[tool.justenough.environments.staging.seeds]
sms = ["+4915112399901"]
[tool.justenough.environments.staging.transports.sms_file]
to = "s3://shop/try"
"""
    found = load_settings(workspace(tmp_path, SEEDS + BUCKET + own, 'environment = "staging"\n'))
    assert places(found)["outbox"] == "try/out"
    assert found.seeds == {"sms": ("+4915112399901",)}
    assert found.targets == {"north": {"sms": "sms_file"}, "south": {"sms": "sms_file"}}
    assert {name: way.to for name, way in found.transports.items()} == {"sms_file": "s3://shop/try"}
    assert (found.acknowledged, found.suppression_lists) == ((), {})
    assert load(tmp_path, monkeypatch, "production").environment == "production"


@pytest.mark.parametrize(
    ("more", "first", "what"),
    [
        ("", "", "staging delivers to seeds alone, and no channel that has a target has any"),
        ('\n[tool.justenough.seeds]\npush = ["t"]\n', "", "staging delivers to seeds alone"),
        (SEEDS + '[tool.justenough.environments.production]\nname = "x"\n', "", "production has no table of its own"),
        (SEEDS + '[tool.justenough.environments.staging]\nenvironment = "production"\n', "", "named by its table alone"),
        (SEEDS + "[tool.justenough.environments.staging]\noutbux = 1\n", "", "'outbux' is not a key here"),
        (SEEDS + '[tool.justenough.environments.staging]\noutbox = "outbox"\n', "", "is production's, and this is staging"),
        (SEEDS + '[tool.justenough.environments.staging]\noutbox = "outbox/x"\n', "", "is production's"),
        (SEEDS + '[tool.justenough.environments.staging]\nstate = "."\n', "", "is production's"),
        (SEEDS + '[tool.justenough.environments.staging]\nkey_file = "k"\n', 'key_file = "k"\n', "is production's"),
    ],
)  # fmt: skip
def test_what_is_not_well_set_is_refused_and_makes_nothing(tmp_path, monkeypatch, more, first, what):
    with pytest.raises(SettingError, match=what):
        load(workspace(tmp_path, more, first), monkeypatch)
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


@pytest.mark.parametrize("name", ["Staging", "a b", "../x", "production ", "-x"])
def test_a_word_that_names_no_environment_is_refused(tmp_path, monkeypatch, name):
    with pytest.raises(SettingError, match="this is no name of an environment"):
        load(workspace(tmp_path), monkeypatch, name)


@pytest.mark.parametrize(
    ("to", "is_theirs"),
    [
        ("s3://shop/out", True),
        ("s3://shop/out/deep/", True),
        ("s3://shop", True),
        ("s3://shop/output", False),
        ("s3://shop-try/out", False),
    ],
)
def test_where_production_carries_to_nothing_else_does(tmp_path, monkeypatch, to, is_theirs):
    own = f'[tool.justenough.environments.staging.transports.sms_file]\nto = "{to}"\n'
    folder = workspace(tmp_path, SEEDS + BUCKET + own)
    if is_theirs:
        with pytest.raises(SettingError, match="this is where production delivers to, or within it"):
            load(folder, monkeypatch)
    else:
        assert load(folder, monkeypatch).transports["sms_file"].to == to


def test_another_user_of_the_same_server_is_no_other_place(tmp_path, monkeypatch):
    keys = 'known_hosts = "hosts"\nkey_file = "id"\n'
    theirs = f'\n[tool.justenough.transports.email_file]\nto = "sftp://live@drop.example.com/in"\n{keys}'
    own = f'[tool.justenough.environments.staging.transports.email_file]\nto = "sftp://try@DROP.example.com:22/in/x"\n{keys}'
    with pytest.raises(SettingError, match="this is where production delivers to, or within it"):
        load(workspace(tmp_path, SEEDS + theirs + own), monkeypatch)


def test_places_that_are_marked_are_taken_by_nobody_else(tmp_path, monkeypatch):
    folder = workspace(tmp_path)
    load(folder, monkeypatch)
    load(folder, monkeypatch)  # and by itself again
    for told in ({"STATE": ".justenough-staging"}, {"OUTBOX": "outbox-staging"}, {"OUTBOX": "outbox-staging/ses"}):
        for environment in ("production", "test"):
            with pytest.raises(SettingError, match=f"is of staging, and this is {environment}"):
                load(folder, monkeypatch, environment, **told)
    with pytest.raises(SettingError, match="is of staging, and this is production"):
        load(folder, monkeypatch, "production", LEDGER=".justenough-staging/ledger.duckdb")


def test_a_file_that_stands_alone_is_marked_beside_it(tmp_path, monkeypatch):
    folder = workspace(tmp_path)
    load(folder, monkeypatch, LEDGER="ledgers/mine.duckdb")
    (tmp_path / "ledgers/mine.duckdb").touch()
    load(folder, monkeypatch, LEDGER="ledgers/mine.duckdb")
    with pytest.raises(SettingError, match="is of staging, and this is production"):
        load(folder, monkeypatch, "production", LEDGER="ledgers/mine.duckdb")
    (tmp_path / "ledgers/theirs.duckdb").touch()
    with pytest.raises(SettingError, match="is of production, and this is staging"):
        load(folder, monkeypatch, LEDGER="ledgers/theirs.duckdb")
    assert load(folder, monkeypatch, "production", LEDGER="ledgers/theirs.duckdb").is_production


def test_a_used_folder_without_a_mark_is_production_and_a_link_to_one_is_that_folder(tmp_path, monkeypatch):
    folder = workspace(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "real/ses").mkdir()
    (tmp_path / "outbox-staging").symlink_to(tmp_path / "real")
    with pytest.raises(SettingError, match="is of production, and this is staging"):
        load(folder, monkeypatch)
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["ses"]
