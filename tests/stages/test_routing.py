import polars as pl
from polars.testing import assert_frame_equal

from flows.schemas import COLUMNS, ROUTED
from flows.stages.routing import carried, routed
from tests.stages.making import SOON, TARGETS, product, settings

WAYS = ("email", "sms", "web", "push")


def guarded(*rows: dict) -> pl.DataFrame:
    """Decisions with their facts; `closed` are the reasons of channels that are not open."""
    done = []
    for number, row in enumerate(rows):
        customer = row.get("customer_id", f"c{number}")
        closed = row.get("closed", {})
        usual = {
            "customer_id": customer,
            "brand": row.get("brand", "nordtal"),
            "product": "care_guide",
            "subject_id": None,
            "message_type": "marketing",
            "person_key": "p",
            "subject_key": None,
            "decision_id": f"d-{customer}",
            "score": 0.5,
            "variant": None,
            "valid_until": SOON,
            "level": 1,
            "facts": ["name"],
            "facts_at": [{"dimension": "name", "at": SOON}],
            "country": "DE",
            "locale": "de-DE",
            "time_zone": "UTC",
            "first_name": "Ann",
        }
        for way in WAYS:
            usual |= {
                f"{way}_reason": closed.get(way),
                f"{way}_address": f"{way}:{customer}",
                f"{way}_match": f"{way}={customer}",
                f"{way}_event": f"{way}!{customer}",
            }
        done.append(usual)
    known = {name: column.type for name, column in COLUMNS.items()}
    schema = {name: known.get(name, pl.String) for name in done[0]}
    return pl.DataFrame(done, schema=schema)


def lanes(frame: pl.DataFrame) -> list[tuple]:
    return (
        frame.sort("customer_id", "lane").select("customer_id", "lane", "channel", "target", "address", "reason").rows()
    )


def test_the_first_open_channel_carries_the_message_and_the_others_go_along():
    rows = guarded({}, {"closed": {"email": "NO_CONSENT"}})
    assert lanes(routed(rows, product(), settings(), {"first_name": ("name",)}, [])) == [
        ("c0", "first", "email", "email_file", "email:c0", None),
        ("c0", "web", "web", "web_profiles", "web:c0", None),
        ("c1", "first", "sms", "sms_file", "sms:c1", None),
        ("c1", "web", "web", "web_profiles", "web:c1", None),
    ]


def test_the_order_of_first_of_decides():
    of = product(channels={"first_of": ["push", "sms", "email"]})
    rows = guarded({}, {"closed": {"push": "UNREACHABLE"}}, {"closed": {"push": "UNREACHABLE", "sms": "SUPPRESSED"}})
    assert [row[2] for row in lanes(routed(rows, of, settings(), {}, []))] == ["push", "sms", "email"]


def came(rows: pl.DataFrame, *ways: str | None) -> pl.DataFrame:
    """Each person by which channel they came in."""
    return rows.with_columns(came_by=pl.Series(ways, dtype=pl.String))


def test_the_channel_by_which_somebody_came_in_goes_first_where_it_is_open_and_among_those_of_first_of():
    closed = {"closed": {"sms": "NO_CONSENT"}}
    rows = came(guarded({}, {}, closed, {}, {}), "sms", "email", "sms", "web", None)
    found = routed(rows, product(), settings(), {}, []).filter(pl.col("lane") == "first")
    assert [row[2] for row in lanes(found)] == ["sms", "email", "email", "email", "email"]


def test_what_is_carried_is_told_as_it_is_routed():
    ways = product(channels={"first_of": ["push", "sms", "email"]})
    told = [
        ("sms", []),
        ("sms", ["sms"]),
        ("email", ["push"]),
        (None, ["push"]),
        ("web", []),
        ("sms", ["sms", "push", "email"]),
    ]
    closed = [[{"channel": name, "reason": "NO_CONSENT", "detail": None} for name in names] for _, names in told]
    rows = pl.DataFrame(
        {"came_by": [way for way, _ in told], "closed": closed, "product": "care_guide", "brand": "nordtal"},
        {"came_by": pl.String, "closed": COLUMNS["closed"].type, "product": pl.String, "brand": pl.String},
    )
    found = carried(rows, {"care_guide": ways}, settings())
    assert found["channel"].to_list() == ["sms", "push", "email", "sms", "push", None]


def test_a_closed_channel_that_should_go_along_is_a_row_with_its_reason():
    found = routed(guarded({"closed": {"web": "EXCLUDED"}}), product(), settings(), {}, [])
    assert lanes(found) == [
        ("c0", "first", "email", "email_file", "email:c0", None),
        ("c0", "web", "web", "web_profiles", "web:c0", "EXCLUDED"),
    ]


def test_a_product_that_only_goes_along_has_no_first_lane():
    of = product(channels={"also": ["web", "push"]})
    assert [row[1] for row in lanes(routed(guarded({}), of, settings(), {}, []))] == ["push", "web"]


def test_a_channel_without_a_target_at_the_brand_is_not_wanted():
    rows = guarded({"brand": "seewind"}, {"brand": "nordtal", "closed": {"email": "NO_CONSENT"}})
    assert [row[:3] for row in lanes(routed(rows, product(), settings(), {}, []))] == [
        ("c0", "first", "email"),
        ("c1", "first", "sms"),
        ("c1", "web", "web"),
    ]


def test_a_brand_without_any_target_wants_nothing():
    only = {brand: ways for brand, ways in TARGETS.items() if brand == "nordtal"}
    rows = guarded({"brand": "seewind"})
    found = routed(rows, product(brands=["seewind"]), settings(targets=only), {"first_name": ("name",)}, [])
    assert found.is_empty()
    assert found.schema == {**ROUTED, "first_name": pl.String}


def test_the_frame_is_that_of_the_schema_and_the_fields_and_nothing_more():
    found = routed(guarded({}), product(dimensions=["name"]), settings(), {"first_name": ("name",)}, [])
    assert found.schema == {**ROUTED, "first_name": pl.String}
    assert found["first_name"].to_list() == ["Ann", "Ann"]
    assert found["address_match"].to_list() == ["email=c0", "web=c0"]


def test_nobody_decided_for_is_an_empty_frame_of_the_same_columns():
    found = routed(guarded({}).clear(), product(), settings(), {"first_name": ("name",)}, [])
    assert found.is_empty()
    assert found.schema == {**ROUTED, "first_name": pl.String}


def test_every_decision_has_just_one_first_lane():
    rows = guarded(*({"closed": {"email": "NO_CONSENT"} if n % 3 else {}} for n in range(20)))
    found = routed(rows, product(), settings(), {}, []).filter(pl.col("lane") == "first")
    assert_frame_equal(found.select("decision_id").sort("decision_id"), rows.select("decision_id").sort("decision_id"))


def test_in_ads_all_that_people_are_chosen_by_counts():
    """The platform learns what its members have in common, whether they can tell it or not."""
    told = product(
        dimensions=["last_order", "name"],
        because=["last_order"],
        channels={"first_of": ["email"], "also": ["ads"]},
    )
    rows = guarded({}).with_columns(
        item=pl.lit("tent"), facts=pl.lit(["last_order", "name"]), level=pl.lit(2, pl.Int8),
        **{f"ads_{part}": pl.lit(None, pl.String) for part in ("reason", "address", "match", "event")}, ads_phone=pl.lit("+4915"),
    )  # fmt: skip
    ways = settings(targets={"nordtal": {"email": "email_file", "ads": "ads_audiences"}})
    fields = {"first_name": ("name",), "item": ("last_order",)}
    found = routed(rows, told, ways, fields, ["age", "last_order", "visits"])
    assert found.sort("channel").select("channel", "phone", "level", "facts", "item", "first_name").rows() == [
        ("ads", "+4915", 1, ["last_order"], "tent", None),
        ("email", None, 2, ["last_order", "name"], "tent", "Ann"),
    ]
