"""By which shares people are drawn: those that a test began with hold until it has ended, whatever is set meanwhile."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from flows.durable import write_bytes
from flows.errors import StateError
from flows.experiment import Experiment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.settings import Settings

EVERYBODY = ""
"""What the holdout of all products stands under, beside the products' own tests: no product is called so."""
_FILE = "tests.json"
_SHARES = ("holdout", "usual", "variants", "levels")


class Begun(BaseModel):
    """A test as it began.

    Attributes:
        since: the day of the first decisions that were drawn so.
        name: what product.yaml called it.
        holdout, usual: the share of people in that arm.
        variants, levels: arm -> its share.
        adapted: day -> the shares of its variants, where these follow what comes of them; from then on until the next.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: date
    name: str | None = None
    holdout: float = 0.0
    usual: float = 0.0
    variants: dict[str, float] = {}
    levels: dict[int, float] = {}
    adapted: dict[date, dict[str, float]] = {}

    def is_of(self, test: Experiment) -> bool:
        """Whether a test is set as this one began. A holdout that is found is what it began with."""
        holdout = self.holdout if test.is_automatic else test.holdout
        return (self.name, *self._shares) == (test.name, holdout, test.usual, test.variants, test.levels)

    def goes_on(self, test: Experiment) -> bool:
        """Whether this test goes on where another one is set: none of its arms was taken out, and the name is the same."""
        has_variants = sum(share > 0 for share in self.variants.values()) > 1
        has_arms = bool(self.holdout or self.usual or has_variants or self.levels)
        keeps_holdout = bool(test.holdout) or test.is_automatic or not self.holdout
        keeps_usual = bool(test.usual) or not self.usual
        return has_arms and keeps_holdout and keeps_usual and self.name == test.name and not self._lost(test)

    def applied(self, test: Experiment) -> Experiment:
        """What is set, drawn by the shares of this test."""
        return test.model_copy(update=dict(zip(_SHARES, self._shares, strict=True)))

    def shares_on(self, day: date) -> dict[str, float]:
        """The shares by which its variants are drawn on a day that is not adapted to what came of them then."""
        last = max((each for each in self.adapted if each <= day), default=None)
        return self.variants if last is None else self.adapted[last]

    @property
    def told(self) -> str:
        """Its shares, for people."""
        arms = [f"holdout {_percent(self.holdout)}"] if self.holdout else []
        arms += [f"business as usual {_percent(self.usual)}"] if self.usual else []
        arms += [f"{name} {_percent(share)}" for name, share in self.variants.items()]
        arms += [f"detail level {level} {_percent(share)}" for level, share in self.levels.items()]
        return ", ".join(arms)

    @property
    def _shares(self) -> tuple[float, float, dict[str, float], dict[int, float]]:
        return self.holdout, self.usual, self.variants, self.levels

    def _lost(self, test: Experiment) -> bool:
        """Whether people are in a variant or at a level that nobody is to be in any more."""
        variants = any(share and not test.variants.get(name) for name, share in self.variants.items())
        return variants or any(share and not test.levels.get(level) for level, share in self.levels.items())


class Draws(BaseModel):
    """The tests that have begun, by product; that of `EVERYBODY` is the global holdout."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tests: dict[str, Begun] = {}

    def test(self, name: str, given: Experiment) -> Experiment:
        """By which shares people are drawn, where a test is set."""
        return self.tests[name].applied(given) if self.runs(name, given) else given

    def runs(self, name: str, given: Experiment) -> bool:
        """Whether a test goes on, where one is set."""
        return name in self.tests and self.tests[name].goes_on(given)

    def kept(self, given: Mapping[str, Experiment]) -> dict[str, Begun]:
        """The tests that go on though other shares are set."""
        return {
            name: begun
            for name, begun in self._known(given).items()
            if begun.goes_on(given[name]) and not begun.is_of(given[name])
        }

    def ended(self, given: Mapping[str, Experiment]) -> dict[str, Begun]:
        """The tests that end with what is set."""
        return {
            name: begun
            for name, begun in self._known(given).items()
            if begun.told and not begun.goes_on(given[name]) and not begun.is_of(given[name])
        }

    def named_since(self, given: Mapping[str, Experiment]) -> date | None:
        """The first day of the youngest of some tests that run and have a name: others are known by their shares alone."""
        begun = self._known(given).items()
        return max((each.since for name, each in begun if each.name and each.goes_on(given[name])), default=None)

    def _known(self, given: Mapping[str, Experiment]) -> dict[str, Begun]:
        return {name: self.tests[name] for name in given if name in self.tests}


def of_everybody(settings: Settings) -> Experiment:
    """The holdout of all products, as a test that is set."""
    return Experiment(holdout=settings.global_holdout, name=settings.holdout_name or None)


def read_draws(settings: Settings) -> Draws:
    """The tests that have begun. Raises StateError where their file is not as it was written."""
    file = settings.folder(_FILE)
    try:
        return Draws.model_validate({"tests": json.loads(file.read_bytes())})
    except FileNotFoundError:
        return Draws()
    except (ValueError, ValidationError):
        hint = "restore it from your backup; without this file tests go on by the shares that are set"
        raise StateError(file, "this file does not say by which shares people are drawn", hint) from None


def begin_tests(
    settings: Settings,
    drawn: Mapping[str, Experiment],
    as_of: date,
    adapted: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Note by which tests people are drawn from a day on; those that have begun keep their first day. Call it under the lock.

    Args:
        settings: say where.
        drawn: the tests, by product, with the shares that they began with.
        as_of: the day.
        adapted: product -> the shares of its variants on that day, of tests in which they follow what comes of them.
    """
    known, adapted = read_draws(settings).tests, adapted or {}
    begun = {name: _begun(known.get(name), test, as_of, adapted.get(name)) for name, test in drawn.items()}
    if any(known.get(name) != each for name, each in begun.items()):
        told = {name: each.model_dump(mode="json") for name, each in sorted({**known, **begun}.items())}
        write_bytes(settings.folder(_FILE), json.dumps(told, indent=1).encode())


def _begun(known: Begun | None, test: Experiment, as_of: date, adapted: Mapping[str, float] | None) -> Begun:
    begun = Begun(since=as_of, name=test.name, **{share: getattr(test, share) for share in _SHARES})
    if known is not None and known.model_copy(update={"since": as_of, "adapted": {}}) == begun:
        begun = known
    return begun.model_copy(update={"adapted": {**begun.adapted, as_of: dict(adapted)}}) if adapted else begun


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
