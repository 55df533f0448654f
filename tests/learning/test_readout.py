"""What `justenough readout` says of any table: as sure as the data are, and refused where they tell nothing."""

from __future__ import annotations

import json
import os
from math import log, sqrt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_ind

from flows.cli import main
from flows.errors import SourceError, UsageError
from flows.learning.experiments import Asked, read_out
from flows.learning.sequential import widening

SIZE = 4_000


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    """Two arms and a control; `mailed` buys more, `called` does not; `before` explains most of what is spent."""
    drawn = np.random.default_rng(8)
    arm = drawn.choice(["held", "mailed", "called"], 3 * SIZE)
    before = drawn.gamma(2, 20, 3 * SIZE)
    bought = drawn.random(3 * SIZE) < np.where(arm == "mailed", 0.16, 0.1)
    spent = before + 10 * bought + drawn.normal(0, 5, 3 * SIZE)
    return pl.DataFrame({"arm": arm, "before": before, "bought": bought, "spent": spent})


@pytest.fixture
def file(table, tmp_path):
    def written(name="people.parquet", rows=table):
        path = tmp_path / name
        {".parquet": rows.write_parquet, ".csv": rows.write_csv, ".ndjson": rows.write_ndjson}[path.suffix](path)
        return path

    return written


def asked(*metrics, **more):
    return Asked(**{"arm": "arm", "control": "held", "metrics": metrics or ("bought", "spent"), **more})


@pytest.mark.oracle
def test_differences_intervals_and_p_are_those_of_scipys_welch(file, table):
    found = read_out(file(), asked())
    assert [(each.metric, each.arm) for each in found.contrasts] == [
        ("bought", "called"),
        ("bought", "mailed"),
        ("spent", "called"),
        ("spent", "mailed"),
    ]
    for each in found.contrasts:
        value, arm = table[each.metric].cast(pl.Float64), table["arm"]
        ours, theirs = value.filter(arm == each.arm).to_numpy(), value.filter(arm == "held").to_numpy()
        welch = ttest_ind(ours, theirs, equal_var=False)
        span = welch.confidence_interval(0.95)
        told = (each.arm_mean, each.control_mean, each.p, each.interval.low, each.interval.high)
        assert told == pytest.approx((ours.mean(), theirs.mean(), welch.pvalue, span.low, span.high), rel=1e-9)
        assert each.difference == pytest.approx(ours.mean() - theirs.mean())
        assert each.lift == pytest.approx(ours.mean() / theirs.mean() - 1)
        assert each.lift_interval.low < each.lift < each.lift_interval.high


def test_names_the_order_of_rows_and_columns_beside_make_no_difference(file, table):
    plain = read_out(file(), asked())
    arms = {"held": "B", "mailed": "c", "called": "A"}
    other = table.sample(fraction=1, shuffle=True, seed=1).select(
        pl.lit("x").alias("note"), pl.col("spent").alias("euro"), pl.col("bought").cast(pl.Int8).alias("conv"),
        pl.col("arm").replace_strict(arms).alias("Gruppe"),
    )  # fmt: skip
    again = read_out(file("other.csv", other), Asked("Gruppe", "B", ("conv", "euro")))
    assert again.shares_p == pytest.approx(plain.shares_p)
    for ours, theirs in zip(plain.contrasts, again.contrasts, strict=True):
        assert arms[ours.arm] == theirs.arm
        for name in ("difference", "p", "lift", "detectable", "p_adjusted"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-9)
        assert ours.always.low == pytest.approx(theirs.always.low, rel=1e-9)


@pytest.mark.oracle
def test_the_interval_for_every_look_is_the_asymptotic_confidence_sequence(file):
    """With the formula as it is printed, and half again as wide as that for one look; narrowest where it was planned."""
    found = read_out(file(), asked("spent"))
    each, count = found.contrasts[1], found.units["held"] + found.units["mailed"]
    alpha, planned = 0.05, 3 * 4_000
    rho = sqrt((-2 * log(alpha) + log(-2 * log(alpha) + 1)) / planned)
    error = (each.interval.high - each.difference) / 1.96
    half = error * sqrt(2 * (count * rho**2 + 1) / (count * rho**2) * log(sqrt(count * rho**2 + 1) / alpha))
    assert (each.always.low, each.always.high) == pytest.approx(
        (each.difference - half, each.difference + half), rel=1e-3
    )
    assert 1.5 < half / error / 1.96 < 1.7
    reach = {planned: widening(alpha, 10_000, planned) for planned in (1_000, 10_000, 100_000)}
    assert min(reach, key=reach.get) == 10_000


def test_what_was_before_the_draw_makes_intervals_narrower_and_moves_no_truth(file):
    plain, adjusted = (read_out(file(), asked("spent", covariate=name)).contrasts[1] for name in (None, "before"))
    assert adjusted.detectable < 0.4 * plain.detectable
    assert plain.interval.low < adjusted.difference < plain.interval.high
    assert adjusted.interval.low < 0.6 < adjusted.interval.high  # ten euros for six in a hundred more


def test_of_many_contrasts_p_is_adjusted_by_benjamini_and_hochberg(file):
    found = read_out(file(), asked()).contrasts
    rising = sorted(found, key=lambda each: each.p)
    least, steps = 1.0, []
    for rank, each in reversed(list(enumerate(rising, 1))):
        least = min(least, each.p * len(rising) / rank)
        steps.append(least)
    assert [each.p_adjusted for each in reversed(rising)] == pytest.approx(steps)


def test_arms_of_which_units_were_lost_are_refused(file, table):
    lost = table.with_row_index().filter((pl.col("arm") != "mailed") | (pl.col("index") % 10 > 0)).drop("index")
    found = read_out(file(rows=lost), asked())
    assert found.shares_p < 0.001
    assert {each.refused for each in found.contrasts} == {"SHARES_OFF"}
    assert all(each.difference is None for each in found.contrasts)
    assert not found.is_answered
    meant = read_out(file(rows=lost), asked(shares={"held": 10, "called": 10, "mailed": 9}))
    assert meant.is_answered


def test_what_the_data_cannot_tell_is_refused_with_a_code_and_costs_no_other_metric_its_answer(file, table):
    few = table.head(299).with_columns(arm=pl.Series(["held", "mailed", "called"] * 100).head(299))  # 99 of one
    assert {each.arm: each.refused for each in read_out(file(rows=few), asked("spent")).contrasts} == {
        "called": "TOO_FEW",
        "mailed": None,
    }
    odd = table.with_columns(
        same=pl.lit(1),
        rare=(pl.int_range(pl.len()) < 20).cast(pl.Int8),
        nearly=(pl.int_range(pl.len()) >= 20).cast(pl.Int8),
        gap=pl.when(pl.int_range(pl.len()) > 0).then("spent"),
        endless=pl.when(pl.int_range(pl.len()) > 0).then("spent").otherwise(float("inf")),
        words=pl.lit("1"),
    )
    found = read_out(file(rows=odd), asked("same", "rare", "nearly", "gap", "endless", "words", "bought"))
    assert {each.metric: each.refused for each in found.contrasts} == {
        "same": "NO_VARIATION",
        "rare": "TOO_RARE",
        "nearly": "TOO_RARE",
        "gap": "MISSING",
        "endless": "NOT_FINITE",
        "words": "NOT_NUMBERS",
        "bought": None,
    }


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"arm": "armm"}, "there is no column 'armm'"),
        ({"metrics": ("bougth",)}, "there is no column 'bougth'"),
        ({"control": "hold"}, "no unit is in 'hold'"),
        ({"arm": "spent"}, "it has more than 50 values"),
        ({"covariate": "arm"}, "the covariate 'arm' has to be a finite number for each unit"),
        ({"shares": {"held": 1, "mailed": 1}}, "'called' is not both an arm and given a share"),
        ({"planned": -1}, "-1 is no number of units"),
    ],
)
def test_a_wrong_word_is_named_with_the_next_step(file, changed, what):
    with pytest.raises(UsageError) as refused:
        read_out(file(), Asked(**{"arm": "arm", "control": "held", "metrics": ("bought",), **changed}))
    assert refused.value.what == what
    assert refused.value.hint


def test_who_names_a_column_of_people_by_mistake_is_not_told_who_they_are(file):
    few = pl.DataFrame({"email": ["ann@example.com", "bo@example.com"], "bought": [0, 1]})
    for more in ({"control": "bo@example.org"}, {"control": "bo@example.com", "shares": {"bo@example.com": 1.0}}):
        with pytest.raises(UsageError) as refused:
            read_out(file(rows=few), Asked(**{"arm": "email", "metrics": ("bought",), **more}))
        assert "ann@" not in str(refused.value) + str(refused.value.hint)


def test_a_file_that_is_none_is_told_of_without_a_row(file, tmp_path):
    with pytest.raises(SourceError) as missing:
        read_out(tmp_path / "gone.csv", asked())
    assert (missing.value.where, missing.value.what) == ("gone.csv", "No such file or directory")
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1 ann@example.com")
    with pytest.raises(SourceError) as wrong:
        read_out(torn, asked())
    assert wrong.value.what == "it cannot be read as Parquet"
    with pytest.raises(UsageError):
        read_out(file("people.parquet").rename(tmp_path / "people.txt"), asked())
    unit = pl.DataFrame({"arm": ["held", None], "bought": [1, 0]})
    with pytest.raises(UsageError) as nobodys:
        read_out(file(rows=unit), asked("bought"))
    assert nobodys.value.what == "1 units have no arm"


def test_the_command_prints_a_table_or_json_and_ends_with_1_where_nothing_can_be_told(file, capsys):
    words = [
        "readout",
        "--data",
        str(file()),
        "--arm",
        "arm",
        "--control",
        "held",
        "--metric",
        "bought",
        "--metric",
        "spent",
    ]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "bought (control 0.1" in text
    assert "Sure however often you look: bought of mailed." in " ".join(text.split())
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["units"].keys() == {"held", "mailed", "called"}
    assert [each["refused"] for each in told["contrasts"]] == [None] * 4
    assert main([*words, "--share", "held=1", "--share", "mailed=1", "--share", "called=50", "--json"]) == 1
    assert main([*words, "--share", "held"]) == 2


def test_a_lift_whose_interval_has_no_end_says_null(file, capsys):
    """The arm's mean is exactly 0, of which there is no logarithm."""
    rows = pl.DataFrame({"arm": ["held"] * 200 + ["mailed"] * 200, "change": [1.0, 2.0] * 100 + [-1.0, 1.0] * 100})
    words = [
        "readout",
        "--data",
        str(file(rows=rows)),
        "--arm",
        "arm",
        "--control",
        "held",
        "--metric",
        "change",
        "--json",
    ]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["contrasts"][0]
    assert (told["lift"], told["lift_interval"]["high"], told["lift_always"]) == (-1, None, None)


ANCHORS = {
    ("visit", "Mens E-Mail"): (0.106167, 0.182757, 0.076590, 0.069953, 0.083226, 1.36e-112),
    ("visit", "Womens E-Mail"): (0.106167, 0.151400, 0.045233, 0.038893, 0.051573, 2.43e-44),
    ("conversion", "Mens E-Mail"): (0.005726, 0.012531, 0.006805, 0.005000, 0.008610, 1.5e-13),
    ("conversion", "Womens E-Mail"): (0.005726, 0.008837, 0.003111, 0.001499, 0.004724, 1.56e-4),
    ("spend", "Mens E-Mail"): (0.652789, 1.422617, 0.769827, 0.485140, 1.054515, 1.16e-7),
    ("spend", "Womens E-Mail"): (0.652789, 1.077202, 0.424412, 0.168957, 0.679868, 1.129e-3),
}


@pytest.mark.slow
@pytest.mark.oracle
def test_a_real_experiment_is_read_out_as_it_is_known():
    """Source: the Hillstrom e-mail experiment, 64,000 customers in three arms; figures of scipy's Welch, to six digits."""
    data = Path(os.environ.get("JUSTENOUGH_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
    file = data / "hillstrom" / "hillstrom.parquet"
    if not file.exists():
        pytest.skip(
            "no hillstrom.parquet in JUSTENOUGH_TEST_DATA: that a real experiment is read out right is not proven"
        )
    found = read_out(file, Asked("segment", "No E-Mail", ("visit", "conversion", "spend")))
    assert found.units == {"Mens E-Mail": 21_307, "No E-Mail": 21_306, "Womens E-Mail": 21_387}
    assert found.shares_p == pytest.approx(0.904, abs=5e-4)
    for each in found.contrasts:
        *numbers, p = ANCHORS[each.metric, each.arm]
        told = (each.control_mean, each.arm_mean, each.difference, each.interval.low, each.interval.high)
        assert told == pytest.approx(numbers, abs=6e-7)
        assert each.p == pytest.approx(p, rel=0.01)
