"""Which detail level a test draws for whom: only for those of whom all is known that the highest would show."""

from __future__ import annotations

import hashlib
from collections import Counter

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.schemas import COLUMNS
from flows.stages.arm import armed
from tests.stages.making import product

FIELDS = {"item": ("last_order",), "first_name": ("name",), "city": ("where_i_live",), "greeting": ()}
DIMENSIONS = ["last_order", "name", "where_i_live"]
VALUES = {"item": "tent", "first_name": "Ann", "city": "Bern"}
MANY = [f"c{n:04}" for n in range(2_000)]


def guarded(*people: tuple[str, list[str]], propensity: float = 0.5) -> pl.DataFrame:
    """What the guard hands on: who, and the facts of each."""
    rows = [
        {
            "customer_id": who,
            "drawn_level": None,
            "propensity": propensity,
            "level": 3,
            "facts": facts,
            "greeting": "hello",
        }
        | {name: VALUES[name] if set(FIELDS[name]) <= set(facts) else None for name in VALUES}
        for who, facts in people
    ]
    kinds = {name: column.type for name, column in COLUMNS.items() if name in rows[0]} | dict.fromkeys(
        FIELDS, pl.String
    )
    return pl.DataFrame(rows, kinds)


def of(**levels: str):
    return product(
        "care", dimensions=DIMENSIONS, test={"levels": {int(level[1:]): share for level, share in levels.items()}}
    )


def u(who: str) -> float:
    return int(hashlib.sha256(f"w/care/levels:{who}".encode()).hexdigest()[:13], 16) / 2**52


@pytest.mark.oracle
def test_levels_are_drawn_by_their_shares():
    done = armed(guarded(*((who, DIMENSIONS) for who in MANY)), of(_0="20 %", _1="30 %", _3="50 %"), FIELDS, "w")
    expected = [0 if u(who) < 0.2 else 1 if u(who) < 0.5 else 3 for who in MANY]
    assert done["drawn_level"].to_list() == expected
    assert done["level"].to_list() == expected
    shares = {0: 0.2, 1: 0.3, 3: 0.5}
    assert done["propensity"].to_list() == pytest.approx([0.5 * shares[level] for level in expected])
    among = Counter(expected)
    for level, share in shares.items():
        assert among[level] / len(MANY) == pytest.approx(share, abs=0.04)


def test_at_a_lower_level_there_are_fewer_facts_and_fields():
    whole = guarded(*((who, DIMENSIONS) for who in MANY[:50]))
    done = armed(whole, of(_1="50 %", _3="50 %"), FIELDS, "w")
    low, high = (done.filter(pl.col("drawn_level") == level) for level in (1, 3))
    assert low.select("facts", *VALUES, "greeting").unique().row(0) == (["last_order"], "tent", None, None, "hello")
    assert_frame_equal(high.select("facts", *VALUES), whole.select("facts", *VALUES).head(high.height))
    assert low.height + high.height == 50


def test_who_lacks_what_the_highest_would_show_is_in_no_arm_and_keeps_what_there_is():
    rows = guarded(("c1", ["last_order"]), ("c2", ["name"]), ("c3", []))
    assert_frame_equal(armed(rows, of(_0="50 %", _2="50 %"), FIELDS, "w"), rows)


def test_what_lies_above_the_highest_need_not_be_known():
    done = armed(guarded(("c1", ["last_order", "name"])), of(_0="50 %", _2="50 %"), FIELDS, "w")
    assert done["drawn_level"].null_count() == 0


def test_who_is_in_no_arm_has_the_propensity_of_the_other_draws_alone():
    done = armed(guarded(("c1", []), propensity=0.9), of(_0="50 %", _2="50 %"), FIELDS, "w")
    assert done["propensity"].to_list() == [0.9]


def test_without_a_test_of_levels_nothing_changes():
    rows = guarded(*((who, DIMENSIONS) for who in MANY[:5]))
    assert armed(rows, product("care", dimensions=DIMENSIONS), FIELDS, "w") is rows


def test_the_draw_is_not_that_of_the_variants():
    done = armed(guarded(*((who, DIMENSIONS) for who in MANY)), of(_0="50 %", _3="50 %"), FIELDS, "w")
    variants = [
        int(hashlib.sha256(f"w/care/variants:{who}".encode()).hexdigest()[:13], 16) / 2**52 < 0.5 for who in MANY
    ]
    both = [level == 0 for level, one in zip(done["drawn_level"], variants, strict=True) if one]
    assert sum(both) / len(both) == pytest.approx(0.5, abs=0.05)


def test_of_nobody_nothing_is_drawn():
    done = armed(guarded(("c1", [])).clear(), of(_0="50 %", _3="50 %"), FIELDS, "w")
    assert done.is_empty()
    assert done.schema["drawn_level"] == pl.Int8
