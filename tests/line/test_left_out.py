"""Audiences that ad campaigns which run anyway leave out: who is in them, what bars that, and what a platform holds day by day.

The platform is a set of identifiers per audience and use, replayed from the emitted files alone.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json

import duckdb
import pytest

from flows import line
from flows.errors import CatalogueError, DataError, DimensionLimitError, SourceError, StatementError, UsageError
from flows.line.health import check_people
from flows.pages.artifacts import plan_page
from flows.pages.sentences import left_out
from tests.line.test_opt_outs import Notice, say
from tests.tiny import MORNING, PEOPLE, clock, day, make, read_batch

pytestmark = pytest.mark.slow  # a day of the line each

TARGET = "google_customer_match"
QUERY = "SELECT DISTINCT customer_id, brand FROM bought WHERE bought_at > $now - INTERVAL 30 DAY"
DECLARED = "why: Who has just bought is tired of being sold the same.\nbecause: [last_order]\n"
TABLES = """\
  bought:      {person: customer_id, happened_at: bought_at, may_be_empty: true}
  traits:      {person: customer_id, may_be_empty: true}
  allergies:   {person: customer_id, may_be_empty: true}
"""
DIMENSIONS = """\
  age:    {my: my age, columns: [traits.age], known: declared}
  home:   {my: my home, columns: [traits.home], known: declared}
  traits: {my: what I am like, columns: [traits.*], known: declared}
  health: {my: my health, columns: [allergies.*], known: declared, sensitive: true}
"""
BUYERS = 110
BY_PHONE = 5
"""So many of the buyers have a telephone number, too."""


def person(number):
    phone = f"+49151123457{number:02}" if number < BY_PHONE else None
    return (f"p{number:05}", "north", f"p{number:05}@x.example.com", phone, f"Person {number}", None, None)


def of(number):
    """What a platform knows somebody by."""
    _, _, email, phone, *_ = person(number)
    return {("Email", hexed(email))} | ({("Phone", hexed(phone))} if phone else set())


def hexed(text):
    return hashlib.sha256(text.encode()).hexdigest()


def buys(tiny, *customers):
    rows = ", ".join(f"('{customer}', 'north', TIMESTAMP '2026-11-20')" for customer in customers)
    tiny.warehouse(f"INSERT INTO bought VALUES {rows}")


def makes(tiny, query=QUERY, declared=DECLARED, name="buyers"):
    (tiny.folder / "sql/audiences").mkdir(exist_ok=True)
    (tiny.folder / f"sql/audiences/{name}.sql").write_text(query, "utf-8")
    (tiny.folder / f"sql/audiences/{name}.yaml").write_text(declared, "utf-8")


def shop(folder, buyers):
    """One brand with an ad platform, whose people have all agreed, of whom some have just bought."""
    tiny = make(folder, people=[*PEOPLE, *map(person, range(buyers))], brands=["north"])
    tiny.edit("pyproject.toml", 'web = "web_profiles"', f'web = "web_profiles"\nads = "{TARGET}"')
    tiny.edit("sql/dimensions.yaml", "dimensions:\n", f"{TABLES}dimensions:\n{DIMENSIONS}")
    tiny.edit("sql/dimensions.yaml", "late_orders.*]", "late_orders.*, bought.*]")
    tiny.set(tolerated_share=1)
    tiny.warehouse("CREATE TABLE bought (customer_id VARCHAR, brand VARCHAR, bought_at TIMESTAMP)")
    tiny.warehouse("CREATE TABLE traits (customer_id VARCHAR, age INTEGER, home VARCHAR)")
    tiny.warehouse("CREATE TABLE allergies (customer_id VARCHAR)")
    makes(tiny)
    return tiny


@pytest.fixture
def tiny(tmp_path):
    tiny = shop(tmp_path / "tiny", 0)
    buys(tiny, "c01")
    return tiny


@pytest.fixture(scope="module")
def first_day(tmp_path_factory):
    """A day on which everybody has bought, ill-met people among them."""
    tiny = shop(tmp_path_factory.mktemp("left-out") / "tiny", BUYERS)
    buys(tiny, *(person(number)[0] for number in range(BUYERS)), *(f"c{number:02}" for number in range(1, 16)))
    tiny.warehouse("INSERT INTO bought VALUES ('stranger', 'north', '2026-11-20'), ('p00001', 'south', '2026-11-20')")
    return tiny, tiny.run()


@pytest.fixture
def later(first_day, tmp_path):
    return first_day[0].copy(tmp_path / "later")


def batches(tiny):
    folders = [path for path in (tiny.outbox / TARGET).iterdir() if (path / "manifest.json").exists()]
    return sorted(folders, key=lambda path: (path.name[:10], int(path.name.rpartition("-")[2])))


def replayed(tiny, use="exclude"):
    """What the platform holds of one use once it has loaded every file in the order of the manifests."""
    held = {}
    for folder in batches(tiny):
        for file in json.loads((folder / "manifest.json").read_bytes())["files"]:
            if "audience" not in file or file.get("use") != use:
                continue
            members = held.setdefault(file["audience"], set())
            for row in csv.DictReader(io.StringIO((folder / file["name"]).read_text("utf-8"))):
                told = {(name, value) for name, value in row.items() if value}
                members.difference_update(told) if file["mode"] == "remove" else members.update(told)
    return held


# Of those with an address: c09 has said no, c12 is excluded; c10's is none, and c06 has none. c02 and c03 share one.
AGREED = {"ann", "pair", "tie", "gus", "hal", "kim", "mia", "ned"}
WELL_MET = {("Email", hexed(f"{name}@x.example.com")) for name in AGREED} | {("Phone", hexed("+4915112345601"))}


def everybody(numbers=range(BUYERS)):
    return WELL_MET.union(*map(of, numbers))


def test_whoever_the_query_names_and_has_agreed_to_ads_is_told_as_somebody_to_leave_out(first_day):
    tiny, outcome = first_day
    ((name, members),) = replayed(tiny).items()
    assert members == everybody()
    assert replayed(tiny, use=None) == {}
    (folder,) = batches(tiny)
    manifest = read_batch(folder).manifest
    (file,) = manifest["files"]
    assert (file["name"], file["use"], file["mode"]) == (f"exclude-additions-{name}-0001.csv", "exclude", "append")
    assert (file["rows"], file["columns"]) == (118, ["Email", "Phone"])
    assert (manifest["kind"], manifest["products"], manifest["valid_until"]) == ("state", [], "2026-11-23T09:00:00Z")
    (counted,) = outcome.plan.left_out
    assert counted.model_dump() == {
        "audience": "buyers",
        "brand": "north",
        "target": TARGET,
        "code": name,
        "base": 126,
        "passed": 118,
        "reasons": {"NO_CONSENT": 3, "DUPLICATE_ADDRESS": 2, "UNREACHABLE": 1, "EXCLUDED": 1, "BAD_ADDRESS": 1},
    }
    (published,) = [found for found in outcome.delivered.published if found.target == TARGET]
    assert (published.rows, published.removed, published.to_leave_out) == (118, 0, 118)


def test_plan_check_and_the_page_tell_who_is_left_out_and_as_what(first_day):
    tiny, outcome = first_day
    (name,) = replayed(tiny)
    said = f"To be left out of other campaigns: 118 of 126 buyers of north, as {name} at {TARGET} (NO_CONSENT 3, "
    (row,) = left_out(outcome.plan.left_out)
    assert row.startswith(said)
    assert row.endswith(" 1).")
    assert f"| buyers | north | {TARGET} | `{name}` | 126 | 118 |" in plan_page(outcome.plan, workspace="tiny")
    with clock(MORNING):
        (known,) = line.check(tiny.load()).audiences
    assert (known.audience, known.because, known.codes) == ("buyers", ("last_order",), {"north": {TARGET: name}})


def test_nothing_is_claimed_or_said_and_no_receipt_is_written_for_who_is_left_out(first_day):
    tiny, outcome = first_day
    ((batch,),) = tiny.history(f"SELECT batch_id FROM batch WHERE target = '{TARGET}'")
    for table in ("claim", "delivery", "receipt"):
        assert tiny.history(f"SELECT count(*) FROM {table} WHERE batch_id = '{batch}'") == [(0,)]
    assert tiny.history("SELECT count(*) FROM decision WHERE product LIKE 'exclude:%'") == [(0,)]
    assert tiny.history(
        "SELECT row_count, open_count FROM segment_count WHERE product = 'exclude:buyers for north'"
    ) == [(126, 120)]
    assert {"exclude:buyers"}.isdisjoint({count.product for count in outcome.plan.counts})


def test_explain_says_of_a_customer_which_audience_has_them_since_when_or_why_it_does_not(first_day, later):
    tiny, _ = first_day
    (name,) = replayed(tiny)
    ((first,),) = tiny.history(f"SELECT batch_id FROM batch WHERE target = '{TARGET}'")
    about = {"brand": "north", "target": TARGET, "audience": "buyers", "code": name, "is_looked_at": True}
    about["why"] = "Who has just bought is tired of being sold the same."

    def told(workspace, customer):
        found = line.explain(workspace.load(), customer)
        return found.left_out, found.not_left_out

    has = {"is_named": True, "reason": None, "is_held": True, "since_batch": first}
    has_not = {"is_held": False, "since_batch": None}
    assert told(tiny, "p00000") == ([about | has], [])
    assert told(tiny, "c09") == ([about | has_not | {"is_named": True, "reason": "NO_CONSENT"}], [])
    assert told(tiny, "stranger") == ([about | has_not | {"is_named": True, "reason": "NO_CONSENT"}], [])

    later.warehouse("DELETE FROM bought WHERE customer_id = 'p00000'")
    join(later, 200)
    later.says("p00001", at=day(1))
    later.plan(at=day(1))
    assert told(later, "p00000") == ([about | has | {"is_named": False}], ["buyers"])
    assert told(later, "p00001") == ([about | has | {"reason": "NO_CONSENT"}], [])
    assert told(later, "p00200") == ([about | has_not | {"is_named": True, "reason": None}], [])
    later.run(at=day(1))
    with pytest.raises(UsageError, match="has this customer"):
        told(later, "p00000")
    second = later.history(f"SELECT batch_id FROM batch WHERE target = '{TARGET}' ORDER BY rowid")[-1][0]
    assert told(later, "p00200") == ([about | has | {"since_batch": second}], [])
    assert told(later, "p00002") == ([about | has], [])
    later.plan(at=day(2), products=("care",))
    narrowed = {"is_named": False, "is_looked_at": False}
    assert told(later, "p00002") == ([about | has | narrowed], [])


@pytest.mark.slow
def test_what_a_platform_is_told_hints_at_nothing_and_stays_when_the_query_is_mended(first_day, later):
    tiny, _ = first_day
    (folder,) = batches(tiny)
    text = (folder / "manifest.json").read_text("utf-8")
    assert "buyers" not in text
    (name,) = replayed(tiny)
    makes(later, f"{QUERY} AND customer_id <> 'p00000'")
    later.run(at=day(1))
    assert replayed(later) == {name: everybody(range(1, BUYERS))}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_days_of_files_leave_at_the_platform_who_is_to_be_left_out(later):
    tiny, numbers = later, set(range(BUYERS))

    def check(number, without=frozenset(), **request):
        tiny.run(at=day(number), **request)
        (members,) = replayed(tiny).values()
        assert members == everybody(numbers) - without, f"day {number}"

    # One leaves the query, one opts out, one comes, who is nobody's customer yet.
    tiny.warehouse("DELETE FROM bought WHERE customer_id = 'p00000'")
    tiny.says("p00001", at=day(1))
    join(tiny, 200, 201)
    numbers ^= {0, 1, 200, 201}
    check(1)

    # Both return; a number is suppressed, which leaves the address.
    buys(tiny, "p00000")
    tiny.says("p00001", "yes", at=day(2))
    tiny.warehouse("INSERT INTO suppressed VALUES ('sms', '0151 12345702', '*', 'stop', TIMESTAMP '2026-11-24')")
    numbers |= {0, 1}
    without = {("Phone", hexed(person(2)[3]))}
    check(2, without)

    # One is erased, one excluded. A run for a product leaves everybody else as they are, one for a few customers just them.
    with clock(day(3)):
        line.forget(tiny.load().settings, ["p00003"])
    tiny.warehouse("INSERT INTO barred VALUES ('p00004')")
    tiny.says("p00005", at=day(3))
    numbers -= {3}
    check(3, without, products=("care",))
    tiny.says("p00006", at=day(3))
    numbers -= {6}
    check(3, without, customers=("p00006", "p00000"))
    numbers -= {4, 5}
    check(3, without)

    # It falls below the least number of people: who is in it stays, who leaves is taken away, nobody joins,
    tiny.warehouse("DELETE FROM bought WHERE customer_id BETWEEN 'p00090' AND 'p00109'")
    join(tiny, 202)
    numbers -= set(range(90, 110))
    check(4, without)

    # until there are enough.
    join(tiny, *range(203, 220))
    numbers |= set(range(202, 220))
    check(5, without)

    # Without its file there is no such audience, and nobody is in it any more.
    (tiny.folder / "sql/audiences/buyers.sql").unlink()
    (tiny.folder / "sql/audiences/buyers.yaml").unlink()
    tiny.run(at=day(6))
    assert list(replayed(tiny).values()) == [set()]


def join(tiny, *numbers):
    for customer, brand, email, phone, name, *_ in map(person, numbers):
        values = f"('{customer}', '{brand}', 'DE', 'en', '{email}', {phone or 'NULL'}, '{name}')"
        tiny.warehouse(f"INSERT INTO people VALUES {values}")
        tiny.says(customer, "yes")
    buys(tiny, *(person(number)[0] for number in numbers))


@pytest.mark.slow
def test_who_says_stop_while_a_batch_is_made_is_not_told(later, while_staged):
    later.warehouse("DELETE FROM bought WHERE customer_id = 'p00003'")
    join(later, 200, 201)
    while_staged(TARGET, lambda: say(later, Notice(customer_id="p00200"), at=day(1)))
    later.run(at=day(1))
    assert list(replayed(later).values()) == [everybody({*range(BUYERS), 201} - {3})]


@pytest.mark.slow
def test_an_audience_that_is_shown_ads_stands_beside_one_that_is_left_out(later):
    words = "{% block headline %}Care{% endblock %}{% block description %}It lasts longer.{% endblock %}"
    (later.folder / "templates/care/ads.j2").write_text(words, "utf-8")
    later.edit("templates/care/product.yaml", "also: [web]", "also: [web, ads]")
    for number in range(BUYERS):
        later.warehouse(f"INSERT INTO needs VALUES ('p{number:05}', 'north', 'tent', 3, TIMESTAMP '2026-11-01')")
    later.run(at=day(1))
    ((shown, people),) = replayed(later, use=None).items()
    assert {*replayed(later)}.isdisjoint({shown})
    assert people >= set().union(*map(of, range(BUYERS)))
    said = [json.loads(row) for path in batches(later) for row in _lines(path / "audiences.ndjson")]
    assert [words["audience"] for words in said] == [shown]
    later.says("p00000", at=day(2))
    later.run(at=day(2))
    assert of(0).isdisjoint(set().union(*replayed(later, use=None).values(), *replayed(later).values()))


def _lines(path):
    return path.read_text("utf-8").splitlines() if path.exists() else []


@pytest.mark.slow
def test_who_is_held_out_is_told_where_that_is_asked_for_and_only_who_has_agreed(later):
    share = 0.95
    later.edit("pyproject.toml", "global_holdout = 0\n", f"global_holdout = {share}\nexclude_held_out = true\n")
    makes(later, QUERY, f"{DECLARED}comes_and_goes: true\n")
    later.says("p00000", at=day(1))
    later.run(at=day(1))
    drawn = {number for number in range(1, BUYERS) if is_held_out(person(number)[0], share)}
    mail = {"c01": "ann", "c02": "pair", "c03": "pair", "c04": "tie", "c05": "tie", "c07": "gus", "c08": "hal"}
    mail |= {"c11": "kim", "c13": "mia", "c14": "ned"}
    held = {
        ("Email", hexed(f"{name}@x.example.com")) for customer, name in mail.items() if is_held_out(customer, share)
    }
    held |= {("Phone", hexed("+4915112345601"))} if is_held_out("c01", share) else set()
    buyers, others = sorted(replayed(later).values(), key=lambda members: everybody(range(1, BUYERS)) != members)
    assert buyers == everybody(range(1, BUYERS))
    assert others == held.union(*map(of, drawn))
    assert len(others) < len(buyers)


def is_held_out(customer, share):
    return int(hashlib.sha256(f"tiny/global_holdout:{customer}".encode()).hexdigest()[:13], 16) / 2**52 < share


def test_who_is_held_out_is_told_to_nobody_unless_it_is_asked_for(tiny):
    assert tiny.load().settings.exclude_held_out is False
    assert list(tiny.load().audiences) == ["exclude:buyers"]


def test_fewer_people_than_make_a_crowd_are_not_told_and_the_plan_says_so(tiny):
    tiny.edit("pyproject.toml", TARGET, "ads_audiences")  # which has no least size of its own
    tiny.set(smallest_audience=1)
    (counted,) = tiny.plan().left_out
    assert (counted.base, counted.passed, counted.reasons) == (1, 0, {"AUDIENCE_TOO_SMALL": 1})


def test_a_run_for_a_product_looks_at_no_audience(tiny):
    plan = tiny.plan(products=("care",))
    assert (plan.order.audiences, plan.left_out) == ({}, ())


def test_a_consent_for_one_topic_is_none_for_ads_as_a_whole(tiny):
    tiny.warehouse("UPDATE consents SET topic = 'care' WHERE customer_id = 'c01'")
    (counted,) = tiny.plan().left_out
    assert counted.reasons == {"NO_CONSENT": 1}


def test_who_is_in_an_audience_until_an_instant_is_not_in_it_after_that(tiny):
    until = "SELECT customer_id, brand, TIMESTAMP '2026-11-22 09:00:00' AS until FROM bought"
    makes(tiny, until, f"{DECLARED}comes_and_goes: true")
    assert [found.base for found in tiny.plan().left_out] == [0]
    makes(tiny, until.replace("09:00:00", "09:00:01"))
    assert [found.base for found in tiny.plan().left_out] == [1]


def test_a_query_that_names_nobody_stops_the_run_before_it_claims(tiny):
    tiny.warehouse("DELETE FROM bought")
    with pytest.raises(SourceError) as caught:
        tiny.run()
    assert (caught.value.where, caught.value.what) == ("sql/audiences/buyers.sql", "this query names nobody")
    assert "comes_and_goes: true" in caught.value.hint
    assert tiny.batches() == []
    makes(tiny, QUERY, f"{DECLARED}comes_and_goes: true\n")
    assert [found.base for found in tiny.plan().left_out] == [0]


def test_an_audience_that_lost_or_won_too_many_stops_the_run(first_day, later):
    workspace, plan = later.load(), first_day[1].plan
    check_people(workspace, plan)
    (counted,) = plan.left_out

    def refused(**changes):
        with pytest.raises(SourceError) as caught:
            check_people(workspace, plan.model_copy(update={"left_out": (counted.model_copy(update=changes),)}))
        return caught.value.where, caught.value.what

    where = "audience buyers of north"
    fell = "the people that it names fell from 126 to 62 since it was last delivered"
    assert refused(base=62) == (where, fell)
    barred = "the people who may be spoken to fell from 120 to 59 since it was last delivered"
    assert refused(reasons={"NO_CONSENT": 67}) == (where, barred)
    with duckdb.connect(str(later.state / "ledger.duckdb")) as ledger:
        ledger.execute("UPDATE segment_count SET row_count = 1000 WHERE product LIKE 'exclude:%'")
    rose = "the people that it names rose from 1000 to 2001 since it was last delivered"
    assert refused(base=2001) == (where, rose)


# What `check`, and every run before its first row, refuses.


def refusal(tiny, error):
    with clock(MORNING), pytest.raises(error) as caught:
        line.check(tiny.load())
    return caught.value.where, caught.value.what


def test_what_people_are_chosen_by_has_to_be_declared_since_the_platform_is_told(tiny):
    makes(tiny, QUERY, DECLARED.replace("[last_order]", "[]"))
    where, what = refusal(tiny, CatalogueError)
    assert where == "sql/audiences/buyers.yaml:2"
    assert what.startswith("'last_order' decides who is in this audience (sql/audiences/buyers.sql:1)")


def test_what_nobody_is_chosen_by_is_not_declared(tiny):
    makes(tiny, QUERY, DECLARED.replace("[last_order]", "[last_order, name]"))
    where, what = refusal(tiny, CatalogueError)
    assert (where, what) == (
        "sql/audiences/buyers.yaml:2",
        "sql/audiences/buyers.sql reads nothing of 'name', so nobody is chosen by it",
    )


def test_until_when_somebody_is_in_it_tells_something_too(tiny):
    ends = "CASE WHEN p.first_name = 'Ann' THEN b.bought_at END AS until"
    makes(tiny, f"SELECT customer_id, b.brand, {ends} FROM bought b JOIN people p USING (customer_id)")
    assert "'name' decides who is in this audience" in refusal(tiny, CatalogueError)[1]


FOUR = "SELECT customer_id, brand FROM bought JOIN traits USING (customer_id) WHERE age > 30 AND home = 'Ulm'"


def test_an_audience_of_more_than_three_dimensions_is_refused_whether_they_are_declared_or_not(tiny):
    buying = "  buying: {my: what I buy, columns: [bought.*], known: observed}\n"
    tiny.edit("sql/dimensions.yaml", ", bought.*]", "]")
    tiny.edit("sql/dimensions.yaml", DIMENSIONS, f"{DIMENSIONS}{buying}")
    many = "the audience has 4 dimensions, at most 3 are allowed: age, buying, home, traits"
    makes(tiny, FOUR, DECLARED.replace("last_order", "buying"))
    assert refusal(tiny, DimensionLimitError) == ("sql/audiences/buyers.sql", many)
    makes(tiny, FOUR, DECLARED.replace("last_order", "age, buying, home, traits"))
    assert refusal(tiny, DimensionLimitError) == ("sql/audiences/buyers.yaml:2", many)


def test_a_sensitive_dimension_is_refused_without_a_lawful_basis(tiny):
    query = "SELECT customer_id, brand FROM bought WHERE customer_id IN (SELECT customer_id FROM allergies)"
    makes(tiny, query)
    where, what = refusal(tiny, CatalogueError)
    assert where == "sql/audiences/buyers.sql:1"
    assert what.endswith("is read here, and 'health' is sensitive and names no lawful basis")
    makes(tiny, query, DECLARED.replace("last_order", "last_order, health"))
    what = "the dimension 'health' is sensitive and its entry names no lawful basis"
    assert refusal(tiny, CatalogueError) == ("sql/audiences/buyers.yaml:2", what)
    tiny.edit("sql/dimensions.yaml", "sensitive: true", "sensitive: true, lawful_basis: explicit consent")
    with clock(MORNING):
        line.check(tiny.load())


@pytest.mark.parametrize(
    ("columns", "error", "what"),
    [
        ("brand", DataError, "the column 'customer_id' is missing"),
        ("customer_id", DataError, "the column 'brand' is missing"),
        ("customer_id, brand, 'x' AS until", DataError, "the column 'until' is text, and should be an instant"),
        ("'c01' AS customer_id, brand", StatementError, "'customer_id' is not the key of one table, unchanged"),
    ],
)
def test_a_query_that_does_not_yield_what_is_asked_of_it_is_refused(tiny, columns, error, what):
    makes(tiny, f"SELECT {columns} FROM bought")
    where, said = refusal(tiny, error)
    assert where.startswith("sql/audiences/buyers.sql")
    assert said == what


@pytest.mark.parametrize(
    ("name", "missing", "what"),
    [
        ("held_out", None, "this is no name for an audience"),
        ("Buyers", None, "this is no name for an audience"),
        ("some", "sql", "this file is missing, and its .yaml is there"),
        ("some", "yaml", "this file is missing or cannot be read"),
    ],
)
def test_half_an_audience_and_one_with_a_name_that_is_taken_are_refused(tiny, name, missing, what):
    makes(tiny, name=name)
    if missing:
        (tiny.folder / f"sql/audiences/{name}.{missing}").unlink()
    assert refusal(tiny, (StatementError, CatalogueError))[1] == what


def test_no_row_of_a_known_brand_is_a_typing_mistake(tiny):
    makes(tiny, "SELECT customer_id, 'nort' AS brand FROM bought", DECLARED)
    with pytest.raises(DataError, match="no row has a brand of this workspace"):
        tiny.plan()
