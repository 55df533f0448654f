"""What was found of a product -> what to do next: scale, stop, keep testing, use less data. A person does it, or nobody does."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from flows.learning.cells import HELD_OUT, TREATED, level_arm, level_of
from flows.learning.effects import FEWEST_TOLD
from flows.learning.levels import is_not_worse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flows.learning.effects import Compared
    from flows.learning.levels import Level
    from flows.learning.successes import Role
    from flows.product import Product

Kind = Literal["scale", "stop", "keep_testing", "use_less_data"]
HOLDOUT, PRODUCT = "holdout", "product"
_TESTS = {HELD_OUT: "against those who are held out", "variants": "the variants", "levels": "the detail levels"}


@dataclass(frozen=True)
class Edit:
    """A change of product.yaml.

    Attributes:
        place: the keys that lead to it: `("test", "variants", "list")`.
        value: what stands there then; None: nothing, the key goes.
    """

    place: tuple[str, ...]
    value: str | int | None


@dataclass(frozen=True)
class Proposal:
    """What to do next.

    Attributes:
        id: of the product, its version, the kind and what it is about: the same at every look that finds the same.
        product: which.
        kind: what to do.
        what: with what: `variant list`, `level 0`, `holdout` (of the product alone), `product`; or the test that goes on.
        says: it in a sentence, with its evidence.
        reach_change: how many people more the product would speak to in thirty days; None: few, or nobody can tell.
        evidence: the contrasts that it rests on.
        edits: what acceptance changes in product.yaml; none for what goes on.
        about: what product.yaml has to say still, by its keys with dots, for it to be about what is there.
    """

    id: str
    product: str
    kind: Kind
    what: str
    says: str
    reach_change: int | None
    evidence: tuple[Compared, ...]
    edits: tuple[Edit, ...]
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Around:
    """What is known of a product beside its readout.

    Attributes:
        digest: of all its inputs: its version.
        global_holdout: the share of people who get nothing of any product.
        smallest_effect: the share of a rate, or of what it lacks to all where that is less, that matters.
        people: for whom it was decided in the last thirty days.
        held_out: who would have been, and were held out.
        is_paused: whether it says nothing until a person has looked, so that no test goes on.
    """

    digest: str
    global_holdout: float
    smallest_effect: float
    people: int = 0
    held_out: int = 0
    is_paused: bool = False


class Found(Protocol):
    """What was found of a product: a `products.ProductReadout`."""

    @property
    def verdict(self) -> str:
        """What it is called."""

    @property
    def alarms(self) -> tuple[str, ...]:
        """Guardrails that are worse."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """From the highest of the lower ones down."""

    def of_all(self, role: Role, arm: str) -> Compared | None:
        """What was found of everybody in an arm."""


def proposals(found: Found, product: Product, around: Around) -> Iterator[Proposal]:
    """What to do next with a product that speaks, by its readout of now.

    Of the product itself: *stop* where it does harm, or where nothing was found in either success though a difference that
    matters would have been, four times in five. *Scale*: nobody is held out of it alone any more, where it surely helps, does not
    surely sell less, and the global holdout stays.
    Of variants: *scale* the best one, see `_winner`. Of detail levels: *use less data*, the lowest level where it and all above
    it are not worse than the highest; *scale* the highest where all others are worse.
    *Keep testing* what is open, where one can tell for how many days.
    A guardrail that is worse has nothing scaled, and no test goes on.
    """
    for of_test in (_of_holdout, _of_variants, _of_levels):
        proposed = next(of_test(_Case(found, product, around)), None)
        if proposed is not None:
            yield proposed


class _Case:
    """A product with what was found of it."""

    def __init__(self, found: Found, product: Product, around: Around) -> None:
        self.found, self.product, self.around = found, product, around

    def successes(self, arm: str) -> tuple[Compared, ...]:
        """Both, as far as they are two."""
        return tuple(filter(None, (self.found.of_all("helped", arm), self.found.of_all("business", arm))))

    def propose(
        self,
        kind: Kind,
        what: str,
        says: str,
        reach_change: int | None,
        evidence: tuple[Compared, ...],
        edits: tuple[Edit, ...] = (),
        about: tuple[str, ...] = (),
    ) -> Proposal:
        """A proposal of this product."""
        name = "\x1f".join((self.product.name, self.around.digest, kind, what))
        return Proposal(
            hashlib.sha256(name.encode()).hexdigest()[:8],
            self.product.name,
            kind,
            what,
            says,
            _tellable(reach_change),
            evidence,
            edits,
            {key: value_at(self.product, key) for key in ("success", *about)},
        )

    def keep_testing(self, test: str, asked: tuple[Compared, ...]) -> Iterator[Proposal]:
        """What is open of some contrasts, where somebody can tell how long it takes of what helps at least."""
        if self.around.is_paused or self.found.alarms:
            return
        open_ones = [each for each in asked if not each.contrast.is_sure]
        days = [each.days_needed for each in open_ones if each.role == "helped" or each.days_needed is not None]
        if days and None not in days and max(each or 0 for each in days) > 0:
            most = max(each or 0 for each in days)
            says = (
                f"Keep testing {_TESTS[test]}: {most:,} {'day' if most == 1 else 'days'} more, as fast as people come now, until"
                " a difference that matters is found four times in five."
            )
            yield self.propose("keep_testing", test, says, 0, asked)


def value_at(product: Product, key: str) -> Any:  # noqa: ANN401
    """What a product says under a key, as JSON knows it; `test.levels` is one inside another. What is not set is left out."""
    found: Any = json.loads(product.model_dump_json())
    for step in key.split("."):
        found = found[step]
    return {name: value for name, value in found.items() if value is not None} if isinstance(found, dict) else found


def _of_holdout(case: _Case) -> Iterator[Proposal]:
    found, product, around = case.found, case.product, case.around
    asked = case.successes(TREATED)
    if found.verdict == "HARMS":
        says = f"Stop it: with it the need is greater than without, {_all_told(asked)}."
        yield case.propose("stop", PRODUCT, says, -around.people, asked, (Edit(("status",), "paused"),), ("status",))
    if found.verdict == "NOT_SURE" and asked and all(each.days_needed == 0 and _is_told(each) for each in asked):
        found_by_now = "a difference that matters would have been found by now, four times in five"
        says = f"Stop it: {found_by_now}, and is not: {_all_told(asked)}."
        yield case.propose("stop", PRODUCT, says, -around.people, asked, (Edit(("status",), "paused"),), ("status",))
    if found.verdict in ("HELPS", "HELPS_AND_SELLS"):
        if product.test.holdout and around.global_holdout and not found.alarms:
            more = round((around.people + around.held_out) * (1 - around.global_holdout) * product.test.holdout)
            says = f"Hold nobody out of this product alone any more: it helps, {_all_told(asked)}. The global holdout stays."
            yield case.propose(
                "scale", HOLDOUT, says, more, asked, (Edit(("test", "holdout"), None),), ("test.holdout",)
            )
        return
    if found.verdict in ("NOT_SURE", "SELLS_WITHOUT_HELPING"):
        yield from case.keep_testing(HELD_OUT, asked)


def _of_variants(case: _Case) -> Iterator[Proposal]:
    names = list(case.product.test.variants)
    winner = None if len(names) < 2 or case.found.alarms else _winner(case, names)
    if winner is not None:
        others = [name for name in names if name != winner]
        evidence = tuple(each for name in names[1:] for each in case.successes(name))
        edits = (
            *(Edit(("test", "variants", name), None) for name in others),
            Edit(("test", "variants", winner), "100%"),
        )
        otherwise = round(case.around.people * (1 - case.product.test.variants[winner]))
        to_whom = (
            ""
            if _tellable(otherwise) in (None, 0)
            else f" {otherwise:,} people in thirty days would be told otherwise."
        )
        says = f"Say it to all as in '{winner}': {_all_told(evidence)}.{to_whom}"
        yield case.propose("scale", f"variant {winner}", says, 0, evidence, edits, ("test.variants",))
    yield from case.keep_testing("variants", tuple(each for name in names[1:] for each in case.successes(name)))


def _winner(case: _Case, names: list[str]) -> str | None:
    """The variant that all should get; None: it is not sure yet.

    One that is held against the first wins where it is the best of all in what helps, surely better than the first, and not
    surely worse in business; or surely better in business, while it surely helps no less, by the margin. The first wins where
    all others surely help less, and none surely sells more.
    """
    first, *others = names
    helped = {name: case.found.of_all("helped", name) for name in others}
    told = {name: each for name, each in helped.items() if each is not None and _is_told(each)}
    if len(told) < len(others):
        return None
    sold = [name for name in others if _sure(case.found.of_all("business", name)) > 0]
    if not sold and all(_sure(each) < 0 for each in told.values()):
        return first
    best = max(told, key=lambda name: told[name].contrast.difference or 0.0)
    if _sure(told[best]) > 0 and _sure(case.found.of_all("business", best)) >= 0:
        return best
    helps_no_less = [name for name in sold if is_not_worse(told[name], case.around.smallest_effect)]
    return helps_no_less[0] if len(helps_no_less) == 1 else None


def _of_levels(case: _Case) -> Iterator[Proposal]:
    tried = case.found.levels
    best = None
    for each in tried:  # from the highest down: nobody asks for a lower one before the one above it has passed
        if each.standing != "NOT_WORSE":
            break
        best = each
    about = ("test.levels", "level", "dimensions")
    if best is not None:
        evidence = case.successes(level_arm(best.level))
        says = (
            f"Use less data, detail level {best.level} instead of {best.against}: at the worst"
            f" {_listed(best.lowest)}, where {_listed(best.margins, sign='')} would matter. The same people are spoken to."
        )
        yield case.propose("use_less_data", level_arm(best.level), says, 0, evidence, _one_level(best.level), about)
    if tried and all(each.standing == "WORSE" for each in tried) and not _is_alarmed(case):
        highest = tried[0].against
        evidence = tuple(found for each in tried for found in case.successes(level_arm(each.level)))
        says = f"End the test of detail levels with {highest}: the data help, {_all_told(evidence)}."
        yield case.propose("scale", level_arm(highest), says, 0, evidence, _one_level(highest), about)
    open_ones = tuple(
        found for each in tried if each.standing == "NOT_SURE" for found in case.successes(level_arm(each.level))
    )
    yield from case.keep_testing("levels", open_ones)


def _one_level(level: int) -> tuple[Edit, ...]:
    return Edit(("test", "levels"), None), Edit(("level",), level)


def _is_alarmed(case: _Case) -> bool:
    """Whether a guardrail is worse in an arm that is of no detail level."""
    return any(level_of(alarm.partition(", ")[2]) is None for alarm in case.found.alarms)


def _is_told(each: Compared) -> bool:
    return each.contrast.refused is None


def _sure(each: Compared | None) -> float:
    return each.contrast.difference or 0.0 if each is not None and each.contrast.is_sure else 0.0


def _all_told(asked: tuple[Compared, ...]) -> str:
    return "; ".join(_told(each) for each in asked if _is_told(each))


def _told(each: Compared) -> str:
    found = each.contrast
    span = found.always
    lies = (
        f" ({_points(span.low)} to {_points(span.high)})"
        if span and span.low is not None and span.high is not None
        else ""
    )
    return f"{found.metric} {_points(found.difference or 0.0)} in {found.arm} against {each.control}{lies}"


def _listed(points: Mapping[str, float], sign: str = "+") -> str:
    return " and ".join(f"{_points(value, sign)} of {metric}" for metric, value in points.items())


def _points(value: float, sign: str = "+") -> str:
    """Points of a per cent."""
    return f"{100 * value:{sign}.2f} pt"


def _tellable(count: int | None) -> int | None:
    return count if count is not None and (count == 0 or abs(count) >= FEWEST_TOLD) else None
