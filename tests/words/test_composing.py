from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.errors import DataError, TemplateError
from flows.words import Words, compose, fill, generic, plain, read_words, restore
from tests.words.making import HTML, SUBJECT, TEXT, words_from

CASES = Path(__file__).parent / "cases"
ALL = {part.name: part for part in (SUBJECT, HTML, TEXT)}


def assert_as_plain(words: Words, frame: pl.DataFrame) -> None:
    composed = compose(words, frame)
    for part in words.parts:
        wanted = [plain(words, part.name, row) for row in frame.iter_rows(named=True)]
        assert fill(composed, part.name).to_list() == wanted
        assert restored(composed, part.name) == wanted


def restored(composed: Any, part: str) -> list[str]:
    generics = {key: generic(creative, part) for key, creative in composed.creatives.items()}
    return [restore(generics[row["key"]], row) for row in composed.rows.iter_rows(named=True)]


def rows_of(case: Path) -> pl.DataFrame:
    held = json.loads((case / "rows.json").read_text(encoding="utf-8"))
    rows = pl.DataFrame(held["rows"], infer_schema_length=None)
    return rows.with_columns(pl.col(name).cast(pl.String).str.to_date() for name in held.get("dates", []))


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda case: case.name)
def test_each_case_comes_out_as_written_down_and_as_plain_jinja(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    words = read_words(case / "template.j2", [ALL[name] for name in expected], case / "_shared", name=f"{case.name}.j2")
    frame = rows_of(case)
    composed = compose(words, frame)
    for part, texts in expected.items():
        assert fill(composed, part).to_list() == texts
        assert restored(composed, part) == texts
        assert [plain(words, part, row) for row in frame.iter_rows(named=True)] == texts


def test_keys_are_those_of_the_outcomes_and_depend_on_no_other_row(tmp_path: Path) -> None:
    source = "{% block text %}{% if a %}A{% if b %}B{% endif %}{% else %}-{% endif %}{{ c or 'x' }}{% endblock %}"
    words = words_from(tmp_path, source, TEXT)
    frame = pl.DataFrame({"a": ["1", "1", "", None], "b": [1, 0, 1, 0], "c": ["c1", None, "c3", "c4"]})
    whole = compose(words, frame)
    assert whole.rows["key"].n_unique() == 3
    parts = [compose(words, frame[:1]), compose(words, frame[1:2]), compose(words, frame[2:])]
    assert_frame_equal(pl.concat([part.rows for part in parts]), whole.rows)
    assert {key: words for part in parts for key, words in part.creatives.items()} == dict(whole.creatives)
    turned = compose(words, frame.reverse())
    assert_frame_equal(turned.rows, whole.rows.reverse())
    assert list(turned.creatives) == list(whole.creatives)


def test_composing_again_makes_the_same_creatives_whatever_has_been_compiled_before(tmp_path: Path) -> None:
    set_ = "{% set q = ('Dear' or a|first)|upper %}"
    source = f"{{% block text %}}{set_}{{% if q == a %}}-{{% endif %}}{{{{ q|lower }}}}{{% endblock %}}"
    words, frame = words_from(tmp_path, source, TEXT), pl.DataFrame({"a": ["x", None]})
    one, again = compose(words, frame), compose(words, frame)
    assert again.creatives == one.creatives
    assert_frame_equal(again.rows, one.rows)
    assert_as_plain(words, frame)


def test_a_condition_that_is_asked_again_comes_out_as_it_did_and_makes_no_further_keys(tmp_path: Path) -> None:
    asked = "{% if a %}A{% else %}-{% endif %}{% if b %}B{% elif a %}a{% else %}-{% endif %}"
    words = words_from(tmp_path, f"{{% block text %}}{asked * 3}{{% set a = b %}}{asked}{{% endblock %}}", TEXT)
    frame = pl.DataFrame({"a": ["x", "", None, "y"], "b": ["", "x", None, "y"]})
    assert_as_plain(words, frame)
    assert len(compose(words, frame).creatives) == 4


def test_a_slot_that_the_key_does_not_reach_is_null(tmp_path: Path) -> None:
    words = words_from(tmp_path, "{% block text %}{% if a %}{{ b }}{% else %}{{ c }}{% endif %}{% endblock %}", TEXT)
    composed = compose(words, pl.DataFrame({"a": [True, False], "b": ["b1", "b2"], "c": ["c1", "c2"]}))
    assert composed.rows.drop("key").to_dicts() == [{"s1": "b1", "s2": None}, {"s1": None, "s2": "c2"}]


def test_no_rows_make_no_creatives_and_keep_the_columns(tmp_path: Path) -> None:
    words = words_from(tmp_path, "{% block text %}{% if a %}{{ b|upper }}{% endif %}{% endblock %}", TEXT)
    composed = compose(words, pl.DataFrame(schema={"a": pl.String, "b": pl.String}))
    assert composed.rows.schema == {"key": pl.String, "s1": pl.String}
    assert composed.creatives == {}
    assert fill(composed, "text").to_list() == []


def test_the_same_expression_is_one_slot_per_kind_of_part(tmp_path: Path) -> None:
    source = "".join(
        f"{{% block {name} %}}{body}{{% endblock %}}"
        for name, body in {"subject": "{{ a }}", "html": "{{ a }}{{ a }}", "text": "{{ a }}"}.items()
    )
    words = words_from(tmp_path, source, SUBJECT, HTML, TEXT)
    composed = compose(words, pl.DataFrame({"a": ["<Ann>"]}))
    assert composed.rows.drop("key").to_dicts() == [{"s1": "<Ann>", "s2": "&lt;Ann&gt;"}]
    assert generic(next(iter(composed.creatives.values())), "html") == "{{{s2}}}{{{s2}}}"


def test_what_no_data_can_reach_is_words_and_no_slot(tmp_path: Path) -> None:
    source = "{% block text %}{% set w = 'gold' if vip else 'kind' %}{{ w|upper }} {{ 'a' if vip else 'b' }}{{ 1 }}{% endblock %}"
    words = words_from(tmp_path, source, TEXT)
    composed = compose(words, pl.DataFrame({"vip": [True, False]}))
    assert composed.rows.columns == ["key"]
    assert fill(composed, "text").to_list() == ["GOLD a1", "KIND b1"]


def test_an_expression_in_an_untaken_branch_is_not_evaluated(tmp_path: Path) -> None:
    source = "{% block text %}{% if day %}{% if day > 3 %}{{ day|number(1) }}{% endif %}{% endif %}{% endblock %}"
    assert_as_plain(words_from(tmp_path, source, TEXT), pl.DataFrame({"day": [None, 2, 5]}))


def test_a_set_that_would_fail_costs_nothing_where_nothing_uses_it(tmp_path: Path) -> None:
    source = "{% block text %}{% set d = day|date %}{% if ok %}{{ d }}{% endif %}.{% endblock %}"
    words = words_from(tmp_path, source, TEXT)
    composed = compose(words, pl.DataFrame({"day": ["no date"], "ok": [False]}))
    assert fill(composed, "text").to_list() == ["."]


LOOP = "{% if l %}{% for i in l if y is none or i %}{{ 'none' if y is none else y }}{% endfor %}{% endif %}"


@pytest.mark.parametrize(
    "around",
    [
        *(
            "#",
            "{% set y = y %}#",
            "{{ y }}#{% set y = 1 %}",
            "#{{ y }}{% set y = 1 %}",
            "{% set y = a %}#{% set y = 1 %}",
        ),
        "{% if a %}{{ y }}{% endif %}#{% set y = 1 %}",
        "{% if a %}#{% else %}{{ y }}{% endif %}{% set y = a %}{{ y }}",
    ],
)
def test_a_loop_finds_what_is_known_before_it_whatever_is_set_later(around: str, tmp_path: Path) -> None:
    words = words_from(tmp_path, f"{{% block text %}}{around.replace('#', LOOP)}{{% endblock %}}", TEXT)
    assert_as_plain(words, pl.DataFrame({"l": [["i"]] * 4, "y": ["Y", None] * 2, "a": ["x", "x", None, None]}))


def test_an_expression_that_fails_names_its_line_and_never_the_value(tmp_path: Path) -> None:
    words = words_from(tmp_path, "{% block text %}\nYour day: {{ day|date }}{% endblock %}", TEXT)
    with pytest.raises(TemplateError) as caught:
        compose(words, pl.DataFrame({"day": ["secret@example.com"]}))
    assert caught.value.where == "templates/p/words.j2:2"
    assert "{{ day|date }}" in caught.value.what
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
    with pytest.raises(TemplateError) as caught:
        plain(words, "text", {"day": "secret@example.com"})
    assert caught.value.where == "templates/p/words.j2:2"
    assert "secret" not in str(caught.value)


def test_a_missing_column_is_said_before_anything_is_composed(tmp_path: Path) -> None:
    words = words_from(tmp_path, "{% block text %}{{ a }}{{ b }}{% endblock %}", TEXT)
    with pytest.raises(DataError, match="the column 'b' is missing"):
        compose(words, pl.DataFrame({"a": ["x"]}))


def test_every_type_prints_as_python_prints_it(tmp_path: Path) -> None:
    moment = dt.datetime(2026, 11, 22, 9, 30, tzinfo=dt.UTC)
    frame = pl.DataFrame(
        {
            "text": ["a<b", "", None],
            "whole": [1, -7, None],
            "real": [0.0, -0.0, float("nan")],
            "small": pl.Series([0.1, 1e20, None], dtype=pl.Float32),
            "flag": [True, False, None],
            "day": [dt.date(2026, 1, 2), dt.date(999, 1, 1), None],
            "at": [moment, None, moment],
            "items": [["a", "b&"], [], None],
            "kind": pl.Series(["x", "y", None], dtype=pl.Categorical),
            "nothing": pl.Series([None, None, None], dtype=pl.Null),
        }
    )
    printed = "".join(f"{{{{ {name} }}}}|{{% if {name} %}}+{{% else %}}-{{% endif %}}|" for name in frame.columns)
    source = f"{{% block html %}}{printed}{{% endblock %}}{{% block text %}}{printed}{{% endblock %}}"
    assert_as_plain(words_from(tmp_path, source, HTML, TEXT), frame)


def test_conditions_by_column_agree_with_jinja(tmp_path: Path) -> None:
    tests = [
        *("a == 'x'", "a != 'x'", "a in ['x', '']", "a not in ('x',)", "not a", "a and b", "a or b", "a is none"),
        *("a is not none", "not (a == 'x' or b)", "b == 1", "b in [1, 2]", "a == none", "c", "not c", "a == 1"),
    ]
    body = "".join(f"{{% if {test} %}}1{{% else %}}0{{% endif %}}" for test in tests)
    frame = pl.DataFrame({"a": ["x", "y", "", None], "b": [1, 0, None, 2], "c": [["z"], [], None, [None]]})
    assert_as_plain(words_from(tmp_path, f"{{% block text %}}{body}{{% endblock %}}", TEXT), frame)


def test_braces_backslashes_and_slots_side_by_side_are_read_back(tmp_path: Path) -> None:
    source = (
        "{% block html %}<style>a{b:c}@media x{d{e:f}}</style>{% raw %}{{{s1}}} {{ x }} {%{% endraw %}"
        "{{ '{' }}{{ a }}{{ '}' }}{{ a }}{{ a }}\\\\{{ a }}\\{{ '{{' }}{% endblock %}"
    )
    words = words_from(tmp_path, source, HTML)
    frame = pl.DataFrame({"a": ["{{{s1}}}", "%%[x]%%", "{", "\\", "*|FNAME|*", None]})
    assert_as_plain(words, frame)
    body = generic(next(iter(compose(words, frame).creatives.values())), "html")
    assert re.search(r"\{\{|\}\}|\\\\(?=\{)", re.sub(r"\{\{\{\w+\}\}\}", "|", body)) is None
    assert "\\{{{" not in body
    assert "a{b:c}@media x{d{e:f" in body


def test_one_compilation_serves_frames_whose_paths_come_in_another_order(tmp_path: Path) -> None:
    source = (
        "{% block text %}{% if a %}{% set w = b|upper %}{% else %}{% set w = b|lower %}{% endif %}"
        "{{ w|title }}{% if w|length > 2 %}!{% endif %}{% endblock %}"
    )
    words = words_from(tmp_path, source, TEXT)
    for flags in ([True, False], [False, True], [False, False]):
        assert_as_plain(words, pl.DataFrame({"a": flags, "b": ["Ann", "Bo"]}))


def test_names_set_to_the_same_on_different_paths_are_kept_apart(tmp_path: Path) -> None:
    source = "{% block text %}{% if a %}{% set x = c %}{% else %}{% set y = c %}{% endif %}{{ x or y }}{{ x == y }}{% endblock %}"
    frame = pl.DataFrame({"a": [True, False], "c": ["c", "c"], "x": ["x", None], "y": ["y", "y"]})
    assert_as_plain(words_from(tmp_path, source, TEXT), frame)
    unlike = "{% block text %}{% if a %}{% set x = c %}{% else %}{% set y = c %}{% endif %}{{ x == 'c' and y }}{% endblock %}"
    assert_as_plain(words_from(tmp_path, unlike, TEXT), frame)
