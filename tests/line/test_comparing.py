"""Two versions of a workspace compared: what may be said, what decides, and who would get something else."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace

import pytest

from flows import cli
from flows.errors import UsageError
from flows.line.comparing import Changed, Difference, _below, compare
from flows.line.flipping import Flip, Flips, LeftOut, Reach
from tests.tiny import MORNING, Tiny, clock, crowd, day, make

PRODUCT, SMS, SQL = "templates/care/product.yaml", "templates/care/sms.j2", "sql/segments/owners.sql"


@pytest.fixture(scope="module")
def _made(tmp_path_factory) -> Tiny:
    return make(tmp_path_factory.mktemp("versions") / "w", brands=["north"])


@pytest.fixture
def before(_made, tmp_path) -> Tiny:
    return _made.copy(tmp_path / "before")


@pytest.fixture
def after(_made, tmp_path) -> Tiny:
    return _made.copy(tmp_path / "after")


@pytest.fixture
def pair(before, after) -> tuple[Tiny, Tiny]:
    """Both without a warehouse: nobody is decided for, and what is written is compared all the same."""
    for tiny in (before, after):
        tiny.edit("pyproject.toml", 'database = "warehouse.duckdb"\n', "")
    return before, after


def difference(before: Tiny, after: Tiny, *, at=MORNING, **most: int) -> Difference:
    with clock(at):
        return compare(after.load(), str(before.folder), **most)


def changed(found: Difference) -> dict[str, Changed]:
    return {f"{one.product}/{one.channel}": one for one in found.messages}


def people(found: Difference) -> tuple[list[Flip], dict[str, Reach]]:
    assert found.customers is not None
    return list(found.customers.flips), {reach.product: reach for reach in found.customers.reach}


def test_two_versions_that_are_the_same_differ_in_nothing(before, after):
    found = difference(before, after)
    assert (found.products, found.messages, found.inputs) == ({}, (), {})
    flips, reach = people(found)
    assert flips == []
    assert reach == {"care": Reach("care", 7, 7, 0, 0), "late": Reach("late", 3, 3, 0, 0)}
    assert (found.customers.customers, found.customers.of, found.customers.now) == (15, 15, MORNING)


def test_a_dimension_that_comes_to_a_channel_is_told_with_its_score_and_its_words(pair):
    before, after = pair
    after.edit(SMS, "Dry your", "{% if first_name %}{{ first_name }}, dry{% else %}Dry{% endif %} your")
    found = difference(before, after)
    assert found.messages == (
        Changed(
            product="care",
            channel="sms",
            kind="changed",
            added={"shown": ("name",), "branched": ("name",)},
            dropped={},
            levels_before=("last_order", "name"),
            levels_after=("last_order", "name"),
            creep_before=(16, 20, 20),
            creep_after=(16, 20, 28),
            words={SMS: "changed"},
        ),
    )
    back = changed(difference(after, before))["care/sms"]
    assert (back.added, back.dropped) == ({}, {"shown": ("name",), "branched": ("name",)})
    assert (back.creep_before, back.creep_after) == ((16, 20, 28), (16, 20, 20))


def test_what_is_given_away_and_the_order_of_levels_concern_every_channel(pair):
    before, after = pair
    after.edit(PRODUCT, "because: [last_order]", "because: []\nunseen: {last_order: the words do not tell}")
    after.edit(PRODUCT, "dimensions: [last_order, name]", "dimensions: [name, last_order]")
    found = difference(before, after)
    assert sorted(changed(found)) == ["care/email", "care/sms", "care/web"]
    web = changed(found)["care/web"]
    assert (web.added, web.dropped) == ({"unseen": ("last_order",)}, {"because": ("last_order",)})
    assert (web.levels_before, web.levels_after) == (("last_order", "name"), ("name", "last_order"))
    assert (web.creep_before, web.creep_after) == ((17, 21, 30), (0, 9, 30))
    assert found.inputs == {PRODUCT: "changed"}


def test_words_that_use_the_same_are_told_by_their_digest(pair):
    before, after = pair
    after.edit(SMS, "Dry your", "Air your")
    found = difference(before, after)
    assert [(one.product, one.channel, one.added, one.words) for one in found.messages] == [
        ("care", "sms", {}, {SMS: "changed"})
    ]


@pytest.mark.slow
def test_a_draft_does_not_go_live_below_its_floor(before, after, capsys):
    before.edit(PRODUCT, "status: live", "status: draft")
    after.edit(PRODUCT, "status: live", "status: live\nfloor: 70%")
    found = difference(before, after)
    assert found.below == {"care": 7}  # of fifteen people
    with clock(MORNING):
        assert cli.main(["check", "--diff", str(before.folder), "--workspace", str(after.folder)]) == 1
    assert "care goes live and would tell 7 of these people something" in " ".join(capsys.readouterr().out.split())
    after.edit(PRODUCT, "floor: 70%", "floor: 40%")
    assert difference(before, after).below == {}
    before.edit(PRODUCT, "status: draft", "status: live")
    after.edit(PRODUCT, "floor: 40%", "floor: 70%")
    assert difference(before, after).below == {}  # it is there already: it is warned of, and goes on


def test_a_floor_is_a_share_of_the_customers_of_its_brands_alone(after):
    workspace = after.load()
    care = workspace.products["care"].model_copy(update={"floor": 0.5})
    before = replace(workspace, products={})
    told = (Reach("care", 0, 5, 5, 0),)
    others = {**dict.fromkeys(care.brands, 10), "another": 1_000}
    assert _below(before, [care], Flips(MORNING, 1_010, 1_010, (), told, (), others)) == {}
    assert _below(before, [care], Flips(MORNING, 12, 12, (), told, (), dict.fromkeys(care.brands, 12))) == {"care": 5}


def test_a_language_that_is_added_is_words_that_are_added(pair):
    before, after = pair
    after.speak("de")
    found = difference(before, after)
    assert changed(found)["care/web"].words == {"templates/care/web.de.j2": "added"}
    assert found.inputs == {
        PRODUCT: "changed",
        "templates/_shared/email_layout.de.j2": "added",
        "templates/_shared/sms_layout.de.j2": "added",
    }


def test_products_that_come_and_go_are_told_with_their_channels(pair):
    before, after = pair
    shutil.copytree(after.folder / "templates/care", after.folder / "templates/mend")
    shutil.rmtree(after.folder / "templates/late")
    found = difference(before, after)
    assert found.products == {"late": "dropped", "mend": "added"}
    assert {name: one.kind for name, one in changed(found).items()} == {
        **{f"late/{way}": "dropped" for way in ("email", "sms", "web")},
        **{f"mend/{way}": "added" for way in ("email", "sms", "web")},
    }
    gone, new = changed(found)["late/sms"], changed(found)["mend/sms"]
    assert (gone.added, gone.dropped["shown"], gone.creep_after) == ({}, ("last_order",), ())
    assert (new.added["shown"], new.dropped, new.creep_before) == (("last_order",), {}, ())
    assert found.inputs["sql/segments/late.sql"] == found.inputs["templates/late/product.yaml"] == "dropped"


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (SQL, "FROM needs n", "FROM needs n  -- those who own something\n   ", {}),
        (SQL, "SELECT n.customer_id", "select\n    n.customer_id", {}),
        (SQL, "n.interest", "n.interest + 0 AS interest", {SQL: "changed"}),
        ("sql/consent.sql", "FROM consents", "FROM consents WHERE true", {"sql/consent.sql": "changed"}),
        (
            "sql/exclusions/barred.sql",
            "FROM barred",
            "FROM barred WHERE true",
            {"sql/exclusions/barred.sql": "changed"},
        ),
        ("sql/dimensions.yaml", "known: declared", "known: observed", {"sql/dimensions.yaml": "changed"}),
        ("sql/dimensions.yaml", "dimensions:", "# what is known\ndimensions:", {}),
        ("sql/segments/owners.yaml", "[Ann]", "[Ann, Bea]", {"sql/segments/owners.yaml": "changed"}),
        ("pyproject.toml", "global_holdout = 0", "global_holdout = 0.1", {"pyproject.toml": "changed"}),
        ("pyproject.toml", 'name = "tiny"', 'name = "tiny"\nparts = 3', {}),
        ("templates/_shared/sms_layout.j2", "Reply", "Say", {"templates/_shared/sms_layout.j2": "changed"}),
    ],
)
def test_files_that_decide_are_told_where_what_they_say_has_changed(pair, file, old, new, told):
    before, after = pair
    after.edit(file, old, new)
    assert difference(before, after).inputs == told


def test_people_who_would_get_nothing_any_more_are_counted(before, after):
    after.edit(PRODUCT, "relevance: {interest: {weight: 1}}", "relevance: {threshold: 0.8, interest: {weight: 1}}")
    flips, reach = people(difference(before, after))
    assert flips == [Flip("marketing", "care", None, 5)]  # an interest of 4 makes .88, of 3 only .73
    assert reach["care"] == Reach("care", 7, 2, 0, 5)
    flips, reach = people(difference(after, before))
    assert flips == [Flip("marketing", None, "care", 5)]
    assert reach["care"] == Reach("care", 2, 7, 5, 0)


def test_people_who_would_get_another_help_are_counted(before, after):
    shutil.copytree(after.folder / "templates/care", after.folder / "templates/mend")
    after.edit("templates/mend/product.yaml", "interest: {weight: 1}", "threshold: 0.8, interest: {weight: 1.1}")
    flips, reach = people(difference(before, after))
    assert flips == [Flip("marketing", "care", "mend", 2)]
    assert reach == {
        "care": Reach("care", 7, 5, 0, 2),
        "late": Reach("late", 3, 3, 0, 0),
        "mend": Reach("mend", 0, 2, 2, 0),
    }


def test_service_is_counted_by_subject_and_frees_whom_it_silenced(before, after):
    after.edit(
        "templates/late/product.yaml",
        "relevance: {late_days: {weight: 1}}",
        "relevance: {threshold: 0.9, late_days: {weight: 1}}",
    )
    flips, reach = people(difference(before, after))
    assert flips == [Flip("service", "late", None, 2), Flip("marketing", None, "care", 1)]
    assert reach["late"] == Reach("late", 3, 1, 0, 2)


def excludes(tiny: Tiny, query: str) -> None:
    (tiny.folder / "sql/audiences").mkdir(exist_ok=True)
    (tiny.folder / "sql/audiences/owners.sql").write_text(query, "utf-8")
    (tiny.folder / "sql/audiences/owners.yaml").write_text("why: They have one.\nbecause: [last_order]\n", "utf-8")


@pytest.mark.slow
def test_an_audience_that_other_campaigns_leave_out_is_told_where_it_comes_goes_or_changes(before, after):
    query = "SELECT customer_id, brand FROM needs WHERE interest > 2"
    for tiny in (before, after):
        tiny.edit("pyproject.toml", 'web = "web_profiles"', 'web = "web_profiles"\nads = "ads_audiences"')
    excludes(after, query)
    files = {"sql/audiences/owners.sql": "added", "sql/audiences/owners.yaml": "added"}
    came = difference(before, after)
    assert (came.inputs, came.customers.left_out) == (files, (LeftOut("owners", "north", 0, 8, 8, 0),))

    excludes(before, query.replace("> 2", "> 2 AND customer_id <> 'c01'"))
    changed = difference(before, after)
    assert changed.inputs == {"sql/audiences/owners.sql": "changed"}
    assert changed.customers.left_out == (LeftOut("owners", "north", 7, 8, 1, 0),)
    assert difference(before, before).customers.left_out == (LeftOut("owners", "north", 7, 7, 0, 0),)
    after.edit("sql/audiences/owners.yaml", "They have one", "They have two")
    assert "sql/audiences/owners.yaml" in difference(before, after).inputs


def test_what_left_today_does_not_hide_what_would_have_left(before, tiny):
    """`tiny` has had its first day: neither as a repetition nor as pressure."""
    tiny.edit(PRODUCT, "relevance: {interest: {weight: 1}}", "relevance: {threshold: 0.8, interest: {weight: 1}}")
    tiny.edit("pyproject.toml", "global_holdout", 'caps = ["1 in 1 day"]\nglobal_holdout')
    assert people(difference(before, tiny))[0] == [Flip("marketing", "care", None, 5)]


def test_what_left_before_today_counts_for_both(before, tiny):
    flips, reach = people(difference(before, tiny, at=day(2)))
    assert (flips, reach["care"]) == ([], Reach("care", 3, 3, 0, 0))  # who was silenced, or shares an address
    tiny.edit(PRODUCT, "every: 30 days", "every: 1 day")
    flips, reach = people(difference(before, tiny, at=day(2)))
    assert flips == [Flip("marketing", None, "care", 5)]
    assert reach["care"] == Reach("care", 3, 8, 5, 0)


def test_of_many_customers_some_are_drawn_and_the_same_for_both(tmp_path):
    before = make(tmp_path / "before", people=crowd(300), late=[], brands=["north"])
    after = before.copy(tmp_path / "after")
    found = difference(before, after, most=40)
    assert (found.customers.of, found.customers.flips) == (300, ())
    assert 20 <= found.customers.customers <= 40
    assert people(found)[1]["care"] == Reach("care", *[found.customers.customers] * 2, 0, 0)
    after.edit(PRODUCT, "relevance: {interest: {weight: 1}}", "relevance: {threshold: 0.8, interest: {weight: 1}}")
    assert people(difference(before, after, most=40))[0] == [Flip("marketing", "care", None, found.customers.customers)]


def test_comparing_claims_nothing_publishes_nothing_and_names_nobody(before, after):
    after.edit(PRODUCT, "relevance: {interest: {weight: 1}}", "relevance: {threshold: 0.8, interest: {weight: 1}}")
    found = difference(before, after)
    assert after.batches() == before.batches() == []
    assert not (after.state / "plans").exists()
    assert {name: rows for name, rows in after.everything().items() if name != "schema_version" and rows} == {}
    assert not (before.state / "ledger.duckdb").exists()
    told = json.dumps(asdict(found), default=str)
    assert not [word for word in ("c01", "Ann", "example.com", "tent") if word in told.replace(str(before.folder), "")]


def test_the_data_of_the_present_version_is_compared_whatever_the_other_has(before, after):
    (before.folder / "warehouse.duckdb").unlink()
    assert people(difference(before, after))[1]["care"] == Reach("care", 7, 7, 0, 0)


def test_without_a_warehouse_nobody_is_compared(pair):
    before, after = pair
    after.edit(SMS, "Dry your", "Air your")
    found = difference(before, after)
    assert (found.customers, list(changed(found))) == (None, ["care/sms"])


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (SMS, "kit", "None", "templates/care/sms.j2: with no facts, part 'body' prints 'None'"),
        (
            SQL,
            "n.interest",
            "n.interests AS interest",
            "sql/segments/owners.sql:2: there is no column 'interests' to be read here",
        ),
    ],
)
def test_another_version_that_is_broken_says_that_it_is_the_other_one(before, after, file, old, new, told):
    before.edit(file, old, new)
    with pytest.raises(UsageError) as caught:
        difference(before, after)
    assert (caught.value.where, caught.value.what) == ("--diff", f"in the version '{before.folder}', {told}")
