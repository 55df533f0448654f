"""Which test goes on, which one ends, and what is noted of them."""

from __future__ import annotations

import json
import stat
from datetime import date

import pytest

from flows.draws import EVERYBODY, Begun, Draws, begin_tests, of_everybody, read_draws
from flows.errors import StateError
from flows.experiment import Experiment
from flows.settings import load_settings
from tests.tiny import make

FIRST, LATER = date(2026, 9, 1), date(2026, 9, 20)
HALVES = {"a": 0.5, "b": 0.5}


def made(**given) -> Experiment:
    return Experiment.model_validate(given)


@pytest.fixture
def settings(tmp_path):
    return load_settings(make(tmp_path / "workspace", brands=["north"]).folder)


@pytest.mark.parametrize(
    ("begun", "given", "goes_on"),
    [
        ({"holdout": 0.1}, {"holdout": 0.2}, True),
        ({"holdout": 0.1}, {"holdout": 0.1, "variants": HALVES}, True),
        ({"holdout": 0.1}, {}, False),
        ({"holdout": 0.1}, {"holdout": 0.2, "name": "spring"}, False),
        ({"holdout": 0.1, "name": "spring"}, {"holdout": 0.2, "name": "spring"}, True),
        ({"holdout": 0.1, "name": "spring"}, {"holdout": 0.2}, False),
        ({"variants": HALVES}, {"variants": {"a": 0.9, "b": 0.1}}, True),
        ({"variants": HALVES}, {"variants": {"a": 0.4, "b": 0.4, "c": 0.2}}, True),
        ({"variants": HALVES}, {"variants": {"a": 1.0}}, False),
        ({"variants": HALVES}, {"variants": {"a": 1.0, "b": 0.0}}, False),
        ({"variants": {"a": 1.0, "b": 0.0}}, {"variants": {"a": 0.5, "b": 0.5}}, False),
        ({"levels": {0: 0.5, 2: 0.5}}, {"levels": {0: 0.1, 2: 0.9}}, True),
        ({"levels": {0: 0.5, 2: 0.5}}, {"levels": {0: 0.5, 1: 0.5}}, False),
        ({"holdout": 0.1, "variants": HALVES}, {"variants": HALVES}, False),
        ({}, {"holdout": 0.1}, False),
        ({"usual": 0.1}, {"usual": 0.2}, True),
        ({"usual": 0.1}, {"holdout": 0.2}, False),
        ({"holdout": 0.05}, {"holdout": "auto", "variants": HALVES}, True),
        ({"variants": HALVES}, {"holdout": "auto"}, False),
        ({}, {"holdout": "auto"}, False),
        ({"variants": {"a": 1.0}}, {"variants": HALVES}, False),
    ],
)
def test_a_test_goes_on_until_an_arm_is_taken_out_or_another_is_named(begun, given, goes_on):
    known, wanted = Begun(since=FIRST, **begun), made(**given)
    draws = Draws(tests={"care": known})
    assert known.goes_on(wanted) is goes_on
    drawn = draws.test("care", wanted)
    if goes_on:
        assert Begun(since=FIRST, **drawn.model_dump(exclude={"is_automatic", "hypothesis", "adaptive"})) == known
        assert (draws.kept({"care": wanted}), draws.ended({"care": wanted})) == ({"care": known}, {})
    else:
        assert drawn == wanted
        assert draws.kept({"care": wanted}) == {}
        assert draws.ended({"care": wanted}) == ({"care": known} if known.told else {})


def test_what_is_set_as_it_began_is_neither_kept_nor_ended():
    same = made(holdout=0.1, variants=HALVES, hypothesis="b is shorter")
    draws = Draws(tests={"care": Begun(since=FIRST, holdout=0.1, variants=HALVES)})
    assert (draws.kept({"care": same}), draws.ended({"care": same}), draws.test("care", same)) == ({}, {}, same)
    assert draws.kept({"other": made()}) == {}


def test_a_holdout_that_is_found_is_what_its_test_began_with():
    found = made(holdout="auto")
    assert (found.holdout, found.is_automatic) == (0.0, True)
    draws = Draws(tests={"care": Begun(since=FIRST, holdout=0.05)})
    assert draws.test("care", found).holdout == 0.05
    assert (draws.kept({"care": found}), draws.ended({"care": found})) == ({}, {})
    with pytest.raises(ValueError, match="'automatic' is no share"):
        made(holdout="automatic")


def test_a_holdout_that_is_found_later_begins_a_test(settings):
    found = made(holdout="auto")
    begin_tests(settings, {"care": found}, FIRST)
    begin_tests(settings, {"care": found.model_copy(update={"holdout": 0.02})}, LATER)
    assert read_draws(settings).tests == {"care": Begun(since=LATER, holdout=0.02)}


def test_tests_keep_their_first_day_and_other_shares_begin_another(settings):
    first = {EVERYBODY: made(holdout=0.05), "care": made(holdout=0.1), "late": made()}
    begin_tests(settings, first, FIRST)
    begin_tests(settings, {"care": made(holdout=0.1), "mend": made(levels={0: 0.5, 2: 0.5})}, LATER)
    begin_tests(settings, {"late": made(holdout=0.2, name="spring")}, LATER)
    assert read_draws(settings).tests == {
        EVERYBODY: Begun(since=FIRST, holdout=0.05),
        "care": Begun(since=FIRST, holdout=0.1),
        "late": Begun(since=LATER, name="spring", holdout=0.2),
        "mend": Begun(since=LATER, levels={0: 0.5, 2: 0.5}),
    }
    file = settings.folder("tests.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    stamp = file.stat().st_mtime_ns
    begin_tests(settings, first | {"late": made(holdout=0.2, name="spring")}, LATER)
    assert file.stat().st_mtime_ns == stamp  # nothing is written where nothing has begun


def test_days_are_told_of_tests_that_have_a_name_and_run():
    given = {EVERYBODY: made(holdout=0.05), "care": made(holdout=0.2, name="spring")}
    begun = {EVERYBODY: Begun(since=FIRST, holdout=0.05), "care": Begun(since=LATER, holdout=0.1, name="spring")}
    assert Draws(tests=begun).named_since(given) == LATER
    assert Draws(tests=begun).named_since({**given, "care": made(holdout=0.1, name="summer")}) is None
    assert Draws(tests={EVERYBODY: begun[EVERYBODY]}).named_since(given) is None


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"care": {"holdout": 0.1}}), json.dumps({"care": 1})])
def test_a_file_that_is_not_as_it_was_written_is_refused(settings, text):
    settings.folder("tests.json").write_text(text, "utf-8")
    with pytest.raises(StateError, match="this file does not say by which shares people are drawn"):
        read_draws(settings)


def test_the_holdout_of_all_products_is_a_test_with_the_settings_name(settings):
    named = settings.model_copy(update={"global_holdout": 0.05, "holdout_name": "2027"})
    assert of_everybody(named) == made(holdout=0.05, name="2027")
    assert of_everybody(named).salt("w/global_holdout") == "w/global_holdout/2027"
    assert of_everybody(settings).salt("w/global_holdout") == "w/global_holdout"
