"""Choices among helps by lot: what each does is found where it is, and nothing is proposed where nothing is better."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from flows.learning.policies.helps import Found, _Help, _Limit, learn, made
from flows.learning.policies.outcome_model import doubly_robust
from flows.ledger.choices import TOLD

HELPS = ("care", "fit", "stock")
DIMENSIONS = {"stage": ("orders",), "area": ("address",), "size": ("basket", "orders"), "noise": ("visits",)}
EXPLORE, HELD, PRICE = 0.5, 0.15, 0.002
STAGES, AREAS, SIZES, NOISES = ("new", "old", "gone"), ("n", "s"), ("s", "m", "l"), tuple("abcde")


@dataclass(frozen=True)
class World:
    """People with contexts; what each help does for them is `effects`: help -> (stage, size) -> share."""

    effects: dict
    seed: int
    people: int = 30_000

    def drawn(self) -> tuple[pl.DataFrame, np.ndarray, np.ndarray]:
        """`TOLD`, what each help does for each person, and which were open."""
        chance = np.random.default_rng(self.seed)
        n, k = self.people, len(HELPS)
        values = dict(zip(DIMENSIONS, (STAGES, AREAS, SIZES, NOISES), strict=True))
        codes = {name: chance.integers(len(of), size=n) for name, of in values.items()}
        effect = np.stack([self.effects[name][codes["stage"], codes["size"]] for name in HELPS], axis=1)
        is_open = chance.random((n, k)) < 0.7
        is_open[np.arange(n), chance.integers(k, size=n)] = True
        score = chance.random((n, k)) * is_open
        rules = score.argmax(1)
        count = is_open.sum(1)
        odds = is_open * (EXPLORE / count)[:, None]
        odds[np.arange(n), rules] += 1 - EXPLORE
        chosen = (odds.cumsum(1) > chance.random(n)[:, None]).argmax(1)
        is_given = chance.random(n) >= HELD
        base = 0.10 + 0.05 * (codes["area"] == 0)
        happens = chance.random(n) < base + np.where(is_given, effect[np.arange(n), chosen], 0)
        rows = pl.DataFrame(
            {
                "part": chance.integers(5, size=n),
                "product": [HELPS[each] for each in chosen],
                "is_given": is_given,
                "among": [[HELPS[j] for j in range(k) if row[j]] for row in is_open],
                "chances": [[odd * (1 - HELD) for odd in row if odd] for row in odds.tolist()],
                "nothing": np.full(n, HELD),
                "share": np.ones(n),
                "by_rules": [HELPS[each] for each in rules],
                "contexts": [
                    [{"name": name, "value": values[name][codes[name][i]]} for name in DIMENSIONS] for i in range(n)
                ],
                "signals": [[]] * n,
                "has_happened": happens,
            },
            TOLD,
        )
        return rows, effect, is_open

    def found(self, most: int = 3) -> Found:
        return learn(made(self.drawn()[0], list(DIMENSIONS)), DIMENSIONS, PRICE, most)


def flat(care: float, fit: float, stock: float) -> dict:
    return {name: np.full((3, 3), each) for name, each in zip(HELPS, (care, fit, stock), strict=True)}


def planted() -> dict:
    """Care helps the new ones much and the old ones not; fit all a little; stock nobody."""
    effects = flat(0, 0.03, 0)
    effects["care"] = np.array([[0.12] * 3, [0.0] * 3, [-0.03] * 3])
    return effects


def test_choices_are_read_as_they_were_drawn():
    rows, _, is_open = World(planted(), 1, people=400).drawn()
    data = made(rows, list(DIMENSIONS))
    assert data.helps == HELPS
    assert (data.is_open == is_open).all()
    given = [0 if not row["is_given"] else HELPS.index(row["product"]) + 1 for row in rows.iter_rows(named=True)]
    assert data.given.tolist() == given
    own = [
        dict(zip(row["among"], row["chances"], strict=True))[row["product"]] if row["is_given"] else HELD
        for row in rows.iter_rows(named=True)
    ]
    assert data.chance.tolist() == own
    assert data.outcome.tolist() == rows["has_happened"].cast(pl.Float64).to_list()
    assert len(made(rows, ["stage"])) == 0  # of other contexts than are set now
    assert made(rows, list(DIMENSIONS), is_absence=True).outcome.tolist() == (1 - data.outcome).tolist()


def test_who_is_valued_has_no_part_in_what_they_are_valued_by():
    data = made(World(planted(), 6, people=6_000).drawn()[0], list(DIMENSIONS))
    mine = data.part == 0
    told = np.where(
        mine, (data.given != 0).astype(float), data.outcome
    )  # in part 0 each help does all that can be done
    limit, people = _Limit(0, DIMENSIONS, 3), np.flatnonzero(data.is_open[:, 0])
    before, after = (worth(replace(data, outcome=of), limit) for of in (data.outcome, told))
    assert abs(after - before)[mine[people]].max() < 0.05
    assert abs(after - before)[~mine[people]].min() > 0.1


def worth(data, limit) -> np.ndarray:
    guess = np.full((len(data), len(HELPS) + 1), 0.1)
    return _Help(data, doubly_robust(data.outcome, data.given, data.chance, guess), 1).worth(limit)


@pytest.mark.slow
def test_what_was_planted_is_found_and_gains_more_than_half_of_what_could_be():
    gains, best = [], []
    for seed in range(5):
        world = World(planted(), seed)
        _, effect, is_open = world.drawn()
        found = world.found()
        assert found.proposed is not None
        way = next(each for each in found.ways if each.name == found.proposed)
        assert way.verdict == "BETTER"
        assert way.more.low > 0
        assert "stage" in found.tables["care"].contexts
        care = dict(found.tables["care"].cells)
        at = found.tables["care"].contexts.index("stage")
        new = [more for values, more in care.items() if values[at] == "new"]
        assert np.mean(new) == pytest.approx(0.12, abs=0.04)
        gains.append(way.more.value)
        oracle = np.maximum(np.where(is_open, effect - PRICE, -1).max(1), 0).mean()
        rows, _, _ = world.drawn()
        rules = effect[np.arange(len(rows)), [HELPS.index(name) for name in rows["by_rules"]]].mean() - PRICE
        best.append(oracle - rules)
    assert np.mean(gains) > 0.5 * np.mean(best)


@pytest.mark.slow
def test_where_no_help_does_more_than_another_nothing_is_proposed():
    proposed = [World(flat(0.02, 0.02, 0.02), seed, people=12_000).found().proposed for seed in range(20)]
    assert sum(each is not None for each in proposed) <= 1


@pytest.mark.slow
def test_a_help_that_is_best_for_all_needs_no_context():
    found = World(flat(0.06, 0.0, 0.0), 3).found()
    assert found.proposed == "0 contexts"
    assert [table.contexts for table in found.tables.values()] == [(), (), ()]
    assert found.tables["care"].for_all == pytest.approx(0.06, abs=0.02)


@pytest.mark.slow
def test_no_help_depends_on_more_dimensions_than_may_be_used():
    effects = flat(0, 0.02, 0)
    effects["care"] = np.array([[0.3, 0.15, 0.0], [0.15, 0.0, -0.08], [0.0, -0.08, -0.1]])
    whole = World(effects, 4).found()
    assert set(whole.tables["care"].contexts) >= {"stage", "size"}  # orders and basket
    one = World(effects, 4).found(most=1)
    told = (
        {dimension for name in one.tables["care"].contexts for dimension in DIMENSIONS[name]} if one.tables else set()
    )
    assert len(told) <= 1


def test_of_too_few_the_rules_go_on():
    found = World(planted(), 5, people=600).found()
    assert found.proposed is None
    assert set(found.thin) <= set(HELPS)
    assert found.tables == {}
