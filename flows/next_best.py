"""Which help somebody gets where several are open: what is set, and what was learned of whom each one helps."""

from __future__ import annotations

from datetime import date  # noqa: TC003  (pydantic reads the annotations)
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from flows.documents import STRICT, Document, Text, read_document
from flows.durations import Duration, Share
from flows.errors import CatalogueError, SettingError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

FILE = "sql/next_best.yaml"
OTHERS, NOTHING = "others", "(nothing)"
"""The cells of what is none of the known values, and of what is not known."""


class NextBest(BaseModel):
    """That the choice among several helps is tried, and learned.

    Attributes:
        contexts: the segment whose fields a choice may depend on: a row for each customer and brand.
        outcome: what a help is to bring about more often, in anybody's words: `ordered`, `no_care_contact`.
        within: how long after the decision.
        price: of a contact, in that outcome: at 0.002 two of a thousand more have to do it for a message to be worth it.
        explore: the share of people to whom one of the open helps is given by lot, so that one learns.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    contexts: Text
    outcome: Text
    within: Duration
    price: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False)
    explore: Annotated[Share, Field(gt=0, lt=1)] = 0.05


class Cell(BaseModel):
    """Some people: those of whom this is true.

    Attributes:
        when: context -> its value; `others` is any that is named nowhere, `(nothing)` that it is not known.
        more: of what share of them the outcome is true more often with the help than without.
    """

    model_config = STRICT

    when: dict[str, str]
    more: float = Field(allow_inf_nan=False)


class Effect(BaseModel):
    """What a help does, by who somebody is.

    Attributes:
        contexts: what it depends on.
        for_all: its effect where nothing else is said.
        cells: its effect in each cell of these contexts.
    """

    model_config = STRICT

    contexts: list[str]
    for_all: float = Field(allow_inf_nan=False)
    cells: list[Cell] = []


class Learned(Document):
    """sql/next_best.yaml: what was learned, valued against the rules, and accepted by a person.

    Attributes:
        outcome: what it was learned by.
        within_days: within how many days of the decision that counts.
        price: of a contact.
        learned_on: the day.
        people: from how many.
        more: how many more of a hundred people it comes to than the rules, as far as held-out people tell.
        at_least: that at the worst, at 95 %: its harm bound.
        effects: product -> what it does.
    """

    outcome: Text
    within_days: float
    price: float
    learned_on: date
    people: int
    more: float
    at_least: float
    effects: dict[str, Effect]


def read_learned(
    workspace: Path, setting: NextBest, dimensions: Mapping[str, Collection[str]], most: int
) -> Learned | None:
    """What was accepted last; None where nothing was.

    Args:
        workspace: the folder.
        setting: what is set.
        dimensions: context -> the dimensions that it tells.
        most: how many dimensions one help may depend on.

    Raises:
        CatalogueError: it depends on what is no context, or on more dimensions of people than a message may use.
        SettingError: it was learned for another outcome or price than are set.
    """
    if not (workspace / FILE).exists():
        return None
    found = read_document(workspace / FILE, Learned, CatalogueError, name=FILE)
    for product, effect in found.effects.items():
        where = found.at("effects", product)
        for name in effect.contexts:
            if name not in dimensions:
                raise CatalogueError(where, f"'{name}' is no field of the contexts' segment", _AGAIN)
        told = {dimension for name in effect.contexts for dimension in dimensions[name]}
        if len(told) > most:
            what = (
                f"'{product}' is chosen by {len(told)} dimensions ({', '.join(sorted(told))}), and {most} are allowed"
            )
            raise CatalogueError(where, what, _AGAIN)
        if any(cell.when.keys() != set(effect.contexts) for cell in effect.cells):
            raise CatalogueError(where, f"a cell of '{product}' does not say each of its contexts", _AGAIN)
    set_as = (setting.outcome, setting.within.total_seconds() / 86_400, setting.price)
    if (found.outcome, found.within_days, found.price) != set_as:
        what = (
            f"{FILE} was learned for '{found.outcome}' within {found.within_days:g} days at {found.price:g} a contact"
        )
        raise SettingError("pyproject.toml: tool.justenough.next_best", what, f"set these again, or {_AGAIN}")
    return found


_AGAIN = f"take {FILE} away, and learn again: justenough next-best"
