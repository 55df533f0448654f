from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from flows.documents import keys_under, read_document
from flows.errors import ProductError


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    label: str
    count: int = 0


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    starts: date | None = None
    part: Part | None = None
    parts: list[Part] = []
    named: dict[str, Part] = {}


def read(folder: Path, text: str | bytes, **given: Any) -> Whole:
    path = folder / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_document(path, Whole, ProductError, name="templates/x/x.yaml", **given)


def refused(folder: Path, text: str | bytes, **given: Any) -> tuple[str, str, str]:
    with pytest.raises(ProductError) as caught:
        read(folder, text, **given)
    return caught.value.where.removeprefix("templates/x/x.yaml"), caught.value.what, caught.value.hint


def test_a_document_is_read_into_its_model(tmp_path):
    text = "name: x\nstarts: 2026-12-01\npart: {label: a}\nparts:\n- label: b\n  count: 2\nnamed: {k: {label: c}}\n"
    assert read(tmp_path, text) == Whole(
        name="x",
        starts=date(2026, 12, 1),
        part=Part(label="a"),
        parts=[Part(label="b", count=2)],
        named={"k": Part(label="c")},
    )


REFUSED = {
    "an unknown key": (
        "name: x\npart:\n  label: a\n  cuont: 2\n",
        ":4",
        "'cuont' is not a key here",
        "did you mean 'count'?",
    ),
    "an unknown key at the top": ("nmae: x", ":1", "'nmae' is not a key here", "did you mean 'name'?"),
    "one in a list": (
        "name: x\nparts:\n- label: a\n- label: b\n  lable: c\n",
        ":5",
        "'lable' is not a key here",
        "did you mean 'label'?",
    ),
    "one among names": (
        "name: x\nnamed:\n  k: {label: a, cont: 1}\n",
        ":3",
        "'cont' is not a key here",
        "did you mean 'count'?",
    ),
    "an unknown key like no other": (
        "name: x\nzzz: 1",
        ":2",
        "'zzz' is not a key here",
        "known here: name, named, part, parts, starts",
    ),
    "a missing key": ("starts: 2026-12-01", ":1", "'name' is missing", "add it"),
    "a missing key further in": ("name: x\npart:\n  count: 1\n", ":2", "'part.label' is missing", "add it"),
    "a key that stands twice": (
        "name: x\npart:\n  label: a\n  label: b\n",
        ":4",
        "the key 'label' stands twice",
        "keep one of them",
    ),
    "a wrong kind": (
        "name: x\npart: {label: a, count: many}",
        ":2",
        "part.count: Input should be a valid integer",
        "write it as",
    ),
    "a date that is none": (
        "name: x\nstarts: 2026-02-30",
        ":2",
        "starts: this is no day of the calendar",
        "write it as",
    ),
    "no YAML": ("name: x\npart: [a\nparts: b", ":3", "this is not YAML: ", "mend the line"),
    "a tab": ("name:\n\tx", ":2", "this is not YAML: ", "mend the line"),
    "a template": ("name: {{ x }}", ":1", "this is not YAML: a key is a word", "mend the line"),
    "a list": ("- a", ":1", "the file: keys with their values belong here", "write it as"),
    "a word": ("hello", ":1", "the file: keys with their values belong here", "write it as"),
    "nothing": ("", "", "this file is empty", "write it"),
    "a program": (
        "name: !!python/object/apply:os.system [ls]",
        ":1",
        "this is not YAML: could not determine",
        "mend the line",
    ),
    "an anchor to itself": ("name: &a [*a]", "", "it is nested too deeply, or an anchor in it", "write it flatter"),
    "lists in lists": (
        "name: " + "[" * 10_000 + "]" * 10_000,
        "",
        "it is nested too deeply",
        "write it flatter",
    ),
    "anchors that stand for millions": (
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghi")),
        "",
        "with its anchors written out this file has more than 20,000 entries",
        "keep data",
    ),
    "half a character": ('name: x\nnamed: {k: {label: "\\ud800"}}', ":2", "this is not YAML: half a character", "mend"),
    "half a character in a key": ('name: x\n"\\ud800": y', ":2", "this is not YAML: half a character", "mend"),
    "a number without end": (
        f"name: x\npart: {{label: a, count: {'9' * 5000}}}",
        ":2",
        "this is not YAML: this value cannot be read",
        "mend",
    ),
    "a long line": ("name: x # " + "x" * 300_000, "", "this file has 300,010 bytes, and 256,000 are plenty", "keep"),
    "a control character": ("name: \x00", "", "this is not YAML: it holds a character", "take it out"),
    "other bytes than UTF-8": (b"name: \xff", "", "this file is not UTF-8", "save it"),
    "a key that YAML takes for a truth": ("true: x\nname: y", ":1", "Keys should be strings", "write it as"),
}


@pytest.mark.parametrize(("text", "line", "what", "hint"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_refused_with_its_line_and_the_next_step(tmp_path, text, line, what, hint):
    found = refused(tmp_path, text)
    assert found[0] == line
    assert what in found[1]
    assert found[2].startswith(hint)


def test_a_value_is_shown_where_it_is_short_and_plain(tmp_path):
    assert refused(tmp_path, "name: x\npart: {label: a, count: many}")[1].endswith("(it is 'many')")
    assert "it is" not in refused(tmp_path, "name: [a]")[1]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ProductError) as caught:
        read_document(tmp_path / "none.yaml", Whole, ProductError, name="sql/none.yaml")
    assert caught.value.where == "sql/none.yaml"


def test_what_is_known_already_may_not_stand_in_the_file(tmp_path):
    assert read(tmp_path, "starts: 2026-12-01", given={"name": "x"}).name == "x"
    assert refused(tmp_path, "starts: 2026-12-01\nname: y", given={"name": "x"})[:2] == (
        ":2",
        "'name' is not a key here",
    )
    assert refused(tmp_path, "- a", given={"name": "x"})[1].startswith("the file: ")


def test_whoever_changes_what_he_has_read_changes_it_for_nobody_else(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("tables: {orders: {person: customer_id}}", "utf-8")
    keys_under(path, "tables")["orders"]["person"] = "somebody"
    assert keys_under(path, "tables") == {"orders": {"person": "customer_id"}}
    path.write_text("tables: {orders: {person: person_id}}", "utf-8")
    assert keys_under(path, "tables") == {"orders": {"person": "person_id"}}
