from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import polars as pl
import pytest

from flows.errors import JustEnoughError, ProductError, SettingError, TemplateError
from flows.locales import chain, spelt
from flows.wording import WordsKey, fitting, layout_of
from tests.tiny import Tiny, make

if TYPE_CHECKING:
    from collections.abc import Callable

CARE = "templates/care/product.yaml"
CHANNELS = ("email", "sms", "web")
TEST = ("because:", "test: {variants: {long: 50%, short: 50%}}\nbecause:")
LABEL = "label: {default: Read the guide, de: Anleitung lesen}"


@pytest.fixture
def tiny(tmp_path) -> Tiny:
    return make(tmp_path / "tiny")


def copied(tiny: Tiny, name: str, *others: str) -> None:
    """The words of a file of `care` again under other names."""
    folder = tiny.folder / "templates" / "care"
    for other in others:
        (folder / other).write_text((folder / name).read_text("utf-8"), "utf-8")


def refused(tiny: Tiny, kind: type[JustEnoughError] = TemplateError) -> JustEnoughError:
    with pytest.raises(kind) as caught:
        tiny.load()
    return caught.value


# Locales.


@pytest.mark.parametrize(
    ("locale", "steps"),
    [("de-AT", ("de-AT", "de", None)), ("de", ("de", None)), (None, (None,)), ("es-419", ("es-419", "es", None))],
)
def test_a_region_falls_back_to_its_language_and_that_to_the_default(locale, steps):
    assert chain(locale) == steps


SPELLINGS = {
    "de-AT": "de-AT",
    "de_AT": "de-AT",
    " DE-at ": "de-AT",
    "de": "de",
    "EN": "en",
    "de-AT.UTF-8": "de-AT",
    "de_DE@euro": "de-DE",
    "zh-Hant-TW": "zh-TW",
    "es-419": "es-419",
    "fil": "fil",
    "deu": "de",
    "ger-AT": "de-AT",
    "ENG": "en",
    "iw": "he",
    "de,en;q=0.8": "de",
    "de-AT,de;q=0.9": "de-AT",
    "xx": "xx",
    "german": None,
    "": None,
    "-": None,
    None: None,
}


def test_locales_of_any_spelling_are_read_and_what_is_none_is_null():
    found = pl.DataFrame({"locale": list(SPELLINGS)}).select(spelt(pl.col("locale")))["locale"].to_list()
    assert found == list(SPELLINGS.values())


def test_a_file_in_a_language_by_a_name_that_nobody_has_is_refused(tiny):
    copied(tiny, "web.j2", "web.deu.j2")
    error = refused(tiny)
    assert (error.where, error.what) == ("templates/care/web.deu.j2", "people of 'deu' are looked for under 'de'")
    assert error.hint == "write de instead"


# Which words speak.


@pytest.mark.parametrize(
    ("files", "asked", "found"),
    [
        (("web",), (None, "de-AT"), "web.j2"),
        (("web", "web..de"), (None, "de-AT"), "web.de.j2"),
        (("web", "web..de", "web..de-AT"), (None, "de-AT"), "web.de-AT.j2"),
        (("web", "web..de-AT"), (None, "de"), "web.j2"),
        (("web", "web..de"), (None, None), "web.j2"),
        (("web..de",), (None, "fr"), None),
        (("web..de",), (None, None), None),
        (("web", "web.long"), ("long", "de"), "web.long.j2"),
        (("web", "web.long"), ("short", "de"), "web.j2"),
        (("web", "web.long.de"), ("long", "de-CH"), "web.long.de.j2"),
        (("web", "web.long.de"), ("long", "fr"), None),
        (("web", "web..fil"), (None, "fil-PH"), "web.fil.j2"),
        (("email", "web..fil"), (None, "de"), None),
    ],
)
def test_words_are_found_by_variant_and_then_by_locale_language_and_default(files, asked, found):
    keys = [WordsKey(*(part or None for part in (*name.split("."), "", "")[:3])) for name in files]
    words = fitting(cast("Any", dict.fromkeys(keys)), "web", *asked)
    assert (words.file if words else None) == found


def test_each_language_has_its_words_its_layout_and_its_label(tiny):
    tiny.speak("de")
    workspace = tiny.load()
    words = workspace.words["care"]
    assert {key.file for key in words} == {f"{channel}{locale}.j2" for channel in CHANNELS for locale in ("", ".de")}
    assert {held.locale for key, held in words.items() if key.locale} == {"de"}
    layout = layout_of(workspace.layouts, WordsKey("email", None, "de-AT"))
    assert layout is not None
    assert (layout.name, layout.locale) == ("templates/_shared/email_layout.de.j2", "de")
    default = layout_of(workspace.layouts, WordsKey("email", None, None))
    assert default is not None
    assert default.name == "templates/_shared/email_layout.j2"
    assert layout_of(workspace.layouts, WordsKey("web", None, "de")) is None
    action = workspace.products["care"].help.action
    assert [action.label_in(locale) for locale in (None, "de", "de-AT", "fr")] == [
        *("Read the guide", "Anleitung lesen", "Anleitung lesen", "Read the guide")
    ]


def test_the_default_words_speak_the_language_of_the_workspace(tiny):
    tiny.set(locale="de")
    assert {held.locale for held in tiny.load().words["care"].values()} == {"de"}


# What is half there.


def half_a_language(tiny: Tiny) -> None:
    tiny.speak("de")
    (tiny.folder / "templates/care/sms.de.j2").unlink()


def no_default_words_in_one_channel(tiny: Tiny) -> None:
    tiny.speak("de")
    (tiny.folder / "templates/care/web.j2").unlink()


def half_a_variant(tiny: Tiny) -> None:
    tiny.speak("de")
    tiny.edit(CARE, *TEST)
    copied(tiny, "sms.j2", "sms.long.j2")


def two_variants_that_say_the_same(tiny: Tiny) -> None:
    tiny.edit(CARE, *TEST)


def a_variant_without_words_in_one_channel(tiny: Tiny) -> None:
    tiny.edit(CARE, *TEST)
    copied(tiny, "web.j2", "web.long.j2")
    (tiny.folder / "templates/care/web.j2").unlink()


def a_language_without_a_layout(tiny: Tiny) -> None:
    tiny.speak("de")
    (tiny.folder / "templates/_shared/sms_layout.de.j2").unlink()


def a_layout_in_no_language(tiny: Tiny) -> None:
    tiny.speak("de")
    (tiny.folder / "templates/_shared/email_layout.xx.j2").write_text("", "utf-8")


def words_in_no_language(tiny: Tiny) -> None:
    copied(tiny, "web.j2", "web.xx.j2")


def a_channel_without_words(tiny: Tiny) -> None:
    (tiny.folder / "templates/care/sms.j2").unlink()


def words_for_a_channel_that_the_product_does_not_use(tiny: Tiny) -> None:
    copied(tiny, "web.j2", "push.j2")


def words_for_a_channel_that_is_none(tiny: Tiny) -> None:
    copied(tiny, "web.j2", "fax.j2")


HALVES: list[tuple[Callable[[Tiny], None], str, str]] = [
    (half_a_language, "sms.de.j2", "this file is missing: email.de.j2 speaks de, so this channel has to as well"),
    (
        no_default_words_in_one_channel,
        "web.j2",
        "this file is missing: email.j2 has the default words, so this channel has to as well",
    ),
    (half_a_variant, "sms.long.de.j2", "this file is missing: email.de.j2 speaks de, so this channel has to as well"),
    (a_variant_without_words_in_one_channel, "web.short.j2", "the variant 'short' has no words in web"),
    (words_in_no_language, "web.xx.j2", "'xx' is no language"),
    (a_channel_without_words, "sms.j2", "the product has no words for this channel"),
    (words_for_a_channel_that_the_product_does_not_use, "push.j2", "'push' is no channel of this product"),
    (words_for_a_channel_that_is_none, "fax.j2", "'fax' is no channel of this product"),
]


@pytest.mark.parametrize(("breaking", "file", "what"), HALVES, ids=lambda value: getattr(value, "__name__", ""))
def test_words_that_are_half_there_are_refused(tiny, breaking, file, what):
    breaking(tiny)
    error = refused(tiny)
    assert (error.where, error.what) == (f"templates/care/{file}", what)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("web.deutsch.j2", "'deutsch' is neither a variant of the product nor a locale such as de or de-AT"),
        ("web.de_AT.j2", "'de_AT' is neither a variant"),
        ("web.de.long.j2", "'long' is neither a variant"),
        ("web.de.at.j2", "'at' is neither a variant"),
    ],
)
def test_a_template_whose_name_says_nothing_is_refused(tiny, name, what):
    copied(tiny, "web.j2", name)
    error = refused(tiny)
    assert error.where == f"templates/care/{name}"
    assert what in error.what


def test_two_variants_without_words_are_no_test(tiny):
    two_variants_that_say_the_same(tiny)
    error = refused(tiny)
    assert error.what == "the variants long and short have no words of their own, so they would say the same"


def test_words_do_not_stand_in_a_layout_of_another_language(tiny):
    a_language_without_a_layout(tiny)
    error = refused(tiny)
    assert (error.where, error.what) == (
        *("templates/_shared/sms_layout.de.j2", "this file is missing, and templates/care/sms.de.j2 speaks de"),
    )


def test_a_layout_in_no_language_is_refused(tiny):
    a_layout_in_no_language(tiny)
    assert refused(tiny).where == "templates/_shared/email_layout.xx.j2"


def test_an_action_without_a_label_in_the_language_of_the_words_is_refused(tiny):
    tiny.speak("de")
    tiny.edit(CARE, LABEL, "label: Read the guide")
    error = refused(tiny, ProductError)
    assert (error.where, error.what) == (f"{CARE}:5", "help.action.label is not there in 'de', and the words are")
    assert error.hint == "write label: {default: Read the guide, de: …}"


@pytest.mark.parametrize(
    ("label", "what"),
    [
        ("{de: Zur Anleitung}", "there is no label for all other languages"),
        ("{default: Read, german: Lesen}", "'german' is no locale"),
    ],
)
def test_a_label_that_says_nothing_to_somebody_is_refused(tiny, label, what):
    tiny.edit(CARE, "label: Read the guide", f"label: {label}")
    assert what in refused(tiny, ProductError).what


def test_a_workspace_in_no_language_is_refused(tiny):
    tiny.set(locale="xx")
    error = refused(tiny, SettingError)
    assert (error.where, error.what) == ("pyproject.toml: tool.justenough.locale", "'xx' is no language")
