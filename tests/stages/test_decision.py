import hashlib
import hmac
from collections import Counter
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.product import Product
from flows.reasons import CODES, REASONS
from flows.schemas import COLUMNS, DECISIONS, INSTANT
from flows.stages.decision import NARROW, decided, units
from tests.stages.making import KEY, MOMENT, SOON, TODAY, history, product, settings

SCHEMA = {name: COLUMNS[name].type for name in NARROW}
SERVICE = {"message_type": "service", "topic": "orders"}
BEFORE_THE_DECISION = [
    r.code
    for r in REASONS
    if "candidate" in r.of and r.code not in {"SILENCED_BY_SERVICE", "OUTRANKED", "HOLDOUT", "EXPOSED"}
]


def scored(of: Product, *rows: dict) -> pl.DataFrame:
    """Candidates of a product as the relevance leaves them: c1 of nordtal with a score of 0.5, unless a row says otherwise."""
    usual = {"customer_id": "c1", "brand": "nordtal", "subject_id": None, "score": 0.5, "reason": None}
    done = [usual | row | {"product": of.name, "message_type": of.message_type, "valid_until": SOON} for row in rows]
    frame = pl.DataFrame(done, schema={**SCHEMA, "person_key": pl.String})
    subject = pl.when(pl.col("subject_id").is_not_null()).then(KEY.of(pl.col("subject_id")))
    return frame.with_columns(
        person_key=KEY.of(pl.col("customer_id")),
        subject_key=subject,
        terms=pl.lit([], COLUMNS["terms"].type),
        closed=pl.lit([], COLUMNS["closed"].type),
    ).select(NARROW)


def decide(
    *frames: pl.DataFrame, of: list[Product], past: pl.DataFrame | None = None, **given_settings
) -> pl.DataFrame:
    return decided(frames, history() if past is None else past, of, settings(**given_settings), KEY, MOMENT)


def outcome(found: pl.DataFrame) -> list[tuple]:
    return found.select("customer_id", "product", "subject_id", "reason").rows()


CARE, OFFER, LATE = product("care"), product("offer"), product("late", **SERVICE)


# The best help.


def test_the_best_help_over_all_products_wins_and_the_others_are_outranked():
    found = decide(
        scored(CARE, {"score": 0.6}, {"customer_id": "c2", "score": 0.9}),
        scored(OFFER, {"score": 0.7}, {"customer_id": "c2", "score": 0.1}),
        of=[CARE, OFFER],
    )
    assert outcome(found) == [
        ("c1", "care", None, "OUTRANKED"),
        ("c1", "offer", None, None),
        ("c2", "care", None, None),
        ("c2", "offer", None, "OUTRANKED"),
    ]


def test_a_barred_help_is_no_rival_and_keeps_its_reason():
    found = decide(scored(CARE, {"score": 0.9, "reason": "REPEATED"}), scored(OFFER, {"score": 0.3}), of=[CARE, OFFER])
    assert outcome(found) == [("c1", "care", None, "REPEATED"), ("c1", "offer", None, None)]


def test_of_equal_helps_the_first_by_name_wins_and_of_one_help_the_first_subject():
    same = scored(CARE, {"subject_id": "o2"}, {"subject_id": "o1"})
    found = decide(scored(OFFER, {}), same, of=[OFFER, CARE])
    assert outcome(found) == [
        ("c1", "care", "o1", None),
        ("c1", "care", "o2", "OUTRANKED"),
        ("c1", "offer", None, "OUTRANKED"),
    ]


def test_each_brand_decides_for_itself():
    found = decide(scored(CARE, {}, {"brand": "seewind"}), of=[CARE])
    assert found["reason"].to_list() == [None, None]


def test_the_frame_is_that_of_the_schema_and_sorted_by_customer():
    found = decide(scored(CARE, {"customer_id": "c2"}, {"customer_id": "c1"}), of=[CARE])
    assert found.schema == DECISIONS
    assert found["customer_id"].to_list() == ["c1", "c2"]
    assert found["valid_until"].dtype == INSTANT


def test_nobody_to_decide_for_is_an_empty_frame():
    found = decide(scored(CARE), of=[CARE])
    assert found.schema == DECISIONS
    assert found.is_empty()
    assert units(found).is_empty()


# Service, apart.


def test_service_is_decided_per_subject_and_silences_marketing_of_its_brand():
    found = decide(
        scored(CARE, {"score": 1.0}, {"brand": "seewind"}, {"customer_id": "c2"}),
        scored(LATE, {"subject_id": "o1", "score": 0.1}, {"subject_id": "o2", "score": 0.2}),
        of=[CARE, LATE],
    )
    assert found.select("customer_id", "brand", "product", "subject_id", "reason").rows() == [
        ("c1", "nordtal", "care", None, "SILENCED_BY_SERVICE"),
        ("c1", "nordtal", "late", "o1", None),
        ("c1", "nordtal", "late", "o2", None),
        ("c1", "seewind", "care", None, None),
        ("c2", "nordtal", "care", None, None),
    ]


def test_a_service_message_that_does_not_come_about_silences_nobody():
    late = scored(LATE, {"subject_id": "o1", "reason": "UNREACHABLE"})
    assert decide(scored(CARE, {}), late, of=[CARE, LATE])["reason"].to_list() == [None, "UNREACHABLE"]


def test_two_services_about_one_order_are_rivals():
    cancelled = product("cancelled", **SERVICE)
    found = decide(
        scored(LATE, {"subject_id": "o1"}), scored(cancelled, {"subject_id": "o1", "score": 0.6}), of=[LATE, cancelled]
    )
    assert outcome(found) == [("c1", "cancelled", "o1", None), ("c1", "late", "o1", "OUTRANKED")]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({"as_of": TODAY}, "SILENCED_BY_SERVICE"),
        ({"as_of": TODAY - timedelta(days=1)}, None),
        ({"as_of": TODAY, "brand": "seewind"}, None),
        ({"as_of": TODAY, "customer": "c2"}, None),
        ({"as_of": TODAY, "message_type": "marketing"}, None),
    ],
)
def test_a_service_message_of_the_same_day_still_silences(claim, expected):
    past = history({"product": "late", "message_type": "service"} | claim)
    assert decide(scored(CARE, {}), of=[CARE], past=past)["reason"].to_list() == [expected]


def test_the_earlier_reason_is_kept_where_service_silences():
    past = history({"product": "late", "message_type": "service", "as_of": TODAY})
    rows = scored(CARE, *({"customer_id": "c1", "subject_id": code, "reason": code} for code in BEFORE_THE_DECISION))
    found = decide(rows, of=[CARE], past=past)
    earlier = CODES[: CODES.index("SILENCED_BY_SERVICE")]
    for subject, got in found.select("subject_id", "reason").rows():
        assert got == (subject if subject in earlier else "SILENCED_BY_SERVICE")


# Draws.


def u(salt: str, identity: str) -> float:
    """The draw by hashlib alone."""
    return int(hashlib.sha256(f"{salt}:{identity}".encode()).hexdigest()[:13], 16) / 2**52


MANY = [f"c{n:04}" for n in range(2000)]


def many(of: Product) -> pl.DataFrame:
    return scored(of, *({"customer_id": customer} for customer in MANY))


@pytest.mark.oracle
def test_the_global_holdout_is_drawn_per_person_and_logged_with_its_propensity():
    found = decide(many(CARE), of=[CARE], global_holdout="20 %")
    held = {customer for customer in MANY if u("w/global_holdout", customer) < 0.2}
    assert 300 < len(held) < 500
    assert set(found.filter(pl.col("reason") == "HOLDOUT")["customer_id"]) == held
    assert set(found.filter(pl.col("reason").is_null())["propensity"]) == {0.8}
    assert found.filter(pl.col("reason") == "HOLDOUT")["propensity"].to_list() == pytest.approx([0.2] * len(held))
    assert found["decision_id"].null_count() == 0
    assert found["variant"].null_count() == len(MANY)


def test_a_held_out_winner_lets_no_runner_up_go():
    found = decide(scored(CARE, {"score": 0.9}), scored(OFFER, {}), of=[CARE, OFFER], global_holdout=1.0)
    assert found["reason"].to_list() == ["HOLDOUT", "OUTRANKED"]
    assert found["decision_id"].is_not_null().to_list() == [True, False]
    assert units(found).rows() == [("marketing", "HOLDOUT")]


def test_service_is_never_held_out():
    late = product("late", **SERVICE, test={"holdout": "100 %"})
    found = decide(scored(late, {"subject_id": "o1"}), of=[late], global_holdout=1.0)
    assert found.select("reason", "propensity").rows() == [(None, 1.0)]


@pytest.mark.oracle
def test_a_products_own_holdout_has_a_draw_of_its_own():
    tested = product("care", test={"holdout": "30 %"})
    found = decide(many(tested), of=[tested, OFFER], global_holdout="10 %")
    held = {c for c in MANY if u("w/global_holdout", c) < 0.1 or u("w/care/holdout", c) < 0.3}
    assert set(found.filter(pl.col("reason") == "HOLDOUT")["customer_id"]) == held
    assert found.filter(pl.col("reason").is_null())["propensity"].unique().to_list() == pytest.approx([0.63])
    assert found.filter(pl.col("reason") == "HOLDOUT")["propensity"].unique().to_list() == pytest.approx([0.37])


def test_another_products_holdout_holds_nobody_out_of_this_one():
    tested = product("offer", test={"holdout": "100 %"})
    found = decide(scored(CARE, {"score": 0.9}), scored(tested, {"customer_id": "c2"}), of=[CARE, tested])
    assert found.select("reason", "propensity").rows() == [(None, 1.0), ("HOLDOUT", 1.0)]


@pytest.mark.oracle
def test_variants_are_drawn_by_their_shares():
    shares = {"long": 0.5, "short": 0.2, "plain": 0.3}
    tested = product("care", test={"variants": shares, "holdout": "50 %"})
    found = decide(many(tested), of=[tested])
    expected = []
    for customer in MANY:
        at = u("w/care/variants", customer)
        name = "long" if at < 0.5 else "plain" if at < 0.8 else "short"
        is_held = u("w/care/holdout", customer) < 0.5
        expected.append((customer, None if is_held else name, 0.5 if is_held else 0.5 * shares[name]))
    got = found.select("customer_id", "variant", "propensity").rows()
    assert [row[:2] for row in got] == [row[:2] for row in expected]
    assert [row[2] for row in got] == pytest.approx([row[2] for row in expected])
    among = Counter(row[1] for row in got if row[1])
    for name, share in shares.items():
        assert among[name] / among.total() == pytest.approx(share, abs=0.06)


def test_a_service_product_may_have_variants_but_is_for_all():
    late = product("late", **SERVICE, test={"variants": {"a": "50 %", "b": "50 %"}})
    found = decide(scored(late, *({"customer_id": c, "subject_id": "o"} for c in MANY[:50])), of=[late])
    assert set(found["variant"]) == {"a", "b"}
    assert set(found["propensity"]) == {0.5}


def test_one_variant_of_all_shares_is_everybodys():
    tested = product("care", test={"variants": {"only": "100 %"}})
    found = decide(many(tested), of=[tested])
    assert found.select("variant", "propensity").unique().rows() == [("only", 1.0)]


def test_who_gets_nothing_has_no_variant_and_no_propensity():
    tested = product("care", test={"variants": {"a": "50 %", "b": "50 %"}})
    found = decide(scored(tested, {"reason": "NO_CONSENT"}), of=[tested])
    assert found.select("variant", "propensity", "decision_id").row(0) == (None, None, None)


# Identity.


@pytest.mark.oracle
def test_a_decision_is_named_by_pythons_own_hmac():
    found = decide(scored(CARE, {"subject_id": "o1"}, {"customer_id": "c2"}), of=[CARE])
    secret = KEY.secret.encode()

    def mac(*inputs: str) -> str:
        return hmac.new(secret, "\x1f".join(inputs).encode(), "sha256").hexdigest()[:32]

    expected = [
        mac("w", "nordtal", "care", subject, mac(who), "2026-11-22") for who, subject in [("c1", "o1"), ("c2", "")]
    ]
    assert found["decision_id"].to_list() == expected


def test_the_name_differs_by_workspace_brand_product_subject_person_and_date():
    rows = scored(CARE, {}, {"brand": "seewind"}, {"customer_id": "c2"})
    names = decide(rows, of=[CARE])["decision_id"].to_list()
    names += decide(scored(CARE, {"subject_id": "o1"}), of=[CARE])["decision_id"].to_list()
    names += decide(scored(OFFER, {}), of=[OFFER])["decision_id"].to_list()
    names += decide(scored(CARE, {}), of=[CARE], name="other")["decision_id"].to_list()
    tomorrow = type(MOMENT)(TODAY + timedelta(days=1), MOMENT.now, MOMENT.present, MOMENT.starts_at)
    names += decided([scored(CARE, {})], history(), [CARE], settings(), KEY, tomorrow)["decision_id"].to_list()
    assert len(set(names)) == len(names) == 7


# What adds up.

rows_of_candidates = st.lists(
    st.fixed_dictionaries(
        {
            "customer_id": st.sampled_from(["c1", "c2", "c3"]),
            "brand": st.sampled_from(["nordtal", "seewind"]),
            "subject_id": st.sampled_from([None, "o1", "o2"]),
            "score": st.sampled_from([0.2, 0.5, 0.5, 0.9]),
            "reason": st.sampled_from([None, None, None, *BEFORE_THE_DECISION]),
            "product": st.sampled_from(["care", "offer", "late", "cancelled"]),
        }
    ),
    max_size=25,
    unique_by=lambda row: (row["customer_id"], row["brand"], row["subject_id"], row["product"]),
)
CANCELLED = product("cancelled", **SERVICE)
TESTED = product("care", test={"variants": {"a": "40 %", "b": "60 %"}, "holdout": "30 %"})
ALL = [TESTED, OFFER, LATE, CANCELLED]


def decide_all(rows: list[dict], **given_settings) -> pl.DataFrame:
    return decide(
        *(scored(p, *(row for row in rows if row["product"] == p.name)) for p in ALL), of=ALL, **given_settings
    )


@pytest.mark.property
@given(rows=rows_of_candidates)
def test_the_base_is_those_decided_for_and_the_first_reason_of_each_other(rows):
    found = decide_all(rows, global_holdout="30 %")
    whole = units(found)
    marketing = {(r["customer_id"], r["brand"]) for r in rows if r["product"] in {"care", "offer"}}
    service = {(r["customer_id"], r["brand"], r["subject_id"]) for r in rows if r["product"] in {"late", "cancelled"}}
    counted = Counter(whole["message_type"])
    assert (counted["marketing"], counted["service"]) == (len(marketing), len(service))
    decided_for = whole.filter(pl.col("reason").is_null()).height
    assert decided_for == found.filter(pl.col("reason").is_null()).height
    assert decided_for + sum(Counter(whole["reason"].drop_nulls()).values()) == whole.height
    assert "OUTRANKED" not in set(whole["reason"])
    assert len(rows) == found.height


@pytest.mark.property
@given(rows=rows_of_candidates)
def test_a_unit_without_a_decision_has_the_reason_of_its_candidate_that_got_furthest(rows):
    found = decide_all(rows, global_holdout="30 %")
    expected = Counter()
    groups: dict[tuple, list] = {}
    for row in found.iter_rows(named=True):
        subject = row["subject_id"] if row["message_type"] == "service" else None
        groups.setdefault((row["message_type"], row["customer_id"], row["brand"], subject), []).append(row["reason"])
    for (kind, *_), given_reasons in groups.items():
        last = None if None in given_reasons else max(given_reasons, key=CODES.index)
        expected[(kind, last)] += 1
    assert Counter(units(found).rows()) == expected


@pytest.mark.property
@given(rows=rows_of_candidates, seed=st.randoms(use_true_random=False))
def test_the_order_of_rows_and_products_does_not_matter(rows, seed):
    shuffled = seed.sample(rows, len(rows))
    one = decide_all(rows, global_holdout="30 %")
    of = seed.sample(ALL, len(ALL))
    frames = [scored(p, *(row for row in shuffled if row["product"] == p.name)) for p in of]
    assert_frame_equal(decide(*frames, of=of, global_holdout="30 %"), one)


@pytest.mark.property
@given(rows=rows_of_candidates)
def test_there_is_at_most_one_winner_for_each_unit(rows):
    found = decide_all(rows, global_holdout="30 %")
    won = found.filter(pl.col("reason").is_null() | (pl.col("reason") == "HOLDOUT"))
    marketing = won.filter(pl.col("message_type") == "marketing")
    service = won.filter(pl.col("message_type") == "service")
    assert not marketing.select("customer_id", "brand").is_duplicated().any()
    assert not service.select("customer_id", "brand", "subject_id").is_duplicated().any()
    spoken = service.select("customer_id", "brand").unique()
    assert marketing.join(spoken, on=["customer_id", "brand"], how="semi").is_empty()
    assert won["decision_id"].n_unique() == won.height
