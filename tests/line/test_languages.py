"""A help that is live in some languages only: the others get another help, or nothing, and never half of one."""

from __future__ import annotations

import shutil

import pytest

from flows.errors import ProductError, TemplateError
from tests.tiny import make


@pytest.fixture(scope="module")
def _german(tmp_path_factory):
    people = [(f"c{n:02}", "north", f"p{n}@x.example.com", None, "Ann", "tent", 3.0) for n in range(4)]
    tiny = make(tmp_path_factory.mktemp("languages") / "tiny", brands=["north"], people=people, late=[])
    for who, locale in (("c01", "de-AT"), ("c02", "fr"), ("c03", "")):
        tiny.warehouse(f"UPDATE people SET locale = nullif('{locale}', '') WHERE customer_id = '{who}'")
    tiny.speak("de")
    return tiny


@pytest.fixture
def tiny(_german, tmp_path):
    """`care` in English and German; c00 reads English, c01 German, c02 French, and of c03 nobody knows."""
    return _german.copy(tmp_path / "tiny")


def live(tiny, locales: str) -> None:
    tiny.edit("templates/care/product.yaml", "once_every:", f"locales: {locales}\nonce_every:")


def mailed(tiny) -> dict[str, str]:
    """Customer -> the language of their mail."""
    ((mail, creatives),) = ((seen.rows, seen.payload) for seen in tiny.batches() if seen.target == "email_file")
    german = [line for line in creatives["creatives.ndjson"].decode().splitlines() if '"locale": "de"' in line]
    ids = [line.split('"')[3] for line in german]
    return {row["customer_id"]: "de" if row["creative_id"] in ids else "en" for row in mail if row.get("customer_id")}


def test_a_language_that_goes_live_later_is_silent_until_its_day_and_others_are_not_told_in_english(tiny):
    live(tiny, "{en: 2026-11-01, de: 2026-11-23}")
    assert tiny.run().plan.people["marketing"].reasons == {"LOCALE_MISMATCH": 2}
    assert mailed(tiny) == {"c00": "en", "c03": "en"}


def test_who_does_not_understand_the_best_help_gets_the_next_one_that_they_do(tiny):
    shutil.copytree(tiny.folder / "templates/care", tiny.folder / "templates/tips")
    tiny.edit("templates/tips/product.yaml", "interest: {weight: 1}", "interest: {weight: 0.9}")
    live(tiny, "[en]")
    done = tiny.run()
    assert done.plan.people["marketing"].reasons == {}
    said = dict(tiny.history("SELECT product, count(*) FROM decision WHERE reason IS NULL GROUP BY ALL"))
    assert said == {"care": 2, "tips": 2}


@pytest.mark.slow
def test_a_translation_that_is_under_way_stops_nothing_as_long_as_its_language_is_not_listed(tiny):
    (tiny.folder / "templates/care/sms.de.j2").unlink()
    with pytest.raises(TemplateError, match="so this channel has to as well"):
        tiny.load()
    live(tiny, "[en]")
    tiny.run()
    assert mailed(tiny) == {"c00": "en", "c03": "en"}


def test_a_language_without_words_cannot_go_live(tiny):
    live(tiny, "[en, fr]")
    with pytest.raises(ProductError) as refused:
        tiny.load()
    assert "there are no words in 'fr', so nobody can be told anything in it" in str(refused.value)
