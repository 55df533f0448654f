import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.sms_length import BASIC, EXTENSION, SCHEMA, measure


def lengths(*bodies: str | None) -> list[tuple[str | None, int | None, int | None]]:
    return measure(pl.Series(bodies, dtype=pl.String)).rows()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a" * 160, ("GSM-7", 160, 1)),
        ("a" * 161, ("GSM-7", 161, 2)),
        ("a" * 306, ("GSM-7", 306, 2)),
        ("a" * 307, ("GSM-7", 307, 3)),
        ("é" * 70, ("GSM-7", 70, 1)),
        ("ê" * 70, ("UCS-2", 70, 1)),
        ("ê" * 71, ("UCS-2", 71, 2)),
        ("ê" * 134, ("UCS-2", 134, 2)),
        ("ê" * 135, ("UCS-2", 135, 3)),
    ],
)
def test_a_message_holds_160_or_70_units_and_a_part_153_or_67(body, expected):
    assert lengths(body) == [expected]


@pytest.mark.bad_input(58)
@pytest.mark.parametrize("character", list(EXTENSION))
def test_a_character_of_the_extension_costs_two_units(character):
    assert lengths(character * 80, character * 81) == [("GSM-7", 160, 1), ("GSM-7", 162, 2)]


@pytest.mark.parametrize("character", ["`", "\t", "ê", "ç", "’", "“", "—", "\xa0", "\x1b", "中", "😀"])
def test_one_character_outside_gsm_7_turns_the_whole_message(character):
    assert lengths("a" * 100 + character)[0][0] == "UCS-2"


@pytest.mark.bad_input(57)
def test_a_typographic_apostrophe_makes_three_parts_of_160_characters():
    assert lengths("a" * 159 + "’") == [("UCS-2", 160, 3)]


def test_an_emoji_costs_two_units():
    assert lengths("😀" * 35, "😀" * 36) == [("UCS-2", 70, 1), ("UCS-2", 72, 2)]


def test_brackets_cost_one_unit_in_ucs_2():
    assert lengths("ê" + "[" * 133, "ê" + "[" * 134) == [("UCS-2", 134, 2), ("UCS-2", 135, 3)]


def test_a_character_of_two_units_is_not_cut_between_parts():
    assert lengths("a" * 152 + "€" + "a" * 152, "a" * 153 + "€" + "a" * 151) == [
        ("GSM-7", 306, 3),
        ("GSM-7", 306, 2),
    ]
    assert lengths("a" * 66 + "😀" + "a" * 66, "a" * 67 + "😀" + "a" * 65) == [
        ("UCS-2", 134, 3),
        ("UCS-2", 134, 2),
    ]


def test_bodies_keep_their_order_and_an_empty_one_has_no_segment_and_a_null_one_no_length():
    measured = measure(pl.Series(["b", None, "", "ê", "b"]))
    expected = pl.DataFrame(
        {
            "encoding": ["GSM-7", None, "GSM-7", "UCS-2", "GSM-7"],
            "units": [1, None, 0, 1, 1],
            "segments": [1, None, 0, 1, 1],
        },
        schema=SCHEMA,
    )
    assert_frame_equal(measured, expected)


@pytest.mark.parametrize("dtype", [pl.String, pl.Null])
def test_no_bodies_have_no_lengths_and_the_same_columns(dtype):
    assert_frame_equal(measure(pl.Series([], dtype=dtype)), SCHEMA.to_frame())


PIECES = st.one_of(
    st.sampled_from(["a" * 152, "a" * 66, "a" * 50, "a" * 7, "a"]),
    st.text(st.sampled_from(BASIC + EXTENSION), max_size=40),
    st.text(st.sampled_from(EXTENSION), max_size=90),
)
BODIES = st.one_of(
    st.lists(PIECES, max_size=12).map("".join),
    st.lists(st.one_of(PIECES, st.sampled_from(["😀", "’", "ê", "👨‍👩‍👧", "ç"])), max_size=12).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1b"), max_size=300),
)


@pytest.mark.oracle
@pytest.mark.property
@given(st.lists(BODIES.filter(bool), min_size=1, max_size=20))
def test_smsutil_counts_the_same(bodies):
    """Left out: the escape, which smsutil takes for a character, and the empty body, which it calls one part."""
    smsutil = pytest.importorskip("smsutil")
    splits = [smsutil.split(body) for body in bodies]
    names = {"gsm0338": ("GSM-7", 1), "utf_16_be": ("UCS-2", 2)}
    assert lengths(*bodies) == [
        (names[split.encoding][0], split.total_bytes // names[split.encoding][1], len(split.parts)) for split in splits
    ]
