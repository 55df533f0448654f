"""What a plan says of itself in sentences, on its page and in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.next_best import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.counts import Capped, Held, LeftOut, Missed, Price
    from flows.next_best import Effect
    from flows.plan import Order, Plan
    from flows.settings import Settings


def in_environment(settings: Settings) -> list[str]:
    """Outside production: that it is, and where everything goes instead of to people."""
    if settings.is_production:
        return []
    ways = ", ".join(f"{len(given):,} by {channel}" for channel, given in settings.seeds.items() if given)
    return [f"{settings.mark}Everything goes to seed addresses, {ways}; by no other channel does anything leave."]


def rolled(settled: Plan) -> list[str]:
    """How much of the warehouse a rolling run has read, and what its segments have not told."""
    found = settled.order.rolling
    if found is None:
        return []
    if found.because is not None:
        read = f"Everybody was read, and not only those of whom something has changed: {found.because}."
    else:
        read = f"{found.scope:,} of {found.customers:,} people were looked at again"
        read += f", in {', '.join(found.few)}." if found.few else "."
    whole = [f"{name} was read over everybody: {why}." for name, why in found.whole.items()]
    untold = [
        f"{name} names {people:,} people of whom it had not told by `next_due_on`: mend it, or take out `tells_when_due`."
        for name, people in settled.untold.items()
    ]
    return [read, *whole, *untold]


def for_a_few(order: Order) -> list[str]:
    """Whom a plan is about, where that is not everybody, and by what it goes then."""
    if not order.customers:
        return []
    who = "one customer" if len(order.customers) == 1 else f"{len(order.customers):,} customers"
    by = f"the crowds and prices are those of plan {order.goes_by}" if order.goes_by else "there are no crowds to go by"
    return [f"It is about {who} alone; {by}."]


def reviews_due(order: Order) -> list[str]:
    """Which products somebody has to look at soon, so that they go on speaking."""
    return [
        f"{product} speaks until {day} and no longer, unless somebody looks at it and sets a new review date in"
        f" templates/{product}/product.yaml"
        for product, day in order.reviews.items()
    ]


def to_look_at(order: Order) -> Iterator[str]:
    """What a person should look at before the next run, for a log."""
    yield from (f"{product} is left out, since its review date has passed" for product in order.overdue)
    for product, day in order.reviews.items():
        yield f"{product} speaks until {day} and no longer: its review date"
    yield from (f"{product} is left out, since it is paused: {why}" for product, why in order.paused.items())
    yield from (f"{name} is stopped {said}" for name, said in order.stopped.items())
    yield from words_unsigned(order)
    for name, shares in order.tests_kept.items():
        yield f"{name}: a test goes on though other shares are set: {shares}"


def stops_told(order: Order) -> list[str]:
    """What is stopped, since when, and why."""
    return [f"{what} is stopped {said}: see justenough go --help" for what, said in order.stopped.items()]


def words_unsigned(order: Order) -> list[str]:
    """What products do not say, since somebody has to sign it first."""
    return [
        f"{product} says nothing in {language}, since {who}: see justenough approve --help"
        for product, languages in order.unsigned.items()
        for language, who in languages.items()
    ]


def tests_kept(order: Order) -> list[str]:
    """The tests that go on though other shares are set."""
    return [
        f"{name}: other shares are set, and its test goes on by those that it began with ({shares}): see justenough check."
        for name, shares in order.tests_kept.items()
    ]


def variants_adapted(order: Order) -> list[str]:
    """By which shares variants are drawn that follow what comes of them."""
    return [
        f"{name}: its variants are drawn by what came of them: {shares_told(shares)}."
        for name, shares in order.adapted.items()
    ]


def helps_chosen(plan: Plan) -> list[str]:
    """How people's helps were chosen, where the setting `next_best` chooses them."""
    ways = {
        "learned": "by what was learned",
        "relevance": "by relevance",
        "lot": "by lot, so that one learns",
        "silent": "nothing, since no help is worth a contact to them",
    }
    told = [f"{ways[way]} {plan.chosen[way]:,}" for way in ways if plan.chosen.get(way)]
    order = plan.order
    scores = [f"Scores are the probability of {order.calibrated}."] if order.calibrated else []
    for name, found in order.weights.items():
        weights = ", ".join(
            f"{signal} {_signed(weight)}" for signal, weight in {"base": found.base, **found.weights}.items()
        )
        scores.append(
            f"{name} fits by {weights}; {found.threshold:.3g} is enough. Learned from {found.people:,} people."
        )
    does = [f"{name} brings about {_does(effect)}." for name, effect in order.effects.items()]
    return [*scores, *([f"Which help people get: {', '.join(told)}."] if told else []), *does]


MOST_CELLS = 12
"""Of a help whose effects are told in a sentence."""


def _does(effect: Effect) -> str:
    """What a help does, by who somebody is."""
    cells = [f"{points(cell.more)} where {_who(cell.when)}" for cell in effect.cells[:MOST_CELLS]]
    more = len(effect.cells) - len(cells)
    rest = f"{points(effect.for_all)} {'else' if cells else 'for all'}"
    return ", ".join([*cells, *([f"{more:,} cells more in {FILE}"] if more else []), rest])


def _who(when: Mapping[str, str]) -> str:
    return " and ".join(f"{name.replace('_', ' ')} is {value}" for name, value in when.items())


def points(share: float) -> str:
    """A share in points of a per cent."""
    return f"{_signed(100 * share)} pt"


def _signed(number: float) -> str:
    return f"{number:+.2f}".replace("-", "−")


def shares_told(shares: Mapping[str, float]) -> str:
    """Shares for people, the largest first."""
    largest_first = sorted(shares.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{name} {100 * share:.3g} %" for name, share in largest_first)


def left_out(found: Sequence[LeftOut]) -> list[str]:
    """Whom campaigns that run anyway are to leave out, what a platform calls them, and why not the others."""
    return [
        f"To be left out of other campaigns: {row.passed:,} of {row.base:,} {row.audience} of {row.brand}, "
        f"as {row.code} at {row.target}{_others(row.reasons)}."
        for row in found
    ]


def _others(reasons: Mapping[str, int]) -> str:
    told = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
    return f" ({told})" if told else ""


def to_seeds(seeds: Mapping[str, int]) -> list[str]:
    """Where copies go that are not counted, if anywhere."""
    ways = ", ".join(f"{count:,} by {channel}" for channel, count in seeds.items())
    return (
        [f"Seed addresses get a copy of each product, variant, language and level, uncounted: {ways}."] if ways else []
    )


def by_caps(capped: Sequence[Capped]) -> list[str]:
    """For each cap how many people it bars, and until when."""
    return [f"Capped by {row.cap}: {row.people:,}, the last of them until {row.until}." for row in capped]


def by_budgets(prices: Sequence[Price]) -> list[str]:
    """For each channel with a budget how much of it is used, what became of the others, and the price that tells them apart."""
    return [
        f"The budget of {row.channel} of {row.brand} is {row.budget}"
        + (f", {row.spent:,} of them used by earlier runs" if row.spent else "")
        + f": {row.planned:,} go by it, {row.moved:,} by another channel instead, {row.fallen:,} fall away; "
        f"the price is {row.price:.4f}, and at most {row.gap:.2%} of what could be had is missed."
        for row in prices
    ]


def by_hours(settled: Plan) -> list[str]:
    """How many messages wait for the end of quiet hours, and until when; and whose hours could not be told."""
    held = [
        f"{row.messages:,} {row.channel} are held for the quiet hours where people are, until {_told(row)} UTC."
        for row in settled.held
    ]
    strange = (
        f"{settled.strange_zones:,} people have a time zone that nobody knows; the setting `timezone` holds for them."
    )
    return [*held, strange] if settled.strange_zones else held


def _told(held: Held) -> str:
    first, last = (f"{at:%Y-%m-%d %H:%M}" for at in (held.since, held.until))
    return first if first == last else f"{first} to {last}"


def without_facts(missed: Sequence[Missed]) -> list[str]:
    """For each product that tells most people nothing of what is known: how many, and which missing fact costs the most."""
    first = {row.product: row for row in reversed(missed)}
    return [
        f"{name} uses nothing that is known of {row.bare:,} of {row.decided:,} people. What costs the most: {row.dimension} is "
        f"{row.why} for {row.people:,}; {_REMEDY[row.why]}."
        for name, row in sorted(first.items())
    ]


_REMEDY = {
    "absent": "look at what the segment finds of it, and at its load",
    "stale": "load it more often, or look at its fresh_for in sql/dimensions.yaml",
    "not permitted": "it needs a consent that they have not given, or a lawful basis",
}
