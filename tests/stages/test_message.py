import base64
import hmac
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import polars as pl
import pytest
from markupsafe import Markup
from polars.testing import assert_frame_equal

from flows.channels import CHANNELS, RESERVED_SLOTS, Target
from flows.errors import TemplateError
from flows.schemas import COLUMNS, ROUTED
from flows.stages.delivery import shaped
from flows.stages.message import worded
from flows.wording import WordsKey
from flows.words import plain, read_layout, render_layout
from flows.workspace import Workspace, load_workspace
from tests.house.tree import ROOT
from tests.stages.making import KEY, MOMENT, SOON
from tests.tiny import Tiny, make


def routed(*rows: dict, fields: dict[str, Any]) -> pl.DataFrame:
    """Deliveries by e-mail from north to a German in English, unless a row says otherwise."""
    usual = dict.fromkeys(ROUTED.names()) | {
        "brand": "north",
        "country": "DE",
        "locale": "en",
        "lane": "first",
        "channel": "email",
        "target": "email_file",
        **dict.fromkeys(("valid_until", "not_before", "not_after"), SOON),
        "level": 2,
        "facts": ["last_order", "name"],
    }
    done = [
        usual | {"customer_id": f"c{n:02}", "decision_id": f"d{n:02}", "address": f"a{n}@example.com"} | fields | row
        for n, row in enumerate(rows)
    ]
    known = {name: column.type for name, column in COLUMNS.items() if name in usual}
    frame = pl.DataFrame(done, schema_overrides=known, infer_schema_length=None)
    return frame.cast({name: pl.String for name, kind in frame.schema.items() if kind == pl.Null})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("tiny") / "w").folder


@pytest.fixture
def tiny(folder, tmp_path) -> Tiny:
    return Tiny(folder).copy(tmp_path / "w")


FIELDS = {"item": "tent", "first_name": "Ann"}


def words(tiny: Tiny, *rows: dict, product: str = "care"):
    workspace = tiny.load()
    return worded(routed(*rows, fields=FIELDS), workspace.products[product], workspace, KEY)


def bodies(workspace: Workspace, product: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Whole texts, filled by column, as a target gets them that does not merge."""
    done = worded(rows, workspace.products[product], workspace, KEY)
    channel = rows["channel"][0]
    whole = Target("whole", channel, "message", "csv", 10**6, rows=lambda frame: frame)
    return shaped(done.rows, done.creatives, whole, MOMENT.starts_at)


# Plain Jinja2, one by one, from the files themselves: what columns have to come to.


LINKS = (
    ("unsubscribe_url", "unsubscribe_url", "u"),
    ("preferences_url", "preferences_url", "p"),
    ("helpful_url", "helpful_url", "y"),
    ("unhelpful_url", "helpful_url", "n"),
)


def signed(url: str, letter: str, workspace: str, brand: str, message_id: str) -> str:
    """A recipient's address, by Python's own HMAC and base64."""
    brands = hmac.new(f"links\x1f{KEY.secret}".encode(), f"{workspace}\x1f{brand}".encode(), "sha256").hexdigest()
    mac = hmac.new(brands.encode(), f"{letter}\x1f{message_id}".encode(), "sha256").digest()[:17]
    token = letter + base64.urlsafe_b64encode(bytes.fromhex(message_id) + mac).decode()
    return url.replace("{token}", token).replace("{message_id}", message_id)


def one_by_one(
    workspace: Workspace, product: str, row: dict[str, Any], message_id: str, key: WordsKey
) -> dict[str, str]:
    of, settings = workspace.products[product], workspace.settings
    channel = CHANNELS[key.channel]
    said = workspace.words[product][key]
    parts: dict[str, str] = {
        part.name: Markup(plain(said, part.name, row)) if part.is_html else plain(said, part.name, row)
        for part in channel.parts
    }
    if channel.layout is None:
        return dict(parts)
    shared = settings.workspace / "templates" / "_shared"
    language = f".{key.locale}" if key.locale else ""
    name = channel.layout.replace(".j2", f"{language}.j2")
    layout = read_layout(
        shared / name,
        channel.parts,
        shared,
        name=name,
        locale=key.locale or settings.locale,
        slots=RESERVED_SLOTS,
    )
    entries = settings.brands[row["brand"]]
    named = {"utm_source": row["brand"], "utm_medium": key.channel, "utm_campaign": product, "utm_id": said.digest[:8]}
    named = {"utm_id": said.digest[:8]} if key.channel == "sms" else named
    own = row["country"] if row["country"] in entries else "default"
    blank = dict.fromkeys(("logo_url", "preferences_url", "helpful_url", "sms_sender", "sms_stop_word"), "")
    identity = blank | entries["default"] | entries[own]
    url = identity["site_url"] + of.help.action.url
    context = {
        "brand": identity,
        "brand_name": row["brand"],
        "country": own,
        "locale": key.locale or settings.locale,
        "action": {"label": of.help.action.label_in(key.locale), "url": f"{url}?{urlencode(named)}"},
        "is_marketing": of.message_type == "marketing",
        **{
            slot: signed(identity[name], letter, settings.name, row["brand"], message_id)
            for slot, name, letter in LINKS
        },
    }
    return {
        **parts,
        **{
            block: str(render_layout(layout, block, {**context, **parts, "content": parts[block]}))
            for block in layout.blocks
        },
    }


NASTY = [
    "Ann",
    None,
    "O’Neill & <b>Söhne</b>",
    "{{ first_name }}",
    "{{{s1}}} \\{{{s2}}}",
    "a}b{c",
    "'\"",
    "x" * 80,
    "محمد",
    "👩‍👩‍👧",
]
SIX = ["basket_answers", "care_guide", "choosing_guide", "delayed_order", "easy_return", "running_low"]
KINDS = [("nordtal", "DE"), ("nordtal", "AT"), ("seewind", "CH"), ("seewind", None), ("nordtal", "XX")]


@pytest.fixture(scope="module")
def sample() -> Workspace:
    return load_workspace(ROOT)


def fact(field: str, number: int) -> object:
    """A value that fits the field's name: of every few one is missing."""
    if field.endswith("_on"):
        return date(2026, 11, 1 + number % 27) if number % 4 else None
    if field.startswith("is_"):
        return number % 3 == 0 if number % 5 else None
    return NASTY[(number * (1 + 2 * len(field))) % len(NASTY)]


@pytest.mark.oracle
@pytest.mark.parametrize("locale", [None, "de"])
@pytest.mark.parametrize("product", SIX)
def test_every_message_of_the_sample_is_what_plain_jinja_makes_of_it(sample, product, locale):
    fields = sample.fields(sample.products[product])
    for channel in ("email", "sms", "push", "web", "ads"):
        kinds = [KINDS[number % len(KINDS)] for number in range(3 * len(NASTY))]
        rows = [
            {"brand": brand, "country": country, "channel": channel, "locale": locale}
            | {"facts": sample.products[product].dimensions}
            | {field: fact(field, number) for field in fields}
            for number, (brand, country) in enumerate(kinds)
        ]
        given = routed(*rows, fields=dict.fromkeys(fields))
        found = bodies(sample, product, given).sort("customer_id")
        key = WordsKey(channel, None, locale)
        expected = [
            one_by_one(sample, product, row, message_id, key)
            for row, message_id in zip(given.iter_rows(named=True), found["message_id"], strict=True)
        ]
        for part in CHANNELS[channel].parts:
            assert found[part.name].to_list() == [str(parts[part.name]) for parts in expected]
        assert found.height == len(rows)


# Languages and variants.


def spoken(tiny: Tiny, *locales: str | None) -> list[str | None]:
    """The headline for each locale; None where there are no words."""
    workspace = tiny.load()
    rows = routed(*({"locale": locale, "channel": "web"} for locale in locales), fields=FIELDS)
    done = worded(rows, workspace.products["care"], workspace, KEY)
    headline = {name: made["parts"]["headline"] for name, made in done.creatives.items()}
    return [headline.get(name) for name in done.rows.sort("customer_id")["creative_id"]]


def web(tiny: Tiny, name: str, text: str) -> None:
    body = f"{{% block headline %}}{text}{{% endblock %}}{{% block body %}}b{{% endblock %}}"
    (tiny.folder / "templates/care" / name).write_text(body, "utf-8")


def only_german(tiny: Tiny) -> None:
    tiny.speak("de")
    for channel in ("email", "sms", "web"):
        (tiny.folder / f"templates/care/{channel}.j2").unlink()
    web(tiny, "web.de.j2", "de")


def test_the_words_are_those_of_language_and_region_else_of_the_language_else_the_default_ones(tiny):
    tiny.speak("de", "de-AT")
    for name, text in [("web.j2", "default"), ("web.de.j2", "de"), ("web.de-AT.j2", "de-AT")]:
        web(tiny, name, text)
    found = spoken(tiny, "de-AT", "de-CH", "de", "fr-CH", None, "en")
    assert found == ["de-AT", "de", "de", "default", "default", "default"]


def test_without_default_words_other_languages_get_nothing_and_it_is_said_why(tiny):
    only_german(tiny)
    assert spoken(tiny, "de-AT", "fr") == ["de", None]
    workspace = tiny.load()
    rows = routed({"locale": "fr", "channel": "web"}, {"locale": "de", "channel": "web"}, fields=FIELDS)
    done = worded(rows, workspace.products["care"], workspace, KEY)
    expected = [("c00", "LOCALE_MISMATCH", None, None), ("c01", None, "x", "y")]
    got = done.rows.sort("customer_id").select("customer_id", "reason", "creative_id", "unsubscribe_url")
    assert [(*row[:2], row[2] and "x", row[3] and "y") for row in got.iter_rows()] == expected
    assert set(done.rows.columns) >= set(ROUTED.names())
    assert not set(done.rows.columns) & set(FIELDS)


def test_words_that_fit_nobody_are_no_words(tiny):
    only_german(tiny)
    assert spoken(tiny, "fr", None) == [None, None]


def test_the_language_of_the_words_is_that_of_the_layout(tiny):
    tiny.speak("de")
    done = words(tiny, {"locale": "de-DE"}, {"locale": "fr"})
    assert {made["locale"] for made in done.creatives.values()} == {"de", "en"}


def test_words_that_use_nothing_about_anybody_are_everybodys(tiny):
    for name in ("email", "sms", "web"):
        file = tiny.folder / f"templates/care/{name}.j2"
        file.write_text(re.sub(r"{%(?! *(?:end)?block)[^%]*%}|{{[^}]*}}", "", file.read_text("utf-8")), "utf-8")
    tiny.edit("templates/care/product.yaml", "dimensions: [last_order, name]", "dimensions: []")
    assert tiny.load().fields(tiny.load().products["care"]) == {}
    done = words(tiny, {}, {})
    assert len(done.rows) == 2
    assert done.rows["creative_id"].n_unique() == 1


def variants(tiny: Tiny) -> None:
    tiny.edit("templates/care/product.yaml", "because:", "test: {variants: {long: 50%, short: 50%}}\nbecause:")


def test_a_variant_with_words_of_its_own_uses_those_and_the_other_the_common_ones(tiny):
    variants(tiny)
    tiny.speak("de")
    web(tiny, "web.j2", "common")
    web(tiny, "web.de.j2", "gemeinsam")
    web(tiny, "web.short.j2", "short")
    web(tiny, "web.short.de.j2", "kurz")
    workspace = tiny.load()
    rows = [
        {"variant": v, "locale": lo, "channel": "web"} for v, lo in [("long", "de"), ("short", "de"), ("short", "fr")]
    ]
    done = worded(routed(*rows, fields=FIELDS), workspace.products["care"], workspace, KEY)
    headline = {name: made["parts"]["headline"] for name, made in done.creatives.items()}
    got = done.rows.sort("customer_id")["creative_id"].to_list()
    assert [headline[name] for name in got] == ["gemeinsam", "kurz", "short"]
    assert [done.creatives[name]["variant"] for name in got] == ["long", "short", "short"]


def test_two_variants_with_the_same_words_are_two_creatives(tiny):
    variants(tiny)
    shutil.copy(tiny.folder / "templates/care/email.j2", tiny.folder / "templates/care/email.long.j2")
    done = words(tiny, {"variant": "long"}, {"variant": "short"})
    assert len(done.creatives) == 2


# Names and identities.


@pytest.mark.oracle
def test_a_message_is_named_by_pythons_own_hmac_of_decision_lane_and_attempt(tiny):
    done = words(tiny, {"decision_id": "d1"}, {"decision_id": "d1", "lane": "web", "channel": "web"})
    expected = [
        hmac.new(KEY.secret.encode(), f"d1\x1f{lane}\x1f1".encode(), "sha256").hexdigest()[:32]
        for lane in ("first", "web")
    ]
    assert done.rows.sort("customer_id")["message_id"].to_list() == expected


def test_neither_the_address_nor_the_target_changes_the_name_of_a_message(tiny):
    one = words(tiny, {}).rows["message_id"]
    other = words(tiny, {"address": "new@example.com", "target": "ses"}).rows["message_id"]
    assert one.to_list() == other.to_list()


def test_customers_with_the_same_outcomes_share_a_creative_and_others_do_not(tiny):
    done = words(tiny, {"item": "tent"}, {"item": "rope"}, {"item": None}, {"first_name": None})
    names = done.rows.sort("customer_id")["creative_id"].to_list()
    assert names[0] == names[1]
    assert len(set(names)) == len(done.creatives) == 3


def test_a_creative_is_of_one_brand_and_country(tiny):
    tiny.edit(
        "pyproject.toml",
        "[tool.justenough.brands.south.default]",
        '[tool.justenough.brands.north.AT]\nlegal_name = "Nord"\n\n[tool.justenough.brands.south.default]',
    )
    done = words(tiny, {}, {"country": "AT"}, {"brand": "south"}, {"country": "FR"}, {"country": None})
    names = done.rows.sort("customer_id")["creative_id"].to_list()
    assert names[0] == names[3] == names[4]
    assert len(set(names)) == 3
    assert [(done.creatives[n]["brand"], done.creatives[n]["country"]) for n in names[:3]] == [
        ("north", "default"),
        ("north", "AT"),
        ("south", "default"),
    ]
    assert "Nord, 1 North Street" in done.creatives[names[1]]["parts"]["html"]
    assert "North Ltd, 1 North Street" in done.creatives[names[0]]["parts"]["html"]


def test_without_a_layout_a_creative_is_of_one_brand_and_country_too(tiny):
    other = "[tool.justenough.brands.south.default]"
    tiny.edit(
        "pyproject.toml", other, f'[tool.justenough.brands.north.AT]\nsite_url = "https://at.example.com"\n\n{other}'
    )
    done = words(tiny, *({"country": country, "channel": "web"} for country in ("DE", "AT", "FR")))
    names = done.rows.sort("customer_id")["creative_id"].to_list()
    urls = [done.creatives[name]["action_url"] for name in names]
    assert urls == ["https://north.example.com/care", "https://at.example.com/care", "https://north.example.com/care"]


def test_other_words_make_another_creative(tiny):
    before = words(tiny, {}).rows["creative_id"].item()
    tiny.edit("templates/care/email.j2", "Three minutes now.", "Five minutes now.")
    assert words(tiny, {}).rows["creative_id"].item() != before


def test_a_creative_says_who_speaks_where_the_button_leads_and_which_slots_it_has(tiny):
    done = words(tiny, {})
    (made,) = done.creatives.values()
    assert {k: v for k, v in made.items() if k not in {"parts", "creative_id", "words_sha256"}} == {
        "product": "care",
        "channel": "email",
        "variant": None,
        "locale": "en",
        "brand": "north",
        "country": "default",
        "sender_name": "North",
        "sender_email": "hello@north.example.com",
        "reply_to": "help@north.example.com",
        "sms_sender": "70700",
        "action_label": "Read the guide",
        "action_url": "https://north.example.com/care",
        "slots": made["slots"],
    }
    assert set(made["slots"]) == {*(name for name in done.rows.columns if name[1:].isdigit()), "unsubscribe_url"}


def test_an_address_elsewhere_is_left_as_it_is(tiny):
    tiny.edit("templates/care/product.yaml", "url: /care", "url: https://help.example.net/care")
    tiny.edit("pyproject.toml", 'site_url = "https://north.example.com"', 'site_url = "https://north.example.com/"')
    (made,) = words(tiny, {}).creatives.values()
    assert made["action_url"] == "https://help.example.net/care"
    (made,) = words(tiny, {}, product="late").creatives.values()
    assert made["action_url"] == "https://north.example.com/orders"


def test_marketing_can_be_left_by_its_link_and_service_has_none(tiny):
    row = words(tiny, {}).rows.row(0, named=True)
    assert row["unsubscribe_url"] == f"https://north.example.com/unsubscribe/{row['message_id']}"
    done = words(tiny, {}, product="late")
    assert done.rows["unsubscribe_url"].to_list() == [None]
    (made,) = done.creatives.values()
    assert "nsubscribe" not in made["parts"]["html"]
    assert "unsubscribe_url" not in made["slots"]


def test_no_field_and_no_passing_column_goes_on(tiny):
    done = words(tiny, {}, {"first_name": None})
    slots = [name for name in done.rows.columns if name[0] == "s" and name[1:].isdigit()]
    assert set(done.rows.columns) == {
        *ROUTED.names(),
        "not_before",
        "not_after",
        "message_id",
        "creative_id",
        "unsubscribe_url",
        *slots,
    }


def test_the_order_of_rows_does_not_matter(tiny):
    rows = [{"customer_id": f"c{n}", "item": i} for n, i in enumerate(["tent", None, "rope", "<b>"])]
    one, other = words(tiny, *rows), words(tiny, *reversed(rows))
    named_by_place = ["decision_id", "message_id", "address", "unsubscribe_url"]
    first, second = (done.rows.sort("customer_id").drop(named_by_place) for done in (one, other))
    assert_frame_equal(first, second, check_column_order=False)
    assert one.creatives == other.creatives


@pytest.mark.parametrize("text", ["a\nb", "a{% if item %}b\r\nc{% endif %}"])
def test_a_subject_goes_over_one_line_only(tiny, text):
    tiny.edit("templates/care/email.j2", "Looking after your ", text)
    with pytest.raises(TemplateError) as caught:
        words(tiny, {})
    assert caught.value.where == "templates/care/email.j2:1"
    assert caught.value.what == "the part 'subject' goes over more than one line"


def test_nobody_to_speak_to_has_no_words(tiny):
    workspace = tiny.load()
    done = worded(routed({}, fields=FIELDS).clear(), workspace.products["care"], workspace, KEY)
    assert (done.rows.height, done.creatives) == (0, {})


def test_a_layout_that_reads_what_the_sender_does_not_have_is_refused_with_its_line(tiny):
    tiny.edit("templates/_shared/sms_layout.j2", "brand.name", "brand.nickname")
    with pytest.raises(TemplateError) as caught:
        words(tiny, {"channel": "sms"})
    assert caught.value.where.startswith("templates/_shared/sms_layout.j2:1")


@pytest.mark.parametrize("headline", ["{{ item }}", "{% if item %}Your {{ item }}{% endif %}", " {{ first_name }} "])
def test_a_part_that_is_empty_for_somebody_is_refused(tiny, headline):
    web(tiny, "web.j2", headline)
    workspace = tiny.load()
    known, unknown = {"item": "tent", "first_name": "Ann"}, {"item": None, "first_name": None}
    rows = routed({"channel": "web", **known}, fields=FIELDS)
    assert worded(rows, workspace.products["care"], workspace, KEY).rows.height == 1
    rows = routed({"channel": "web", **known}, {"channel": "web", **unknown}, fields=FIELDS)
    with pytest.raises(TemplateError) as caught:
        worded(rows, workspace.products["care"], workspace, KEY)
    assert caught.value.where == "templates/care/web.j2"
    assert caught.value.what == "the part 'headline' is empty where a fact is missing"
