"""Contrasts of detail levels -> which lower level is not worse than the highest one, by a margin that nobody would miss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flows.learning.cells import level_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.learning.effects import Compared

Standing = Literal["NOT_WORSE", "WORSE", "NOT_SURE"]


@dataclass(frozen=True)
class Level:
    """A lower detail level, as against the highest that is tried.

    Attributes:
        level: which.
        against: the highest.
        standing: NOT_WORSE: in neither success by as much as matters, however often anybody looks. WORSE: surely so in one of
            them, or in a guardrail.
        margins: metric -> the difference that would matter: the setting `smallest_effect` of the rate at the highest level, or of
            what that lacks to all where this is less.
        lowest: metric -> how much it may be worse at the most, as far as the data tell: the lower end of the interval for every
            look.
    """

    level: int
    against: int
    standing: Standing
    margins: Mapping[str, float] = field(default_factory=dict)
    lowest: Mapping[str, float] = field(default_factory=dict)


def margin(rate: float, smallest_effect: float) -> float:
    """The difference from a rate that matters: a share of it, or of what it lacks to all where that is less."""
    return smallest_effect * min(rate, 1 - rate)


def is_not_worse(each: Compared, smallest_effect: float) -> bool:
    """Whether an arm is not worse than its control by a margin, however often anybody looks: non-inferiority.

    Source: Wellek, Testing statistical hypotheses of equivalence and noninferiority (2010), 1.4: the interval's lower end lies
    above minus the margin; with an interval for every look it holds at every look.
    """
    found = each.contrast
    if found.always is None or found.always.low is None or found.control_mean is None:
        return False
    return found.always.low > -margin(found.control_mean, smallest_effect)


def levels(compared: Sequence[Compared], alarms: Sequence[str], smallest_effect: float) -> Iterator[Level]:
    """The standing of each lower level, from the highest of them down, of everybody who is in the test.

    Args:
        compared: contrasts that are judged together.
        alarms: guardrails that are worse, as `products.ProductReadout` has them.
        smallest_effect: see `Level`.
    """
    of_all = [each for each in compared if each.basis == "intention" and level_of(each.contrast.arm) is not None]
    for arm in dict.fromkeys(each.contrast.arm for each in of_all):
        mine = [each for each in of_all if each.contrast.arm == arm and each.role in ("helped", "business")]
        yield Level(
            level_of(arm) or 0,
            level_of(mine[0].control) or 0,
            _standing(mine, any(alarm.endswith(f", {arm}") for alarm in alarms), smallest_effect),
            {each.contrast.metric: margin(each.contrast.control_mean or 0.0, smallest_effect) for each in _told(mine)},
            {each.contrast.metric: each.contrast.always.low or 0.0 for each in _told(mine) if each.contrast.always},
        )


def _standing(mine: Sequence[Compared], is_alarmed: bool, smallest_effect: float) -> Standing:  # noqa: FBT001
    if is_alarmed or any(each.contrast.is_sure and (each.contrast.difference or 0.0) < 0 for each in mine):
        return "WORSE"
    return "NOT_WORSE" if all(is_not_worse(each, smallest_effect) for each in mine) else "NOT_SURE"


def _told(mine: Sequence[Compared]) -> list[Compared]:
    return [each for each in mine if each.contrast.refused is None]
