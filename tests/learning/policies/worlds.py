"""Experiments of which the truth is known: units with contexts, the mean of each arm for each, and what was drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

ARMS = ("call", "mail", "none")
CONTEXTS = ("age", "area", "is_new", "orders")


@dataclass(frozen=True)
class World:
    """A table with `arm`, `y`, `p` and `CONTEXTS`, and `means`: units x arms."""

    table: pl.DataFrame
    means: np.ndarray

    @property
    def best(self) -> float:
        """The value of the best arm for all."""
        return float(self.means.mean(0).max())

    @property
    def oracle(self) -> float:
        """The value where each gets what is best."""
        return float(self.means.max(1).mean())

    def of(self, codes: np.ndarray) -> float:
        """The value of arms, by unit."""
        return float(self.means[np.arange(len(codes)), codes].mean())


def world(seed: int, units: int, *, planted: float = 0.0, skew: float = 0.0) -> World:
    """Units that act in one case of ten, and by 5 points more where called or mailed.

    Args:
        seed: of all draws.
        units: how many.
        planted: by how much more a call, and less a mail, does for who is new; the other way round for all others.
        skew: by how much more likely older ones are called.
    """
    drawn = np.random.default_rng(seed)
    age, orders = drawn.integers(18, 90, units), drawn.poisson(3, units)
    area, is_new = drawn.choice(["coast", "hills", "town"], units), drawn.random(units) < 0.5
    base = 0.08 + 0.04 * (age > 50) + 0.02 * (area == "town")
    turned = planted * np.where(is_new, 1, -1)
    means = np.stack([base + 0.05 + turned, base + 0.05 - turned, base], 1)
    chances = np.full((units, 3), 1 / 3)
    chances[:, 0] += skew * np.where(age > 50, 1, -1)
    chances[:, 2] = 1 - chances[:, :2].sum(1)
    arm = (drawn.random(units)[:, None] > chances.cumsum(1)).sum(1)
    happened = drawn.random(units) < means[np.arange(units), arm]
    table = pl.DataFrame(
        {
            "arm": np.array(ARMS)[arm],
            "y": happened,
            "p": chances[np.arange(units), arm],
            "age": age,
            "area": area,
            "is_new": is_new,
            "orders": orders,
        }
    )
    return World(table, means)
