"""What recipients see is what was meant, whatever they are called and whatever the words look like to a platform."""

from __future__ import annotations

import email
import email.policy
import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from flows.channels import target
from flows.stages.delivery import shaped
from flows.words import Slot
from tests.channels import readers
from tests.channels.dirty import NAMES, batch, creatives, lines, meant, people
from tests.channels.test_mime import Read
from tests.stages.making import MOMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

pytestmark = pytest.mark.oracle


def said(to: str) -> dict[str, dict[str, str]]:
    return {message: {part: parts[part] for part in readers.PARTS} for message, parts in meant(to).items()}


def test_whole_bodies_by_column_are_what_the_reference_reader_makes_of_a_creative():
    whole = replace(target("email_file"), merge=None, rows=lambda rows: rows)
    rows = shaped(people(whole), creatives(), whole, MOMENT.starts_at)
    found = {row["message_id"]: {part: row[part] for part in readers.PARTS} for row in rows.iter_rows(named=True)}
    assert found == said("email_file")
    assert len(found) == len(NAMES) >= 12


@pytest.mark.parametrize("to", ["mailchimp", "mautic", "sfmc", "sendgrid"])
def test_what_recipients_see_is_what_was_meant(to, tmp_path):
    assert getattr(readers, to)(batch(to, tmp_path)) == said(to)


@pytest.mark.slow
@pytest.mark.parametrize("to", ["braze", "brevo", "customerio", "klaviyo"])
def test_what_the_engine_of_a_platform_makes_of_it_is_what_was_meant(to, tmp_path):
    assert getattr(readers, to)(batch(to, tmp_path)) == said(to)


def test_a_file_of_ghost_leads_everybody_to_the_post_that_is_meant_for_them(tmp_path):
    """Ghost fills what it finds between `%%{` and `}%%`, if it knows the name."""
    folder = batch("ghost", tmp_path)
    posts = {line["label"]: line for line in lines(folder, "wordings")}
    label = {row["email"]: row["labels"] for row in readers.table(folder)}
    rows, wanted = people(target("ghost")), meant("ghost")
    assert sorted(label) == sorted(rows["address"])
    known = {"unsubscribe_url": "https://x.example.com/", "uuid": "filled by Ghost"}
    for row in rows.iter_rows(named=True):
        post, own = posts[label[row["address"]]], wanted[row["message_id"]]
        shown = re.sub(r"%%\{(.*?)\}%%", lambda found: known.get(found[1], found[0]), post["html"])
        own_link = own["html"].replace(row["unsubscribe_url"] or "-", known["unsubscribe_url"])
        assert Read(shown).found == Read(own_link).found
        assert post["subject"] == own["subject"]
    assert {row["labels"] for row in readers.table(folder)} == set(posts)


def test_a_whole_mail_says_what_was_meant_with_its_styles_at_their_elements(tmp_path):
    found, wanted = 0, said("eml")
    for file in sorted(batch("eml", tmp_path).glob("*.eml")):
        read = email.message_from_bytes(file.read_bytes(), policy=email.policy.strict)
        own = wanted[read["Message-ID"].removeprefix("<").partition("@")[0]]
        text, html = (part.get_payload(decode=True).decode().replace("\r\n", "\n") for part in read.iter_parts())
        assert (read["Subject"], text) == (own["subject"], own["text"])
        assert Read(html).found == Read(own["html"]).found
        assert Read(html).styles == ["color: #111;"] * ("@media" in html)
        found += 1
    assert found == len(NAMES)


# The languages alone.

WORDS = [
    "",
    "{",
    "}",
    "{{",
    "}}",
    "{%",
    "%}",
    "%",
    "%%",
    "{#",
    "#}",
    "\\",
    "a",
    "%{",
    "{%{",
    "'",
    '"',
    "~",
    "<b>",
    "<!-- {{ -->",
    "*",
    "|",
    "*|S1|*",
    "{x}",
    "{contactfield=s2}",
]


@pytest.mark.parametrize(
    ("to", "wanted"),
    [
        ("braze", "Hi {{ '{' }}{{custom_attribute.${s1} | remove_first: '~'}} %% @T {{ '{' }}{ \"a\""),
        ("klaviyo", "Hi {{ '{' }}{{ person|lookup:'s1'|slice:'1:'|safe }} %% @T {{ '{' }}{ \"a\""),
        ("sfmc", "Hi %%=Concat('{','')=%%%%s1%% %%=Concat('%','%','')=%% @T %%=Concat('{','{','')=%% \"a\""),
        (
            "listmonk",
            '{{ Safe "Hi \\x7b" }}{{ Safe .Subscriber.Attribs.s1 }}{{ Safe " %% \\x40T \\x7b\\x7b \\"a\\"" }}',
        ),
        ("mailchimp", 'Hi {*|S1|* %% @T {{ "a"'),
        ("mautic", 'Hi {\u2060{contactfield=s1} %% @T {{ "a"'),
    ],
)
def test_a_creative_in_the_language_of_its_platform(to, wanted):
    pieces = ["Hi {", Slot("s1", is_html=False), ' %% @T {{ "a"']
    assert target(to).merge.put(pieces) == wanted


def held(to: str, engine: Callable[[str, Mapping[str, str]], str], sign: str) -> None:
    """Words of three places with slots between them, as an engine prints them."""
    values = {"s1": "{", "s2": "%"}
    for before, between, behind in itertools.product(WORDS, repeat=3):
        pieces = [before, Slot("s1", is_html=False), between, Slot("s2", is_html=True), behind]
        text = target(to).merge.put([piece for piece in pieces if piece])
        shown = engine(text, {name: sign + value for name, value in values.items()})
        assert shown == f"{before}{{{between}%{behind}", text


def test_words_before_between_and_behind_slots_stay_as_they_are():
    held("sfmc", readers.ampscript, "")


@pytest.mark.parametrize(("to", "engine"), [("mailchimp", readers.mailchimp_tags), ("mautic", readers.mautic_tokens)])
def test_words_that_look_like_tags_stay_as_they_are(to, engine):
    held(to, lambda text, row: engine(text, {**row, **{name.upper(): value for name, value in row.items()}}), "")


@pytest.mark.slow
@pytest.mark.parametrize(("to", "engine"), [("braze", readers.liquid), ("klaviyo", readers.django)])
def test_words_before_between_and_behind_slots_stay_as_they_are_for_other_engines(to, engine):
    held(to, engine, "~")
