"""State targets of more people than are held at a time: the same bytes, history and membership as in one piece."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows import line
from flows.channels import target
from flows.ledger.inbox import Notice, write
from flows.line.reconciling import taken_away
from flows.line.rows import Rows, by_customer
from flows.line.shelf import shelf
from flows.line.watching import out_there_in_pieces, scan_published
from flows.stages.claims import Reach, held_under, in_small_audiences, reconciled, without
from tests.line.test_left_out import DECLARED, TARGET, buys, join, makes, shop
from tests.stages.test_claims import ALL, NOW, found_by, members
from tests.tiny import clock, day, make

CUSTOMERS = [f"c{number}" for number in range(1, 7)]
PERSON = st.tuples(st.sampled_from("abc"), st.sampled_from(["p", "q", None]), st.sampled_from(["a-1", "a-2"]))
PEOPLE = st.dictionaries(st.sampled_from(CUSTOMERS), PERSON)
SOME = st.sets(st.sampled_from(CUSTOMERS))


def held(people, number):
    return members(*(
        found_by(customer, mail, phone, audience=audience, address_match=mail, message=f"{customer}-{number}")
        for customer, (mail, phone, audience) in sorted(people.items())
    ))  # fmt: skip


@pytest.mark.property
@given(before=PEOPLE, after=PEOPLE, left=SOME, out=SOME, cuts=SOME, least=st.integers(1, 4))
@settings_of(max_examples=60, deadline=None)
def test_customers_compared_in_any_pieces_come_to_what_they_come_to_in_one(before, after, left, out, cuts, least):
    published, wanted, one_of = held(before, 0), held(after, 1), pl.col("customer_id")
    barred = published.filter(one_of.is_in(sorted(left))).select("message_id")
    sealed_out = wanted.filter(one_of.is_in(sorted(out)))["message_id"]
    whole = reconciled(published, wanted, barred, Reach(ALL), NOW)

    place = pl.sum_horizontal(pl.lit(0), *(one_of >= cut for cut in cuts))
    there, asked = ([rows.filter(place == nth) for nth in range(len(cuts) + 1)] for rows in (published, wanted))
    found = [reconciled(*pair, barred, Reach(ALL), NOW) for pair in zip(there, asked, strict=True)]
    gone, after = (
        Rows.made([lambda rows=rows: rows for rows in kind])
        for kind in ([e.removals for e in found], [e.members for e in found])
    )
    assert_frame_equal(pl.concat(after), whole.members)
    assert_frame_equal(pl.concat(each.additions for each in found), whole.additions)
    assert_frame_equal(pl.concat(taken_away(gone, after)), whole.removals)
    assert sum(each.unchanged for each in found) == whole.unchanged
    sizes = whole.members.group_by("audience").agg(people=pl.col("address_match").n_unique())
    small = whole.members.join(sizes.filter(pl.col("people") < least), on="audience", how="semi")
    new = small.join(published, on="message_id", how="anti").select("message_id")
    assert_frame_equal(in_small_audiences(after, there, least), new)
    others = held_under(wanted.filter(pl.col("message_id").is_in(sealed_out.implode())))
    noted = [without(*pair, sealed_out, others) for pair in zip(after, there, strict=True)]
    assert_frame_equal(pl.concat(noted), without(whole.members, published, sealed_out))


@pytest.fixture(scope="module")
def advertised(tmp_path_factory):
    """People who share addresses and numbers with others far from them, of whom some have just bought."""
    tiny = shop(tmp_path_factory.mktemp("pieces") / "tiny", 110)
    makes(tiny, declared=f"{DECLARED}comes_and_goes: true\n")
    words = "{% block headline %}Care{% endblock %}{% block description %}It lasts longer.{% endblock %}"
    (tiny.folder / "templates/care/ads.j2").write_text(words, "utf-8")
    tiny.edit("templates/care/product.yaml", "also: [web]", "also: [web, ads]")
    buys(tiny, *(f"p{number:05}" for number in range(104)), "c01", "c04", "c05")
    tiny.warehouse(
        "INSERT INTO needs SELECT customer_id, brand, 'tent', 3, '2026-11-01' FROM people WHERE customer_id > 'p'"
    )
    share(tiny, "+4915112345801", "p00000", "p00050", "p00109")
    share(tiny, "+4915112345802", "p00001", "p00080")
    tiny.warehouse("UPDATE people SET email = 'p00002@x.example.com' WHERE customer_id IN ('p00090', 'p00101')")
    return tiny


def share(tiny, phone, *customers):
    tiny.warehouse(f"UPDATE people SET phone = '{phone}' WHERE customer_id IN {customers}")


def a_month(tiny, while_staged):
    """What is known of some days: of each what was published."""
    settings = tiny.load().settings
    days = [tiny.run()]
    tiny.warehouse("DELETE FROM bought WHERE customer_id IN ('p00000', 'p00005', 'p00050')")
    tiny.says("p00001", at=day(1))
    join(tiny, 120, 121)
    share(tiny, "+4915112345801", "p00120")
    while_staged(TARGET, lambda: write(settings, [Notice(customer_id="p00120")]))
    days.append(tiny.run(at=day(1)))
    while_staged(TARGET, lambda: None)
    for customer in ("p00002", "p00090", "p00101", "c04", "c05"):  # by the same address each
        tiny.says(customer, at=day(2))
    tiny.warehouse("DELETE FROM bought WHERE customer_id = 'p00003'; INSERT INTO barred VALUES ('p00109')")
    with clock(day(2)):
        line.forget(settings, ["p00006"])
    days.append(tiny.run(at=day(2), parts=2))
    tiny.warehouse("UPDATE needs SET item = 'stove' WHERE customer_id < 'p00004'")
    days.append(tiny.run(at=day(31), parts=3))
    return [
        (d.target, d.rows, d.removed, d.unchanged, d.to_leave_out, d.dropped)
        for o in days
        for d in o.delivered.published
    ]


@pytest.mark.slow  # in `make test` the property above stands for it
@pytest.mark.timeout(1800)
def test_what_state_targets_are_told_in_a_month_does_not_depend_on_how_many_people_are_held(
    advertised, tmp_path, monkeypatch, while_staged
):
    found, held = [], []
    for most in (5000, 30):
        monkeypatch.setattr(Rows, "most", most)
        tiny = advertised.copy(tmp_path / f"{most}")
        told, settings = a_month(tiny, while_staged), tiny.load().settings
        batches = {(seen.target, seen.name): seen for seen in tiny.batches()}
        files = {place: seen.payload for place, seen in batches.items()}
        said = {place: (seen.manifest["files"], seen.manifest["valid_until"]) for place, seen in batches.items()}
        history = {
            name: rows for name, rows in tiny.everything().items() if name in {"delivery", "receipt", "exposure"}
        }
        found.append((told, files, said, history))
        held.append(
            pl.concat(scan_published(settings, target(name), "north") for name in (TARGET, "web_profiles")).collect()
        )
        assert not list(settings.folder("scratch").iterdir())
    told, files, said, history = found[0]
    held_by_the_platform = [(rows, removed, left_out) for name, rows, removed, _, left_out, _ in told if name == TARGET]
    assert held_by_the_platform == [(216, 0, 104), (10, 5, 5), (11, 11, 6), (205, 98, 97)]
    assert len(history["receipt"]) > 400
    for other, there in zip(found[1:], held[1:], strict=True):
        assert other == found[0]
        assert_frame_equal(there, held[0])


@pytest.mark.slow
@pytest.mark.parametrize("most", [5000, 7, 60])
def test_an_audience_of_which_all_pieces_are_too_small_together_is_not_handed_over(
    advertised, tmp_path, monkeypatch, most
):
    monkeypatch.setattr(Rows, "most", most)
    tiny = advertised.copy(tmp_path / "tiny")
    people = sum(count.rows for count in tiny.plan().counts if count.target == TARGET and count.product == "care")
    tiny.set(smallest_audience=people)
    plan = tiny.plan(parts=2)
    tiny.says("c13")
    (published,) = [done for done in tiny.deliver(plan.order.run_id).published if done.target == TARGET]
    assert published.dropped["AUDIENCE_TOO_SMALL"] == people - 1
    assert (published.folder, published.rows) == (None, 0)


def test_windows_of_customers_have_every_row_once_in_their_order(monkeypatch):
    monkeypatch.setattr(Rows, "most", 3)
    ids = ["c5", "c1", "c1", "c2", "c9", "c3", "c1", "c4", "c1", "c7"]
    rows = pl.DataFrame({"customer_id": ids, "nth": range(10)})
    few = rows.filter(pl.col("nth") > 7).lazy()
    bounds = by_customer(rows.lazy(), few)
    found = Rows.within(rows.lazy(), bounds)
    assert len(found) == len(Rows.within(few, bounds)) > 1
    assert pl.concat(one.sort("customer_id", "nth") for one in found).equals(rows.sort("customer_id", "nth"))
    both = found.map(lambda one, other: pl.concat([one, other]), Rows.within(few, bounds))
    assert [one["customer_id"].n_unique() for one in both] == [one["customer_id"].n_unique() for one in found]
    assert sum(one.height for one in both) == 12
    monkeypatch.setattr(Rows, "most", 12)
    assert len(by_customer(rows.lazy(), few)) == 1


def test_what_waits_of_several_windows_is_in_private_files_that_go(tmp_path):
    tiny = make(tmp_path / "tiny", brands=["north"])
    settings, rows = tiny.load().settings, pl.DataFrame({"customer_id": ["c1"], "shown": [["a"]]})
    for windows in (1, 2):
        with shelf(settings, windows) as kept:
            for _ in range(windows):
                kept.put(some=rows)
            files = [path for path in settings.folder("scratch").rglob("*") if path.is_file()]
            assert len(files) == (0 if windows == 1 else 2)
            assert {path.stat().st_mode & 0o777 for path in files} <= {0o600}
            assert [one.equals(rows) for one in kept.rows("some")] == [True] * windows
        assert not [path for path in settings.folder("scratch").rglob("*") if path.is_file()]


def test_what_is_out_there_is_the_same_in_pieces(tiny, monkeypatch):
    workspace = tiny.load()
    targets = ("email_file", "sms_file", "web_profiles")
    with clock(day(1)):
        whole = pl.concat(out_there_in_pieces(workspace, targets))
        monkeypatch.setattr(Rows, "most", 2)
        pieces = list(out_there_in_pieces(workspace, targets))
    assert len(pieces) > 4
    assert_frame_equal(pl.concat(pieces), whole)
