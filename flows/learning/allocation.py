"""What came of variants so far -> the shares of the next day's draw: each gets the share that it is the best with.

Source: Thompson (1933); Scott, A modern Bayesian look at the multi-armed bandit (2010): randomised probability matching. To draw
people by the probability that a variant is the best, under independent Beta posteriors, is Thompson sampling of a whole day at
once. Each day's probabilities are logged, so that means weighted by their inverse are not biased by the choice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from flows.learning import cells
from flows.learning.contrasts import FEWEST_UNITS
from flows.learning.counting import counted
from flows.learning.successes import metrics
from flows.ledger.store import open_ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from flows.learning.effects import Counted
    from flows.learning.successes import Metric
    from flows.product import Product
    from flows.workspace import Workspace

_POINTS = 2_000
"""At which the integral over a posterior is taken: the shares come out to a few ten-thousandths."""
_DIGITS = 4
"""Of a share: a draw by 0.7342 can be told to people, and logged."""


@dataclass(frozen=True)
class Tried:
    """What is known of a variant.

    Attributes:
        people: how many; of weighted ones as many as tell as much.
        rate: of what share of them it is true that they were helped.
    """

    people: float
    rate: float


@dataclass(frozen=True)
class Allocation:
    """How the shares of variants have followed what came of them.

    Attributes:
        daily: day (as ISO 8601 has it) -> variant -> its share.
        lost: how many more would have been helped, of those whose time is over, if all had got the variant that helps most, as
            far as is known; None: too little is known.
        lost_as_set: as many, if the shares had stayed as they are set.
    """

    daily: Mapping[str, Mapping[str, float]]
    lost: float | None = None
    lost_as_set: float | None = None


def allocated(workspace: Workspace, product: Product, floor: float) -> dict[str, float] | None:
    """The shares by which a product's variants are drawn today; None: too little is known, and it stays as it is.

    Args:
        workspace: the product is of.
        product: with a test that runs.
        floor: the share that every variant keeps.

    Raises:
        LockedError, StateError: the history cannot be read.
    """
    with open_ledger(workspace.settings, read_only=True) as ledger:
        found = counted(ledger, workspace, product)
    if found is None:
        return None
    known = _known(found, metrics(product)[0])
    return floored(best_with({name: tried(mine) for name, mine in known.items()}), floor) if known else None


def allocation(found: Counted, helped: Metric) -> Allocation | None:
    """How the shares of a product's variants have followed what came of them, and the price of that; None: they never did.

    Args:
        found: its experiment.
        helped: what shows that it helped.
    """
    if not found.design.daily:
        return None
    daily = {day.isoformat(): shares for day, shares in sorted(found.design.daily.items())}
    known = _known(found, helped)
    if not known:
        return Allocation(daily)
    rates = {name: tried(mine).rate for name, mine in known.items()}
    people = {name: int(mine["people"].sum()) for name, mine in known.items()}
    missed = {name: max(rates.values()) - rate for name, rate in rates.items()}
    lost = sum(people[name] * missed[name] for name in known)
    as_set = sum(people.values()) * sum(found.design.variants[name] * missed[name] for name in known)
    return Allocation(daily, lost, as_set)


def _known(found: Counted, helped: Metric) -> dict[str, pl.DataFrame]:
    """The cells of each variant that has a share; none where one has fewer people than numbers are told of."""
    names = [name for name, share in found.design.variants.items() if share]
    known = {name: cells.happened_to(cells.of_arm(found.over, name), found.happened, helped) for name in names}
    is_enough = all(int(mine["people"].sum()) >= FEWEST_UNITS for mine in known.values())
    return known if is_enough else {}


def tried(of: pl.DataFrame) -> Tried:
    """What is known of an arm by its cells: `people, hits, weight`.

    Source: of weighted people as many count as would have the same error if all weighed the same: Kish, Survey sampling (1965),
    11.7. The rate is weighted, too (Hajek): days on which more helps anyway, and more got this variant, do not speak for it.
    """
    whole = float((of["people"] * of["weight"]).sum())
    people = whole**2 / float((of["people"] * of["weight"] ** 2).sum())
    return Tried(people, float((of["hits"] * of["weight"]).sum()) / whole)


def best_with(known: Mapping[str, Tried]) -> dict[str, float]:
    """The probability with which each of some variants is the best, of all that helped; the posterior of each is a Beta's.

    By midpoints of equal probability of its own posterior: no chance is in it, so that who repeats it finds the same.
    """
    from scipy.stats import beta

    posteriors = {
        name: beta(1 + each.people * each.rate, 1 + each.people * (1 - each.rate)) for name, each in known.items()
    }
    middles = (np.arange(_POINTS) + 0.5) / _POINTS
    found = {}
    for name, mine in posteriors.items():
        at = mine.ppf(middles)
        below = [other.cdf(at) for rival, other in posteriors.items() if rival != name]
        found[name] = float(np.prod(below, axis=0).mean())
    whole = sum(found.values())
    return {name: each / whole for name, each in found.items()}


def floored(best: Mapping[str, float], floor: float) -> dict[str, float]:
    """Shares that leave each at least `floor`, and divide the rest as `best` says; together exactly 1."""
    rest = 1 - floor * len(best)
    shares = {name: round(floor + rest * share, _DIGITS) for name, share in best.items()}
    most = max(shares, key=lambda name: shares[name])
    shares[most] = round(1 - sum(share for name, share in shares.items() if name != most), _DIGITS)
    return shares
