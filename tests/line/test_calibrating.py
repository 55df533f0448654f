"""Scores become probabilities once a person accepts what outcomes say of them; all products are weighed so, or none."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from flows import cli, line
from flows.errors import CatalogueError, SettingError, UsageError
from flows.learning.relevance import expit
from flows.pages import sentences
from tests.line.told import Told, row
from tests.line.two_helps import SETTING, texts, two_helps, winners
from tests.tiny import MORNING, Tiny, clock, day

pytestmark = pytest.mark.slow
FILE = "sql/relevance.yaml"


def interest(number: int) -> int:
    return 1 + (number // 3) % 3


@pytest.fixture(scope="module")
def _lived(tmp_path_factory) -> Tiny:
    """After a first day: who is more interested orders more often, and both are far rarer than the rules have it."""
    tiny = two_helps(tmp_path_factory.mktemp("weighed") / "tiny")
    tiny.warehouse("UPDATE needs SET interest = 1 + (substr(customer_id, 2)::int // 3) % 3")
    tiny.run()
    chance = np.random.default_rng(1)
    given = [person for person, (_, reason) in winners(tiny).items() if reason is None]
    odds = expit(-4.0 + 1.1 * np.array([interest(int(person[1:])) for person in given]))
    orders = [person for person, rate in zip(given, odds, strict=True) if chance.random() < rate]
    later = row("later", "ordered", "p00001", happened_at="2026-12-07T10:00:00Z")
    Told(tiny).rows(*(row(f"o{person}", "ordered", person) for person in orders), later, on=20)
    return tiny


@pytest.fixture
def lived(_lived, tmp_path) -> Tiny:
    return _lived.copy(tmp_path / "tiny")


def test_what_outcomes_say_is_shown_beside_the_rules_and_used_once_it_is_accepted(lived, monkeypatch, capsys):
    monkeypatch.chdir(lived.folder)
    with clock(day(21)):
        found = line.calibrate(lived.load())
        assert set(found.fits) == {"care", "fit"}
        assert found.thin == ()
        care = found.fits["care"]
        assert (care.base.by_rules, care.weights["interest"].by_rules) == (-2.0, 1.0)
        assert care.base.learned < -3
        assert care.weights["interest"].learned == pytest.approx(1.1, abs=0.5)
        assert care.error < care.error_by_rules / 3
        assert cli.main(["calibrate"]) == 0
        told = capsys.readouterr().out
        assert "A score as the probability of ordered within 14 days of the decision." in told
        assert f"Proposal {found.id}: weigh by what was learned." in " ".join(told.split())
        assert cli.main(["calibrate", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["id"] == found.id
        assert cli.main(["proposals", "--json"]) == 0
        waiting = {each["id"]: each for each in json.loads(capsys.readouterr().out)}[found.id]
        assert (waiting["kind"], waiting["accept"]) == ("weigh", f"justenough calibrate --accept {found.id}")
        with pytest.raises(UsageError) as caught:
            line.accept_weights(lived.load(), "00000000")
        assert caught.value.what == f"'00000000' is not: '{found.id}' is proposed now"
        assert cli.main(["calibrate", "--accept", found.id]) == 0
    assert "Scores are the probability of ordered within 14 days; their errors fall" in (
        lived.folder / "CHANGELOG.md"
    ).read_text("utf-8")
    relevance = lived.load().products["care"].relevance
    assert relevance.terms["interest"].size == pytest.approx(care.weights["interest"].learned, abs=1e-4)
    assert relevance.threshold == found.thresholds["care"]
    with clock(day(21)):
        again = line.calibrate(lived.load())
        assert again.fits["care"].base.by_rules == -2.0  # what people believe, whatever was learned
        assert again.in_use == day(21).date()
        assert again.id == found.id  # by the same plan, whatever is in use by now
        assert "weigh" not in line.proposed(lived.load().settings)["kind"]
    plan = lived.plan(at=day(40))
    assert plan.order.calibrated.startswith("ordered within 14 days, learned on 2026-12-13")
    assert sentences.helps_chosen(plan)[0] == f"Scores are the probability of {plan.order.calibrated}."
    weight = f"{care.weights['interest'].learned:+.2f}"
    assert f"interest {weight}; {found.thresholds['care']:.3g} is enough." in sentences.helps_chosen(plan)[1]
    scores = pl.read_parquet(lived.state / "plans" / plan.order.run_id / "decisions" / "*.parquet").filter(
        product="care"
    )
    assert scores["score"].mean() == pytest.approx(care.happened / care.people, abs=0.05)
    assert len(winners(lived)) == 900  # as many as before
    person = next(n for n in range(900) if winners(lived)[f"p{n:05}"] == ("care", None))
    assert f"the probability of ordered, as learned from {care.people:,} people, is " in texts(lived, person)


def test_as_many_are_spoken_to_as_by_the_rules(lived):
    for name in ("care", "fit"):  # only who is interested most
        lived.edit(f"templates/{name}/product.yaml", "relevance: {", "relevance: {threshold: 0.45, ")
    before = fitting(lived)
    with clock(day(41)):
        lived.run(at=day(40))
        line.accept_weights(lived.load(), line.calibrate(lived.load()).id)
    assert 0 < before["care"] < 900
    assert fitting(lived) == before


def fitting(tiny: Tiny) -> dict[str, int]:
    """Product -> how many are relevant enough to it."""
    plan = tiny.plan(at=day(80))
    rows = pl.read_parquet(tiny.state / "plans" / plan.order.run_id / "decisions" / "*.parquet")
    return dict(rows.filter(pl.col("reason").ne_missing("BELOW_THRESHOLD")).group_by("product").len().iter_rows())


def test_another_product_that_nothing_was_learned_of_has_all_go_by_the_rules(lived, monkeypatch, capsys):
    monkeypatch.chdir(lived.folder)
    with clock(day(21)):
        line.accept_weights(lived.load(), line.calibrate(lived.load()).id)
    other = lived.folder / "templates/more"
    other.mkdir()
    for file in (lived.folder / "templates/fit").iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    workspace = lived.load()
    assert (workspace.calibrated, workspace.uncalibrated) == (None, ("more",))
    assert workspace.products["care"].relevance.base == -2.0
    with clock(day(21)):
        assert cli.main(["check"]) == 0
        assert line.calibrate(lived.load()).thin == ("more",)
    out = " ".join(capsys.readouterr().out.split())
    assert "it has no weights of more, and scores are compared, so that all go by the rules" in out


def test_weights_of_other_signals_or_another_outcome_are_refused(lived):
    with clock(day(21)):
        line.accept_weights(lived.load(), line.calibrate(lived.load()).id)
    lived.edit(FILE, "{interest: ", "{taste: ")
    with pytest.raises(CatalogueError) as caught:
        lived.load()
    assert caught.value.what == "the signals of 'care' are others by now: interest"
    lived.edit(FILE, 'outcome: "ordered"', 'outcome: "visited"')
    with pytest.raises(SettingError):
        lived.load()


def test_before_anything_is_known_nothing_is_proposed(tmp_path, monkeypatch, capsys):
    tiny = two_helps(tmp_path / "tiny")
    monkeypatch.chdir(tiny.folder)
    with clock(MORNING):
        assert cli.main(["calibrate"]) == 1
    assert "Too little is known of care, fit" in " ".join(capsys.readouterr().out.split())
    tiny.edit("pyproject.toml", SETTING, "")
    with clock(MORNING), pytest.raises(UsageError):
        line.calibrate(tiny.load())
