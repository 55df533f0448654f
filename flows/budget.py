"""Counting to three: which dimensions each message of a product uses, and the refusal of a fourth.

Source: DESIGN §6: shown + branched + `because` <= 3, per message and per product. What a field shows is declared in the
segment's .yaml.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from flows.errors import CatalogueError, DimensionLimitError, ProductError, nearest
from flows.product import MOST_DIMENSIONS, Product
from flows.words import Words, check_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.audience import Audience
    from flows.catalogue import Catalogue, Segment
    from flows.lineage import Verified


@dataclass(frozen=True)
class Usage:
    """The dimensions of one template file.

    Attributes:
        shown: printed.
        branched: decide which words are used.
        lines: dimension -> `file:line` of its first mention.
    """

    shown: frozenset[str]
    branched: frozenset[str]
    lines: dict[str, str]

    @property
    def used(self) -> frozenset[str]:
        """Shown or branched on."""
        return self.shown | self.branched


def usage(words: Words, segment: Segment, segment_name: str) -> Usage:
    """The dimensions that a template file uses.

    Raises:
        UnknownFieldError: it names what is no field of its segment.
    """
    check_fields(words, segment.fields, segment_name)
    lines: dict[str, str] = {}
    for field in sorted(words.fields, key=lambda name: words.lines[name]):
        for dimension in segment.fields[field].dimensions:
            lines.setdefault(dimension, f"{words.name}:{words.lines[field]}")
    shown = frozenset(found for name in words.shown for found in segment.fields[name].dimensions)
    branched = frozenset(found for name in words.branched for found in segment.fields[name].dimensions)
    return Usage(shown, branched, lines)


def check_product(product: Product, files: Iterable[Usage], catalogue: Catalogue) -> None:
    """Refuse a product whose messages use more than three dimensions, or one that it does not list.

    Args:
        product: lists its dimensions, and those that people can tell from getting the message at all (`because`).
        files: the usage of each of its template files.
        catalogue: knows the dimensions.

    Raises:
        DimensionLimitError: with the file and line that bring in a dimension too many.
        CatalogueError: a dimension is unknown, or sensitive and without a lawful basis.
    """
    for key in ("dimensions", "because", "unseen"):
        for dimension in getattr(product, key):
            _check_dimension(dimension, product.at(key, dimension), catalogue)
    files = list(files)
    for file in files:
        dimension = _cheapest(file.lines, product)
        if dimension is not None:
            place = file.lines[dimension]
            extra = f"{place} brings in {dimension}; drop it, or move it to a product of its own"
            _check_count(place, "the message uses", [*file.used, *product.because], extra)
    where, last = product.at("dimensions"), _cheapest(product.dimensions, product)
    hint = f"drop {last}, the last of `dimensions`" if last else "choose people by less, and take it out of `because`"
    _check_count(where, "the product uses", [*product.dimensions, *product.because], hint)
    for file in files:
        for dimension, place in file.lines.items():
            if dimension not in product.dimensions:
                what = f"the dimension '{dimension}' is used here, and product.yaml does not list it"
                raise DimensionLimitError(place, what, "take the field out, or list its dimension under `dimensions`")
    _check_levels(product, frozenset(name for file in files for name in file.used))


def _check_levels(product: Product, used: frozenset[str]) -> None:
    """Refuse a test of detail levels of which two would say the same, so that it could find nothing."""
    for lower, upper in pairwise(sorted(product.test.levels)):
        between = product.dimensions[lower:upper]
        if used.isdisjoint(between):
            what = f"the detail levels {lower} and {upper} say the same: no words use {' or '.join(between)}"
            raise ProductError(product.at("test", "levels"), what, "leave one of them out, or use it in the words")


def check_targeting(product: Product, ads: Mapping[str, Usage], segment: Verified) -> None:
    """Refuse a product that does not say what people can tell from getting it, or whose ads tell a platform too much.

    Args:
        product: says so under `because` and `unseen`.
        ads: its template files for ads, each with its usage.
        segment: what its segment's SQL uses.

    Raises:
        ProductError: a dimension that decides who gets it stands in neither list; one of a list decides nothing.
        DimensionLimitError: an audience has more than three dimensions in common, those it was targeted by included.
    """
    for dimension, place in segment.targeted.items():
        if dimension not in {*product.because, *product.unseen}:
            what = f"'{dimension}' decides who gets this ({place}), and stands neither under because nor under unseen"
            hint = "add it to because where people can tell; else to unseen, with the reason why they cannot"
            raise ProductError(product.at("because"), what, hint)
    deciding = {*segment.targeted, *(name for found in segment.scored.values() for name in found)}
    for key in ("because", "unseen"):
        for dimension in getattr(product, key):
            if dimension not in deciding:
                what = f"sql/segments/{product.segment}.sql reads nothing of '{dimension}', so nobody is chosen by it"
                raise ProductError(product.at(key, dimension), what, "take it out here, or have the query choose by it")
    for name, file in ads.items():
        hint = "target by less, or leave ads out: an audience tells the platform what its members have in common"
        told = [*file.used, *product.because, *segment.targeted]
        _check_count(f"templates/{product.name}/{name}", "the audience has", told, hint)


def check_audience(audience: Audience, catalogue: Catalogue) -> None:
    """Refuse an audience that campaigns leave out whose members have too much in common, or what nobody may use.

    Raises:
        DimensionLimitError: more than three dimensions.
        CatalogueError: a dimension is unknown, or sensitive and without a lawful basis.
    """
    for place, dimension in enumerate(audience.because):
        _check_dimension(dimension, audience.at("because", place), catalogue)
    _check_common(audience.at("because"), audience.because)


def check_choosing(audience: Audience, targeted: Mapping[str, str]) -> None:
    """Refuse an audience that does not say what its query chooses people by, which is what it tells a platform.

    Args:
        audience: says so under `because`.
        targeted: the dimensions that decide who is in it, each with the place, `file:line`, that reads it.

    Raises:
        DimensionLimitError: more than three dimensions.
        CatalogueError: one stands not under `because`, or decides nothing.
    """
    _check_common(f"sql/audiences/{audience.name}.sql", [*targeted, *audience.because])
    for dimension, place in targeted.items():
        if dimension not in audience.because:
            what = f"'{dimension}' decides who is in this audience ({place}), and does not stand under because"
            hint = "add it, if the platform may be told; else choose people without it"
            raise CatalogueError(audience.at("because"), what, hint)
    for at, dimension in enumerate(audience.because):
        if dimension not in targeted:
            what = f"sql/audiences/{audience.name}.sql reads nothing of '{dimension}', so nobody is chosen by it"
            raise CatalogueError(audience.at("because", at), what, "take it out here, or have the query choose by it")


def _check_common(where: str, dimensions: list[str]) -> None:
    hint = "choose by less: an audience tells the platform what its members have in common"
    _check_count(where, "the audience has", dimensions, hint)


def _cheapest(used: Iterable[str], product: Product) -> str | None:
    """The dimension that is missed least: one that is not listed, else the last one; None if all are given away anyhow."""
    order = {name: place for place, name in enumerate(product.dimensions)}
    said = [name for name in used if name not in product.because]
    return max(reversed(said), key=lambda name: order.get(name, len(order)), default=None)


def _check_dimension(dimension: str, where: str, catalogue: Catalogue) -> None:
    if dimension not in catalogue.dimensions:
        raise CatalogueError(where, f"'{dimension}' is no dimension", nearest(dimension, catalogue.dimensions))
    entry = catalogue.dimensions[dimension]
    if entry.sensitive and entry.lawful_basis is None:
        what = f"the dimension '{dimension}' is sensitive and its entry names no lawful basis"
        raise CatalogueError(where, what, "do without it, or name the basis in sql/dimensions.yaml")


def _check_count(where: str, who: str, dimensions: list[str], hint: str) -> None:
    distinct = sorted(set(dimensions))
    if len(distinct) > MOST_DIMENSIONS:
        what = f"{who} {len(distinct)} dimensions, at most {MOST_DIMENSIONS} are allowed: {', '.join(distinct)}"
        raise DimensionLimitError(where, what, hint)
