"""Which of several open helps is given, held against a linear program that knows nothing of how it is chosen."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array

from flows.next_best import Cell, Effect, Learned, NextBest
from flows.stages.next_best import Chooser, chosen

HELPS = ("care", "fit", "stock", "size")
AREAS = ("north", "south", "east")
PRICE, PEOPLE = 0.02, 400


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(5))
def test_the_best_helps_are_those_of_the_linear_program_that_pays_a_price_for_each_contact(seed):
    chance = np.random.default_rng(seed)
    more = chance.normal(0.01, 0.03, (len(AREAS), len(HELPS)))
    area = chance.integers(len(AREAS), size=PEOPLE)
    who, help_ = np.nonzero(chance.random((PEOPLE, len(HELPS))) < 0.6)
    people = [f"c{each:03}" for each in range(PEOPLE)]
    found = chosen(
        pl.DataFrame(
            {
                "customer_id": [people[each] for each in who],
                "brand": "one",
                "product": [HELPS[each] for each in help_],
                "score": chance.random(len(who)),
                "reason": pl.Series([None] * len(who), dtype=pl.String),
            }
        ),
        Chooser(
            NextBest(contexts="who", outcome="ordered", within=timedelta(days=7), price=PRICE),
            learned(more),
            pl.DataFrame({"customer_id": people, "brand": "one", "area": [AREAS[each] for each in area]}),
            "w",
            date(2026, 11, 23),
        ),
    )
    worth = more[area[who], help_] - PRICE
    one_each = csr_array((np.ones(len(who)), (who, np.arange(len(who)))), (PEOPLE, len(who)))
    best = linprog(-worth, A_ub=one_each, b_ub=np.ones(PEOPLE), bounds=(0, 1))
    told = pl.DataFrame({"customer_id": np.array(people)[who], "product": np.array(HELPS)[help_], "best": best.x > 0.5})
    both = found.join(told, on=["customer_id", "product"], validate="1:1")
    assert both["is_best"].to_list() == both["best"].to_list()
    assert both.filter("is_best")["worth"].sum() == pytest.approx(-best.fun)
    silent = both.group_by("customer_id").agg(pl.col("best").any())
    assert 0 < silent["best"].sum() < silent.height, "somebody is told nothing, and somebody is"


def learned(more: np.ndarray) -> Learned:
    """What each help does in each area."""
    effects = {
        name: Effect(
            contexts=["area"],
            for_all=0.0,
            cells=[Cell(when={"area": area}, more=float(more[row, place])) for row, area in enumerate(AREAS)],
        )
        for place, name in enumerate(HELPS)
    }
    return Learned(
        outcome="ordered",
        within_days=7,
        price=PRICE,
        learned_on=date(2026, 11, 20),
        people=10_000,
        more=1,
        at_least=0,
        effects=effects,
    )
