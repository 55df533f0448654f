"""Locales as this program spells them, and what is tried one after the other where somebody is spoken to."""

from __future__ import annotations

import re

import polars as pl

LOCALE = re.compile(r"[a-z]{2,3}(-([A-Z]{2}|\d{3}))?")
"""A language, or a language in a region: `de`, `de-AT`, `es-419`."""


def chain(locale: str | None) -> tuple[str | None, ...]:
    """What speaks to somebody of a locale, the best first: `de-AT`, else `de`, else the default (None)."""
    if locale is None:
        return (None,)
    return tuple(dict.fromkeys((locale, locale.partition("-")[0], None)))


def spelt(locale: pl.Expr) -> pl.Expr:
    """Locales of any spelling (`de_AT`, ` DE-at`, `de-AT.UTF-8`, `zh-Hant-TW`) as ours; null where there is no language."""
    language = locale.str.extract(r"^\s*([A-Za-z]{2,3})(?:[-_.@\s]|$)").str.to_lowercase()
    region = locale.str.extract(r"^\s*[A-Za-z]{2,3}(?:[-_][A-Za-z]{4})?[-_]([A-Za-z]{2}|\d{3})(?:[-_.@\s]|$)")
    return pl.concat_str(language, pl.concat_str(pl.lit("-"), region.str.to_uppercase()).fill_null(""))
