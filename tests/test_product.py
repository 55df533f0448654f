from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from flows.errors import ProductError
from flows.product import Product, Term, product_folders, read_product

USUAL = {
    "help": {"need": "n", "kind": "teach", "action": {"label": "Read", "url": "/care"}},
    "owner": "o",
    "status": "live",
    "review_by": date(2027, 6, 30),
    "message_type": "marketing",
    "topic": "care",
    "brands": ["nordtal"],
    "segment": "buyers",
    "channels": {"first_of": ["email", "sms"], "also": ["web"]},
    "once_every": {"every": "60 days"},
    "success": {"helped": "h", "business": "b", "within": "14 days"},
}


def read(folder: Path, name: str = "care", **changes) -> Product:
    path = folder / name / "product.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {key: value for key, value in {**USUAL, **changes}.items() if value != "left out"}
    path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return read_product(path.parent)


def refused(folder: Path, **changes) -> ProductError:
    with pytest.raises(ProductError) as caught:
        read(folder, **changes)
    assert caught.value.where.startswith("templates/care/product.yaml")
    return caught.value


def test_a_product_has_the_name_of_its_folder_and_modest_defaults(tmp_path):
    found = read(tmp_path)
    assert found.name == "care"
    assert (found.when.starts, found.when.ends, found.when.valid_for) == (None, None, timedelta(days=2))
    assert (found.once_every.every, found.once_every.per) == (timedelta(days=60), "person")
    assert (found.relevance, found.test.variants, found.test.holdout) == (None, {}, 0.0)
    assert (found.dimensions, found.because, found.unseen, found.ends_when, found.signals) == ([], [], {}, [], ())
    assert found.channels.all == ("email", "sms", "web")


def test_base_and_threshold_stand_beside_the_signals(tmp_path):
    relevance = {
        "base": -1,
        "threshold": 0.4,
        "seen_at": {"strength": "high", "fades_in": "5 days"},
        "late_days": {"weight": -0.5},
    }
    found = read(tmp_path, relevance=relevance)
    assert found.relevance is not None
    assert (found.relevance.base, found.relevance.threshold) == (-1.0, 0.4)
    assert found.relevance.terms == {
        "seen_at": Term(strength="high", fades_in=timedelta(days=5)),
        "late_days": Term(weight=-0.5),
    }
    assert [term.size for term in found.relevance.terms.values()] == [2.0, -0.5]
    assert found.signals == ("seen_at", "late_days")
    assert read(tmp_path, relevance={"x": {"weight": 0}}).relevance.terms["x"].size == 0.0


REFUSED = {
    "levels that are not all": (
        {"test": {"levels": {0: "50 %", 1: "40 %"}}},
        "the shares of the levels do not add up to 100 %",
        "mend the shares",
    ),
    "a level that is not used": (
        {"test": {"levels": {0: "50 %", 2: "50 %"}}, "because": [], "dimensions": ["c", "d"], "level": 1, "unseen": {}},
        "the detail level 2 is tried, and `level` is 1",
        "raise it, or try a lower one",
    ),
    "one level": ({"test": {"levels": {1: "100 %"}}}, "a single detail level is compared with nothing", "drop levels"),
    "a level above three": ({"test": {"levels": {0: "50 %", 4: "50 %"}}}, "4", ""),
    "a level that needs a fourth dimension": (
        {"test": {"levels": {0: "50 %", 2: "50 %"}}, "because": ["a", "b"], "dimensions": ["c", "d"], "unseen": {}},
        "the detail level 2 is tried, and nobody can be shown so much",
        "try a lower one",
    ),
    "a level above the product's": (
        {"test": {"levels": {0: "50 %", 2: "50 %"}}, "because": [], "dimensions": ["c"], "unseen": {}},
        "the detail level 2 is tried, and nobody can be shown so much",
        "try a lower one",
    ),
    "an unknown key": ({"chanels": []}, "'chanels' is not a key here", "did you mean 'channels'?"),
    "no owner": ({"owner": "left out"}, "'owner' is missing", "add it"),
    "an unknown kind of help": (
        {"help": USUAL["help"] | {"kind": "sell"}},
        "help.kind: 'sell' is not known",
        "",
    ),
    "an unknown status": ({"status": "on"}, "status: 'on' is not known", ""),
    "an unknown type": ({"message_type": "promo"}, "message_type: 'promo' is not known", ""),
    "no brand": ({"brands": []}, "brands: List should have at least 1 item", ""),
    "an unknown channel": (
        {"channels": {"first_of": ["fax"]}},
        "channels.first_of.0: 'fax' is not known",
        "",
    ),
    "no channel": ({"channels": {}}, "channels: there is no channel", "name at least one under first_of or also"),
    "a channel twice": (
        {"channels": {"first_of": ["email"], "also": ["email"]}},
        "a channel stands twice",
        "keep it either",
    ),
    "a wrong unit": (
        {"once_every": {"every": "5 dayz"}},
        "this is not a duration (it is '5 dayz')",
        "write a number and minutes",
    ),
    "a wrong date": (
        {"review_by": "2027-02-30"},
        "review_by: this is no day of the calendar (it is '2027-02-30')",
        "2027-06-30",
    ),
    "per what": (
        {"once_every": {"every": "5 days", "per": "order"}},
        "once_every.per: 'order' is not known",
        "",
    ),
    "shares below 100 %": (
        {"test": {"variants": {"a": "50 %", "b": "40 %"}}},
        "do not add up to 100 %",
        "mend the shares",
    ),
    "shares above 100 %": (
        {"test": {"variants": {"a": "50 %", "b": "60 %"}}},
        "do not add up to 100 %",
        "mend the shares",
    ),
    "a word for a share": ({"test": {"holdout": "atuo"}}, "'atuo' is no share", "write one, as 10 %, or auto"),
    "a wrong share": ({"test": {"holdout": "150 %"}}, "this is not a share (it is '150 %')", "write a percentage"),
    "two sizes": (
        {"relevance": {"x": {"strength": "low", "weight": 1}}},
        "a signal has one size",
        "give either strength",
    ),
    "no size": ({"relevance": {"x": {"fades_in": "1 day"}}}, "a signal has one size", "give either strength"),
    "a size that is no number": (
        {"relevance": {"x": {"weight": float("nan")}}},
        "relevance.x.weight: Input should be a finite number",
        "",
    ),
    "an endless size": ({"relevance": {"x": {"weight": float("inf")}}}, "Input should be a finite number", ""),
    "a base that is no number": ({"relevance": {"base": float("nan")}}, "Input should be a finite number", ""),
    "a threshold above 1": ({"relevance": {"threshold": 2}}, "less than or equal to 1 (it is 2)", ""),
    "a signal of the line's own name": (
        {"relevance": {"score": {"weight": 1}}},
        "'score' is a column of the line itself",
        "rename the signal",
    ),
    "relevance as a list": ({"relevance": ["x"]}, "relevance: keys with their values belong here", ""),
    "a dimension twice": ({"dimensions": ["name", "name"]}, "dimensions: 'name' stands twice", "name it once"),
    "a reason twice": ({"because": ["name", "name"]}, "because: 'name' stands twice", "name it once"),
}


@pytest.mark.parametrize(("changes", "what", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused_with_its_line(tmp_path, changes, what, hint):
    error = refused(tmp_path, **changes)
    assert what in error.what
    assert hint in error.hint
    line = error.where.rpartition(":")[2]
    assert line.isdigit() or "missing" in what


def test_the_name_does_not_stand_in_the_file(tmp_path):
    read(tmp_path)
    file = tmp_path / "care/product.yaml"
    file.write_text(f"name: care\n{file.read_text('utf-8')}", "utf-8")
    with pytest.raises(ProductError) as caught:
        read_product(tmp_path / "care")
    assert (caught.value.where, caught.value.what) == ("templates/care/product.yaml:1", "'name' is not a key here")


def test_variants_add_up_to_the_whole_for_all_that_floats_can_tell(tmp_path):
    for shares in ({"a": 0.1, "b": 0.2, "c": 0.7}, {"a": "33.3 %", "b": "33.3 %", "c": "33.4 %"}, {"a": 1.0}):
        assert read(tmp_path, test={"variants": shares}).test.variants.keys() == shares.keys()


@pytest.mark.parametrize("name", ["Care", "care-guide", "1care", "care guide", "ümlaut"])
def test_a_folder_that_is_no_name_is_refused(tmp_path, name):
    with pytest.raises(ProductError) as caught:
        read(tmp_path, name)
    assert (caught.value.where, caught.value.what) == (f"templates/{name}", "this is no name for a product")


DAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("changes", "speaks"),
    [
        ({}, True),
        ({"status": "draft"}, False),
        ({"status": "paused"}, False),
        ({"status": "retired"}, False),
        ({"when": {"starts": DAY}}, True),
        ({"when": {"starts": DAY + timedelta(days=1)}}, False),
        ({"when": {"ends": DAY}}, True),
        ({"when": {"ends": DAY - timedelta(days=1)}}, False),
        ({"when": {"starts": DAY, "ends": DAY}}, True),
    ],
)
def test_a_product_speaks_while_it_is_live_and_in_its_days(tmp_path, changes, speaks):
    assert read(tmp_path, **changes).is_live(DAY) == speaks


def test_products_are_the_folders_with_a_product_file_by_name(tmp_path):
    for name in ("b", "a", "_shared"):
        read(tmp_path, "x")
        (tmp_path / name).mkdir()
        (tmp_path / "x/product.yaml").rename(tmp_path / name / "product.yaml")
    (tmp_path / "x").rmdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("no folder", "utf-8")
    assert [folder.name for folder in product_folders(tmp_path)] == ["a", "b"]
