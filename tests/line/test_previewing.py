"""What a preview shows is what a delivery would say."""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path

import pytest

from flows import line
from flows.channels import CHANNELS
from flows.errors import UsageError
from flows.wording import layout_of
from flows.words import plain, restore
from flows.workspace import load_workspace
from tests.tiny import make

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sample():
    return load_workspace(ROOT)


@pytest.fixture
def tiny(tmp_path):
    return make(tmp_path / "workspace", brands=["north"])


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """A tiny workspace after its first day."""
    tiny = make(tmp_path_factory.mktemp("delivered") / "workspace", brands=["north"])
    tiny.run()
    return tiny


def texts(found):
    """Each message's parts, by channel."""
    return [(message.channel, {part: said.text for part, said in message.parts.items()}) for message in found.messages]


def own(said):
    """What is set off in a text as a customer's own."""
    return [said.text[start:end] for start, end in said.values]


SAMPLE = sorted(path.parent.name for path in (ROOT / "templates").glob("*/product.yaml"))


@pytest.mark.property
@pytest.mark.parametrize("name", SAMPLE)
def test_every_set_of_facts_of_every_file_of_the_sample_reads_as_plain_jinja_has_it(sample, name):
    product = sample.products[name]
    fields = sample.segments[product.segment].fields
    for brand in product.brands:
        found = line.preview(sample, name, line.Asked(brand=brand))
        shown = [(message.channel, message.locale, facts) for message in found.messages for facts in message.facts]
        expected = []
        for key, words in sample.words[name].items():
            used = [d for d in product.dimensions if d in sample.usages(product)[key].used]
            expected += [(key.channel, words.locale, s) for n in range(len(used) + 1) for s in combinations(used, n)]
        assert sorted(shown) == sorted(expected)
        for message in found.messages:
            key = next(key for key in sample.words[name] if (key.channel, key.locale) == _place(sample, message))
            words, layout = sample.words[name][key], layout_of(sample.layouts, key)
            for facts in message.facts:
                known = {
                    field: fields[field].examples[0]
                    for field in words.fields
                    if set(fields[field].dimensions) <= set(facts)
                }
                for part in CHANNELS[message.channel].parts:
                    said, text = message.parts[part.name].text, plain(words, part.name, known)
                    assert text in said if layout and part.name in layout.blocks else said == text
            if layout:
                wrapped = [message.parts[block].text for block in layout.blocks]
                assert all(sample.settings.brand(brand, None).name in text for text in wrapped)


def _place(sample, message):
    """Channel and locale as the name of the file has them."""
    return message.channel, None if message.locale == sample.settings.locale else message.locale


def test_each_value_of_a_customer_is_set_off_where_it_stands(tiny):
    found = line.preview(tiny.load(), "care", line.Asked(channels=("email",)))
    all_facts = found.messages[-1]
    assert all_facts.facts == (("last_order", "name"),)
    assert [own(all_facts.parts[part]) for part in ("subject", "preheader", "text")] == [["tent"], [], ["Ann"]]
    assert [own(said) for said in found.messages[0].parts.values()] == [[], [], [], []]


def test_what_reads_the_same_with_two_sets_of_facts_is_told_once(tiny):
    tiny.edit("templates/care/web.j2", "{% if first_name %}", "{% if first_name and item %}")
    web = line.preview(tiny.load(), "care", line.Asked(channels=("web",))).messages
    assert [message.facts for message in web] == [((), ("name",)), (("last_order",),), (("last_order", "name"),)]


def test_two_languages_are_told_apart_even_where_they_say_the_same(tiny):
    tiny.speak("de")
    found = line.preview(tiny.load(), "care", line.Asked(channels=("sms",)))
    assert [(message.locale, message.facts) for message in found.messages] == [
        ("en", ((),)), ("en", (("last_order",),)), ("de", ((),)), ("de", (("last_order",),))
    ]  # fmt: skip


def test_somebody_of_a_locale_is_shown_the_words_that_would_be_theirs(tiny):
    tiny.speak("de")
    for locale, spoken in (("de_AT", "de"), ("fr", "en"), ("en-GB", "en")):
        found = line.preview(tiny.load(), "care", line.Asked(locales=(locale,)))
        assert {message.locale for message in found.messages} == {spoken}
        label = "Anleitung lesen" if spoken == "de" else "Read the guide"
        assert {message.action_label for message in found.messages} == {label}


def test_each_variant_has_its_words_and_those_that_share_them_are_told_together(tiny):
    tiny.edit("templates/care/product.yaml", "because:", "test: {variants: {a: 50%, b: 50%}}\nbecause:")
    shutil.copy(tiny.folder / "templates/care/sms.j2", tiny.folder / "templates/care/sms.b.j2")
    tiny.edit("templates/care/sms.b.j2", "Dry your", "Air your")
    workspace = tiny.load()
    found = line.preview(workspace, "care", line.Asked(channels=("sms", "web")))
    said = {
        (message.channel, message.variants, next(iter(message.parts.values())).text[:15]) for message in found.messages
    }
    assert said == {
        ("sms", ("a",), "North: Dry your"),
        ("sms", ("b",), "North: Air your"),
        ("web", ("a", "b"), "Looking after y"),
    }
    alone = line.preview(workspace, "care", line.Asked(channels=("sms", "web"), variants=("b",)))
    assert {(message.channel, message.variants) for message in alone.messages} == {("sms", ("b",)), ("web", ("b",))}


def test_a_field_without_examples_is_shown_as_absent(tiny):
    tiny.edit("sql/segments/owners.yaml", "examples: [tent]", "examples: []")
    [web] = line.preview(tiny.load(), "care", line.Asked(channels=("sms",))).messages
    assert (web.facts, web.parts["body"].text[:21]) == (((), ("last_order",)), "North: Dry your kit f")


def test_a_message_for_which_the_brand_has_no_target_goes_to_nobody(tiny):
    tiny.edit("pyproject.toml", 'sms = "sms_file"\n', "")
    found = line.preview(tiny.load(), "care")
    assert {message.channel: message.target for message in found.messages} == {
        "email": "email_file", "sms": None, "web": "web_profiles"
    }  # fmt: skip


def test_the_length_of_a_text_message_is_that_of_all_of_it(tiny):
    sms = line.preview(tiny.load(), "care", line.Asked(channels=("sms",))).messages[1]
    assert (sms.encoding, sms.units, sms.segments) == ("GSM-7", len(sms.parts["body"].text), 1)
    tiny.edit("sql/segments/owners.yaml", "examples: [tent]", "examples: [木]")
    sms = line.preview(tiny.load(), "care", line.Asked(channels=("sms",))).messages[1]
    assert (sms.encoding, sms.segments) == ("UCS-2", 2)


def test_a_preview_of_examples_needs_no_warehouse_and_no_history_and_leaves_nothing(tiny):
    before = line.preview(tiny.load(), "care")
    (tiny.folder / "warehouse.duckdb").unlink()
    shutil.rmtree(tiny.state)
    assert line.preview(tiny.load(), "care") == before
    assert not tiny.state.exists()


def test_a_preview_of_examples_holds_nobody_of_the_warehouse(delivered):
    import duckdb

    with duckdb.connect(str(delivered.folder / "warehouse.duckdb"), read_only=True) as connection:
        people = connection.execute("SELECT customer_id, email, phone, first_name FROM people").fetchall()
    shown = repr([line.preview(delivered.load(), name) for name in ("care", "late")])
    values = {value for row in people for value in row if value and value != "Ann"}
    assert values
    assert [value for value in values if value in shown] == []


@pytest.mark.slow
def test_what_a_customer_is_shown_is_what_the_delivered_files_hold_for_them(delivered):
    workspace, compared = delivered.load(), 0
    for batch in delivered.batches():
        creatives = {}
        if "creatives.ndjson" in batch.payload:
            creatives = {
                read["creative_id"]: read for read in map(json.loads, batch.payload["creatives.ndjson"].splitlines())
            }
        for row in batch.rows:
            found = [
                message
                for name in workspace.products
                for message in line.preview_for(workspace, name, row["customer_id"]).messages
                if message.target == batch.target
            ]
            assert _sent(row, creatives) in [
                {part: said.text for part, said in message.parts.items()} for message in found
            ]
            compared += 1
    assert compared == sum(len(batch.rows) for batch in delivered.batches()) > 15


def _sent(row, creatives):
    """The parts of a delivered row, as its platform fills them in."""
    if row.get("creative_id"):
        slots = {**row, "unsubscribe_url": row["unsubscribe_url"] or ""}
        return {part: restore(text, slots) for part, text in creatives[row["creative_id"]]["parts"].items()}
    return {"body": row["body"]} if "body" in row else {part: row["payload"][part] for part in ("headline", "body")}


def test_a_customer_is_shown_their_own_messages_and_nobody_elses(delivered):
    workspace = delivered.load()
    found = line.preview_for(workspace, "late", "c08")
    assert [(message.channel, message.subject_id) for message in found.messages] == [
        ("email", "o81"), ("email", "o82"), ("web", "o81"), ("web", "o82")
    ]  # fmt: skip
    only = line.preview_for(workspace, "late", "c08", line.Asked(channels=("web",)))
    assert texts(only) == texts(found)[2:]


def test_a_customer_who_gets_nothing_of_it_is_told_why(delivered):
    workspace = delivered.load()
    found = line.preview_for(workspace, "care", "c07")
    assert (found.messages, [row["reason"] for row in found.explanation.candidates]) == ((), ["SILENCED_BY_SERVICE"])
    absent = line.preview_for(workspace, "late", "c01")
    assert (absent.messages, absent.explanation.candidates) == ((), [])


def test_the_words_of_a_customer_are_those_of_the_plan_and_it_is_said_that_they_have_changed(tiny):
    tiny.plan()
    tiny.edit("templates/care/email.j2", "Three minutes now.", "Two minutes now.")
    found = line.preview_for(tiny.load(), "care", "c01")
    assert found.messages[0].parts["preheader"].text == "Three minutes now."
    assert not found.explanation.is_current


@pytest.mark.parametrize(
    ("name", "asked", "complaint"),
    [
        ("car", {}, "PRODUCT: 'car' is no product of this workspace\nhint: did you mean 'care'?"),
        ("care", {"channels": ("emial",)}, "--channel: 'emial' is no channel of care\nhint: did you mean 'email'?"),
        ("care", {"channels": ("push",)}, "--channel: 'push' is no channel of care\nhint: known here: email, sms, web"),
        (
            "care",
            {"variants": ("a",)},
            "--variant: 'a' is no variant of care\nhint: nothing is known here yet: write it first, or take it out",
        ),
        ("care", {"brand": "south"}, "--brand: 'south' is no brand of care\nhint: did you mean 'north'?"),
        (
            "care",
            {"locales": ("gibberish",)},
            "--locale: 'gibberish' is no language\nhint: write it as in de, de-AT or pt-BR",
        ),
    ],
)
def test_a_preview_of_what_is_not_there_names_the_nearest_that_is(tiny, name, asked, complaint):
    with pytest.raises(UsageError) as refused:
        line.preview(tiny.load(), name, line.Asked(**asked))
    assert str(refused.value) == complaint


def test_a_language_that_a_product_does_not_speak_at_all_is_refused(tiny):
    tiny.speak("de")
    for channel in ("email", "sms", "web"):
        (tiny.folder / f"templates/care/{channel}.j2").unlink()
    with pytest.raises(UsageError, match="care has no words in 'fr', nor any for all other languages"):
        line.preview(tiny.load(), "care", line.Asked(locales=("fr",)))


def test_a_customer_has_a_language_of_their_own(delivered):
    with pytest.raises(UsageError, match="a customer has a language and a variant already"):
        line.preview_for(delivered.load(), "care", "c01", line.Asked(locales=("de",)))


def test_a_stranger_is_not_previewed(delivered):
    with pytest.raises(UsageError, match=r"neither plan .* nor the history has this customer"):
        line.preview_for(delivered.load(), "care", "nobody")
