"""Budgets: how many marketing messages of a brand a channel carries, in a run or in a day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, WithJsonSchema

_WRITTEN = r"(0|[1-9]\d{0,9}) a (run|day)"


@dataclass(frozen=True)
class Budget:
    """At most so many marketing messages of a brand by one channel.

    Attributes:
        most: how many.
        per: run: of each run anew; day: of all runs of a day together, in the workspace's time zone, by the instant of the claim.
    """

    most: int
    per: Literal["run", "day"]

    def __str__(self) -> str:
        """As it is told: `20,000 a day`."""
        return f"{self.most:,} a {self.per}"


def read_budget(text: object) -> Budget:
    """A budget as people write it: `20000 a day`, `5000 a run`.

    Raises:
        ValueError: it is not written like that.
    """
    if isinstance(text, Budget):
        return text
    match = re.fullmatch(_WRITTEN, " ".join(text.split())) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"'{text}' is no budget | write it as in '20000 a day' or '5000 a run'")
    return Budget(int(match[1]), "run" if match[2] == "run" else "day")


ChannelBudget = Annotated[
    Budget,
    BeforeValidator(read_budget),
    WithJsonSchema({"type": "string", "pattern": f"^{_WRITTEN}$", "examples": ["20000 a day", "5000 a run"]}),
]
