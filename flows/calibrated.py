"""Weights of relevance that were learned from outcomes, and accepted by a person: then a score is a probability."""

from __future__ import annotations

from datetime import date  # noqa: TC003  (pydantic reads the annotations)
from typing import TYPE_CHECKING

from pydantic import BaseModel, Field

from flows.documents import STRICT, Document, Text, read_document
from flows.errors import CatalogueError, SettingError

if TYPE_CHECKING:
    from pathlib import Path

    from flows.next_best import NextBest

FILE = "sql/relevance.yaml"
AGAIN = f"take {FILE} away, and learn again: justenough calibrate"


class Weights(BaseModel):
    """What the relevance of a product is made of.

    Attributes:
        people: from how many it was learned.
        error: the calibration error: by how much scores and what happened differ, in the mean, as a share.
        base: the log-odds without any signal.
        threshold: the score below which nothing is said.
        weights: signal -> its weight in log-odds.
    """

    model_config = STRICT

    people: int = Field(ge=0)
    error: float = Field(ge=0, le=1)
    base: float = Field(allow_inf_nan=False)
    threshold: float = Field(ge=0, le=1)
    weights: dict[str, float]


class Calibrated(Document):
    """sql/relevance.yaml: the weights of all products of marketing that are weighed, since their scores are compared.

    Attributes:
        outcome: of what a score is the probability.
        within_days: within how many days of the decision.
        learned_on: the day.
        products: product -> its weights.
    """

    outcome: Text
    within_days: float
    learned_on: date
    products: dict[str, Weights]


def read_calibrated(workspace: Path, setting: NextBest | None) -> Calibrated | None:
    """What was accepted last; None where nothing was.

    Args:
        workspace: the folder.
        setting: what is set.

    Raises:
        CatalogueError: it is not as it should be.
        SettingError: it was learned by another outcome than is set, or none is set any more.
    """
    if not (workspace / FILE).exists():
        return None
    found = read_document(workspace / FILE, Calibrated, CatalogueError, name=FILE)
    set_as = None if setting is None else (setting.outcome, setting.within.total_seconds() / 86_400)
    if (found.outcome, found.within_days) != set_as:
        what = f"{FILE} was learned by '{found.outcome}' within {found.within_days:g} days, and that is not what is set"
        raise SettingError("pyproject.toml: tool.justenough.next_best", what, f"set these again, or {AGAIN}")
    return found
