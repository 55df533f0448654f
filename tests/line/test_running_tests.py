"""While a test runs its shares hold, whatever is set meanwhile; what ends it is said, and what that costs."""

from __future__ import annotations

import hashlib
import json

import polars as pl
import pytest

from flows import cli, line
from flows.errors import PlanError, ProductError, SettingError
from flows.learning.products import read_products
from flows.pages import sentences
from tests.tiny import Tiny, clock, crowd, day, make

pytestmark = pytest.mark.slow
PEOPLE = 60
YAML = "templates/care/product.yaml"
BEGAN = "test: {holdout: 20%, variants: {a: 50%, b: 50%}}\nbecause:"


@pytest.fixture(scope="module")
def _begun(tmp_path_factory) -> Tiny:
    tiny = make(tmp_path_factory.mktemp("running") / "tiny", people=crowd(PEOPLE), late=(), brands=["north"])
    tiny.edit(YAML, "because:", BEGAN)
    (tiny.folder / "templates/care/web.b.j2").write_text(
        "{% block headline %}Care{% endblock %}{% block body %}Dry it.{% endblock %}", "utf-8"
    )
    tiny.edit("pyproject.toml", "global_holdout = 0\n", "global_holdout = 0.1\n")
    tiny.plan()
    assert not (tiny.state / "tests.json").exists()  # a plan begins nothing
    tiny.run()
    return tiny


@pytest.fixture
def begun(_begun, tmp_path) -> Tiny:
    """After the first day of a test, in a copy of one's own."""
    return _begun.copy(tmp_path / "tiny")


def u(salt: str, number: int) -> float:
    return int(hashlib.sha256(f"tiny/{salt}:p{number:05}".encode()).hexdigest()[:13], 16) / 2**52


def expected(
    holdout: float = 0.2,
    shares: tuple[float, float] = (0.5, 0.5),
    of_all: float = 0.1,
    name: str = "",
    all_name: str = "",
) -> dict[str, tuple]:
    """Arm and probability of each person, gone through one by one."""
    kept = (1 - of_all) * (1 - holdout)
    found = {}
    for number in range(PEOPLE):
        is_held = u(f"global_holdout{all_name}", number) < of_all or u(f"care/holdout{name}", number) < holdout
        is_a = u(f"care/variants{name}", number) < shares[0]
        arm, share = ("HOLDOUT", 1 - kept) if is_held else ("a", kept * shares[0]) if is_a else ("b", kept * shares[1])
        found[f"p{number:05}"] = (arm, round(share, 9))
    return found


def drawn(tiny: Tiny, number: int, **request) -> dict[str, tuple]:
    """The same, by a plan for that day."""
    plan = tiny.plan(at=day(number), **request)
    files = tiny.state / "plans" / plan.order.run_id / "decisions" / "*.parquet"
    rows = pl.read_parquet(files).filter(product="care")
    arms = rows.select("customer_id", arm=pl.coalesce("reason", "variant"), propensity=pl.col("propensity").round(9))
    return {customer: (arm, propensity) for customer, arm, propensity in arms.rows()}


def change(tiny: Tiny, to: str) -> None:
    tiny.edit(YAML, BEGAN.partition("\n")[0], to)


def test_other_shares_are_not_drawn_by_and_every_part_knows(begun):
    assert drawn(begun, 31) == expected()
    change(begun, "test: {holdout: 40%, variants: {a: 90%, b: 10%}}")
    assert drawn(begun, 31) == expected()
    assert drawn(begun, 31, parts=3) == expected()
    outcome = begun.run(at=day(31))
    told = {"care": "holdout 20 %, a 50 %, b 50 %, since 2026-11-22"}
    assert outcome.plan.order.tests_kept == told
    goes_on = f"its test goes on by those that it began with ({told['care']}): see justenough check."
    assert sentences.tests_kept(outcome.plan.order) == [f"care: other shares are set, and {goes_on}"]
    arms = begun.history(
        "SELECT count(DISTINCT person_key), count(DISTINCT (person_key, coalesce(reason, variant))), "
        "count(DISTINCT as_of) FROM decision WHERE product = 'care'"
    )
    assert arms == [(PEOPLE, PEOPLE, 2)]  # everybody has kept their arm


def test_check_refuses_them_and_says_what_they_would_cost(begun, capsys, monkeypatch):
    monkeypatch.chdir(begun.folder)
    change(begun, "test: {holdout: 40%, variants: {a: 50%, b: 50%}}")
    with clock(day(12)), pytest.raises(ProductError) as caught:
        line.check(begun.load())
    assert caught.value.where == f"{YAML}:18"
    assert caught.value.what == (
        "a test runs by other shares (holdout 20 %, a 50 %, b 50 %), and keeps them: its 60 people of 13 days would be lost"
    )
    with clock(day(12)):
        assert cli.main(["check"]) == 1
        assert cli.main(["check", "--diff", "."]) == 1
    assert "or give the new test a `name`" in capsys.readouterr().err


def test_a_name_begins_another_test_in_which_everybody_is_drawn_anew(begun):
    change(begun, "test: {name: spring, holdout: 40%, variants: {a: 90%, b: 10%}}")
    spring = expected(0.4, (0.9, 0.1), name="/spring")
    assert drawn(begun, 31) == spring
    begun.run(at=day(31))
    assert spring != expected(0.4, (0.9, 0.1))
    begun.edit(YAML, "holdout: 40%", "holdout: 30%")
    assert drawn(begun, 62) == spring
    begun.edit(YAML, "holdout: 30%", "holdout: 40%")
    begun.edit(YAML, "name: spring", "name: summer")
    begun.run(at=day(62))  # as the second one was drawn, and another one
    with clock(day(70)):
        (found,) = (each for each in read_products(begun.load()).products if each.product == "care")
    assert str(found.since) == f"{day(62):%F}"


def test_to_take_an_arm_out_ends_a_test_and_check_says_what_goes_with_it(begun):
    change(begun, "test: {variants: {a: 50%, b: 50%}}")
    with clock(day(12)):
        (said,) = [warning for warning in line.check(begun.load()).warnings if "ends with this" in warning]
        assert line.compare(begun.load(), str(begun.folder)).tests == (said,)
    assert said == (
        f"{YAML}:18: the test that runs (holdout 20 %, a 50 %, b 50 %) ends with this, and its 60 people of 13 days"
    )
    assert drawn(begun, 31) == expected(0.0)
    begun.run(at=day(31))
    with clock(day(32)):
        assert not any("ends with this" in warning for warning in line.check(begun.load()).warnings)


def test_words_of_a_variant_that_waits_are_read_and_nobody_gets_them(begun):
    change(begun, "test: {holdout: 20%, variants: {a: 30%, b: 30%, c: 40%}}")
    web = begun.folder / "templates/care/web.b.j2"
    (begun.folder / "templates/care/web.c.j2").write_text(web.read_text("utf-8"), "utf-8")
    assert drawn(begun, 31) == expected()


def test_the_holdout_of_all_products_is_kept_too_until_it_is_named_anew_or_given_up(begun):
    begun.edit("pyproject.toml", "global_holdout = 0.1\n", "global_holdout = 0.3\n")
    assert drawn(begun, 31) == expected()
    with clock(day(12)), pytest.raises(SettingError) as caught:
        line.check(begun.load())
    assert caught.value.where == "pyproject.toml: tool.justenough.global_holdout"
    assert caught.value.what == (
        "a test runs by other shares (holdout 10 %), and keeps them: its 60 people of 13 days would be lost"
    )
    begun.set(holdout_name="2027")
    assert drawn(begun, 31) == expected(of_all=0.3, all_name="/2027")
    begun.edit("pyproject.toml", "global_holdout = 0.3\n", "global_holdout = 0\n")
    assert drawn(begun, 31) == expected(of_all=0.0)


def test_the_readout_is_of_the_test_that_runs_and_not_of_what_is_set(begun):
    def since() -> str:
        with clock(day(12)):
            (found,) = (each for each in read_products(begun.load()).products if each.product == "care")
        return f"{found.since}"

    assert since() == f"{day(0):%F}"
    change(begun, "test: {holdout: 40%, variants: {a: 50%, b: 50%}}")
    assert since() == f"{day(0):%F}"


def test_a_plan_that_was_made_by_other_shares_is_not_delivered(begun):
    change(begun, "test: {name: spring, holdout: 40%, variants: {a: 50%, b: 50%}}")
    plan = begun.plan(at=day(31))
    told = json.loads((begun.state / "tests.json").read_text("utf-8"))
    told["care"] |= {"name": "spring", "holdout": 0.3}
    (begun.state / "tests.json").write_text(json.dumps(told), "utf-8")
    with pytest.raises(PlanError, match="settings, words or SQL have changed"):
        begun.deliver(plan.order.run_id, at=day(31))
