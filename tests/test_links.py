from __future__ import annotations

import html
import json
import re
import shutil
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flows.errors import SettingError
from flows.line.previewing import preview
from flows.links import PARAMETERS, PLACEHOLDERS, tracked
from flows.stages.message import worded
from tests.stages.making import KEY
from tests.stages.test_message import routed
from tests.tiny import make

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tiny import Tiny

VALUES = {"brand": "north", "channel": "email", "campaign": "care", "variant": "long", "version": "1a2b3c4d"}
ALL = PARAMETERS["default"]
WHOLE = "utm_source=north&utm_medium=email&utm_campaign=care&utm_content=long&utm_id=1a2b3c4d"


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A workspace that says nothing of addresses."""
    made = make(tmp_path_factory.mktemp("tiny") / "workspace")
    made.edit("pyproject.toml", "links = {}\n", "")
    return made


@pytest.fixture
def tiny(untouched: Tiny, tmp_path: Path) -> Tiny:
    return untouched.copy(tmp_path / "workspace")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.example.com/care", f"https://x.example.com/care?{WHOLE}"),
        ("https://x.example.com", f"https://x.example.com?{WHOLE}"),
        ("https://x.example.com/care?", f"https://x.example.com/care?{WHOLE}"),
        ("https://x.example.com/care?a=1", f"https://x.example.com/care?a=1&{WHOLE}"),
        ("https://x.example.com/care?a=1&", f"https://x.example.com/care?a=1&{WHOLE}"),
        ("https://x.example.com/care#top", f"https://x.example.com/care?{WHOLE}#top"),
        ("https://x.example.com/care?a=1#top", f"https://x.example.com/care?a=1&{WHOLE}#top"),
        ("https://x.example.com/app#/page?a=1", f"https://x.example.com/app?{WHOLE}#/page?a=1"),
    ],
)
def test_an_address_keeps_its_query_and_its_fragment(url: str, expected: str):
    assert tracked(url, ALL, VALUES) == expected


def test_what_an_address_says_itself_is_not_said_again():
    url = "https://x.example.com/care?utm_source=partner&utm_id="
    added = "utm_medium=email&utm_campaign=care&utm_content=long"
    assert tracked(url, ALL, VALUES) == f"{url}&{added}"
    assert tracked(f"{url}&{added}", ALL, VALUES) == f"{url}&{added}"


def test_without_a_variant_nothing_is_said_of_one():
    found = tracked("https://x.example.com/", {"a": "{variant}", "b": "of {brand}"}, {**VALUES, "variant": ""})
    assert found == "https://x.example.com/?b=of%20north"


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
PATHS = st.text(st.characters(exclude_categories=["Cs", "Z", "C"], exclude_characters="<>\"'`\\"), max_size=20)


@pytest.mark.property
@given(
    names=st.fixed_dictionaries(dict.fromkeys(PLACEHOLDERS, NAMES)),
    path=PATHS,
    query=st.none() | PATHS,
    fragment=st.none() | PATHS,
)
@example(
    names=dict.fromkeys(PLACEHOLDERS, "&utm_source=x#y?z=%20+ ü{brand}\x1f"),
    path="",
    query="a=1;b=%zz&&",
    fragment="?#",
)
@example(names=dict.fromkeys(PLACEHOLDERS, "x"), path="a&", query=None, fragment=None)
def test_whatever_names_and_addresses_are_the_parameters_are_read_back(
    names: dict[str, str], path: str, query: str | None, fragment: str | None
):
    path = path.replace("?", "").replace("#", "")
    query = query and query.replace("#", "")
    url = f"https://x.example.com/{path}" + (f"?{query}" if query is not None else "")
    whole = url + (f"#{fragment}" if fragment is not None else "")
    before, found = urlsplit(whole), urlsplit(tracked(whole, ALL, names))
    assert (found.scheme, found.netloc, found.path) == (before.scheme, before.netloc, before.path)
    assert found.fragment == before.fragment
    own = parse_qsl(before.query, keep_blank_values=True)
    taken = {name for name, _ in own}
    added = [(name, names[value[1:-1]]) for name, value in ALL.items() if name not in taken]
    assert parse_qsl(found.query, keep_blank_values=True) == own + added
    assert found.query.startswith(before.query)


def said(tiny: Tiny, product: str = "care") -> dict[str, list[dict[str, str]]]:
    """Channel -> the parameters of each address of the action in its messages, in the parts and beside them, without a run."""
    found: dict[str, list[dict[str, str]]] = {}
    for message in preview(tiny.load(), product).messages:
        texts = [html.unescape(part.text) for part in message.parts.values()]
        urls = [
            message.action_url,
            *re.findall(r"https://north\.example\.com/(?:care|orders)[^\s\"<]*", " ".join(texts)),
        ]
        found.setdefault(message.channel, []).extend(dict(parse_qsl(urlsplit(url).query)) for url in urls)
    return found


def test_the_action_of_every_message_that_leaves_says_where_it_stood(tiny: Tiny):
    workspace = tiny.load()
    version = {
        (name, key.channel): words.digest[:8]
        for name in ("care", "late")
        for key, words in workspace.words[name].items()
    }
    tiny.run()
    found = set()
    for batch in tiny.batches():
        texts = html.unescape("\n".join(part.decode() for part in batch.payload.values()))
        for url in re.findall(r"https://[a-z]+\.example\.com/(?:care|orders)[^\s\"\\,<]*", texts):
            channel, brand, page = batch.target.partition("_")[0], batch.manifest["brand"], urlsplit(url).path[1:]
            product = {"care": "care", "orders": "late"}[page]
            known = {"utm_id": version[product, channel]}
            known |= {} if channel == "sms" else {"utm_source": brand, "utm_medium": channel, "utm_campaign": product}
            assert dict(parse_qsl(urlsplit(url).query)) == known
            found.add((brand, channel, product))
        for line in batch.payload.get("creatives.ndjson", b"").splitlines():
            made = json.loads(line)
            links = re.findall(r'href="([^"]*)"', made["parts"]["html"])
            assert made["action_url"] in [html.unescape(link) for link in links]
            assert made["action_url"] in made["parts"]["text"]
    pairs = {("north", "email", "care"), ("south", "email", "care"), ("north", "sms", "care"), ("north", "web", "care")}
    assert found == {*pairs, ("south", "web", "care"), ("north", "email", "late"), ("north", "web", "late")}


def test_the_variant_stands_in_every_address_also_where_the_words_are_for_all(tiny: Tiny):
    tiny.edit("templates/care/product.yaml", "because:", "test: {variants: {long & wide: 50%, short: 50%}}\nbecause:")
    shutil.copy(tiny.folder / "templates/care/web.j2", tiny.folder / "templates/care/web.short.j2")
    workspace = tiny.load()
    rows = routed({"variant": "long & wide"}, {"variant": "short"}, fields={"item": "tent", "first_name": "Ann"})
    made = worded(rows, workspace.products["care"], workspace, KEY).creatives.values()
    for each in made:
        urls = [each["action_url"], *re.findall(r"https://north\.example\.com/care\S*", each["parts"]["text"])]
        assert [dict(parse_qsl(urlsplit(url).query))["utm_content"] for url in urls] == [each["variant"]] * 2
    assert len(made) == 2


def test_a_product_may_be_called_by_a_neutral_name(tiny: Tiny):
    tiny.edit("templates/care/product.yaml", "topic: care", "topic: care\ncampaign: c-17")
    assert {each["utm_campaign"] for found in said(tiny).values() for each in found if len(each) > 1} == {"c-17"}


@pytest.mark.parametrize(
    ("setting", "what"),
    [
        ('{default = {"utm source" = "x"}}', "'utm source' is no name for a parameter"),
        ('{default = {utm_source = "{customer}"}}', "'{customer}' is nothing that utm_source could say"),
        ('{default = {utm_source = "{brand"}}', "'{brand' is nothing that utm_source could say"),
        ('{default = {utm_source = ""}}', "'' is nothing that utm_source could say"),
        ('{emial = {utm_source = "x"}}', "'emial' is no channel"),
    ],
)
def test_parameters_that_cannot_be_are_refused(tiny: Tiny, setting: str, what: str):
    tiny.edit("pyproject.toml", "[tool.justenough]\n", f"[tool.justenough]\nlinks = {setting}\n")
    with pytest.raises(SettingError, match=what):
        tiny.load()


def test_a_channel_has_its_own_parameters_or_those_of_all_or_none(tiny: Tiny):
    setting = 'links = {default = {src = "je {brand}"}, web = {}}'
    tiny.edit("pyproject.toml", "[tool.justenough]\n", f"[tool.justenough]\n{setting}\n")
    found = {channel: {str(each) for each in every} for channel, every in said(tiny).items()}
    assert found == {"email": {"{'src': 'je north'}"}, "sms": {"{'src': 'je north'}"}, "web": {"{}"}}
