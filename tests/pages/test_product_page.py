"""A product's messages on a page: as they would be sent, each fact set off, one of each channel for each choice."""

from __future__ import annotations

import itertools
import json
import re
import stat

import polars as pl
import pytest

from flows import cli, line
from flows.line.previewing import Said
from flows.pages import product_html as pages
from flows.pages.layout import element
from flows.pages.messages_html import framed
from flows.pages.product_html import product_html
from flows.reasons import MEANING
from flows.sms_length import ends, measure
from tests.pages.shown import Shown, mail
from tests.tiny import make

NASTY = """<b onload="x">"Tom" & O'Neill"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Two brands, two languages, two variants, and an example that would be a tag."""
    tiny = make(tmp_path_factory.mktemp("product page") / "workspace")
    tiny.speak("de")
    tiny.edit("templates/care/product.yaml", "because:", "test: {variants: {a: 50%, b: 50%}}\nbecause:")
    for locale in ("", ".de"):
        words = (tiny.folder / f"templates/care/sms{locale}.j2").read_text("utf-8")
        (tiny.folder / f"templates/care/sms.b{locale}.j2").write_text(words.replace("Dry", "Air"), "utf-8")
    tiny.edit("sql/segments/owners.yaml", "examples: [tent]", f"examples: [{json.dumps(NASTY)}]")
    return tiny


@pytest.fixture(scope="module")
def found(tiny):
    return line.previews(tiny.load(), "care")


@pytest.fixture(scope="module")
def page(found):
    return product_html(found, workspace="<i>shop")


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    tiny = make(tmp_path_factory.mktemp("delivered") / "workspace", brands=["north"])
    tiny.run()
    return tiny


def test_the_page_asks_nothing_of_anywhere_and_runs_nothing(page):
    shown = Shown(page)
    assert not {"script", "link", "img", "object", "form", "a", "i", "b", "base"} & {tag for tag, _ in shown.tags}
    names = {name for _, attributes in shown.tags for name in attributes}
    assert not {name for name in names if name in {"src", "href", "srcset", "action"} or name.startswith("on")}
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
    frames = [attributes for tag, attributes in shown.tags if tag == "iframe"]
    assert frames
    assert {frame["sandbox"] for frame in frames} == {""}
    assert all(frame["title"] for frame in frames)
    for frame in frames:
        inside = Shown(frame["srcdoc"], part="html").tags
        assert not {"script", "link", "object", "form", "base", "b"} & {tag for tag, _ in inside}
        assert not {"href", "srcset", "onload"} & {name for _, attributes in inside for name in attributes}


def test_each_part_says_what_would_be_sent_and_each_fact_is_set_off_where_it_stands(found, page):
    messages, articles = [message for each in found for message in each.messages], Shown(page).articles
    by_place = {(m.brand, m.locale, m.variants, m.channel, m.facts): m for m in messages}
    assert len(articles) == len(messages) == len(by_place)
    in_order = [message for channel in ("email", "sms", "web") for message in messages if message.channel == channel]
    for message, article in zip(in_order, articles, strict=True):
        seen = mail(article) if message.channel == "email" else article
        for part, said in message.parts.items():
            expected = [
                (part, ", ".join(facts), said.text[start:end])
                for (start, end), facts in zip(said.values, said.dimensions, strict=True)
                if facts
            ]
            if part == "html":
                plain = Shown(said.text, part="html").articles[0].parts["html"]
                assert seen.parts["html"] == plain
                expected = [
                    (part, facts, Shown(text, part="html").articles[0].parts["html"]) for part, facts, text in expected
                ]
            else:
                assert article.parts[part] == said.text
            marks = [mark for mark in (seen if part == "html" else article).marks if mark[0] == part]
            assert marks == expected
    whole = [article for article in articles if article.attributes["data-shown"] == "last_order name"]
    assert NASTY in whole[0].parts["subject"]
    assert {(facts, text) for _, facts, text in whole[0].marks} == {("last_order", NASTY), ("name", "Ann")}


def test_a_value_that_words_have_set_first_shows_the_fact_that_it_comes_from(tiny, tmp_path):
    other = tiny.copy(tmp_path / "set")
    words = """{% block headline %}Care{% endblock %}
{% block body %}{% if item %}{% set what = item %}{% else %}{% set what = first_name or 'kit' %}{% endif %}{% set it = what %}\
Your {{ it }}{% if first_name %}, {{ first_name }}{% endif %}.{% endblock %}"""
    (other.folder / "templates/care/web.j2").write_text(words, "utf-8")
    page = product_html(
        line.previews(other.load(), "care", line.Asked(("web",), ("en",), brand="north")), workspace="x"
    )
    marks = [[(facts, text) for _, facts, text in article.marks] for article in Shown(page).articles]
    assert marks[0] == []
    assert marks[1] == [("last_order", NASTY)]
    assert marks[2] == [("name", "Ann"), ("name", "Ann")]
    assert marks[3] == [("last_order, name", NASTY), ("name", "Ann")]  # by way of a name, as far as the words can tell


def test_for_each_choice_there_is_one_message_of_each_channel(page):
    shown = Shown(page)
    sizes = {}
    for name in ("variant", "locale", "brand"):
        sizes[name] = sum(each.get("name") == name for each in shown.inputs)
    assert sizes == {"variant": 2, "locale": 2, "brand": 2}
    facts = [each for each in shown.inputs if each["type"] == "checkbox"]
    assert len(facts) == 2
    assert all("checked" in each for each in facts)
    for mask, variant, locale, brand in itertools.product(range(4), range(2), range(2), range(2)):
        seen = [
            article.attributes["data-channel"]
            for article in shown.articles
            if mask in article.numbers("data-facts")
            and variant in article.numbers("data-variant")
            and locale in article.numbers("data-locale")
            and brand in article.numbers("data-brand")
        ]
        assert seen == ["email", "sms", "web"]
    rules = re.findall(r"^:root(:has.+) \.message:not", page, re.MULTILINE)
    assert len(rules) == 4 + 6
    assert ":has(#fact-0:checked):has(#fact-1:not(:checked))" in rules


def test_every_switch_has_a_label_and_each_choice_begins_with_its_first(page):
    shown = Shown(page)
    labelled = {attributes["for"] for tag, attributes in shown.tags if tag == "label"}
    assert labelled == {each["id"] for each in shown.inputs}
    checked = [each["id"] for each in shown.inputs if each["type"] == "radio" and "checked" in each]
    assert checked == ["variant-0", "locale-0", "brand-0", "screen-phone", "colours-system"]


def test_a_language_that_a_channel_does_not_have_shows_what_its_people_are_told(tiny, tmp_path):
    other = tiny.copy(tmp_path / "other")
    (other.folder / "templates/care/web.de-AT.j2").write_text(
        (tiny.folder / "templates/care/web.de.j2").read_text("utf-8")
    )
    page = product_html(line.previews(other.load(), "care", line.Asked(brand="north")), workspace="x")
    assert re.findall(r'for="locale-\d">([^<]+)', page) == ["en", "de", "de-AT"]
    spoken = {}
    for article in Shown(page).articles:
        for place in article.numbers("data-locale"):
            spoken.setdefault((article.attributes["data-channel"], place), set()).add(article.heading.split(", ")[1])
    assert [spoken["sms", place] for place in range(3)] == [{"en"}, {"de"}, {"de"}]
    assert [spoken["web", place] for place in range(3)] == [{"en"}, {"de"}, {"de-AT"}]


MAIL = """<!doctype html><html><head><style>p { background: url(https://x.example/a.png) } @import "https://x.example/b";</style>
<title>Ann</title></head><body background="https://x.example/c.png"><p title="Ann">Hi Ann, <a class="b" href="https://x.example/t/ab">go</a>
<img src="https://x.example/d.png" srcset="https://x.example/e.png 2x" alt="North" height="32"><!-- Ann --></p></body></html>"""


def test_a_mail_loads_nothing_and_leads_nowhere_and_what_people_do_not_read_is_not_set_off():
    places = [found.span() for found in re.finditer("Ann", MAIL)]
    made = framed(Said(MAIL, tuple(places), (("name",),) * len(places)), {"name": "my name"})
    assert "x.example" not in made
    assert made.count("<mark") == 1
    assert 'Hi <mark data-fact="name" title="they know my name">Ann</mark>, <a class="b"' in made
    assert '<p title="Ann">' in made
    assert "<title>Ann</title>" in made
    picture = next(attributes for tag, attributes in Shown(made, part="html").tags if tag == "img")
    assert (picture["src"][:14], picture["alt"], picture["height"]) == ("data:image/svg", "North", "32")


CUT = ("a" * 160, "a" * 161, "a" * 152 + "€" * 3 + "b" * 200, "木" * 67 + "👩" * 40, "木" * 66 + "👩👩", "€" * 80, "")


@pytest.mark.parametrize("text", CUT)
def test_a_long_text_message_is_cut_where_its_parts_are_counted(text):
    counted = measure(pl.Series([text])).row(0, named=True)
    places = ends(text, counted["encoding"], counted["segments"])
    assert len(places) == max(counted["segments"], 1)
    parts = [text[start:end] for start, end in itertools.pairwise([0, *places])]
    assert "".join(parts) == text
    room = {"GSM-7": 153, "UCS-2": 67}[counted["encoding"]]
    is_gsm = counted["encoding"] == "GSM-7"
    alone = [measure(pl.Series([p]))["units"].item() if is_gsm else len(p.encode("utf-16-le")) // 2 for p in parts]
    assert len(parts) == 1 or all(units <= room for units in alone)


def test_values_of_several_segments_are_set_off_in_each(tiny, tmp_path):
    other = tiny.copy(tmp_path / "long")
    other.edit("sql/segments/owners.yaml", json.dumps(NASTY), json.dumps("tent " * 40))
    page = product_html(line.previews(other.load(), "care", line.Asked(("sms",), brand="north")), workspace="x")
    article = next(each for each in Shown(page).articles if each.marks)
    assert "".join(text for _, _, text in article.marks) == "tent " * 40
    assert len(article.marks) == 2
    assert page.count('class="segment" title="segment 2"') == 2 * 2  # a variant and a language each


@pytest.mark.slow
def test_a_customers_page_holds_nobodys_id_nor_address_nor_order(delivered):
    workspace = delivered.load()
    page = product_html([line.preview_for(workspace, "late", "c08")], workspace="x")
    shown = Shown(page)
    assert [article.attributes["data-channel"] for article in shown.articles] == ["email", "email", "web", "web"]
    assert {text for article in shown.articles for _, _, text in article.marks} == {"Hal", "rope", "stove"}
    assert not {"c08", "hal@", "o81", "o82"} & {name for name in ("c08", "hal@", "o81", "o82") if name in page}
    assert [each["name"] for each in shown.inputs if "checked" in each] == ["screen", "colours"]
    nothing = product_html([line.preview_for(workspace, "care", "c12")], workspace="x")
    assert f"They get nothing of it: {MEANING['EXCLUDED']}." in nothing
    assert "c12" not in nothing


def test_brands_that_would_make_the_page_too_heavy_are_left_out_and_named(found, monkeypatch):
    one = len(product_html(found[:1], workspace="x").encode())
    monkeypatch.setattr(pages, "MOST_BYTES", one + 200)
    page = product_html(found, workspace="x")
    assert "As south says it: justenough preview care --brand south" in page
    assert {article.heading.split(", ")[0] for article in Shown(page).articles} == {"north"}


def test_what_is_put_into_a_page_is_text_unless_it_was_made_there():
    made = element("p", "<b>&", element("input", name='"x', checked=True, id=None), title='"<')
    assert made == '<p title="&quot;&lt;">&lt;b&gt;&amp;<input name="&quot;x" checked></p>'


@pytest.mark.slow
def test_the_command_writes_a_private_page_and_says_where(tiny, tmp_path, capsys):
    other = tiny.copy(tmp_path / "cli")
    at = ["--workspace", str(other.folder)]
    assert cli.main(["preview", "care", "--no-open", *at]) == 0
    page = other.state / "pages/care.html"
    assert f"As a page: {page}" in capsys.readouterr().out
    assert (stat.S_IMODE(page.stat().st_mode), stat.S_IMODE(page.parent.stat().st_mode)) == (0o600, 0o700)
    assert len(Shown(page.read_text("utf-8")).articles) == 2 * 2 * (4 + 2 * 2 + 4)
    assert cli.main(["preview", "care", "--channel", "web", "--json", *at]) == 0
    assert json.loads(capsys.readouterr().out)["page"] == str(page)
    assert {article.attributes["data-channel"] for article in Shown(page.read_text("utf-8")).articles} == {"web"}
