"""Locales as this program spells them, and what is tried one after the other where somebody is spoken to."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

import polars as pl
from babel.core import get_global
from pydantic import BeforeValidator, WithJsonSchema

LOCALE = re.compile(r"[a-z]{2,3}(-([A-Z]{2}|\d{3}))?")
"""A language, or a language in a region: `de`, `de-AT`, `es-419`."""

_ALIASES = {old: new for old, new in get_global("language_aliases").items() if LOCALE.fullmatch(new)}
"""Codes that CLDR has replaced: `deu` and `ger` by `de`, `iw` by `he`."""

_END = r"(?:[-_.@,;\s]|$)"


def chain(locale: str | None) -> tuple[str | None, ...]:
    """What speaks to somebody of a locale, the best first: `de-AT`, else `de`, else the default (None)."""
    if locale is None:
        return (None,)
    return tuple(dict.fromkeys((locale, locale.partition("-")[0], None)))


def spelt(locale: pl.Expr) -> pl.Expr:
    """Locales of any spelling (`de_AT`, ` DE-at`, `deu`, `de-AT.UTF-8`, `zh-Hant-TW`, the first of `de-AT,en;q=0.8`) as ours.

    Null where there is no language.
    """
    language = locale.str.extract(rf"^\s*([A-Za-z]{{2,3}}){_END}").str.to_lowercase().replace(_ALIASES)
    region = locale.str.extract(rf"^\s*[A-Za-z]{{2,3}}(?:[-_][A-Za-z]{{4}})?[-_]([A-Za-z]{{2}}|\d{{3}}){_END}")
    return pl.concat_str(language, pl.concat_str(pl.lit("-"), region.str.to_uppercase()).fill_null(""))


def in_use(locale: str) -> str:
    """A locale by the code that its language has today."""
    language, sign, region = locale.partition("-")
    return f"{_ALIASES.get(language, language)}{sign}{region}"


def _locales(given: object) -> object:
    """Locales with the day from which on each is spoken; a list of them is spoken from the product's first day on."""
    if isinstance(given, list) and all(isinstance(name, str) for name in given):
        if len(given) != len(set(given)):
            raise ValueError("a locale stands twice | name it once")
        given = dict.fromkeys(given)
    if not given or not isinstance(given, dict):
        raise ValueError(
            "these are no locales | write them as in [en, de], or each with its first day: {de: 2026-12-01}"
        )
    for name in given:
        if not LOCALE.fullmatch(str(name)):
            raise ValueError(f"'{name}' is no locale | write it as in de or de-AT")
    return given


_LOCALES_SHAPE = {
    "anyOf": [
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
        {"type": "object", "additionalProperties": {"type": "string", "format": "date"}, "minProperties": 1},
    ]
}
Locales = Annotated[dict[str, date | None], BeforeValidator(_locales), WithJsonSchema(_LOCALES_SHAPE)]
"""Locale -> the first day on which it is spoken; null is the product's own."""
