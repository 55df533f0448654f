"""Text fields made fit for words, by column, once, before anything is composed.

What a form or an import lets through is not text to print: control characters, characters that turn the reading direction of
what follows, invisible ones, line breaks (in a subject they would start a header of their own), towers of accents, pages
where a name is expected. Emoji stay whole, and so do the joiners that Persian or Hindi need. Whether a text is blank, or
says `NULL`, is not decided here.
"""

from __future__ import annotations

import polars as pl

LONGEST = 80
"""Characters as people count them (grapheme clusters) that are kept."""

MOST_LOOKED_AT = 2_000
"""Code points of a text that are looked at: 80 emoji of the longest kind are 880. A megabyte in a name costs no more."""

_BREAKS = r"[\t\n\v\f\r\x{85}\x{2028}\x{2029}]+"
_DROPPED = (
    r"[\p{Cc}\p{Cn}"  # controls, NUL among them; what is no character
    r"\x{AD}\x{34F}\x{61C}\x{180E}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}"  # invisible; direction
    r"\x{FEFF}\x{FFF9}-\x{FFFB}\x{E0000}-\x{E007F}]"
)
_JOINING = (
    r"\p{Arabic}\p{Syriac}\p{Devanagari}\p{Bengali}\p{Gurmukhi}\p{Gujarati}\p{Oriya}"
    r"\p{Tamil}\p{Telugu}\p{Kannada}\p{Malayalam}\p{Sinhala}\p{Khmer}"
)
_KEPT_JOINER = (  # two passes, because a match takes the letter that the next one starts with
    (rf"([{_JOINING}\p{{M}}])\x{{200C}}([{_JOINING}])", "${1}\ufdd0${2}"),
    (rf"([{_JOINING}\p{{ExtPict}}\p{{EMod}}\x{{FE0F}}\p{{M}}])\x{{200D}}([{_JOINING}\p{{ExtPict}}])", "${1}\ufdd1${2}"),
)
_CLUSTER = r"(?:\p{RI}\p{RI}|\P{M}[\p{M}\p{EMod}]*(?:\x{200D}\P{M}[\p{M}\p{EMod}]*)*)"  # a flag; a letter or emoji with its marks
_FIRST_CLUSTERS = rf"^((?:\p{{M}}*{_CLUSTER}){{0,{LONGEST}}})"
_ANY_CLUSTER = rf"\p{{M}}+|{_CLUSTER}"
_TOWER = r"(\p{M}{3})\p{M}+"

_ORDINARY = r"^[!-~À-ɏ]+(?: [!-~À-ɏ]+)*$"
"""Texts of letters and signs of Latin scripts, composed, with single spaces inside: nothing to mend but their length."""


def clean(text: pl.Expr) -> pl.Expr:
    """A text column, cleaned; null stays null.

    In this order: NFC; each run of line breaks and tabs becomes one space; control, direction and invisible characters are
    dropped, with joiners kept inside emoji and between letters of scripts that join; at most three combining marks on a
    letter; one space where there were several, and none at the ends; at most 80 characters as people count them. Of a text
    without end its beginning is looked at.
    Most texts are ordinary, and only the others pay: 200,000 names take 0.02 s instead of 0.7 s.
    """
    return text.map_batches(_cleaned, return_dtype=pl.String)


def _cleaned(texts: pl.Series) -> pl.Series:
    ordinary = texts.str.contains(_ORDINARY) & (texts.str.len_bytes() <= LONGEST)
    odd = (~ordinary).fill_null(value=False).arg_true()
    if odd.is_empty():
        return texts
    mended = _beginning(texts.gather(odd)).to_frame("text").select(_mended(pl.col("text")))["text"]
    return texts.clone().scatter(odd, mended)


def _beginning(texts: pl.Series) -> pl.Series:
    """Texts without end, cut between two characters as people count them: the one that the cut goes through is left out.

    A letter with three marks stays: further ones would be dropped anyway.
    """
    endless = (texts.str.len_chars() > MOST_LOOKED_AT).fill_null(value=False).arg_true()
    if endless.is_empty():
        return texts
    beginning = pl.col("text").str.head(MOST_LOOKED_AT).str.strip_chars_end("\u200d").str.normalize("NFC")
    clusters = beginning.str.replace_all(_TOWER, "${1}").str.extract_all(_ANY_CLUSTER)
    is_whole = clusters.list.last().str.contains(r"\p{M}{3}$")
    whole = pl.when(is_whole).then(clusters).otherwise(clusters.list.head(clusters.list.len() - 1)).list.join("")
    return texts.clone().scatter(endless, texts.gather(endless).to_frame("text").select(whole)["text"])


def _mended(text: pl.Expr) -> pl.Expr:
    text = text.str.normalize("NFC").str.replace_all(_BREAKS, " ").str.replace_all(_DROPPED, "")
    for pattern, kept in (*_KEPT_JOINER, *_KEPT_JOINER):
        text = text.str.replace_all(pattern, kept)
    text = text.str.replace_all(r"[\x{200C}\x{200D}]", "")
    text = text.str.replace_many(["\ufdd0", "\ufdd1"], ["\u200c", "\u200d"])
    text = text.str.replace_all(_TOWER, "${1}").str.replace_all(" {2,}", " ").str.strip_chars()
    short = text.str.extract(_FIRST_CLUSTERS).str.strip_chars_end()
    return pl.when(text.str.len_chars() > LONGEST).then(short).otherwise(text).str.normalize("NFC")
