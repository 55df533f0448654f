"""What the power check says, in sentences: whether what a product tries finds a difference that matters in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.learning.power import ASSUMED_RATE, HOLDOUTS, PAYS_WITHIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.learning.power import Found, Power

LEGEND = (
    "tests: days until a difference that matters (smallest_effect) is found four times in five, looked at every day; "
    f"a test pays that finds one within {PAYS_WITHIN.days}. What is not known is taken to happen to {ASSUMED_RATE:.0%}"
)


def power_lines(power: Power) -> Iterator[str]:
    """A line for each thing that a product tries, and for what would pay; none where nothing is tried and nobody has come yet."""
    if not power.tried and power.people_a_week is None:
        return
    yield f"{power.product} tests · {_known(power)}"
    yield from (f"  {found.what} {_said(found)}" for found in power.tried)
    for found in power.would_pay:
        is_next = power.is_automatic and found.what.startswith("holdout")
        yield f"  {found.what} {'begins with the next run' if is_next else 'in product.yaml would pay'}: {_days(found)}"
    if power.people_a_week is not None and not any(each.pays for each in (*power.tried, *power.would_pay)):
        yield f"  no holdout of up to {max(HOLDOUTS):.0%} would pay, nor would two variants"


def _known(power: Power) -> str:
    """What the answer is made of."""
    if power.people_a_week is None:
        return "the history does not tell yet how many people come"
    told = [f"{role} {rate:.1%}" for role, rate in power.rates.items()]
    told += [f"{role} not known" for role in power.assumed]
    return f"{power.people_a_week:,} people a week, {', '.join(told)}"


def _said(found: Found) -> str:
    """Whether a trial pays."""
    enough = (
        "with no number of people" if found.people_a_week is None else f"from {found.people_a_week:,} people a week on"
    )
    if found.pays is None:
        return f"pays {enough}"
    return f"pays: {_days(found)}" if found.pays else f"does not pay: {_days(found)}; it would {enough}"


def _days(found: Found) -> str:
    return ", ".join(f"{role} {'never' if days is None else f'in {days:,} days'}" for role, days in found.days.items())
