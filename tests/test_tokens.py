from __future__ import annotations

import base64
import hmac
import json
import re
import stat
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import polars as pl
import pytest

from flows import cli, line
from flows.errors import LinkError, SettingError
from flows.keys import Key, load_keys, rotate_key
from flows.settings import load_settings
from flows.stages.message import worded
from flows.tokens import LETTERS, Followed, verify
from tests.stages.test_message import routed
from tests.tiny import make

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tiny import Tiny

KEY = Key("k1", "0f" * 32)
NORTH = KEY.for_links("tiny", "north")
MESSAGE = "a1" * 16
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def text(*keys: Key) -> str:
    return "".join(f"{key.key_id}:{key.secret}\n" for key in keys)


def token(action: str, key: Key = NORTH, message_id: str = MESSAGE) -> str:
    return str(pl.select(key.token(action, pl.lit(message_id))).item())


@pytest.mark.parametrize("action", LETTERS)
@pytest.mark.parametrize("message_id", ["00" * 16, "ff" * 16, MESSAGE, "fb" * 16])
def test_a_link_says_what_it_is_about_and_which_message_it_stood_in(action: str, message_id: str):
    made = token(action, message_id=message_id)
    assert re.fullmatch(r"[upyn][A-Za-z0-9_-]{44}", made)
    assert verify(made, text(NORTH)) == Followed(action, message_id)


@pytest.mark.parametrize("action", LETTERS)
def test_a_link_of_an_earlier_version_is_read_too(action: str):
    long, letter = "a1" * 32, LETTERS[action]
    mac = hmac.digest(NORTH.secret.encode(), f"{letter}\x1f{long}".encode(), "sha256")[:16]
    sent = letter + base64.urlsafe_b64encode(bytes.fromhex(long) + mac).decode()
    assert verify(sent, text(NORTH)) == Followed(action, MESSAGE)
    with pytest.raises(LinkError):
        verify(("A" if letter != "A" else "B") + sent[1:], text(NORTH))


@pytest.mark.parametrize("action", LETTERS)
def test_a_link_with_any_bit_flipped_is_refused(action: str):
    made = token(action)
    raw = base64.urlsafe_b64decode(made[1:])
    for bit in range(8 * len(raw)):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(LinkError):
            verify(made[0] + base64.urlsafe_b64encode(flipped).decode(), text(NORTH))
    for place in range(len(made)):
        for bit in range(8):
            letter = chr(ord(made[place]) ^ 1 << bit)
            with pytest.raises(LinkError):
                verify(made[:place] + letter + made[place + 1 :], text(NORTH))


def test_a_link_that_asks_cannot_be_made_into_one_that_unsubscribes():
    for action in LETTERS:
        for letter in set(ALPHABET) - {LETTERS[action]}:
            with pytest.raises(LinkError):
                verify(letter + token(action)[1:], text(NORTH))


@pytest.mark.parametrize(
    "changed",
    [
        "",
        "u",
        " {}",
        "{}\n",
        "{}=",
        "{}A",
        "{}%20",
        "uu{}",
        "ü{}",
        "{}\x00",
        "u" + "A" * 44,
        "u" + "A" * 64,
        "u" * 10_000,
    ],
)
def test_what_is_no_link_is_refused(changed: str):
    with pytest.raises(LinkError):
        verify(changed.format(token("unsubscribe")), text(NORTH))


def test_a_link_that_was_cut_short_is_refused():
    made = token("unsubscribe")
    for length in range(len(made)):
        with pytest.raises(LinkError):
            verify(made[:length], text(NORTH))


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        KEY.for_links("tiny", "south"),
        KEY.for_links("other", "north"),
        KEY.for_links("tinynorth", ""),
        Key("k1", "0e" * 32).for_links("tiny", "north"),
    ],
    ids=["the key of people", "another brand", "another workspace", "joined otherwise", "another key"],
)
def test_a_link_of_another_key_is_refused(key: Key):
    with pytest.raises(LinkError):
        verify(token("unsubscribe", key), text(NORTH))
    with pytest.raises(LinkError):
        verify(token("unsubscribe"), text(key))


@pytest.mark.parametrize("keys", ["", "\n", "k1", f"k1:{'0' * 63}", f"k1:{'G' * 64}", f"{text(NORTH)}half:"])
def test_without_whole_keys_nothing_is_read(keys: str):
    with pytest.raises(SettingError, match="this is not a file of link keys"):
        verify(token("unsubscribe"), keys)


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    """Whose brand north has pages for preferences and for what helped, and south has not."""
    made = make(tmp_path / "workspace")
    pages = "".join(
        f'{page}_url = "https://north.example.com/{page}?t={{token}}"\n' for page in ("preferences", "helpful")
    )
    made.edit("pyproject.toml", 'sms_sender = "70700"\n', f'sms_sender = "70700"\n{pages}')
    made.edit("pyproject.toml", "unsubscribe/{message_id}", "unsubscribe/{token}")
    slots = ("preferences_url", "helpful_url", "unhelpful_url")
    links = {
        "</body>": "".join(f'<a href="{{{{ {slot} }}}}">x</a>' for slot in slots),
        "{{ brand.legal_name }}{% if is_marketing %}\n": " ".join(f"{{{{ {slot} }}}}" for slot in slots) + " ",
    }
    for end, asked in links.items():
        made.edit(
            "templates/_shared/email_layout.j2", end, f"{{% if brand.preferences_url %}}{asked}{{% endif %}}{end}"
        )
    return made


SLOTS = {
    "unsubscribe_url": "unsubscribe",
    "preferences_url": "preferences",
    "helpful_url": "helpful",
    "unhelpful_url": "unhelpful",
}


@pytest.mark.slow
def test_each_link_of_every_message_is_read_by_its_brands_key_and_names_that_message(tiny: Tiny):
    tiny.run()
    settings = load_settings(tiny.folder)
    read = 0
    for batch in (batch for batch in tiny.batches() if batch.target == "email_file"):
        brand = batch.manifest["brand"]
        assert line.write_link_keys(settings, brand, tiny.folder / "links.key") == 1
        keys = (tiny.folder / "links.key").read_text("ascii")
        creatives = {
            made["creative_id"]: made for made in map(json.loads, batch.payload["creatives.ndjson"].splitlines())
        }
        for row in batch.rows:
            is_marketing = creatives[row["creative_id"]]["product"] == "care"
            there = {name for name in SLOTS if row.get(name)}
            wanted = {"unsubscribe_url"} if is_marketing else set()
            assert there == wanted | ({*SLOTS} - {"unsubscribe_url"} if brand == "north" else set())
            assert there == {name for name in SLOTS if name in creatives[row["creative_id"]]["slots"]}
            for name in there:
                given = re.split(r"[/=]", row[name])[-1]
                assert verify(given, keys) == Followed(SLOTS[name], row["message_id"])
                assert urlsplit(row[name]).scheme == "https"
                read += 1
    assert read > 20


def test_links_are_the_same_for_the_same_data_and_key_and_say_nothing_of_people(tiny: Tiny):
    workspace, fields = tiny.load(), {"item": "tent", "first_name": "Ann"}
    names = list(SLOTS)

    def links(key: Key, **about: str) -> pl.DataFrame:
        return worded(routed(about, fields=fields | about), workspace.products["care"], workspace, key).rows.select(
            names
        )

    first = links(KEY)
    assert first.equals(links(KEY))
    other = links(KEY, customer_id="c99", address="other@example.com", country="AT", first_name="Eve", item="rope")
    assert first.equals(other)
    assert not any(first.row(0)[place] == links(Key("k2", "0e" * 32)).row(0)[place] for place in range(len(names)))


def test_the_file_of_link_keys_is_private_and_goes_on_reading_links_after_a_new_key(tiny: Tiny):
    settings = load_settings(tiny.folder)
    key = load_keys(settings.key_file)[0]
    made = token("preferences", key.for_links("tiny", "north"))
    rotate_key(settings.key_file)
    file = tiny.folder / "north.key"
    assert cli.main(["link-key", "north", str(file), "--workspace", str(tiny.folder)]) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert verify(made, file.read_text("ascii")) == Followed("preferences", MESSAGE)
    assert all(key.secret not in file.read_text("ascii") for key in load_keys(settings.key_file))


def test_the_command_says_what_a_link_is_about_or_that_it_is_not_ours(tiny: Tiny, capsys: pytest.CaptureFixture[str]):
    key = load_keys(load_settings(tiny.folder).key_file)[0].for_links("tiny", "south")
    where = ["--workspace", str(tiny.folder), "--json"]
    assert cli.main(["verify", token("helpful", key), *where]) == 0
    assert json.loads(capsys.readouterr().out) == {"action": "helpful", "message_id": MESSAGE, "brand": "south"}
    assert cli.main(["verify", token("helpful", NORTH), *where]) == 1
    assert cli.main(["link-key", "nroth", str(tiny.folder / "x"), *where]) == 2
    assert "did you mean 'north'?" in capsys.readouterr().out
