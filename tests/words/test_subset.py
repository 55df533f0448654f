from __future__ import annotations

import time
from pathlib import Path

import jinja2.compiler
import pytest

from flows.errors import TemplateError, UnknownFieldError
from flows.words import Part, check_fields, read_words

REFUSED = Path(__file__).parent / "refused"
BODY = (Part("body", is_html=False),)


def read(file: Path, shared: Path) -> None:
    read_words(file, BODY, shared, name=file.name)


def refused(file: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> TemplateError:
    """The error of a template, made without compiling anything and in short time."""

    def compiled(*_: object, **__: object) -> str:
        pytest.fail("something was compiled")

    monkeypatch.setattr(jinja2.compiler, "generate", compiled)
    monkeypatch.setattr("jinja2.environment.generate", compiled)
    started = time.process_time()
    with pytest.raises(TemplateError) as caught:
        read(file, shared)
    assert time.process_time() - started < 10  # what is let through takes minutes
    return caught.value


@pytest.mark.parametrize("file", sorted(REFUSED.glob("*.j2")), ids=lambda file: file.stem)
def test_each_template_outside_the_subset_is_refused_as_written_down(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refused(file, REFUSED / "_shared", monkeypatch)
    assert f"{error}\n" == file.with_suffix(".error").read_text(encoding="utf-8")


GENERATED = {
    "nested parentheses": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "nested conditions": "{% if a %}" * 500 + "{% endif %}" * 500,
    "a long chain of filters": "{{ a" + "|upper" * 20_000 + " }}",
    "a long chain of not": "{{ " + "not " * 20_000 + "a }}",
    "a long chain of or": "{{ a" + " or a" * 20_000 + " }}",
    "a long number": "{{ " + "9" * 100_000 + " }}",
    "a long hexadecimal number": "{{ 0x" + "f" * 100_000 + " }}",
    "a large file": "x" * 300_000,
    "a mark of slots": "\ufdd0s1\ufdd1",
    "a mark of slots by escape": "{{ '\\ufdd0' }}",
    "half a character": "{{ '\\ud800' }}",
}


@pytest.mark.parametrize("body", GENERATED.values(), ids=GENERATED.keys())
def test_what_would_eat_the_machine_is_refused_at_once(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "t.j2"
    file.write_text(f"{{% block body %}}{body}{{% endblock %}}", encoding="utf-8")
    error = refused(file, tmp_path, monkeypatch)
    assert error.hint
    assert len(str(error)) < 500


def test_a_file_that_is_missing_or_not_utf_8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="missing"):
        read(tmp_path / "t.j2", tmp_path)
    (tmp_path / "t.j2").write_bytes("{% block body %}é{% endblock %}".encode("latin-1"))
    with pytest.raises(TemplateError, match="not UTF-8"):
        read(tmp_path / "t.j2", tmp_path)


def test_the_fields_of_untaken_branches_loops_sets_and_macros_count(tmp_path: Path) -> None:
    (tmp_path / "m.j2").write_text("{% macro m(x) %}{% if x %}{{ x|upper }}{% endif %}{% endmacro %}", encoding="utf-8")
    lines = [
        '{% from "_shared/m.j2" import m %}',
        "{% block body %}",
        "{% if false and a %}{{ b }}{% endif %}",
        "{% set c = d|upper %}{% if c %}x{% endif %}",
        "{% if es %}{% for e in es if f %}{{ e }}{{ g }}{% endfor %}{% endif %}",
        "{{ m(h) }}{{ 'x' if i else j }}",
        "{% set unused = k %}",
        "{% if l %}{% set maybe = 1 %}{% endif %}{{ maybe }}",
        "{% if l %}{% set sure = 1 %}{% else %}{% set sure = 2 %}{% endif %}{{ sure }}",
        "{% endblock %}",
    ]
    (tmp_path / "t.j2").write_text("\n".join(lines), encoding="utf-8")
    words = read_words(tmp_path / "t.j2", BODY, tmp_path, name="t.j2")
    assert dict(words.lines) == {
        "a": 3,
        "b": 3,
        "d": 4,
        "es": 5,
        "f": 5,
        "g": 5,
        "h": 6,
        "i": 6,
        "j": 6,
        "k": 7,
        "l": 8,
        "maybe": 8,
    }
    assert words.fields == tuple(sorted(words.lines))
    assert words.shown == {"b", "es", "f", "g", "h", "j", "maybe"}
    assert words.branched == {"a", "d", "es", "h", "i", "l"}


def test_an_unknown_field_is_named_with_its_line_and_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "t.j2").write_text("{% block body %}\n\n{{ frist_name }}{% endblock %}", encoding="utf-8")
    words = read_words(tmp_path / "t.j2", BODY, tmp_path, name="templates/care_guide/sms.j2")
    check_fields(words, {"frist_name"}, "recent_buyers")
    with pytest.raises(UnknownFieldError) as caught:
        check_fields(words, {"first_name", "item"}, "recent_buyers")
    assert str(caught.value) == (
        "templates/care_guide/sms.j2:3: 'frist_name' is not a field of segment recent_buyers\n"
        "hint: did you mean 'first_name'?"
    )


def test_a_text_is_taken_apart_once_and_anew_where_it_or_a_macro_of_it_has_changed(tmp_path: Path) -> None:
    file, shared = tmp_path / "t.j2", tmp_path / "_shared"
    shared.mkdir()
    macro = shared / "m.j2"
    text = '{% from "_shared/m.j2" import m %}{% block body %}{{ m(a) }}{% endblock %}'

    def fields() -> tuple[str, ...]:
        return read_words(file, BODY, shared, name="t.j2").fields

    file.write_text(text, encoding="utf-8")
    macro.write_text("{% macro m(x) %}{{ x }}{% endmacro %}", encoding="utf-8")
    first = read_words(file, BODY, shared, name="t.j2")
    assert read_words(file, BODY, shared, name="t.j2") is first
    assert read_words(file, BODY, shared, name="t.j2", locale="de").locale == "de"
    file.write_text(text.replace("m(a)", "m(b)"), encoding="utf-8")
    assert fields() == ("b",)
    file.write_text(text, encoding="utf-8")
    macro.write_text("{% macro m(x) %}as ever{% endmacro %}", encoding="utf-8")
    assert read_words(file, BODY, shared, name="t.j2").shown == frozenset()
    macro.unlink()
    with pytest.raises(TemplateError) as caught:
        fields()
    assert caught.value.what == "the file '_shared/m.j2' does not exist"
