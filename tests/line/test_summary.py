"""What check tells of each product and channel."""

from __future__ import annotations

import pytest

from flows.line import check
from flows.line.summary import Length, Summary
from tests.tiny import MORNING, Tiny, clock, make


@pytest.fixture
def tiny(tmp_path) -> Tiny:
    return make(tmp_path / "w", brands=["north"])


def rows(tiny: Tiny) -> dict[tuple[str, str], Summary]:
    with clock(MORNING):
        return {(row.product, row.channel): row for row in check(tiny.load()).messages}


def test_there_is_a_row_for_each_product_and_channel_in_the_order_of_the_product(tiny):
    tiny.edit("templates/care/product.yaml", "first_of: [email, sms]", "first_of: [sms, email]")
    channels = ("sms", "email", "web"), ("email", "sms", "web")
    assert list(rows(tiny)) == [
        (name, way) for name, ways in zip(("care", "late"), channels, strict=True) for way in ways
    ]


def test_a_row_tells_what_its_words_use_at_each_level_and_what_is_given_away(tiny):
    row = rows(tiny)["care", "sms"]
    assert (row.shown, row.branched, row.because, row.unseen) == (("last_order",), ("last_order",), ("last_order",), ())
    assert row.dimensions == ("last_order", "name")
    assert row.levels == ((), ("last_order",), ("last_order",))
    assert [rating.score for rating in row.creep] == [16, 20, 20]


def test_languages_and_variants_are_put_together_and_told_apart(tiny):
    tiny.speak("de")
    (tiny.folder / "templates/care/web.de.j2").write_text(
        "{% block headline %}Wir haben gesehen{% endblock %}{% block body %}{{ first_name }}!{% endblock %}", "utf-8"
    )
    row = rows(tiny)["care", "web"]
    assert (row.shown, row.branched, row.wordings) == (("last_order", "name"), ("last_order", "name"), 6)
    assert [rating.score for rating in row.creep] == [29, 29, 38]
    found = [(file.file, file.locale, file.shown, file.branched, file.wordings) for file in row.files]
    assert sorted(found) == [
        ("templates/care/web.de.j2", "de", ("name",), (), 2),
        ("templates/care/web.j2", None, ("last_order", "name"), ("last_order", "name"), 4),
    ]
    assert len({file.digest for file in row.files}) == 2


def test_lengths_are_the_worst_in_characters_in_bytes_and_for_text_messages_in_segments(tiny):
    tiny.edit("sql/segments/owners.yaml", "examples: [tent]", "examples: [tent, Zelt für Zwei]")
    found = rows(tiny)
    assert found["care", "web"].lengths == {"headline": Length(32, 33), "body": Length(18, 18)}
    text = "North: Dry your Zelt für Zwei first: https://north.example.com/care Reply STOP to end"
    assert found["care", "sms"].lengths == {"body": Length(len(text), len(text) + 1, "GSM-7", len(text), 1)}
    tiny.edit("sql/segments/owners.yaml", "Zelt für Zwei", "Zelt für „Zwei“")
    assert rows(tiny)["care", "sms"].lengths["body"] == Length(len(text) + 2, len(text) + 7, "UCS-2", len(text) + 2, 2)


def test_what_is_behind_the_score_and_the_choice_of_people_is_known_where_the_sql_was_traced(tiny):
    tiny.edit(
        "sql/segments/late.sql", "USING (customer_id, brand)", "USING (customer_id, brand) WHERE p.first_name > 'A'"
    )
    tiny.edit("templates/late/product.yaml", "dimensions:", "unseen: {name: only decides who}\ndimensions:")
    found = rows(tiny)
    assert (found["care", "email"].scored, found["care", "email"].targeted) == (("last_order",), ("last_order",))
    assert (found["late", "email"].scored, found["late", "email"].targeted) == (("last_order",), ("last_order", "name"))
    tiny.edit("pyproject.toml", 'database = "warehouse.duckdb"\n', "")
    row = rows(tiny)["care", "email"]
    assert (row.scored, row.targeted) == (None, None)
