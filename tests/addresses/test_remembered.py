import stat
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from flows.addresses import normalise, remembered, rules
from flows.errors import OutboxError

SCHEMA = {"kind": pl.String, "raw": pl.String, "region": pl.String}
ASKED = pl.DataFrame(
    [
        ("phone", "070-123 45 67", "SE"),
        ("email", "Ann@Example.com", None),
        ("phone", "070-123 45 67", None),
        ("email", None, None),
        ("phone", "070-123 45 67", "SE"),
        ("phone", None, "SE"),
        ("email", "josé@example.com", "SE"),
    ],
    schema=SCHEMA,
    orient="row",
)
ANSWER = ASKED.with_columns(
    address=pl.Series(["+46701234567", "Ann@example.com", None, None, "+46701234567", None, None]),
    fault=pl.Series([None, None, "no_region", "absent", None, "absent", "non_ascii_local"]),
)


def kept(cache, kind):
    return sorted(cache.glob(f"{kind}-*.parquet"))


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "state" / "addresses"


def poisoned(cache, kind, address):
    """The cache with all its readings replaced, so that a test sees where an answer came from."""
    frame = remembered._load(kind, cache).with_columns(address=pl.lit(address), fault=pl.lit(None, pl.String))
    for path in kept(cache, kind):
        path.unlink()
    remembered._store(kind, cache, frame)


def test_rows_keep_their_order_and_a_number_is_read_in_its_region(cache):
    assert_frame_equal(normalise(ASKED, cache), ANSWER)
    assert_frame_equal(normalise(ASKED, cache), ANSWER)
    assert_frame_equal(normalise(ASKED, None), ANSWER)


def test_a_value_is_read_once_and_then_taken_from_the_cache(cache):
    normalise(ASKED, cache)
    poisoned(cache, "email", "kept@example.com")
    again = normalise(ASKED.filter(raw="Ann@Example.com"), cache)
    assert again["address"].to_list() == ["kept@example.com"]
    more = pl.DataFrame([("email", "new@example.com", None), ("email", "Ann@Example.com", None)], SCHEMA, orient="row")
    assert normalise(more, cache)["address"].to_list() == ["new@example.com", "kept@example.com"]
    assert len(kept(cache, "email")) == 1


def test_few_of_many_that_are_kept_are_found_among_them_and_the_others_stay(cache):
    many = pl.DataFrame([("email", f"a{n}@example.com", None) for n in range(40)], SCHEMA, orient="row")
    normalise(many, cache)
    poisoned(cache, "email", "kept@example.com")
    few = pl.DataFrame([("email", "a7@example.com", None), ("email", "new@example.com", None)], SCHEMA, orient="row")
    assert normalise(few, cache)["address"].to_list() == ["kept@example.com", "new@example.com"]
    assert remembered._load("email", cache).height == 41


def test_nothing_asked_is_nothing_answered_and_nothing_written(cache):
    assert_frame_equal(normalise(ASKED.clear(), cache), ANSWER.clear())
    assert not cache.exists()


def test_only_the_owner_may_read_what_is_kept(cache):
    normalise(ASKED, cache)
    modes = {path.name.split("-")[0]: stat.S_IMODE(path.stat().st_mode) for path in [cache, *cache.iterdir()]}
    assert modes == {"addresses": 0o700, "email": 0o600, "phone": 0o600, "lock": 0o600}


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b"", lambda b: b[:40] + b"x" + b[41:], lambda b: b"no"])
def test_a_damaged_cache_is_read_anew_and_replaced(cache, damage):
    normalise(ASKED, cache)
    for path in kept(cache, "email") + kept(cache, "phone"):
        path.write_bytes(damage(path.read_bytes()))
    assert_frame_equal(normalise(ASKED, cache), ANSWER)
    assert remembered._load("phone", cache).height == 2
    assert len(kept(cache, "phone")) == 1


def test_new_rules_or_libraries_read_everything_anew(cache, monkeypatch):
    normalise(ASKED, cache)
    poisoned(cache, "email", "kept@example.com")
    monkeypatch.setitem(rules.VERSIONS, "email", "another version")
    assert_frame_equal(normalise(ASKED, cache), ANSWER)
    assert len(kept(cache, "email")) == 1


def test_what_a_killed_run_left_half_written_is_no_hindrance(cache):
    cache.mkdir(parents=True)
    (cache / "email.new").write_bytes(b"half")
    assert_frame_equal(normalise(ASKED, cache), ANSWER)
    assert not (cache / "email.new").exists()


def test_two_files_of_one_kind_are_both_read(cache):
    normalise(ASKED.filter(raw="Ann@Example.com"), cache)
    (first,) = kept(cache, "email")
    content = first.read_bytes()
    normalise(ASKED, cache)
    first.write_bytes(content)
    assert remembered._load("email", cache).sort("raw")["raw"].to_list() == ["Ann@Example.com", "josé@example.com"]


def test_parts_that_read_at_the_same_time_lose_nothing_of_each_other(cache):
    parts = [
        pl.DataFrame({"kind": "email", "raw": [f"p{part}.{row}@example.com" for row in range(20)], "region": ""})
        for part in range(8)
    ]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda part: normalise(part, cache), parts))
    assert remembered._load("email", cache).height == 160


def test_an_unwritable_cache_says_where_and_nothing_of_the_addresses(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutboxError) as caught:
        normalise(ASKED, tmp_path / "file" / "addresses")
    assert str(tmp_path) in str(caught.value)
    assert "example.com" not in str(caught.value)


def test_many_new_numbers_are_read_by_processes_alike(monkeypatch, cache):
    asked = pl.DataFrame({"kind": "phone", "raw": [f"+4670{row:07d}" for row in range(0, 40_000, 3)], "region": None})
    alone = normalise(asked, None, workers=1)
    monkeypatch.setattr(remembered, "WORTH_PROCESSES", 10)
    assert_frame_equal(normalise(asked, None, workers=2), alone)


LOCALS = st.one_of(
    st.from_regex(r"[A-Za-z0-9._%+\-]{1,12}", fullmatch=True),
    st.sampled_from(["a" * 64, "a" * 65, "", "é", "a b", '"a"', "=x", "a..b", ".a", "Ann <a", "#x", "o'neil"]),
)
DOMAINS = st.one_of(
    st.from_regex(r"[A-Za-z0-9.\-]{1,20}\.(com|se|invalid|test)", fullmatch=True),
    st.sampled_from(
        ["example.com", "EXAMPLE.com", "bücher.de", "xn--bcher-kva.de", "ｅxample.com", "x", "", "a.b.", "x.com>",
         "[127.0.0.1]", "x.com,y@z.se", "x.com\ny.com", "xn--a.com", f"{'b' * 60}.{'c' * 60}.{'d' * 58}.com",
         f"{'b' * 60}.{'c' * 60}.{'d' * 60}.example.com", "straße.de", "a_b.com", "İx.com"]
    ),
)  # fmt: skip
EMAILS = st.one_of(
    st.builds("{}@{}".format, LOCALS, DOMAINS),
    st.builds("{}{}@{}{}".format, st.sampled_from(rules.EDGES), LOCALS, DOMAINS, st.sampled_from(rules.EDGES)),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)


@pytest.mark.oracle
@pytest.mark.property
@given(st.lists(EMAILS, min_size=1, max_size=30, unique=True))
def test_reading_by_column_is_the_librarys_reading_of_each_address(written):
    frame = pl.DataFrame({"kind": "email", "raw": written, "region": None})
    read = normalise(frame, None).select("address", "fault").rows()
    assert read == [rules.read_email(value) for value in written]
