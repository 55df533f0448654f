"""What is too long for a platform: of one message, and of one row of a file that may have so many bytes."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from flows.channels import Limit, Target, target
from flows.channels.cutting import cut, refuse_longer, too_long
from flows.errors import TemplateError

ROWS = pl.DataFrame({"message_id": ["m1", "m2", "m3", "m4"], "text": ["", "ü" * 9, "ü" * 10, "ü" * 11]})


def to(file_format: str = "csv", **given) -> Target:
    return Target("t", "email", "message", file_format, most_rows=3, rows=lambda rows: rows, **given)


def letters(rows, _):
    return rows["text"].str.len_chars()


def test_a_message_of_just_the_length_that_is_taken_is_not_too_long():
    assert too_long(ROWS, {}, to(limit=Limit(10, "letters", letters))).to_list() == ["m4"]
    assert too_long(ROWS, {}, to()).to_list() == []


@pytest.mark.parametrize(("file_format", "most_bytes"), [("csv", 50), ("ndjson", 51)])
def test_a_row_that_fills_a_file_by_itself_is_in_one_and_a_larger_one_is_too_long(file_format, most_bytes):
    form = to(file_format, most_bytes=most_bytes)
    long = too_long(ROWS, {}, form)
    fitting = ROWS.filter(~pl.col("message_id").is_in(long.implode()))
    assert (long.to_list(), fitting.height) == (["m4"], 3)
    sizes = [
        len(lines.write_csv() if file_format == "csv" else lines.write_ndjson()) for _, lines in cut(fitting, form, {})
    ]
    assert len(sizes) > 1
    with pytest.raises(TemplateError) as caught:
        list(cut(ROWS, form, {}))
    assert "bytes in its row, and t takes" in caught.value.what
    assert "ü" not in str(caught.value)


def test_a_text_that_all_rows_share_counts_in_each_of_them():
    """Polars keeps it once, and so it says little of what is written."""
    rows = pl.DataFrame({"message_id": [f"m{number}" for number in range(100)]}).with_columns(text=pl.lit("x" * 500))
    form = replace(to(most_bytes=20_000), most_rows=1_000)
    sizes = [len(lines.write_csv()) for _, lines in cut(rows, form, {})]
    assert (len(sizes) > 1, max(sizes) <= 20_000) == (True, True)


def test_what_the_plan_has_not_left_out_stops_its_batch_and_tells_nothing_of_it():
    form = to(limit=Limit(10, "letters", letters))
    refuse_longer(ROWS.head(3), {}, form)
    with pytest.raises(TemplateError) as caught:
        refuse_longer(ROWS, {}, form)
    assert (caught.value.where, caught.value.what) == ("email.j2", "a message has 11 letters, and t takes 10")


def test_what_is_filled_in_by_sendgrid_is_counted_for_each_creative_by_itself():
    """Its tags hold the creative's id, so a longer id is more of them."""
    rows = pl.DataFrame(
        {"message_id": ["m1", "m2"], "creative_id": ["k", "k" * 9], "s1": ["é", None], "s2": [None, "é"]}
    )
    made = {key: {"creative_id": key, "slots": [slot]} for key, slot in (("k", "s1"), ("k" * 9, "s2"))}
    limit = target("sendgrid").limit
    assert limit.sizes(rows, made).to_list() == [len('{"-k.s1-":"é"}'.encode()), len('{"-kkkkkkkkk.s2-":"é"}'.encode())]
    bare = {"k": {"creative_id": "k", "slots": []}}
    assert limit.sizes(rows.head(1), bare).to_list() == [0]


@pytest.mark.parametrize("name", ["braze", "customerio", "sfmc"])
def test_values_and_links_are_measured_and_no_other_column(name):
    limit = target(name).limit
    told = {"s1": ["ü" * limit.most, None], "unsubscribe_url": ["", "u" * 5_000]}
    rows = pl.DataFrame({"message_id": ["m1", "m2"], "email": ["x" * 9_999] * 2, **told})
    assert limit.sizes(rows, {}).to_list() == [limit.most, 5_000]
    assert too_long(rows, {}, replace(target(name), most_bytes=None)).to_list() == ["m2"]
