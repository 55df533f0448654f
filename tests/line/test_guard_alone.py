"""With every check before a run switched off, the guard alone keeps a fourth dimension from the words.

The workspace is put together here without `load_workspace`, which checks it: its product lists and shows four dimensions, and
its words name them all in every channel. Each fact is a word of its own, so that it can be found in what leaves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import line
from flows.catalogue import Catalogue, read_catalogue, read_segment
from flows.errors import DimensionLimitError, GuardError
from flows.facts import check_guarded
from flows.keys import load_key
from flows.line.planning import save
from flows.plan import plan_folder
from flows.product import read_product
from flows.schemas import COLUMNS
from flows.stages.guard import guarded
from flows.stages.message import worded
from flows.stages.routing import routed
from flows.wording import read_product_words
from tests.line.leaving import BLOCKS, decisions, leaving, with_ways
from tests.stages.making import MOMENT, candidates, product, said
from tests.tiny import MORNING, clock, make

if TYPE_CHECKING:
    from flows.workspace import Workspace

FOUR = {"item": "last_order", "first_name": "name", "city": "where_i_live", "tier": "membership"}
WORDS = {"item": "ORDERFACT", "first_name": "NAMEFACT", "city": "HOMEFACT", "tier": "TIERFACT"}
EVERYTHING = "Care" + "".join(f"{{% if {name} %}}+{{{{ {name} }}}}{{% endif %}}" for name in FOUR)


@pytest.fixture(scope="module")
def unchecked(tmp_path_factory) -> Workspace:
    """A workspace that `load_workspace` refuses, put together all the same."""
    tiny = make(tmp_path_factory.mktemp("unchecked") / "w", brands=["north"])
    tiny.advertise(least=1)
    workspace = tiny.load()
    tiny.edit(
        "sql/dimensions.yaml",
        "  name:       {my",
        "  where_i_live: {my: my home, columns: [people.country], known: declared}\n"
        "  membership: {my: my tier, columns: [people.brand], known: declared}\n  name:       {my",
    )
    fields = "".join(f"  {name}: {{dimension: {of}, examples: [{WORDS[name]}]}}\n" for name, of in FOUR.items())
    (tiny.folder / "sql/segments/owners.yaml").write_text(f"fields:\n{fields}", "utf-8")
    tiny.edit("templates/care/product.yaml", "[last_order, name]", "[last_order, name, where_i_live, membership]")
    tiny.edit(
        "templates/care/product.yaml",
        "{first_of: [email, sms], also: [web, ads]}",
        "{first_of: [email], also: [sms, web, ads]}",
    )
    for channel, blocks in BLOCKS.items():
        words = "".join(f"{{% block {block} %}}{EVERYTHING}{{% endblock %}}" for block in blocks)
        (tiny.folder / f"templates/care/{channel}.j2").write_text(words, "utf-8")
    with pytest.raises(DimensionLimitError):
        tiny.load()
    sql, templates = tiny.folder / "sql", tiny.folder / "templates"
    catalogue, four = read_catalogue(sql), read_product(templates / "care")
    return replace(
        workspace,
        catalogue=catalogue,
        products={"care": four},
        segments={"owners": read_segment(sql, "owners", catalogue)},
        words={"care": read_product_words(four, templates, "en")},
    )


def people(count: int) -> pl.DataFrame:
    """Candidates of whom all four are known, open in every channel."""
    rows = candidates(*({"customer_id": f"c{n:03}", "brand": "north", **WORDS} for n in range(count)))
    return with_ways(rows)


def dimensions_in(text: str) -> set[str]:
    return {FOUR[name] for name, word in WORDS.items() if word in text}


@pytest.mark.parametrize("floor", [0, 100])
@pytest.mark.parametrize("because", [[], ["last_order"], ["age"], ["age", "health"], ["age", "health", "membership"]])
@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_no_channel_shows_a_fourth_dimension_with_whatever_the_product_gives_away(unchecked, order, because, floor):
    listed = [*FOUR.values()]
    of = unchecked.products["care"].model_copy(
        update={"dimensions": listed[order:] + listed[:order], "because": because, "unseen": {}}
    )
    rows = leaving(unchecked, of, people(8), floor=floor)
    assert set(rows["channel"]) == set(BLOCKS)
    level = next(n for n in (3, 2, 1, 0) if len({*of.dimensions[:n], *because}) <= 3)
    if floor:  # nothing is shared by a hundred but the lack of it; a name that comes first stays
        level = min(level, 1 if of.dimensions[0] == "name" else 0)
    for _, _, its_level, facts, text in rows.iter_rows():
        assert (its_level, facts) == (level, of.dimensions[:level])
        assert dimensions_in(text) == set(facts)
        assert len({*facts, *because}) <= 3


def test_the_names_of_routing_are_not_in_what_the_words_get(unchecked):
    of = unchecked.products["care"]
    words = unchecked.words["care"]
    assert {name for found in words.values() for name in found.fields} == set(FOUR) == set(unchecked.fields(of))
    assert not set(FOUR) & set(COLUMNS)


def test_a_frame_that_the_guard_has_not_seen_does_not_reach_the_words(unchecked):
    of = unchecked.products["care"]
    fields = unchecked.fields(of)
    lanes = routed(
        guarded(decisions(people(1)), people(1), of, fields, unchecked.catalogue, said().clear(), MOMENT),
        of, unchecked.settings, fields, [],
    )  # fmt: skip
    key = load_key(unchecked.settings.key_file)
    fourth = lanes.with_columns(tier=pl.lit("TIERFACT"))
    with pytest.raises(GuardError, match="not among the facts would be shown: tier"):
        worded(fourth, of, unchecked, key)
    with pytest.raises(GuardError, match="4 dimensions: last_order, membership, name, where_i_live") as refused:
        worded(fourth.with_columns(facts=pl.lit(of.dimensions)), of, unchecked, key)
    assert "FACT" not in str(refused.value)
    assert worded(lanes, of, unchecked, key).rows.height == lanes.height


def test_a_product_that_gives_four_away_by_coming_at_all_does_not_reach_the_words(unchecked):
    care = unchecked.products["care"]
    ways = care.channels.model_copy(update={"also": ["sms", "web"]})
    of = care.model_copy(update={"because": ["age", "health", "visits", "basket"], "channels": ways})
    with pytest.raises(GuardError, match="4 dimensions: age, basket, health, visits"):
        leaving(unchecked, of, people(8))


def test_an_audience_that_has_four_dimensions_in_common_is_not_handed_over(unchecked):
    """Nothing of anybody is shown; but a platform knows what it was targeted by."""
    of = unchecked.products["care"].model_copy(update={"because": ["age"], "dimensions": [], "unseen": {}})
    assert set(leaving(unchecked, of, people(8), targeted=["age", "health", "visits"])["channel"]) == set(BLOCKS)
    with pytest.raises(GuardError, match="an audience would have 4 dimensions in common: age, basket, health, visits"):
        leaving(unchecked, of, people(8), targeted=["health", "visits", "basket"])
    without = {"channels": of.channels.model_copy(update={"also": ["sms", "web"]})}
    told = leaving(unchecked, of.model_copy(update=without), people(8), targeted=["health", "visits", "basket"])
    assert set(told["channel"]) == {"email", "sms", "web"}


def test_rows_whose_facts_were_changed_in_a_plans_folder_stop_the_run(tmp_path):
    """Between the parts and their settling a plan is files."""
    tiny = make(tmp_path / "tiny", brands=["north"])
    with clock(MORNING):
        workspace = tiny.load()
        order = line.begin(workspace, line.Request(products=("care",)))
        counts = [line.plan_part(workspace, order.run_id, 0)]
        file = next((plan_folder(workspace.settings, order.run_id) / "routed").glob("*care.parquet"))
        save(pl.read_parquet(file).with_columns(facts=pl.lit(["name", "health"])), file)
        with pytest.raises(GuardError, match="fields that are not among the facts would be shown: item"):
            line.settle(workspace, order.run_id, counts)


FIELDS = {"a": ("d1",), "b": ("d2",), "c": ("d1", "d3"), "d": ("d4",), "e": ("d5", "d2"), "f": ()}
DIMENSIONS = ["d1", "d2", "d3", "d4", "d5"]


@pytest.mark.property
def test_whatever_a_product_lists_and_a_segment_yields_a_fourth_dimension_is_not_shown():
    """Of the frames at least three in ten would show four if nobody looked."""
    would_show_four = []
    entry = {"my": "m", "columns": ["t.c"], "known": "declared"}
    catalogue = Catalogue.model_validate({"tables": {}, "dimensions": dict.fromkeys(DIMENSIONS, entry)})

    @given(
        order=st.permutations(DIMENSIONS),
        listed=st.integers(0, 5),
        because=st.lists(st.sampled_from(DIMENSIONS), unique=True, max_size=3),
        known=st.lists(
            st.fixed_dictionaries({name: st.sampled_from(["x", None]) for name in FIELDS}), min_size=1, max_size=6
        ),
    )
    def holds(order: list[str], listed: int, because: list[str], known: list[dict[str, str | None]]) -> None:
        of = product(dimensions=order[:listed], because=because)
        rows = with_ways(candidates(*({"customer_id": f"c{n}", **row} for n, row in enumerate(known))))
        rows = rows.with_columns(pl.col(name).cast(pl.String) for name in FIELDS)
        done = guarded(decisions(rows), rows, of, FIELDS, catalogue, said().clear(), MOMENT)
        check_guarded(done, of, FIELDS)
        for before, after in zip(known, done.sort("customer_id").to_dicts(), strict=True):
            told = {d for name, dims in FIELDS.items() if after[name] is not None for d in dims}
            all_of_it = {d for name, dims in FIELDS.items() if before[name] for d in dims}
            would_show_four.append(len({*all_of_it, *because}) > 3)
            assert told <= set(after["facts"]) <= set(order[:listed])
            assert len({*after["facts"], *because}) <= 3
            assert after["f"] == before["f"]

    holds()
    assert sum(would_show_four) >= 0.3 * len(would_show_four) > 0
