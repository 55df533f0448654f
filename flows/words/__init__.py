"""The one door to Jinja2 and to template files: words read, checked, put to rows as creatives and slots, wrapped, cleaned."""

from flows.words.branches import Condition, conditions
from flows.words.cleaning import clean
from flows.words.composing import compose, ways
from flows.words.creatives import (
    ESCAPES,
    GENERIC,
    Composed,
    Creative,
    MergeLanguage,
    Piece,
    Slot,
    generic,
    is_words_slot,
    marked,
    pieces,
    restore,
)
from flows.words.dates import is_spoken
from flows.words.filling import fill
from flows.words.layout import Layout, read_layout, render_layout, wrap
from flows.words.outlines import IDENTITY, VALUE, outlines
from flows.words.plain import plain
from flows.words.reading import Part, Words, check_fields, read_words

__all__ = [
    "ESCAPES",
    "GENERIC",
    "IDENTITY",
    "VALUE",
    "Composed",
    "Condition",
    "Creative",
    "Layout",
    "MergeLanguage",
    "Part",
    "Piece",
    "Slot",
    "Words",
    "check_fields",
    "clean",
    "compose",
    "conditions",
    "fill",
    "generic",
    "is_spoken",
    "is_words_slot",
    "marked",
    "outlines",
    "pieces",
    "plain",
    "read_layout",
    "read_words",
    "render_layout",
    "restore",
    "ways",
    "wrap",
]
