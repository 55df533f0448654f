"""What `check` tells of each product and channel: its dimensions, levels, scores and lengths."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import polars as pl

from flows.sms_length import measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flows.line.rating import Rated, Rating
    from flows.lineage import Verified
    from flows.product import Product
    from flows.workspace import Workspace


@dataclass(frozen=True)
class File:
    """A template file: whom it speaks to, the dimensions that it uses, how many sets of facts were tried, and a digest."""

    file: str
    variant: str | None
    locale: str | None
    shown: tuple[str, ...]
    branched: tuple[str, ...]
    wordings: int
    digest: str


@dataclass(frozen=True)
class Length:
    """The longest that a part came to on the examples, in its layout; for text messages how it is sent and paid."""

    characters: int
    bytes: int
    encoding: str | None = None
    units: int | None = None
    segments: int | None = None


@dataclass(frozen=True)
class Summary:
    """A product in a channel.

    Attributes:
        dimensions: the product's, in the order in which they earn their place.
        shown, branched: those that its words print, and branch on.
        because, unseen: those by which people are chosen: which they can tell, and which they cannot.
        scored, targeted: those behind the signals, and behind the choice of people; None where the SQL was not traced.
        levels: per detail level, from 0 on, the dimensions that the words may use.
        creep: the worst score among the files at each of these levels.
        lengths: part -> the longest it came to.
        wordings: how many sets of facts were tried, over all files.
        files: the words of each variant and language.
    """

    product: str
    status: str
    channel: str
    dimensions: tuple[str, ...]
    shown: tuple[str, ...]
    branched: tuple[str, ...]
    because: tuple[str, ...]
    unseen: tuple[str, ...]
    scored: tuple[str, ...] | None
    targeted: tuple[str, ...] | None
    levels: tuple[tuple[str, ...], ...]
    creep: tuple[Rating, ...]
    lengths: Mapping[str, Length]
    wordings: int
    files: tuple[File, ...]


def summaries(workspace: Workspace, rated: Iterable[Rated], traced: Mapping[str, Verified]) -> tuple[Summary, ...]:
    """A row for each product and channel, in the order of names, and of the product's channels.

    Args:
        workspace: the products and their words.
        rated: every template file.
        traced: segment -> what its SQL tells; a segment that is missing was not traced.
    """

    def place(found: Rated) -> tuple[str, int]:
        product = found[0].product
        return product.name, product.channels.all.index(found[0].key.channel)

    ordered = sorted(rated, key=place)
    return tuple(_summary(workspace, list(files), traced) for _, files in groupby(ordered, key=place))


def _summary(workspace: Workspace, rated: Sequence[Rated], traced: Mapping[str, Verified]) -> Summary:
    product, channel = rated[0][0].product, rated[0][0].key.channel
    files = tuple(_file(workspace, found) for found in rated)
    used = {name for found in files for name in (*found.shown, *found.branched)}
    known = traced.get(product.segment)
    levels = range(len(rated[0][1]))
    return Summary(
        product=product.name,
        status=product.status,
        channel=channel,
        dimensions=tuple(product.dimensions),
        shown=_ordered(product, {name for found in files for name in found.shown}),
        branched=_ordered(product, {name for found in files for name in found.branched}),
        because=tuple(product.because),
        unseen=tuple(product.unseen),
        scored=_scored(product, known) if known else None,
        targeted=tuple(sorted(known.targeted)) if known else None,
        levels=tuple(_ordered(product, used.intersection(product.dimensions[:level])) for level in levels),
        creep=tuple(max((found[level] for _, found in rated), key=lambda rating: rating.score) for level in levels),
        lengths=_lengths(rated, channel),
        wordings=sum(found.wordings for found in files),
        files=files,
    )


def _file(workspace: Workspace, rated: Rated) -> File:
    tried = rated[0]
    return File(
        file=tried.file,
        variant=tried.key.variant,
        locale=tried.key.locale,
        shown=_ordered(tried.product, tried.usage.shown),
        branched=_ordered(tried.product, tried.usage.branched),
        wordings=len(tried.said),
        digest=workspace.words[tried.product.name][tried.key].digest,
    )


def _ordered(product: Product, dimensions: Iterable[str]) -> tuple[str, ...]:
    """Dimensions in the order in which they earn their place."""
    return tuple(sorted(dimensions, key=product.dimensions.index))


def _scored(product: Product, known: Verified) -> tuple[str, ...]:
    return tuple(sorted({name for signal in product.signals for name in known.scored[signal]}))


def _lengths(rated: Sequence[Rated], channel: str) -> dict[str, Length]:
    texts: dict[str, set[str]] = {}
    for tried, _ in rated:
        for part, found in tried.texts.items():
            texts.setdefault(part, set()).update(found)
    return {part: _length(found, is_sms=channel == "sms") for part, found in texts.items()}


def _length(texts: Iterable[str], *, is_sms: bool) -> Length:
    texts = sorted(texts)
    longest = Length(max(map(len, texts)), max(len(text.encode()) for text in texts))
    if not is_sms:
        return longest
    worst = measure(pl.Series(texts)).sort("segments", "units").row(-1, named=True)
    return Length(longest.characters, longest.bytes, **worst)
