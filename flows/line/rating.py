"""How each message of a workspace scores for creep, at each detail level, and what is refused or warned of for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.creep import (
    MOST,
    WARN_FROM,
    Told,
    given_away,
    is_listened_to,
    lines,
    plainly,
    score,
    told,
    watching,
    way_out,
)
from flows.errors import CreepError
from flows.product import MOST_DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flows.creep import Line
    from flows.line.trying import Tried
    from flows.workspace import Workspace


@dataclass(frozen=True)
class Rating:
    """The creep score of a template file at a detail level.

    Attributes:
        level: how many of the product's dimensions may be used.
        facts: those that the file then uses.
        score: 0 to 100.
        lines: what it is the sum of.
    """

    level: int
    facts: tuple[str, ...]
    score: int
    lines: tuple[Line, ...]


Rated = tuple["Tried", tuple[Rating, ...]]
"""A template file as it was tried, and its scores."""


def ratings(workspace: Workspace, tried: Tried) -> tuple[Rating, ...]:
    """A template file's score at each detail level of its product, from 0 on; it only grows."""
    dimensions = tried.product.dimensions[:MOST_DIMENSIONS]
    found = []
    for level in range(len(dimensions) + 1):
        addends = lines(_told(workspace, tried, level), tried.key.channel, _phrases(workspace, tried, level))
        facts = tuple(name for name in dimensions[:level] if name in tried.usage.used)
        found.append(Rating(level, facts, score(addends), addends))
    return tuple(found)


def check_creep(workspace: Workspace, rated: Iterable[Rated]) -> None:
    """Refuse words that score above the workspace's `creep_ceiling`, if it has one.

    Raises:
        CreepError: with the least that has to go, and the score then.
    """
    ceiling = workspace.settings.creep_ceiling
    for tried, found in rated:
        if ceiling is not None and found[-1].score > ceiling:
            where, hint = _remedy(workspace, tried, found[-1], ceiling)
            raise CreepError(where, f"the creep score is {found[-1].score}, and `creep_ceiling` is {ceiling}", hint)


def creepy(workspace: Workspace, rated: Iterable[Rated]) -> Iterator[str]:
    """Warnings: of words that score high, and of languages in which nobody looks for words of watching."""
    unheard: dict[str, str] = {}
    for tried, found in rated:
        if found[-1].score >= WARN_FROM:
            where, hint = _remedy(workspace, tried, found[-1], WARN_FROM - 1)
            yield f"{where}: the creep score is {found[-1].score} of {MOST}; {hint}"
        locale = workspace.words[tried.product.name][tried.key].locale
        if not is_listened_to(locale):
            unheard.setdefault(locale.partition("-")[0], tried.file)
    for language, file in unheard.items():
        yield f"{file}: no words of watching are known in '{language}', so the creep score counts none there"


def _told(workspace: Workspace, tried: Tried, level: int) -> tuple[Told, ...]:
    product = tried.product
    return told(
        workspace.words[product.name][tried.key],
        product,
        given_away(product, tried.key.channel),
        workspace.segments[product.segment],
        workspace.catalogue.dimensions,
        product.dimensions[:level],
    )


def _phrases(workspace: Workspace, tried: Tried, level: int) -> tuple[str, ...]:
    known = set(tried.product.dimensions[:level])
    texts = {text for facts, found in tried.said.items() if known.issuperset(facts) for text in found}
    return watching(texts, workspace.words[tried.product.name][tried.key].locale)


def _remedy(workspace: Workspace, tried: Tried, worst: Rating, most: int) -> tuple[str, str]:
    """Where to begin, and the cheapest way out."""
    facts, phrases = _told(workspace, tried, worst.level), _phrases(workspace, tried, worst.level)
    given = given_away(tried.product, tried.key.channel)
    out = way_out(facts, tried.key.channel, phrases, given, most)
    if out is None:
        reasons = ", ".join(fact.dimension for fact in facts if fact.dimension in given) or "less"
        hint = f"choose its people by something else than {reasons}, or leave {tried.key.channel} out"
        return tried.file, f"no word less is enough: {hint}"
    gone = [*(f"'{phrase}'" for phrase in out.phrases), *out.dimensions]
    places = [tried.usage.lines[name] for name in out.dimensions if name in tried.usage.lines]
    where = places[0] if places and not out.phrases else _line_of(workspace, tried, out.phrases)
    return where, f"take {' and '.join(gone)} out of these words, and it is {out.score}"


def _line_of(workspace: Workspace, tried: Tried, phrases: Iterable[str]) -> str:
    """`file:line` of the first of some phrases; the file alone where it comes from a macro, or goes over a line's end."""
    text = workspace.words[tried.product.name][tried.key].source.text
    for number, line in enumerate(text.splitlines(), start=1):
        if any(phrase in plainly(line) for phrase in phrases):
            return f"{tried.file}:{number}"
    return tried.file
