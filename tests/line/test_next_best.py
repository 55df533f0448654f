"""Which help of several somebody gets: by lot for some, with its probability; by what was learned, once a person accepts it."""

from __future__ import annotations

import hashlib
import json
import stat
from collections import Counter

import pytest

from flows import cli, line
from flows.errors import CatalogueError, DataError, ProductError, SettingError, UsageError
from flows.learning.choices import read_choices
from flows.ledger.store import Ledger
from flows.pages import choices as shown
from flows.pages import sentences
from tests.line.told import Told, row
from tests.line.two_helps import PEOPLE, SETTING, last, texts, two_helps, winners
from tests.tiny import MORNING, Tiny, clock, day

pytestmark = pytest.mark.slow
KEPT, HELD = 0.9, 0.1
TREATED = {"care": KEPT * 0.8, "fit": KEPT}
LEARNED = """\
outcome: ordered
within_days: 14
price: 0.002
learned_on: 2026-12-20
people: 800
more: 0.05
at_least: 0.02
effects:
  care:
    contexts: [taste]
    for_all: 0.01
    cells:
      - {when: {taste: tent}, more: 0.052}
      - {when: {taste: others}, more: -0.01}
  fit:
    contexts: []
    for_all: 0.001
"""


@pytest.fixture(scope="module")
def _shop(tmp_path_factory) -> Tiny:
    return two_helps(tmp_path_factory.mktemp("next") / "tiny")


@pytest.fixture
def shop(_shop, tmp_path) -> Tiny:
    return _shop.copy(tmp_path / "tiny")


@pytest.fixture(scope="module")
def _lived(_shop, tmp_path_factory) -> Tiny:
    """After a first day: `fit` has nearly all who like tents order, `care` all others, and otherwise they do nothing."""
    tiny = _shop.copy(tmp_path_factory.mktemp("lived") / "tiny")
    tiny.run()
    rows = []
    for person, (product, reason) in winners(tiny).items():
        number = int(person[1:])
        helped = reason is None and (product == "fit") == (taste(number) == "tent")
        if number % 10 < (9 if helped else 1):
            rows.append(row(f"o{person}", "ordered", person))
    later = row("later", "ordered", "p00001", happened_at="2026-12-07T10:00:00Z")  # so that one knows till then
    Told(tiny).rows(*rows, later, on=20)
    return tiny


@pytest.fixture
def lived(_lived, tmp_path) -> Tiny:
    return _lived.copy(tmp_path / "tiny")


def taste(number: int) -> str:
    return ("tent", "rope", "stove")[number % 3]


def u(salt: str, number: int, on: int) -> float:
    text = f"tiny/next_best/{salt}/{day(on):%Y-%m-%d}:p{number:05}\x1fnorth"
    return int(hashlib.sha256(text.encode()).hexdigest()[:13], 16) / 2**52


def by_lot(number: int, on: int, best: str | None) -> str | None:
    """Which help a person gets, gone through one by one; None: none."""
    return ("care", "fit")[int(u("help", number, on) * 2)] if u("explore", number, on) < 0.5 else best


def test_some_get_a_help_by_lot_and_the_history_has_how_likely_each_was(shop):
    outcome = shop.run()
    found = {person: product for person, (product, _) in winners(shop).items()}
    assert found == {f"p{number:05}": by_lot(number, 0, "care") for number in range(PEOPLE)}
    lots = sum(u("explore", number, 0) < 0.5 for number in range(PEOPLE))
    assert outcome.plan.chosen == {"lot": lots, "relevance": PEOPLE - lots}
    assert sentences.helps_chosen(outcome.plan) == [
        f"Which help people get: by relevance {PEOPLE - lots:,}, by lot, so that one learns {lots:,}."
    ]
    rows = shop.history(
        "SELECT d.product, d.reason IS NULL, c.is_given, among, chances, nothing, share, by_rules, contexts[1].value, "
        "c.product = d.product, signals FROM choice c JOIN decision d USING (decision_id)"
    )
    assert len(rows) == PEOPLE
    chances = [0.75 * TREATED["care"], 0.25 * TREATED["fit"]]
    for _, given, is_given, among, odds, nothing, share, rules, likes, is_same, signals in rows:
        assert (among, rules, share, is_given, is_same) == (["care", "fit"], "care", 1.0, given, True)
        assert odds == pytest.approx(chances)
        assert nothing == pytest.approx(1 - sum(chances))
        assert signals == [{"name": "interest", "strength": pytest.approx(3.0)}]
        assert likes in ("tent", "rope", "stove")


def test_in_parts_for_a_few_and_by_another_plan_it_is_the_same(shop):
    shop.plan()
    whole = winners(shop)
    shop.plan(parts=3)
    assert winners(shop) == whole
    few = [f"p{number:05}" for number in range(20)]
    shop.plan(customers=few)
    assert winners(shop) == {person: whole[person] for person in few}
    drawn = set(last(shop, "next_best").filter("is_drawn")["customer_id"])
    shop.plan(at=day(1), customers=few)
    assert set(last(shop, "next_best").filter("is_drawn")["customer_id"]) != drawn  # another day, another lot


def test_a_run_for_one_product_notes_the_choices_that_it_delivers(shop):
    shop.run(products=["fit"])
    drawn = [number for number in range(PEOPLE) if by_lot(number, 0, "care") == "fit"]
    rows = shop.history("SELECT DISTINCT product, among, by_rules FROM choice")
    assert rows == [("fit", ["fit"], "care")]
    assert shop.history("SELECT count(*) FROM choice") == [(len(drawn),)]


def test_what_was_accepted_is_chosen_by_and_nothing_is_said_where_nothing_is_worth_a_contact(shop, capsys):
    (shop.folder / "sql/next_best.yaml").write_text(LEARNED, "utf-8")
    plan = shop.plan()
    best = {number: "care" if taste(number) == "tent" else None for number in range(PEOPLE)}
    expected = {number: by_lot(number, 0, best[number]) for number in range(PEOPLE)}
    assert {person: product for person, (product, _) in winners(shop).items()} == {
        f"p{number:05}": product for number, product in expected.items() if product
    }
    how = Counter("lot" if u("explore", n, 0) < 0.5 else "learned" if best[n] else "silent" for n in range(PEOPLE))
    assert plan.chosen == dict(how)
    assert sentences.helps_chosen(plan)[1:] == [
        "care brings about +5.20 pt where taste is tent, −1.00 pt where taste is others, +1.00 pt else.",
        "fit brings about +0.10 pt for all.",
    ]
    silent = next(n for n in range(PEOPLE) if expected[n] is None)
    reasons = last(shop, "decisions").filter(customer_id=f"p{silent:05}")["reason"].unique().to_list()
    assert reasons == ["BELOW_THRESHOLD"]
    told = {
        n: texts(shop, n)
        for n in (silent, next(n for n in best if best[n] and u("explore", n, 0) >= 0.5 and is_given(shop, n)))
    }
    assert (
        "by what was learned no help that is open is worth a contact to them, this one −1.20 pt (BELOW_THRESHOLD)"
        in told.pop(silent)
    )
    [gets] = told.values()
    assert "by what was learned it does the most for them (taste tent): +5.00 pt after what a contact costs" in gets
    assert "its probability was 75.0%" in gets
    assert "care does more for them by what was learned, +5.00 pt against −0.10 pt (OUTRANKED)" in gets
    drawn = next(n for n in range(PEOPLE) if u("explore", n, 0) < 0.5 and expected[n] == "fit" and is_given(shop, n))
    assert "it was drawn by lot, so that one learns; its probability was 25.0%" in texts(shop, drawn)
    assert "fit was drawn by lot among 2 helps, so that one learns (OUTRANKED)" in texts(shop, drawn)


def is_given(tiny: Tiny, number: int) -> bool:
    return winners(tiny)[f"p{number:05}"][1] is None


def test_who_is_silent_counts_by_those_with_whom_it_was_tried_all_the_same(shop):
    (shop.folder / "sql/next_best.yaml").write_text(LEARNED, "utf-8")
    shop.run()
    rows = shop.history("SELECT DISTINCT contexts[1].value = 'tent', share, chances FROM choice ORDER BY 1")
    assert [(is_tent, share) for is_tent, share, _ in rows] == [(False, 0.5), (True, 1.0)]
    whole = 0.25 * sum(TREATED.values()) + 0.25 * (1 - KEPT * 0.8) + 0.25 * HELD
    assert rows[0][2] == pytest.approx([0.25 * TREATED["care"] / whole, 0.25 * TREATED["fit"] / whole])


def test_what_is_learned_is_proposed_accepted_and_chosen_by(lived, monkeypatch, capsys):
    monkeypatch.chdir(lived.folder)
    with clock(day(21)):
        read = read_choices(lived.load())
        assert read.found.proposed is not None
        fit = read.found.tables["fit"]
        assert fit.contexts == ("taste",)
        effects = {values[0]: more for values, more in fit.cells}
        assert effects["tent"] > 0.5
        assert max(effects["rope"], effects["stove"]) < 0.2
        console = shown.proposed(read)
        assert console.startswith(f"Proposal {read.id}: choose by 1 context for each help: +")
        assert cli.main(["next-best", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["id"] == read.id
        [waiting] = proposals(capsys)
        assert [waiting[name] for name in ("id", "product", "kind", "what", "made_at", "accept")] == [
            read.id, None, "choose", "1 context", None, f"justenough next-best --accept {read.id}",
        ]  # fmt: skip
        assert waiting["says"].startswith("Helps are chosen by 1 context for each: +")
        assert cli.main(["proposals"]) == 0
        listed = " ".join(capsys.readouterr().out.split())
        assert listed.startswith(
            f"{read.id} all products: choose helps by what was learned (1 context), found now Helps are"
        )
        assert f" Next: justenough next-best --accept {read.id} " in listed
        assert listed.endswith(" Nothing changes before")
        assert cli.main(["next-best", "--page", "learned.html"]) == 0
        out = capsys.readouterr().out
        assert "surely better" in out
        assert "get fit instead of care: +" in out
        assert "Who is given a help by lot comes to " in out
        page = lived.folder / "learned.html"
        html = page.read_text("utf-8")
        assert stat.S_IMODE(page.stat().st_mode) == 0o600
        assert [
            each for each in ("Who would switch", "Exploration&#x27;s price", "How true scores are") if each not in html
        ] == []
        assert f"Proposal {read.id}: choose by 1 context for each help" in html
        assert "taste tent" in html
        assert (
            html.count("<svg") == 1 + len(read.found.tables) + 1 + 2
        )  # by contexts, each help, lots, each product's scores
        with pytest.raises(UsageError) as caught:
            line.accept_choice(lived.load(), "00000000")
        assert caught.value.what == f"'00000000' is not: '{read.id}' is proposed now"
        assert cli.main(["next-best", "--accept", read.id]) == 0
    assert "Helps are chosen by 1 context for each" in (lived.folder / "CHANGELOG.md").read_text("utf-8")
    with clock(day(21)):
        assert read_choices(lived.load()).in_use == day(21).date()
        assert proposals(capsys) == []
    before = lived.run(at=day(40)).plan
    tents = [n for n in range(PEOPLE) if taste(n) == "tent" and u("explore", n, 40) >= 0.5]
    found = winners(lived)
    assert {found[f"p{n:05}"][0] for n in tents} == {"fit"}
    assert before.chosen["learned"] >= len(tents)


def proposals(capsys) -> list[dict]:
    """How to choose helps, as it waits for a person."""
    capsys.readouterr()
    assert cli.main(["proposals", "--json"]) == 0
    return [each for each in json.loads(capsys.readouterr().out) if each["kind"] == "choose"]


@pytest.mark.parametrize("words", [["next-best", "--page", "learned.html"], ["proposals"]])
def test_what_is_learned_of_helps_and_of_scores_is_learned_from_one_reading_of_choices(lived, words, monkeypatch):
    monkeypatch.chdir(lived.folder)
    asked, rows = [], Ledger.rows

    def counted(ledger, query, *given, **named):
        asked.append(query)
        return rows(ledger, query, *given, **named)

    monkeypatch.setattr(Ledger, "rows", counted)
    with clock(day(21)):
        assert cli.main(words) == 0
    assert sum("WITH made AS" in query for query in asked) == 1


def test_before_anything_is_known_nothing_is_told(shop, monkeypatch, capsys):
    monkeypatch.chdir(shop.folder)
    with clock(MORNING):
        assert cli.main(["next-best"]) == 1
    assert "Fewer than 100 people whose time is over are known yet" in capsys.readouterr().out
    shop.edit("pyproject.toml", SETTING, "")
    with clock(MORNING), pytest.raises(UsageError, match="next_best"):
        read_choices(shop.load())
    shop.plan()
    assert last(shop, "decisions").filter(product="fit")["reason"].unique().to_list() == ["OUTRANKED"]


@pytest.mark.parametrize(
    ("change", "error", "what"),
    [
        (
            ("  care:\n    contexts: [taste]", "  care:\n    contexts: [taste, age]"),
            CatalogueError,
            "'age' is no field",
        ),
        (("{when: {taste: tent}", "{when: {}"), CatalogueError, "does not say each of its contexts"),
        (("outcome: ordered", "outcome: visited"), SettingError, "was learned for 'visited'"),
        (("price: 0.002", "price: 0.1"), SettingError, "at 0.1 a contact"),
    ],
)
def test_what_does_not_fit_the_settings_is_refused(shop, change, error, what):
    (shop.folder / "sql/next_best.yaml").write_text(LEARNED.replace(*change), "utf-8")
    with pytest.raises(error) as caught:
        shop.load()
    assert what in caught.value.what


def test_a_help_that_depends_on_four_dimensions_is_refused(shop):
    names = ("one", "two", "three", "four")
    more = "".join(f"  {name}: {{my: x, columns: [needs.item], known: observed}}\n" for name in names)
    shop.edit("sql/dimensions.yaml", "  name:", f"{more}  name:")
    fields = "".join(f"  {name}: {{dimension: {name}}}\n" for name in names)
    (shop.folder / "sql/segments/who.yaml").write_text(f"fields:\n{fields}", "utf-8")
    (shop.folder / "sql/next_best.yaml").write_text(LEARNED.replace("[taste]", "[one, two, three, four]"), "utf-8")
    with pytest.raises(CatalogueError) as caught:
        shop.load()
    assert caught.value.what == "'care' is chosen by 4 dimensions (four, one, three, two), and 3 are allowed"


def test_by_what_a_help_is_chosen_its_product_says_whether_people_can_tell(shop):
    (shop.folder / "sql/segments/who.yaml").write_text("fields:\n  taste: {dimension: name}\n", "utf-8")
    (shop.folder / "sql/next_best.yaml").write_text(LEARNED, "utf-8")
    with pytest.raises(ProductError) as caught:
        shop.load()
    assert (
        caught.value.what == "'care' is chosen by name, as was learned, and says of it neither `because` nor `unseen`"
    )
    shop.edit("templates/care/product.yaml", "because:", "unseen: {name: Nobody is told by the words.}\nbecause:")
    assert shop.load().learned is not None


def test_a_segment_that_is_not_there_or_has_two_rows_of_somebody_is_refused(shop):
    who = shop.folder / "sql/segments/who.sql"
    who.write_text("SELECT customer_id, brand, item AS taste, item AS subject_id FROM needs UNION ALL "
                   "SELECT customer_id, brand, item, 'x' FROM needs", "utf-8")  # fmt: skip
    with pytest.raises(DataError) as caught:
        shop.plan()
    assert caught.value.what == "somebody has two rows, and a choice depends on one"
    shop.edit("pyproject.toml", 'contexts = "who"', 'contexts = "whom"')
    with pytest.raises(SettingError) as missing:
        shop.load()
    assert missing.value.what == "there is no segment 'whom' in sql/segments/"


def test_nothing_of_a_choice_stays_of_who_asks_to_be_forgotten(lived):
    assert len(lived.history("FROM choice")) == PEOPLE
    with clock(day(1)):
        line.forget(lived.load().settings, ["p00007"])
    assert len(lived.history("FROM choice")) == PEOPLE - 1
    assert last(lived, "next_best").filter(customer_id="p00007").is_empty()
