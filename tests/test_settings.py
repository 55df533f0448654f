from pathlib import Path

import pytest

from flows.caps import read_cap
from flows.errors import SettingError
from flows.settings import Settings, load_settings, shipped

BRAND = """
[tool.justenough.brands.nordtal.default]
name = "Nordtal"
sender_name = "Nordtal"
sender_email = "hello@nordtal.example.com"
reply_to = "help@nordtal.example.com"
legal_name = "Nordtal GmbH"
postal_address = "Weg 1"
privacy_url = "https://nordtal.example.com/privacy"
unsubscribe_url = "https://nordtal.example.com/u/{message_id}"
site_url = "https://nordtal.example.com"
"""
TARGETS = '\n[tool.justenough.targets.nordtal]\nemail = "email_file"\n'


def load(
    folder: Path, lines: str = "", *, name: str = 'name = "shop"', targets: str = TARGETS, brands: str = BRAND
) -> Settings:
    text = f"[tool.justenough]\n{name}\n{lines}\n{targets}{brands}"
    (folder / "pyproject.toml").write_text(text, "utf-8")
    return load_settings(folder)


def refused(folder: Path, *args, **given) -> SettingError:
    with pytest.raises(SettingError) as caught:
        load(folder, *args, **given)
    assert caught.value.exit_code == 2
    return caught.value


def test_a_workspace_needs_little_and_the_rest_has_defaults(tmp_path):
    found = load(tmp_path)
    assert (found.name, found.timezone, found.locale, found.global_holdout) == ("shop", "UTC", "en", 0.05)
    assert (found.parts, found.memory, found.largest_fall, found.tolerated_share) == (None, 4 * 2**30, 0.5, 0.01)
    assert (found.database, found.default_region) == (None, None)
    assert (str(found.plan_expires), str(found.zone)) == ("1 day, 0:00:00", "UTC")


def test_paths_start_at_the_workspace(tmp_path):
    found = load(tmp_path, 'database = "data/shop.duckdb"\noutbox = "/srv/outbox"')
    assert found.workspace == tmp_path
    assert found.database == tmp_path / "data/shop.duckdb"
    assert found.outbox == Path("/srv/outbox")
    assert found.state == tmp_path / ".justenough"
    assert found.folder("plans", "r1") == tmp_path / ".justenough/plans/r1"


def test_history_and_key_follow_a_moved_state_folder_unless_they_are_set(tmp_path):
    moved = load(tmp_path, 'state = "elsewhere"')
    assert (moved.ledger, moved.key_file) == (tmp_path / "elsewhere/ledger.duckdb", tmp_path / "elsewhere/key")
    fixed = load(tmp_path, 'state = "elsewhere"\nkey_file = "keys/k1"\nledger = ".justenough/ledger.duckdb"')
    assert (fixed.ledger, fixed.key_file) == (tmp_path / ".justenough/ledger.duckdb", tmp_path / "keys/k1")


def test_the_environment_goes_before_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_PARTS", "7")
    monkeypatch.setenv("JUSTENOUGH_GLOBAL_HOLDOUT", "10 %")
    monkeypatch.setenv("JUSTENOUGH_STATE", "/var/lib/shop")
    monkeypatch.setenv("JUSTENOUGH_LOCALE", "")
    monkeypatch.setenv("JUSTENOUGH_TARGETS", "none")
    monkeypatch.setenv("JUSTENOUGH_WORKSPACE", "/elsewhere")
    found = load(tmp_path, 'parts = 2\nlocale = "de"')
    assert (found.parts, found.global_holdout, found.locale) == (7, 0.1, "de")
    assert (found.ledger, found.workspace) == (Path("/var/lib/shop/ledger.duckdb"), tmp_path)
    assert "nordtal" in found.targets


REFUSED = {
    "an unknown setting": (
        "globl_holdout = 0.1",
        "'globl_holdout' is not a key here",
        "did you mean 'global_holdout'?",
    ),
    "a wrong share": (
        'global_holdout = "5 dayz"',
        "global_holdout: this is not a share (it is '5 dayz')",
        "write a percentage",
    ),
    "a wrong duration": (
        'plan_expires = "1 fortnight"',
        "plan_expires: this is not a duration",
        "write a number and minutes",
    ),
    "a wrong zone": (
        'timezone = "Berlin"',
        "timezone: this is not a time zone (it is 'Berlin')",
        "write it as in 'Europe/Berlin'",
    ),
    "a zone that is a path": ('timezone = "../etc"', "timezone: this is not a time zone", "write it as in"),
    "a cap that is none": ('caps = ["3 per week"]', "caps: '3 per week' is no cap", "write it as in '3 in 7 days'"),
    "a cap without its list": ("caps = 3", "caps: Input should be a valid tuple (it is 3)", ""),
    "no parts": ("parts = 0", "parts: Input should be greater than or equal to 1 (it is 0)", ""),
    "memory that is no size": ('memory = "lots"', "memory: this is no size (it is 'lots')", "as in '4 GiB'"),
    "memory in a unit that is none": ('memory = "4 gigs"', "memory: this is no size", "as in '4 GiB'"),
    "neither true nor false": ('rolling = "ja"', "rolling: true or false belongs here (it is 'ja')", "without quotes"),
    "too little memory": ('memory = "100 MB"', "memory: Input should be greater than or equal to 536870912", ""),
    "a wait that is none": ("lock_wait_seconds = -1", "lock_wait_seconds: Input should be greater than", ""),
}


@pytest.mark.parametrize(("lines", "what", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_a_setting_that_is_not_as_it_should_be_is_refused(tmp_path, lines, what, hint):
    error = refused(tmp_path, lines)
    assert error.where == "pyproject.toml: tool.justenough"
    assert what in error.what
    assert hint in error.hint


def test_of_the_memory_duckdb_gets_half(tmp_path):
    assert load(tmp_path, 'memory = "6 GiB"').query_memory == "3072 MiB"


def test_caps_are_a_list_or_stand_in_the_environment_with_commas(tmp_path, monkeypatch):
    assert [str(cap) for cap in load(tmp_path).caps] == ["3 messages in 7 days"]
    assert load(tmp_path, "caps = []").caps == ()
    found = load(tmp_path, 'caps = ["3 in 7 days", "1 sms in 24 hours"]').caps
    assert found == (read_cap("3 in 7 days"), read_cap("1 sms in 24 hours"))
    monkeypatch.setenv("JUSTENOUGH_CAPS", "3 in 7 days, 1 sms in 24 hours")
    assert load(tmp_path, "caps = []").caps == found


def test_hosts_of_links_are_a_list_or_stand_in_the_environment_with_commas(tmp_path, monkeypatch):
    assert load(tmp_path).link_hosts == ()
    assert load(tmp_path, 'link_hosts = ["IMG.example.com", "a-b.example.org"]').link_hosts == (
        "img.example.com",
        "a-b.example.org",
    )
    monkeypatch.setenv("JUSTENOUGH_LINK_HOSTS", "img.example.com, b.example.org")
    assert load(tmp_path).link_hosts == ("img.example.com", "b.example.org")


@pytest.mark.parametrize(
    "host", ["https://img.example.com", "*.example.com", "img", "img.example.com/a", "n\u00f6.example.com"]
)
def test_what_is_no_host_is_refused(tmp_path, host):
    assert refused(tmp_path, f'link_hosts = ["{host}"]').what == "link_hosts: this is no host"


def test_a_name_is_needed_since_it_is_in_every_key(tmp_path):
    assert refused(tmp_path, name="").what == "'name' is missing"


def test_a_brand_with_targets_needs_a_sender(tmp_path):
    error = refused(tmp_path, targets=f'{TARGETS}[tool.justenough.targets.seewind]\nemail = "email_file"\n')
    assert error.what == "the brand 'seewind' has no sender identity"
    assert error.hint == "add [tool.justenough.brands.seewind.default]"


def test_a_sender_is_whole_in_each_country(tmp_path):
    error = refused(tmp_path, brands=BRAND.replace('reply_to = "help@nordtal.example.com"\n', ""))
    assert (error.where, error.what) == (
        "pyproject.toml: tool.justenough.brands.nordtal.default",
        "'reply_to' is missing",
    )
    error = refused(tmp_path, brands=f'{BRAND}\n[tool.justenough.brands.nordtal.AT]\nlegal_nam = "x"\n')
    assert (error.where, error.hint) == (
        "pyproject.toml: tool.justenough.brands.nordtal.AT",
        "did you mean 'legal_name'?",
    )
    only_abroad = BRAND.replace("nordtal.default", "nordtal.AT")
    assert refused(tmp_path, brands=only_abroad).where == "pyproject.toml: tool.justenough.brands.nordtal.default"


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ('sender_name = "Nord\\nBcc: all@example.com"', "sender_name: this goes over more than one line"),
        ('sender_email = "hello"', "sender_email: this is no e-mail address that every platform takes"),
        (
            'sender_email = "hello@grüße.example.com"',
            "sender_email: this is no e-mail address that every platform takes",
        ),
        (
            'reply_to = "help@x.example.com, me@x.example.com"',
            "reply_to: this is no e-mail address that every platform",
        ),
    ],
)
def test_a_sender_is_one_that_every_platform_takes(tmp_path, lines, what):
    error = refused(tmp_path, brands=f"{BRAND}\n[tool.justenough.brands.nordtal.AT]\n{lines}\n")
    assert error.where == "pyproject.toml: tool.justenough.brands.nordtal.AT"
    assert what in error.what


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ('unsubscribe_url = "https://x.example.com/u"', "unsubscribe_url: it does not say who leaves"),
        ('unsubscribe_url = "https://x.example.com/u#{token}"', "unsubscribe_url: mail programs cannot post to this"),
        ('unsubscribe_url = "https://grüße.example.com/{token}"', "unsubscribe_url: mail programs cannot post to this"),
        ('unsubscribe_url = "http://x.example.com/{token}"', "unsubscribe_url: this is no address that may stand in a"),
        ('preferences_url = "https://x.example.com/{message_id}"', "preferences_url: it does not say whose message"),
        ('helpful_url = "https://x.example.com/"', "helpful_url: it does not say whose message it stood in"),
        ('helpful_url = "https://x.example.com/?t={token}&a=1"', "helpful_url: this is no address that may stand in a"),
    ],
)
def test_the_addresses_of_recipients_say_whose_they_are_and_can_be_posted_to(tmp_path, lines, what):
    error = refused(tmp_path, brands=f"{BRAND}\n[tool.justenough.brands.nordtal.AT]\n{lines}\n")
    assert what in error.what


def test_a_country_has_its_own_entries_over_the_default_ones(tmp_path):
    found = load(tmp_path, brands=f'{BRAND}\n[tool.justenough.brands.nordtal.AT]\nlegal_name = "Nordtal Austria"\n')
    assert found.brand("nordtal", "AT").legal_name == "Nordtal Austria"
    assert found.brand("nordtal", "AT").reply_to == found.brand("nordtal", None).reply_to == "help@nordtal.example.com"
    assert found.brand("nordtal", "FR").legal_name == "Nordtal GmbH"
    assert (found.brand("nordtal", None).logo_url, found.brand("nordtal", None).sms_stop_word) == ("", "")


def test_what_is_no_workspace_is_named(tmp_path):
    with pytest.raises(SettingError) as caught:
        load_settings(tmp_path / "none")
    assert (caught.value.what, caught.value.hint) == (
        "this is not a workspace: it has no pyproject.toml",
        "name one with --workspace DIR",
    )
    (tmp_path / "pyproject.toml").write_text("[tool.other]\n", "utf-8")
    with pytest.raises(SettingError) as caught:
        load_settings(tmp_path)
    assert caught.value.what == "there is no table [tool.justenough]"


@pytest.mark.parametrize("content", [b"[tool.justenough\n", b"name = \xff", b"a = 1\na = 2\n"])
def test_what_is_no_toml_is_refused(tmp_path, content):
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(SettingError) as caught:
        load_settings(tmp_path)
    assert caught.value.what.startswith("this is not TOML: ")


def test_what_comes_with_the_product_is_found_beside_it():
    assert shipped("sql", "ledger").is_dir()
