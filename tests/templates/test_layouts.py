from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from markupsafe import Markup

from flows.channels import CHANNELS, RESERVED_SLOTS
from flows.settings import load_settings
from flows.sms_length import measure
from flows.words import Layout, read_layout, render_layout
from tests.house.tree import ROOT
from tests.templates.found import SHARED, File, Page, files
from tests.templates.test_words import ENGLISH, GERMAN

if TYPE_CHECKING:
    from collections.abc import Iterator

LOCALES = (None, "de")
UNSUBSCRIBE = "https://www.example.com/unsubscribe/0123456789abcdef"
# Of the sample's names of items: what an alphabet of 128 letters holds once the typographic ones are replaced.
IN_SMALL_LETTERS = ("plain", "longest", "apostrophe", "unnamed")


def layout(channel: str, locale: str | None) -> Layout:
    name = CHANNELS[channel].layout
    assert name is not None
    file = SHARED / (name.replace(".j2", f".{locale}.j2") if locale else name)
    name = f"templates/_shared/{file.name}"
    return read_layout(file, CHANNELS[channel].parts, SHARED, name=name, locale=locale or "en", slots=RESERVED_SLOTS)


def senders() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every sender identity of the sample, as a layout sees it."""
    settings = load_settings(ROOT)
    for brand, countries in settings.brands.items():
        for country in countries:
            yield f"{brand}/{country}", settings.brand(brand, country).model_dump()


def context(brand: dict[str, Any], *, locale: str | None, is_marketing: bool) -> dict[str, Any]:
    return {
        "brand": brand,
        "locale": locale or "en",
        "action": {"label": 'Read <more> & "more"', "url": f"{brand['site_url']}/care"},
        "is_marketing": is_marketing,
        **{name: f"https://www.example.com/{name}/0123456789abcdef" for name in RESERVED_SLOTS},
        "unsubscribe_url": UNSUBSCRIBE,
        "subject": "Pots & <pans>",
        "preheader": "Three & <four>",
    }


def pages(locale: str | None, *, is_marketing: bool) -> list[str]:
    read = layout("email", locale)
    contexts = [context(brand, locale=locale, is_marketing=is_marketing) for _, brand in senders()]
    return [render_layout(read, "html", {**each, "content": Markup("<h1>Head</h1><p>Words</p>")}) for each in contexts]


def texts(locale: str | None, *, is_marketing: bool) -> list[str]:
    read = layout("email", locale)
    contexts = [context(brand, locale=locale, is_marketing=is_marketing) for _, brand in senders()]
    return [render_layout(read, "text", {**each, "content": "Words"}) for each in contexts]


@pytest.mark.parametrize("is_marketing", [True, False])
@pytest.mark.parametrize("locale", LOCALES)
def test_the_whole_page_is_well_formed_and_names_its_language(locale: str | None, is_marketing: bool):
    for html in pages(locale, is_marketing=is_marketing):
        page = Page(html)
        assert page.wrong == []
        assert html.lstrip().startswith(f'<!doctype html>\n<html lang="{locale or "en"}"')
        assert [page.tags.count(tag) for tag in ("html", "head", "body", "title", "main", "h1", "style")] == [1] * 7


@pytest.mark.parametrize("is_marketing", [True, False])
def test_the_layouts_of_both_languages_look_alike(is_marketing: bool):
    """Letters between tags, the language's name, and nothing else differ."""
    both = {locale: pages(locale, is_marketing=is_marketing) for locale in LOCALES}
    bare = {locale: [re.sub(r">[^<]+<", "><", html).replace('lang="de"', 'lang="en"') for html in said]
            for locale, said in both.items()}  # fmt: skip
    assert bare["de"] == bare[None]


@pytest.mark.parametrize("locale", LOCALES)
def test_marketing_can_be_left_and_service_says_why_it_came(locale: str | None):
    said = {is_marketing: [*pages(locale, is_marketing=is_marketing), *texts(locale, is_marketing=is_marketing)]
            for is_marketing in (True, False)}  # fmt: skip
    assert all(text.count(UNSUBSCRIBE) == 1 for text in said[True])
    assert all("unsubscribe" not in text.lower() and "abmelden" not in text.lower() for text in said[False])
    why = {None: "You get this because", "de": "Du bekommst diese E-Mail, weil"}[locale]
    assert all(text.count(why) == 1 for text in (*said[True], *said[False]))


@pytest.mark.parametrize("locale", LOCALES)
def test_who_writes_stands_in_every_message(locale: str | None):
    for is_marketing in (True, False):
        for (_, brand), html, text in zip(
            senders(), pages(locale, is_marketing=is_marketing), texts(locale, is_marketing=is_marketing), strict=True
        ):
            for value in (brand["name"], brand["legal_name"], brand["postal_address"], brand["privacy_url"]):
                assert str(Markup.escape(value)) in html
                assert value in text


@pytest.mark.parametrize("file", sorted(SHARED.glob("*_layout*.j2")), ids=lambda file: file.name)
def test_a_layout_is_in_its_language(file):
    literal = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", file.read_text("utf-8"))
    words = set(re.findall(r"[^\W\d_]+", literal.lower()))
    assert not words & (ENGLISH if ".de." in file.name else GERMAN)


@pytest.mark.parametrize(
    "file", [file for file in files() if file.channel == "sms"], ids=lambda file: file.name
)  # fmt: skip
def test_a_text_message_fits_two_parts_with_layout_link_and_stop_word(file: File):
    """In every brand and country; with the longest item and a typographic apostrophe in it, too."""
    read = layout("sms", file.locale)
    is_marketing = file.settings["message_type"] == "marketing"
    bodies = []
    for _, brand in senders():
        around = context(brand, locale=file.locale, is_marketing=is_marketing)
        around["action"]["url"] = brand["site_url"] + file.settings["help"]["action"]["url"]
        words = (file.says(situation.values)["body"] for situation in file.situations(*IN_SMALL_LETTERS))
        bodies += [render_layout(read, "body", {**around, "content": body}) for body in words]
    lengths = measure(pl.Series(bodies))
    assert set(lengths["encoding"]) == {"GSM-7"}
    assert lengths["segments"].max() <= 2, max(bodies, key=len)
    stop = {True: "STOP", False: None}[is_marketing]
    assert all(("STOP" in body) == bool(stop) for body in bodies)
