"""Good work is not stopped: products as good CRM engineers write them pass `check`, and what is refused says the way out."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import duckdb
import pytest

from flows.errors import DimensionLimitError
from flows.line.checking import check
from flows.line.proving import prove
from flows.sample import build_sample
from flows.workspace import load_workspace
from tests.attacks.good_work import HONEST, ROOT, TOO_MUCH, VIEW, Honest, shop
from tests.tiny import MORNING

if TYPE_CHECKING:
    from pathlib import Path

    from flows.line.checking import Report


@pytest.fixture(autouse=True)
def _morning(monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", MORNING.isoformat())


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Report:
    """What `check` says of a workspace with all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUSTENOUGH_NOW", MORNING.isoformat())
        return check(load_workspace(shop(HONEST, tmp_path_factory.mktemp("shop") / "w")))


@pytest.mark.parametrize("product", HONEST, ids=[product.name for product in HONEST])
def test_an_honest_product_passes_with_what_it_says_it_shows(product: Honest, report):
    row = next(message for message in report.messages if message.product == product.name)
    assert set(row.shown) | set(row.branched) == set(product.dimensions)
    assert set(row.targeted) <= {*product.because, *product.unseen}
    assert len({*row.shown, *row.branched, *product.because}) <= 3


def test_there_are_many_of_them_and_none_is_warned_of_for_what_it_shows(report):
    assert len(HONEST) >= 25
    others = [warning for warning in report.warnings if "has no examples" not in warning]
    assert others == ["sql/suppressions.sql is missing: no address is suppressed"]


def test_the_name_and_the_order_are_two_dimensions_and_a_store_by_the_home_town_makes_three():
    counted = {product.name: product.dimensions for product in HONEST}
    assert counted["care_tips"] == ["name", "last_order"]
    assert counted["care_tips_drop_off"] == ["name", "last_order", "where_i_live"]


def test_a_wording_for_gold_members_beside_them_is_a_fourth_and_the_cheapest_way_out_is_named(tmp_path):
    with pytest.raises(DimensionLimitError) as caught:
        load_workspace(shop([TOO_MUCH], tmp_path / "w"))
    place = "templates/too_much/email.j2:7"
    listed = "last_order, membership, name, where_i_live"
    assert str(caught.value) == (
        f"{place}: the message uses 4 dimensions, at most 3 are allowed: {listed}\n"
        f"hint: {place} brings in membership; drop it, or move it to a product of its own"
    )
    assert 'tier == "gold"' in TOO_MUCH.words.splitlines()[6]


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> Path:
    """The sample's warehouse with its three thousand people."""
    path = tmp_path_factory.mktemp("people") / "warehouse.duckdb"
    build_sample(path, ROOT / "sql", as_of=MORNING.date(), customers=3_000)
    with duckdb.connect(str(path)) as connection:
        connection.execute(VIEW)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("product", HONEST, ids=[product.name for product in HONEST])
def test_a_shuffle_of_what_they_do_not_declare_changes_nothing(product: Honest, people, tmp_path):
    """So that nothing passes which only the tracing of SQL holds to be honest."""
    folder = shop([product], tmp_path / "w")
    shutil.copy(people, folder / "warehouse.duckdb")
    found = prove(load_workspace(folder)).findings
    assert found
    assert [finding for finding in found if finding.verdict == "depends"] == []
