from pathlib import Path

import pytest

from flows.budget import Usage, check_product, check_targeting, usage
from flows.catalogue import Catalogue, Segment
from flows.channels import CHANNELS
from flows.errors import CatalogueError, DimensionLimitError, ProductError, UnknownFieldError
from flows.lineage import Verified
from flows.words import Words, read_words
from tests.stages.making import product

FIELDS = {
    "item": "last_order",
    "arrived_on": "last_order",
    "first_name": "name",
    "city": "where_i_live",
    "tier": "membership",
    "nearest": ["last_order", "where_i_live"],
    "season": None,
}
SEGMENT = Segment.model_validate({"fields": {name: {"dimension": dimension} for name, dimension in FIELDS.items()}})
NAMES = ("last_order", "name", "where_i_live", "membership", "visits")


def catalogue(**changes: dict) -> Catalogue:
    dimensions = {name: {"my": f"my {name}", "columns": ["t.c"], "known": "observed"} for name in NAMES}
    for name, entries in changes.items():
        dimensions[name] = dimensions["name"] | entries
    return Catalogue.model_validate({"tables": {}, "dimensions": dimensions})


def words(folder: Path, body: str, channel: str = "sms") -> Words:
    """The words of a text message."""
    file = folder / f"{channel}.j2"
    file.write_text(f"{{% block body %}}{body}{{% endblock %}}", "utf-8")
    return read_words(file, CHANNELS[channel].parts, folder, name=f"templates/care_guide/{channel}.j2")


def used(folder: Path, body: str) -> Usage:
    return usage(words(folder, body), SEGMENT, "buyers")


def check(folder: Path, *bodies: str, changes: dict | None = None, **given) -> None:
    usages = []
    for number, body in enumerate(bodies):
        (folder / str(number)).mkdir(exist_ok=True)
        usages.append(used(folder / str(number), body))
    check_product(product(**given), usages, catalogue(**changes or {}))


def refused(folder: Path, *bodies: str, error: type = DimensionLimitError, **given) -> Exception:
    with pytest.raises(error) as caught:
        check(folder, *bodies, **given)
    return caught.value


THREE = ["last_order", "name", "where_i_live"]
FOUR = [*THREE, "membership"]


# What a message uses.


def test_what_is_printed_is_shown_and_what_is_asked_is_branched_on(tmp_path):
    found = used(
        tmp_path, "Hello {% if tier == 'Gold' %}dear {% endif %}{{ first_name }},\nyour {{ item }} of {{ arrived_on }}"
    )
    assert found.shown == {"name", "last_order"}
    assert found.branched == {"membership"}
    assert found.used == {"name", "last_order", "membership"}


def test_the_first_mention_of_each_dimension_is_known_by_its_line(tmp_path):
    found = used(tmp_path, "{% if tier %}Gold{% endif %}\n{{ item }}\n{{ first_name }} {{ arrived_on }}")
    place = "templates/care_guide/sms.j2"
    assert found.lines == {"membership": f"{place}:1", "last_order": f"{place}:2", "name": f"{place}:3"}


def test_a_field_that_says_nothing_about_the_person_counts_as_nothing(tmp_path):
    found = used(tmp_path, "{% if season == 'winter' %}{{ season }}{% endif %}")
    assert (found.used, found.lines) == (frozenset(), {})


def test_a_field_of_two_dimensions_counts_as_both(tmp_path):
    assert used(tmp_path, "{{ nearest }}").shown == {"last_order", "where_i_live"}
    assert used(tmp_path, "{% if nearest %}x{% endif %}").branched == {"last_order", "where_i_live"}


def test_what_was_set_from_a_field_is_that_field(tmp_path):
    assert used(tmp_path, "{% set who = first_name %}{% if who %}{{ who }}{% endif %}").used == {"name"}
    assert used(tmp_path, "{% set gold = tier == 'Gold' %}{% if gold %}x{% endif %}").branched == {"membership"}


def test_a_field_that_is_not_in_the_segment_is_refused_with_its_line_and_the_nearest_one(tmp_path):
    with pytest.raises(UnknownFieldError) as caught:
        used(tmp_path, "Hello\n{{ frist_name }}")
    assert caught.value.where == "templates/care_guide/sms.j2:2"
    assert caught.value.what == "'frist_name' is not a field of segment buyers"
    assert caught.value.hint == "did you mean 'first_name'?"


# Counting to three. The examples are those of the design.


def test_a_name_and_an_order_are_two(tmp_path):
    body = "{{ first_name }}, your {{ item }} arrived on {{ arrived_on }}: three care tips"
    assert len(used(tmp_path, body).used) == 2
    check(tmp_path, body, dimensions=["last_order", "name"], because=["last_order"])


def test_with_the_city_they_are_three(tmp_path):
    body = "{{ first_name }}, your {{ item }} arrived on {{ arrived_on }}, drop-off in {{ city }}"
    check(tmp_path, body, dimensions=THREE, because=["last_order"])


def test_with_a_wording_for_gold_members_they_are_four_and_refused_with_file_line_and_the_way_out(tmp_path):
    body = "{{ first_name }}, your {{ item }}\narrived, drop-off in {{ city }}\n{% if tier == 'Gold' %}, dear friend{% endif %}"
    for dimensions in (FOUR, THREE):
        error = refused(tmp_path, body, dimensions=dimensions)
        assert error.where == "templates/care_guide/sms.j2:3"
        assert (
            error.what
            == "the message uses 4 dimensions, at most 3 are allowed: last_order, membership, name, where_i_live"
        )
        assert (
            error.hint
            == "templates/care_guide/sms.j2:3 brings in membership; drop it, or move it to a product of its own"
        )


def test_what_people_can_tell_from_getting_it_at_all_counts(tmp_path):
    body = "{{ first_name }}, your {{ item }} in {{ city }}"
    check(tmp_path, body, dimensions=THREE, because=["name"])
    error = refused(tmp_path, body, dimensions=THREE, because=["visits"])
    assert error.what == "the message uses 4 dimensions, at most 3 are allowed: last_order, name, visits, where_i_live"


@pytest.mark.parametrize(
    ("dimensions", "because", "dropped"),
    [
        (THREE, ["visits"], "where_i_live"),
        (["name", "where_i_live", "last_order"], ["visits"], "last_order"),
        (THREE, ["visits", "where_i_live"], "name"),
        (["last_order"], ["visits", "where_i_live"], "name"),
    ],
    ids=["the last one", "in whatever order it is said", "no reason, since it stays", "one that is not listed"],
)
def test_the_way_out_is_the_dimension_that_is_missed_least(tmp_path, dimensions, because, dropped):
    body = "{{ city }},\n{{ first_name }},\n{{ item }}"
    error = refused(tmp_path, body, dimensions=dimensions, because=because)
    assert f" brings in {dropped}; drop it" in error.hint
    line = {"where_i_live": 1, "name": 2, "last_order": 3}[dropped]
    assert error.where == f"templates/care_guide/sms.j2:{line}"


def test_where_reasons_alone_are_too_many_people_are_chosen_by_less(tmp_path):
    error = refused(tmp_path, "{{ item }}", dimensions=["last_order"], because=FOUR)
    assert error.hint == "choose people by less, and take it out of `because`"


def test_a_product_counts_what_it_lists_even_where_no_message_uses_it(tmp_path):
    error = refused(tmp_path, "Hello", dimensions=FOUR)
    assert error.what.startswith("the product uses 4 dimensions, at most 3 are allowed")
    assert error.hint == "drop membership, the last of `dimensions`"
    assert "the product uses 4" in refused(tmp_path, "Hello", dimensions=THREE, because=["visits"]).what


def test_two_messages_of_two_dimensions_each_are_four_for_the_product(tmp_path):
    bodies = ("{{ first_name }} {{ item }}", "{{ city }} {% if tier %}x{% endif %}")
    assert "the product uses 4" in refused(tmp_path, *bodies, dimensions=FOUR).what


def test_what_is_targeted_and_cannot_be_seen_counts_as_nothing(tmp_path):
    check(tmp_path, "{{ first_name }}", dimensions=THREE, unseen={"visits": "robots", "membership": "r"})


def test_a_dimension_that_the_product_does_not_list_is_refused_where_it_is_used(tmp_path):
    error = refused(tmp_path, "Hello {{ first_name }}\n{{ city }}", dimensions=["name"])
    assert error.where == "templates/care_guide/sms.j2:2"
    assert error.what == "the dimension 'where_i_live' is used here, and product.yaml does not list it"


def test_a_product_without_data_is_welcome(tmp_path):
    check(tmp_path, "Hello", "{{ season }}")


# Dimensions that may not be used.


@pytest.mark.parametrize("key", ["dimensions", "because", "unseen"])
def test_an_unknown_dimension_gets_the_nearest_name(tmp_path, key):
    value = {"nmae": "reason"} if key == "unseen" else ["nmae"]
    error = refused(tmp_path, "Hello", error=CatalogueError, **{key: value})
    assert (error.what, error.hint) == ("'nmae' is no dimension", "did you mean 'name'?")


@pytest.mark.parametrize("key", ["dimensions", "because", "unseen"])
def test_a_sensitive_dimension_is_used_in_no_way_without_a_lawful_basis(tmp_path, key):
    value = {"health": "reason"} if key == "unseen" else ["health"]
    sensitive = {"health": {"sensitive": True}}
    error = refused(tmp_path, "Hello", error=CatalogueError, changes=sensitive, **{key: value})
    assert "the dimension 'health' is sensitive" in error.what
    lawful = {"health": {"sensitive": True, "lawful_basis": "explicit consent"}}
    check(tmp_path, "Hello", changes=lawful, **{key: value})


# Whom a segment targets.


def target(*dimensions: str, ads: tuple[str, ...] = (), **given) -> None:
    segment = Verified({}, {}, dict.fromkeys(dimensions, "sql/segments/buyers.sql:3"))
    files = {"ads.j2": Usage(frozenset(ads), frozenset(), {})} if ads else {}
    check_targeting(product(**given), files, segment)


def test_what_targets_stands_under_because_or_unseen():
    target("last_order", "visits", because=["last_order"], unseen={"visits": "Nobody can tell from this."})
    with pytest.raises(ProductError, match="'visits' decides who gets this"):
        target("last_order", "visits", because=["last_order"], unseen={})


def test_what_targets_nobody_is_in_neither_list():
    with pytest.raises(ProductError, match="reads nothing of 'visits'"):
        target("last_order", because=["last_order"], unseen={"visits": "Nobody can tell from this."})


def test_in_ads_all_that_targets_counts():
    unseen = {"visits": "No.", "membership": "No."}
    target("last_order", "visits", "membership", ads=("last_order",), because=["last_order"], unseen=unseen)
    with pytest.raises(DimensionLimitError, match="the audience has 4 dimensions"):
        target("last_order", "visits", "membership", ads=("name",), because=["last_order"], unseen=unseen)
