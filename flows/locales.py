"""Locales as this program spells them, and what is tried one after the other where somebody is spoken to."""

from __future__ import annotations

import re

import polars as pl
from babel.core import get_global

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
