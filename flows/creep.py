"""How much a message gives the feeling of being watched: 0 to 100, a sum of lines that each say why.

The score puts messages in an order, so that a team may say "no further than this"; it is no measurement. The *order* of the
weights has sources, their *size* is judgement: what a fact costs in truth only outcomes tell, by detail levels as arms of a
test. The weights are Python and not a YAML file: a table of constants needs no reader and no errors of its own, and a
workspace that could turn its own weights down would have no use for a ceiling.

Source: Kim, Barasz, John, "Why am I seeing this ad?", Journal of Consumer Research 45 (2019): what people have told may be
used, what was inferred is minded, and so is what comes from elsewhere. DESIGN §1 and §6: helpful with a little data, at most
three; sensitive facts only on a lawful basis (the kinds of GDPR, article 9); an audience tells the platform.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from flows.catalogue import Dimension, Segment
    from flows.product import Product
    from flows.words import Words

Precision = Literal["reason", "class", "named", "exact"]

MOST = 100
WARN_FROM = 50
"""Three observed facts, shown to the day and as old as a year, come to 57; an order and a name, politely said, to 25."""

KNOWN = {"declared": 2, "observed": 8, "inferred": 14, "bought": 20}
"""Told to us, seen by us, guessed by us, bought from somebody: each step is one that people know less of, and mind more."""

SENSITIVE = 30
"""Health, belief and their like, even where the law allows it: with any other fact it is enough for a warning."""

PRECISION: Mapping[Precision, int] = {"reason": 0, "class": 2, "named": 4, "exact": 6}
"""What is said of it: nothing, only that one gets the message; one of a few wordings; a name of something; a day, a number or
a place, which nobody takes for chance."""

AGES = ((timedelta(days=7), 0), (timedelta(days=30), 2), (timedelta(days=90), 3), (timedelta(days=365), 5))
"""How old what was not told to us may be when it is said: the longer ago, the more it was kept on file. Nobody wonders that
their name is still known, so a declared fact does not age."""

OLDEST = 6
"""Where the catalogue sets no `fresh_for`: a year, or any time."""

CHANNEL = {"email": 0, "sms": 2, "push": 3, "web": 3, "ads": 5, "call": 4}
"""Per fact: a mailbox is one's own; a text message and a push lie on the locked screen; a web page stands on a screen that
others see; who calls knows it, too; and of an audience the platform learns what its members have in common."""

WATCHING = 12
"""For each way in which the words themselves say that somebody was looking."""

PHRASES: Mapping[str, tuple[str, ...]] = {
    "en": (
        r"we(?:'ve| have)? (?:just |also )?(?:noticed|spotted|observed)",
        r"we (?:saw|see) (?:that )?you",
        r"we(?:'ve| have) (?:seen|been watching)",
        r"we (?:know|remember) (?:that |what |where |when |how )?you",
        r"(?:based on|judging by|according to) your (?:activity|behaviou?r|browsing|clicks|history|location|searches|visits)",
        r"you(?:'ve| have)? (?:just |recently )?(?:been (?:looking|browsing)|viewed|browsed|searched for|clicked)",
        r"you (?:looked at|were looking|opened our)",
        r"your (?:browsing|search|location) history",
        r"keep(?:ing)? an eye on you",
    ),
    "de": (
        r"uns ist aufgefallen",
        r"(?:wir haben|haben wir) (?:(?:\w+ ){0,3})(?:bemerkt|gesehen|gemerkt|beobachtet|festgestellt)",
        r"wir (?:wissen|sehen),? (?:dass|was|wo|wann|wie) (?:du|sie|ihr)",
        r"(?:aufgrund|anhand) (?:deine[rs]|ihre[rs]|eure[rs]) (?:aktivität|besuche|klicks|standorts?|suche|verhaltens)",
        r"(?:du hast|sie haben|hast du|haben sie) (?:dir |sich )?(?:[\w-]+ ){0,4}(?:angesehen|angeschaut|angeklickt|gesucht)",
        r"(?:dein|ihr|euer) (?:standort|such\w*verlauf|browserverlauf)",
        r"(?:behalten|haben) (?:dich|sie|euch) im (?:auge|blick)",
    ),
}
"""Language -> words of watching, as they stand in text of small letters with straight apostrophes."""


@dataclass(frozen=True)
class Told:
    """What a message tells of one dimension, in words or by being sent.

    Attributes:
        dimension, entry: which, and what the catalogue says of it.
        precision: how closely it is told.
        field: the one that tells it so closely; None where no field is printed.
    """

    dimension: str
    entry: Dimension
    precision: Precision
    field: str | None = None


@dataclass(frozen=True)
class Line:
    """An addend of the score: `about` a dimension, the channel, or words that stand in the message."""

    about: str
    points: int
    why: str


@dataclass(frozen=True)
class WayOut:
    """What to take out of a message, and the score then."""

    phrases: tuple[str, ...]
    dimensions: tuple[str, ...]
    score: int


def given_away(product: Product, channel: str) -> frozenset[str]:
    """The dimensions that getting a message gives away, whatever it says; of an audience the platform learns `unseen` too."""
    return frozenset((*product.because, *(product.unseen if channel == "ads" else ())))


def told(
    words: Words,
    product: Product,
    given: Collection[str],
    segment: Segment,
    catalogue: Mapping[str, Dimension],
    facts: Collection[str],
) -> tuple[Told, ...]:
    """What the words tell with some facts, and what getting them gives away, in the product's order.

    Args:
        words: a template file of the product.
        product: gives the order.
        given: as `given_away` yields it for the file's channel.
        segment: the fields, with the examples that tell of which kind they are.
        catalogue: dimension -> its entry.
        facts: the dimensions that may be used.
    """
    printed: dict[str, list[tuple[int, Precision, str]]] = {}
    used = set[str]()
    for name in words.fields:
        field = segment.fields[name]
        if not set(field.dimensions) <= set(facts):
            continue
        used.update(field.dimensions)
        for dimension in field.dimensions if name in words.shown else ():
            precision = _precision(field.examples, catalogue[dimension])
            printed.setdefault(dimension, []).append((PRECISION[precision], precision, name))
    return tuple(
        Told(name, catalogue[name], *max(printed[name])[1:])
        if name in printed
        else Told(name, catalogue[name], "class" if name in used else "reason")
        for name in dict.fromkeys((*product.dimensions, *product.because, *product.unseen))
        if name in used or name in given
    )


def lines(facts: Sequence[Told], channel: str, phrases: Collection[str]) -> tuple[Line, ...]:
    """The addends of a message's score; those of nothing are left out.

    Args:
        facts: what it tells.
        channel: on which way.
        phrases: the words of watching in it.
    """
    found = [line for fact in facts for line in _of_fact(fact)]
    found.append(Line(channel, CHANNEL[channel] * len(facts), f"{_count(len(facts))} on {channel}"))
    found += [Line(phrase, WATCHING, f"it says '{phrase}'") for phrase in phrases]
    return tuple(line for line in found if line.points)


def score(addends: Iterable[Line]) -> int:
    """The sum, 100 at most."""
    return min(MOST, sum(line.points for line in addends))


def watching(texts: Iterable[str], locale: str) -> tuple[str, ...]:
    """The distinct words of watching in some texts (HTML included), in small letters; none in a language without a list."""
    return tuple(sorted({phrase for text in texts for phrase in _heard(text, _language(locale))}))


@lru_cache(maxsize=10_000)
def _heard(text: str, language: str) -> frozenset[str]:
    plain = plainly(text)
    return frozenset(match[0] for phrase in PHRASES.get(language, ()) for match in re.finditer(rf"\b{phrase}\b", plain))


def plainly(text: str) -> str:
    """Text without tags, in small letters, with straight apostrophes and single spaces."""
    bare = html.unescape(re.sub(r"<[^>]*>", "", text)).replace("’", "'").lower()
    return " ".join(bare.split())


def is_listened_to(locale: str) -> bool:
    """Whether words of watching are known in the language of a locale."""
    return _language(locale) in PHRASES


def way_out(
    facts: Sequence[Told], channel: str, phrases: Sequence[str], given: Collection[str], most: int
) -> WayOut | None:
    """The least to take out of a message for a score of `most`: words before facts, and of facts those that earn least.

    Args:
        facts: what it tells, in the order in which it earns its place.
        channel: on which way.
        phrases: the words of watching in it.
        given: what is given away by getting it at all, whatever it says.
        most: the score that is allowed.

    Returns:
        None where nothing that can be taken out is enough.
    """
    said = [fact for fact in reversed(facts) if fact.precision != "reason"]
    for size in range(len(said) + 1):
        for fewer in range(len(phrases) + 1):
            for gone in combinations(said, size):
                rest = score(lines(_without(facts, gone, given), channel, phrases[fewer:]))
                if rest <= most:
                    return WayOut(tuple(phrases[:fewer]), tuple(fact.dimension for fact in gone), rest)
    return None


def _of_fact(fact: Told) -> list[Line]:
    entry, name = fact.entry, fact.dimension
    says = {
        "reason": "nothing is said of it, but that one gets this",
        "class": "it decides the wording",
        "named": f"'{fact.field}' names something",
        "exact": f"'{fact.field}' says a day, a number or a place",
    }
    found = [Line(name, KNOWN[entry.known], f"{entry.my} is {entry.known}")]
    if entry.sensitive:
        found.append(Line(name, SENSITIVE, f"{entry.my} is sensitive"))
    found.append(Line(name, PRECISION[fact.precision], says[fact.precision]))
    if entry.known != "declared":
        age = f"up to {entry.fresh_for.days} days" if entry.fresh_for else "of any age"
        found.append(Line(name, _age(entry.fresh_for), f"it may be {age}"))
    return found


def _age(fresh_for: timedelta | None) -> int:
    return next((points for limit, points in AGES if fresh_for is not None and fresh_for <= limit), OLDEST)


def _precision(examples: Sequence[object], entry: Dimension) -> Precision:
    """How closely a printed field tells, by the kind of its examples; the worst is taken where there are none.

    What serves to match a person with an address (`routing_for`) is a place.
    """
    is_place = any("match" in purposes for purposes in entry.routing_for.values())
    values = [item for example in examples for item in (example if isinstance(example, list) else [example])]
    known = [value for value in values if value is not None]
    if is_place or not known:
        return "exact"
    if all(isinstance(value, bool) for value in known):
        return "class"
    return "exact" if any(isinstance(value, int | float | date) for value in known) else "named"


def _without(facts: Iterable[Told], gone: Collection[Told], given: Collection[str]) -> list[Told]:
    """The facts less some; of those that are given away, what is said of them."""
    unsaid = [replace(fact, precision="reason", field=None) if fact in gone else fact for fact in facts]
    return [fact for fact in unsaid if fact.precision != "reason" or fact.dimension in given]


def _language(locale: str) -> str:
    return locale.partition("-")[0]


def _count(number: int) -> str:
    return "one fact" if number == 1 else f"{number} facts"
