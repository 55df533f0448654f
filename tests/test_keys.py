import hashlib
import hmac
import stat

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.errors import SettingError
from flows.keys import Key, draw, load_key

KEY = Key("k1", "0f" * 32)
text = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)


def mac(*inputs: str) -> str:
    return hmac.new(KEY.secret.encode(), "\x1f".join(inputs).encode(), hashlib.sha256).hexdigest()[:32]


@pytest.mark.oracle
@pytest.mark.property
@given(rows=st.lists(st.tuples(st.none() | text, text), min_size=1, max_size=10))
def test_a_key_is_pythons_own_hmac_of_the_inputs_joined(rows):
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String}, orient="row")
    found = frame.select(key=KEY.of("w", pl.col("a"), pl.col("b")))["key"].to_list()
    assert found == [mac("w", a or "", b) for a, b in rows]


def test_inputs_that_run_together_stay_apart():
    frame = pl.DataFrame({"a": ["ab", "a"], "b": ["c", "bc"]})
    assert frame.select(KEY.of(pl.col("a"), pl.col("b"))).to_series().n_unique() == 2


@pytest.mark.oracle
@pytest.mark.property
@given(identities=st.lists(text, min_size=1, max_size=10))
def test_a_draw_is_the_same_by_hashlib_and_by_duckdb(identities):
    frame = pl.DataFrame({"id": identities}, schema={"id": pl.String})
    found = frame.select(u=draw("w/care/holdout", pl.col("id")))["u"].to_list()
    whole = [hashlib.sha256(f"w/care/holdout:{identity}".encode()).hexdigest() for identity in identities]
    assert found == [int(digest[:13], 16) / 2**52 for digest in whole]
    assert all(0 <= u < 1 for u in found)
    cast = "('0x' || substr(sha256('w/care/holdout:' || $id), 1, 13))::BIGINT / 2::DOUBLE ** 52"
    assert duckdb.execute(f"SELECT {cast}", {"id": identities[0]}).fetchall() == [(found[0],)]


def test_draws_are_spread_evenly_and_another_salt_makes_another_draw():
    frame = pl.DataFrame({"id": [f"c{n}" for n in range(20_000)]})
    found = frame.select(one=draw("a", pl.col("id")), other=draw("b", pl.col("id")))
    for share in (0.05, 0.5, 0.9):
        assert (found["one"] < share).mean() == pytest.approx(share, abs=0.012)
    assert abs(found.select(pl.corr("one", "other")).item()) < 0.03


def test_the_secret_is_never_shown():
    assert repr(KEY) == str(KEY) == "Key(k1)"
    assert KEY.secret not in f"{KEY!r} {KEY!s} {[KEY]} { {'k': KEY} }"


def test_the_first_run_makes_a_private_key_and_the_next_ones_read_it(tmp_path):
    path = tmp_path / "state" / "key"
    made = load_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path) == made
    assert (len(made.key_id), len(made.secret)) == (8, 64)
    assert load_key(tmp_path / "other") != made


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_may_read_is_refused(tmp_path, mode):
    path = tmp_path / "key"
    load_key(path)
    path.chmod(mode)
    with pytest.raises(SettingError) as caught:
        load_key(path)
    assert (caught.value.what, caught.value.hint) == ("others may read the key file", "run: chmod 600 key")


@pytest.mark.parametrize(
    "content", ["", "k1", "k1:", f":{'0' * 64}", f"k1:{'0' * 63}", f"k1:{'G' * 64}", f"k1:{'0' * 65}", "é:" + "0" * 3]
)
def test_a_file_that_is_no_key_is_refused_without_showing_it(tmp_path, content):
    path = tmp_path / "key"
    path.write_text(content, "utf-8")
    path.chmod(0o600)
    with pytest.raises(SettingError) as caught:
        load_key(path)
    assert caught.value.what == "this is not a key file"
    assert "0000" not in str(caught.value)
