import shutil
from datetime import date
from pathlib import Path

import pytest

from flows.errors import JustEnoughError
from flows.wording import WordsKey
from flows.workspace import load_workspace
from tests.house.tree import ROOT
from tests.tiny import Tiny, make

DAY = date(2026, 11, 22)
TOO_FEW = "99 people are too few: what others learn of people is about 100 at least"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("tiny") / "w").folder


@pytest.fixture
def tiny(made, tmp_path) -> Tiny:
    return Tiny(made).copy(tmp_path / "w")


def refused(tiny: Tiny) -> JustEnoughError:
    with pytest.raises(JustEnoughError) as caught:
        tiny.load()
    assert str(tiny.folder) not in str(caught.value)
    return caught.value


def test_the_sample_is_a_workspace_without_fault():
    found = load_workspace(ROOT)
    helps = ["basket_answers", "care_guide", "choosing_guide", "delayed_order", "easy_return", "running_low"]
    assert [product.name for product in found.live(DAY)] == helps


def test_a_workspace_knows_its_products_their_words_and_what_their_fields_show(tiny):
    found = tiny.load()
    care = found.products["care"]
    assert list(found.products) == ["care", "late"]
    assert set(found.words["care"]) == {WordsKey(channel, None, None) for channel in ("email", "sms", "web")}
    assert [way.name for way in found.channels(care)] == ["email", "sms", "web"]
    assert found.fields(care) == {"first_name": ("name",), "item": ("last_order",)}
    assert {key.channel: use.used for key, use in found.usages(care).items()} == {
        "email": {"name", "last_order"},
        "sms": {"last_order"},
        "web": {"name", "last_order"},
    }
    assert list(found.queries.segments) == ["late", "owners"]


def test_the_columns_asked_of_a_segment_are_its_fields_and_the_signals_of_all_its_products(tiny):
    tiny.edit("templates/late/product.yaml", "segment: late", "segment: owners")
    tiny.edit(
        "templates/late/product.yaml",
        "relevance: {late_days: {weight: 1}}",
        "relevance: {size: {weight: 1}, interest: {weight: 2}}",
    )
    found = tiny.load()
    assert found.columns("owners") == {
        "item": "sql/segments/owners.yaml:3",
        "first_name": "sql/segments/owners.yaml:4",
        "interest": "templates/care/product.yaml:16",
        "size": "templates/late/product.yaml:16",
    }


def test_only_live_products_speak(tiny):
    tiny.edit("templates/care/product.yaml", "status: live", "status: paused")
    assert [product.name for product in tiny.load().live(DAY)] == ["late"]


def test_the_country_that_speaks_is_the_customers_where_the_brand_has_one_there(tiny):
    other = "[tool.justenough.brands.south.default]"
    tiny.edit("pyproject.toml", other, f'[tool.justenough.brands.north.AT]\nlegal_name = "x"\n\n{other}')
    found = tiny.load()
    assert [found.country("north", c) for c in ("AT", "DE", None)] == ["AT", "default", "default"]


# What does not fit together.

MISFITS = {
    "a target that is none": (
        ("pyproject.toml", 'sms = "sms_file"', 'sms = "sms_fiel"'),
        (
            "pyproject.toml: tool.justenough.targets.north.sms",
            "there is no target 'sms_fiel'",
            "did you mean 'sms_file'?",
        ),
    ),
    "a target of another channel": (
        ("pyproject.toml", 'sms = "sms_file"', 'sms = "email_file"'),
        (
            "pyproject.toml: tool.justenough.targets.north.sms",
            "the target 'email_file' is for email, not for sms",
            "choose another",
        ),
    ),
    "a channel that is none": (
        ("pyproject.toml", 'sms = "sms_file"', 'smss = "sms_file"'),
        ("pyproject.toml: tool.justenough.targets.north.smss", "'smss' is no channel", "did you mean 'sms'?"),
    ),
    "a brand that is none": (
        ("templates/care/product.yaml", "[north, south]", "[north, suoth]"),
        ("templates/care/product.yaml:11", "'suoth' is no brand of this workspace", "did you mean 'south'?"),
    ),
    "channels that no brand has": (
        ("templates/care/product.yaml", "{first_of: [email, sms], also: [web]}", "{also: [push]}"),
        (
            "templates/care/product.yaml:11",
            "the brand 'north' has no target for any of the product's channels",
            "add one to",
        ),
    ),
    "a segment that is none": (
        ("templates/care/product.yaml", "segment: owners", "segment: owner"),
        (
            "templates/care/product.yaml:12",
            "there is no segment 'owner' in sql/segments/",
            "did you mean 'owners'?",
        ),
    ),
    "a field that is none": (
        ("templates/care/sms.j2", "{{ item }}", "{{ itme }}"),
        ("templates/care/sms.j2:1", "'itme' is not a field of segment owners", "did you mean 'item'?"),
    ),
    "a dimension that is not listed": (
        ("templates/care/product.yaml", "dimensions: [last_order, name]", "dimensions: [last_order]"),
        (
            "templates/care/email.j2:3",
            "the dimension 'name' is used here, and product.yaml does not list it",
            "take the field out",
        ),
    ),
    "SQL over several people": (
        ("sql/segments/owners.sql", "SELECT n.customer_id", "SELECT DISTINCT ON (n.brand) n.customer_id"),
        ("sql/segments/owners.sql:2", "DISTINCT ON keeps one row of several people", "add customer_id"),
    ),
}


@pytest.mark.parametrize(("edit", "error"), MISFITS.values(), ids=MISFITS.keys())
def test_what_does_not_fit_together_is_refused_before_any_data_is_read(tiny, edit, error):
    (tiny.folder / "warehouse.duckdb").unlink()
    tiny.edit(*edit)
    found = refused(tiny)
    assert (found.where, found.what) == error[:2]
    assert error[2] in found.hint


def test_a_workspace_without_products_is_refused(tiny):
    for name in ("care", "late"):
        shutil.rmtree(tiny.folder / f"templates/{name}")
    assert refused(tiny).what == "there is no product in this workspace"


# Versions.


def test_whatever_decides_what_is_said_changes_the_digest_and_nothing_else_does(tiny):
    seen = {tiny.load().inputs_digest}
    (tiny.folder / "outbox").mkdir()
    (tiny.folder / "notes.txt").write_text("x", "utf-8")
    (tiny.folder / "templates/care/.email.j2.swp").write_text("x", "utf-8")
    assert tiny.load().inputs_digest in seen
    tiny.set(memory="1 GiB", lock_wait_seconds=5)
    assert tiny.load().inputs_digest in seen
    tiny.set(locale="de")
    assert tiny.load().inputs_digest not in seen
    for name in (
        "sql/customers.sql",
        "sql/dimensions.yaml",
        "sql/segments/late.sql",
        "templates/late/sms.j2",
    ):
        path = tiny.folder / name
        path.write_text(path.read_text("utf-8") + "\n", "utf-8")
        digest = tiny.load().inputs_digest
        assert digest not in seen, name
        seen.add(digest)


def test_a_product_has_a_version_of_its_own_made_of_its_own_files(tiny):
    before = tiny.load()
    old = {name: before.product_digest(product) for name, product in before.products.items()}
    assert set(before.product_files(before.products["late"])) == {
        "templates/late/product.yaml",
        "templates/late/email.j2",
        "templates/late/sms.j2",
        "templates/late/web.j2",
        "templates/_shared/email_layout.j2",
        "templates/_shared/sms_layout.j2",
        "sql/segments/late.sql",
        "sql/segments/late.yaml",
        "sql/customers.sql",
        "sql/dimensions.yaml",
    }
    tiny.edit("templates/late/sms.j2", "is late.", "comes late.")
    after = tiny.load()
    new = {name: after.product_digest(product) for name, product in after.products.items()}
    assert (new["care"], new["late"] != old["late"]) == (old["care"], True)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("web = 0\nwebb = 20", "tool.justenough.crowd.webb: 'webb' is no channel\nhint: did you mean 'web'?"),
        ("web = 0\nads = 99", f"tool.justenough.crowd.ads: {TOO_FEW}\nhint: set 100 or more, or take it out"),
    ],
)
def test_a_crowd_of_no_channel_or_of_too_few_for_an_ad_platform_is_refused(tiny, setting, said):
    tiny.edit("pyproject.toml", "web = 0", setting)
    assert str(refused(tiny)) == f"pyproject.toml: {said}"


def test_a_crowd_below_nothing_is_refused(tiny):
    tiny.edit("pyproject.toml", "web = 0", "web = -1")
    assert "crowd.web" in str(refused(tiny))


def test_a_crowd_of_a_hundred_or_more_may_be_asked_for_in_ads(tiny):
    tiny.edit("pyproject.toml", "web = 0", "web = 0\nads = 100\nemail = 7")
    assert tiny.load().settings.crowd == {"web": 0, "ads": 100, "email": 7}


@pytest.mark.parametrize(
    ("costs", "said"),
    [
        ("{emial = 0.001}", "tool.justenough.costs.emial: 'emial' is no channel\nhint: did you mean 'email'?"),
        ("{email = -1}", "costs.email: "),
        ("{email = inf}", "costs.email: "),
    ],
)
def test_what_a_message_of_no_channel_costs_or_less_than_nothing_is_refused(tiny, costs, said):
    tiny.edit("pyproject.toml", "global_holdout = 0", f"global_holdout = 0\ncosts = {costs}")
    assert said in str(refused(tiny))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("[tool.justenough.platforms.sms_fil]", "tool.justenough.platforms: there is no target 'sms_fil'"),
        ("[tool.justenough.platforms.sms_file]\nplus = true", "tool.justenough.platforms.sms_file"),
    ],
)
def test_what_is_set_of_a_platform_that_is_none_or_does_not_know_it_is_refused(tiny, setting, said):
    tiny.edit("pyproject.toml", "[tool.justenough.crowd]", f"{setting}\n\n[tool.justenough.crowd]")
    assert said in str(refused(tiny))
