"""Variants whose shares follow what comes of them: the same all day, logged with every draw, and the holdout as it was."""

from __future__ import annotations

import json

import polars as pl
import pytest

from flows.errors import PlanError
from flows.learning.keeping import look_and_keep
from flows.learning.products import read_products
from flows.pages import effects, effects_html, sentences
from tests.line.told import Told, row
from tests.tiny import Tiny, clock, crowd, day, make

pytestmark = pytest.mark.slow
PEOPLE = 400
YAML = "templates/care/product.yaml"
SET = {"a": 0.5, "b": 0.5}
HELD = 0.28  # of all and of the product alone


@pytest.fixture(scope="module")
def _begun(tmp_path_factory) -> Tiny:
    """After the first day, and what came of it: of those who got `b` half have asked something, and of the others nobody."""
    tiny = make(tmp_path_factory.mktemp("adapting") / "tiny", people=crowd(PEOPLE), late=(), brands=["north"])
    test = "test: {holdout: 20%, variants: {a: 50%, b: 50%}, adaptive: {floor: 10%}}"
    tiny.edit(YAML, "because:", f"{test}\nbecause:")
    (tiny.folder / "templates/care/web.b.j2").write_text(
        "{% block headline %}Care{% endblock %}{% block body %}Dry it.{% endblock %}", "utf-8"
    )
    tiny.edit("pyproject.toml", "global_holdout = 0\n", "global_holdout = 0.1\n")
    assert tiny.run().plan.order.adapted == {}  # a test begins as it is set
    got_b = [person for person, (arm, _) in arms(tiny, 0).items() if arm == "b"]
    asked = [row(f"q{person}", "question", person) for person in got_b[::2]]
    later = row("later", "question", got_b[0], happened_at="2026-12-07T10:00:00Z")  # so that one knows till then
    Told(tiny).rows(*asked, later, on=20)
    return tiny


@pytest.fixture
def begun(_begun, tmp_path) -> Tiny:
    return _begun.copy(tmp_path / "tiny")


def arms(tiny: Tiny, number: int) -> dict[str, tuple[str, float]]:
    """Arm and probability of each person, as last planned for a day."""
    [*_, last] = sorted(
        (tiny.state / "plans").glob(f"{day(number):%Y%m%d}-*"), key=lambda path: path.stat().st_mtime_ns
    )
    rows = pl.read_parquet(last / "decisions" / "*.parquet").filter(pl.col("product") == "care")
    rows = rows.filter(pl.col("reason").is_null() | (pl.col("reason") == "HOLDOUT"))
    found = rows.select("customer_id", pl.coalesce("reason", "variant"), pl.col("propensity").round(9))
    return {person: (arm, propensity) for person, arm, propensity in found.rows()}


def test_what_helps_more_is_drawn_more_often_and_every_draw_is_logged_with_its_probability(begun):
    before = arms(begun, 0)
    order = begun.run(at=day(31)).plan.order
    assert order.adapted == {"care": {"a": 0.9, "b": 0.1}}
    now = arms(begun, 31)
    kept = 1 - HELD
    assert dict(now.values()) == {"HOLDOUT": HELD, "a": kept * 0.9, "b": round(kept * 0.1, 9)}
    held_out = {person for person, (arm, _) in before.items() if arm == "HOLDOUT"}
    assert {person for person, (arm, _) in now.items() if arm == "HOLDOUT"} == held_out
    assert {person for person, (arm, _) in before.items() if arm == "a"} <= {
        p for p, (arm, _) in now.items() if arm == "a"
    }
    assert sentences.variants_adapted(order) == ["care: its variants are drawn by what came of them: a 90 %, b 10 %."]
    logged = begun.history(
        "SELECT DISTINCT variant, propensity FROM decision WHERE as_of = '2026-12-23' AND reason IS NULL ORDER BY 1"
    )
    assert [(name, round(share, 9)) for name, share in logged] == [("a", kept * 0.9), ("b", round(kept * 0.1, 9))]


def test_the_shares_of_a_day_stay_whatever_is_told_in_it(begun):
    assert begun.run(at=day(31), products=["care"], targets=["web_profiles"]).plan.order.adapted["care"]["a"] == 0.9
    got_a = [person for person, (arm, _) in arms(begun, 0).items() if arm == "a"]
    Told(begun).rows(*(row(f"w{person}", "question", person) for person in got_a), on=31)
    assert begun.plan(at=day(31)).order.adapted["care"]["a"] == 0.9
    assert begun.plan(at=day(31), parts=3).order.adapted["care"]["a"] == 0.9
    assert begun.plan(at=day(31), customers=["p00001"]).order.adapted["care"]["a"] == 0.9
    assert begun.plan(at=day(32)).order.adapted["care"]["a"] == 0.1
    assert begun.plan(at=day(32), as_of=day(31).date()).order.adapted["care"]["a"] == 0.9
    assert begun.plan(at=day(32), as_of=day(30).date()).order.adapted["care"] == SET  # as it was drawn till then


def test_a_plan_by_other_shares_than_its_day_has_begun_with_is_refused(begun):
    stale = begun.plan(at=day(31))
    assert json.loads((begun.state / "tests.json").read_text())["care"]["adapted"] == {}  # a plan begins nothing
    got_a = [person for person, (arm, _) in arms(begun, 0).items() if arm == "a"]
    Told(begun).rows(*(row(f"w{person}", "question", person) for person in got_a), on=31)
    begun.run(at=day(31), customers=["p00001"])
    assert json.loads((begun.state / "tests.json").read_text())["care"]["adapted"] == {
        "2026-12-23": {"a": 0.1, "b": 0.9}
    }
    with pytest.raises(PlanError) as caught:
        begun.deliver(stale.order.run_id, at=day(31))
    assert caught.value.what == "another plan for 2026-12-23 has begun since, by other shares of the variants of care"


def test_the_readout_goes_on_from_the_first_day_and_says_how_the_shares_went(begun):
    for number in (31, 62):
        begun.run(at=day(number))
    with clock(day(80)):
        found = read_products(begun.load(), ["care"])
        look_and_keep(begun.load())
    [care] = found.products
    assert care.since == day(0).date()
    assert care.shares_p == 1.0
    assert dict(care.allocation.daily) == {f"{day(number):%Y-%m-%d}": {"a": 0.9, "b": 0.1} for number in (31, 62)}
    got = [arm for arm, _ in arms(begun, 0).values()]
    asked = (got.count("b") + 1) // 2
    assert care.allocation.lost == pytest.approx(asked)
    assert care.allocation.lost_as_set == pytest.approx((got.count("a") + got.count("b")) / 2 * asked / got.count("b"))
    [(kept,)] = begun.history("SELECT found::varchar FROM readout WHERE product = 'care'")
    assert json.loads(kept)["allocation"]["daily"] == dict(care.allocation.daily)
    told = "Variants are drawn by what came of them, on 2027-01-23 a 90 %, b 10 %."
    assert (told, False) in list(effects.sentences(care))
    page = effects_html.readout_html(found, workspace="tiny")
    assert "care: by which shares its variants were drawn, from 2026-12-23 to 2027-01-23" in page
    assert "a: 90% on 2027-01-23" in page


def test_as_long_as_too_few_are_known_of_the_shares_stay_as_they_are_set(begun):
    assert begun.plan(at=day(8)).order.adapted == {"care": SET}  # nobody's time is over
    begun.edit(YAML, ", adaptive: {floor: 10%}", "")
    plan = begun.plan(at=day(31))
    assert plan.order.adapted == {}
    assert dict(arms(begun, 31).values()) == {
        "HOLDOUT": HELD,
        "a": 0.36,
        "b": 0.36,
    }
