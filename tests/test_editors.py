"""The JSON Schemas for editors: they take what is right, refuse what is wrong in form, explain every key, and know our names."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, FormatChecker

from flows import editors
from flows.errors import OutboxError, SettingError
from flows.line import check
from tests.house.tree import ROOT
from tests.tiny import MORNING, Tiny, clock, make

BAD = ROOT / "tests" / "bad_input"
WORKSPACES = (ROOT, ROOT / "tests" / "complete_journey", ROOT / "flows" / "starter")
FILES = [
    (workspace, kind, file)
    for workspace in WORKSPACES
    for kind, (_, glob) in editors.KINDS.items()
    for file in sorted(workspace.glob(glob))
]

IN_FORM = {line for line in (BAD / "wrong_in_form.txt").read_text("utf-8").splitlines() if not line.startswith("#")}
NO_YAML = {"product_tab", "product_utf_16", "product_key_twice"}
CASES = [
    case
    for group in ("authors", "authors_and_tables")
    for case in sorted((BAD / group).iterdir())
    if list(case.rglob("*.yaml")) and case.name not in NO_YAML
]


class AsEditorsRead(yaml.SafeLoader):
    """YAML 1.2, as editors read it: a date is a text."""

    yaml_constructors = {  # noqa: RUF012 - as PyYAML has it
        **yaml.SafeLoader.yaml_constructors,
        "tag:yaml.org,2002:timestamp": yaml.SafeLoader.construct_yaml_str,
    }


def complaints(schema: dict[str, Any], text: str) -> list[str]:
    validator = Draft7Validator(schema, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(yaml.load(text, AsEditorsRead))]


@pytest.fixture
def tiny(tmp_path) -> Tiny:
    return make(tmp_path / "w")


@pytest.mark.parametrize(
    ("workspace", "kind", "file"), FILES, ids=[file.relative_to(ROOT).as_posix() for *_, file in FILES]
)
def test_every_file_of_this_repository_is_taken(workspace, kind, file):
    text = file.read_text("utf-8")
    if workspace.name == "starter":  # with a need: to write one is what the draft leaves to its author
        text = text.replace("# need:", "need:").replace("$review_by", "2027-06-30")
    assert complaints(editors.schemas(workspace)[kind], text) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_wrong_in_form_is_refused_and_only_that(tiny, case):
    shutil.copytree(case, tiny.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.txt"))
    found = editors.schemas(tiny.folder)
    texts = [
        (kind, file.read_text("utf-8"))
        for kind, (_, glob) in editors.KINDS.items()
        for file in sorted(tiny.folder.glob(glob))
    ]
    said = [complaint for kind, text in texts for complaint in complaints(found[kind], text)]
    assert bool(said) == (case.name in IN_FORM), said


def test_every_case_that_is_wrong_in_form_is_there():
    assert {case.name for case in CASES} >= IN_FORM


def test_every_schema_is_one_that_editors_can_read():
    for schema in editors.schemas(ROOT).values():
        Draft7Validator.check_schema(schema)
        assert "$ref" not in json.dumps(schema)


def test_every_key_that_an_editor_offers_is_explained():
    offered = {place: told for schema in editors.schemas(ROOT).values() for place, told in keys(schema)}
    assert len(offered) > 60
    assert [place for place, told in offered.items() if not told] == []
    assert offered["help.need"] == "what people need, in one sentence: it comes first, the data last."


def test_the_names_of_the_workspace_are_offered_with_what_they_are(tiny):
    found = editors.schemas(tiny.folder)
    product, field = found["product"]["properties"], found["segment"]["properties"]["fields"]["additionalProperties"]
    assert product["segment"]["enum"] == ["late", "owners"]
    assert product["brands"]["items"]["enum"] == ["north", "south"]
    told = {"type": "string", "enum": ["last_order", "name"], "enumDescriptions": ["my last order", "my name"]}
    assert product["dimensions"]["items"] == product["because"]["items"] == told
    assert field["properties"]["dimension"]["anyOf"] == [told, {"type": "array", "items": told}, {"type": "null"}]
    assert product["unseen"]["properties"]["name"]["description"] == "why people cannot tell my name"
    ways = product["channels"]["properties"]["first_of"]["items"]
    assert dict(zip(ways["enum"], ways["enumDescriptions"], strict=True)) == {
        "email": "north by email_file, south by email_file",
        "sms": "north by sms_file, south by sms_file",
        "push": "no brand has a target for it",
        "web": "north by web_profiles, south by web_profiles",
        "ads": "no brand has a target for it",
        "call": "no brand has a target for it",
    }


@pytest.mark.parametrize("broken", ["dimensions: {last_order: {my: x}\n", "dimensions: [a]\n", "- a\n", ""])
def test_while_the_catalogue_cannot_be_read_any_dimension_may_be_written(tiny, broken):
    (tiny.folder / "sql/dimensions.yaml").write_text(broken, "utf-8")
    product = editors.schemas(tiny.folder)["product"]["properties"]
    assert product["dimensions"]["items"] == {"type": "string"}
    assert product["unseen"]["additionalProperties"] == {"type": "string", "pattern": r"\S"}


def test_what_is_written_is_found_by_an_editor_and_matches_its_files(tiny):
    assert editors.write(tiny.folder) == (
        ".vscode/schemas/audience.json",
        ".vscode/schemas/dimensions.json",
        ".vscode/schemas/product.json",
        ".vscode/schemas/segment.json",
        ".vscode/settings.json",
    )
    globs = json.loads((tiny.folder / ".vscode/settings.json").read_text("utf-8"))["yaml.schemas"]
    kinds = {"product": 2, "dimensions": 1, "segment": 2, "audience": 0}
    for kind, count in kinds.items():
        (schema,) = [schema for schema in globs if schema.endswith(f"/{kind}.json")]
        assert json.loads((tiny.folder / schema).read_text("utf-8")) == editors.schemas(tiny.folder)[kind]
        assert len(list(tiny.folder.glob(globs[schema]))) == count


def test_an_editors_other_settings_stay(tiny):
    path = tiny.folder / ".vscode/settings.json"
    path.parent.mkdir()
    path.write_text('{"editor.rulers": [120], "yaml.schemas": {"a.json": "b.yaml"}}', "utf-8")
    editors.write(tiny.folder)
    found = json.loads(path.read_text("utf-8"))
    assert found["editor.rulers"] == [120]
    assert found["yaml.schemas"]["a.json"] == "b.yaml"
    assert len(found["yaml.schemas"]) == 5


@pytest.mark.parametrize("text", ['{"a": 1, // a comment\n}', "[]", '{"yaml.schemas": 3}'])
def test_settings_that_cannot_be_added_to_are_left_as_they_are(tiny, text):
    path = tiny.folder / ".vscode/settings.json"
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    with pytest.raises(SettingError) as caught:
        editors.write(tiny.folder)
    assert caught.value.where == ".vscode/settings.json"
    assert '"./.vscode/schemas/product.json": "templates/*/product.yaml"' in caught.value.hint
    assert path.read_text("utf-8") == text
    assert [file.name for file in path.parent.iterdir()] == ["settings.json"]


def test_a_folder_that_is_none_and_one_that_cannot_be_written_to_are_told(tiny, tmp_path):
    with pytest.raises(SettingError):
        editors.write(tmp_path)
    (tiny.folder / ".vscode").write_text("in the way", "utf-8")
    with pytest.raises(OutboxError):
        editors.write(tiny.folder)


def test_check_tells_when_an_editor_would_complete_names_as_they_were(tiny):
    def told() -> list[str]:
        with clock(MORNING):
            return list(check(tiny.load()).warnings)

    assert told() == []
    editors.write(tiny.folder)
    assert told() == []
    tiny.edit("sql/dimensions.yaml", "my: my name", "my: my first name")
    assert told() == [
        f".vscode/schemas/{kind}.json: editors complete names as they were; write it anew with: justenough schema --write"
        for kind in ("product", "segment", "audience")
    ]


def test_the_schemas_of_this_repository_are_those_of_its_names():
    assert editors.outdated(ROOT) == ()
    assert all((ROOT / name).read_text("utf-8") == text for name, text in editors.wired(ROOT).items())


def keys(schema: Any, place: tuple[str, ...] = ()) -> list[tuple[str, str | None]]:
    """Each key that a schema offers, with what is said of it."""
    if isinstance(schema, list):
        return [found for each in schema for found in keys(each, place)]
    if not isinstance(schema, dict):
        return []
    own = [
        pair
        for name, entry in schema.get("properties", {}).items()
        for pair in ((".".join((*place, name)), entry.get("description")), *keys(entry, (*place, name)))
    ]
    kinds = [each for each in schema.get("anyOf", ()) if "type" in each]  # the others are conditions
    below = [kinds, schema.get("items"), schema.get("additionalProperties")]
    return own + [found for each in below for found in keys(each, place)]


def test_a_key_without_a_word_would_be_seen():
    assert keys({"properties": {"a": {"properties": {"b": {}}}}}) == [("a", None), ("a.b", None)]
