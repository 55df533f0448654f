"""JSON Schemas of the YAML that people write, with this workspace's own names, and how an editor comes to know of them.

An editor that speaks to the YAML language server reads `yaml.schemas` in `.vscode/settings.json`, whose globs cover files that
are still to be written. Others take a schema by a first line `# yaml-language-server: $schema=<way to it>`.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.audience import Audience
from flows.catalogue import Catalogue, Segment
from flows.documents import keys_under
from flows.errors import OutboxError, SettingError
from flows.product import Product

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pydantic import BaseModel

KINDS: Mapping[str, tuple[type[BaseModel], str]] = {
    "product": (Product, "templates/*/product.yaml"),
    "dimensions": (Catalogue, "sql/dimensions.yaml"),
    "segment": (Segment, "sql/segments/*.yaml"),
    "audience": (Audience, "sql/audiences/*.yaml"),
}
"""Kind of file -> what it holds, and which files are of it."""

SETTINGS, FOLDER = ".vscode/settings.json", ".vscode/schemas"
_DIALECT = "http://json-schema.org/draft-07/schema#"
"""The one that every editor takes; nothing newer is needed once references are written out."""


@dataclass(frozen=True)
class _Names:
    """What this workspace calls its things.

    Attributes:
        dimensions: name -> its `my`.
        segments, brands: their names.
        targets: channel -> the targets that brands have for it.
    """

    dimensions: Mapping[str, str]
    segments: tuple[str, ...]
    brands: tuple[str, ...]
    targets: Mapping[str, tuple[str, ...]]


def schemas(workspace: Path) -> dict[str, dict[str, Any]]:
    """The JSON Schema of each kind of file, with the names that the workspace has by now.

    It is there for work in progress, so files that `check` would refuse count as far as they can be read.

    Raises:
        SettingError: the folder is no workspace.
    """
    names = _names(workspace)
    found = {kind: _written_out(model) for kind, (model, _) in KINDS.items()}
    product, field = found["product"]["properties"], found["segment"]["properties"]["fields"]["additionalProperties"]
    audience = found["audience"]["properties"]
    for kind in ("product", "audience"):  # it is that of the folder, or of the file
        del found[kind]["properties"]["name"]
        found[kind]["required"].remove("name")
    _choose(product["segment"], names.segments)
    _choose(product["brands"]["items"], names.brands)
    for key in ("first_of", "also"):
        ways = product["channels"]["properties"][key]["items"]
        told = [", ".join(names.targets.get(way, ())) or "no brand has a target for it" for way in ways["enum"]]
        ways["enumDescriptions"] = told
    if names.dimensions:
        for chosen in (product["because"], product["dimensions"], audience["because"]):
            _choose(chosen["items"], names.dimensions, names.dimensions.values())
        product["unseen"]["properties"] = {
            name: {**product["unseen"]["additionalProperties"], "description": f"why people cannot tell {my}"}
            for name, my in names.dimensions.items()
        }
        product["unseen"]["additionalProperties"] = False
        one, several, _ = field["properties"]["dimension"]["anyOf"]
        for schema in (one, several["items"]):
            _choose(schema, names.dimensions, names.dimensions.values())
    return found


def wired(workspace: Path) -> dict[str, str]:
    """The files that tell an editor, by their names in the workspace: the schemas, and the settings that name them.

    Settings that are there already keep their other entries.

    Raises:
        SettingError: the folder is no workspace, or the settings that are there cannot be added to.
    """
    files = {f"{FOLDER}/{kind}.json": _text(schema) for kind, schema in schemas(workspace).items()}
    globs = {f"./{FOLDER}/{kind}.json": glob for kind, (_, glob) in KINDS.items()}
    path = workspace / SETTINGS
    try:
        present = json.loads(path.read_text("utf-8")) if path.exists() else {}
        present["yaml.schemas"] = {**present.get("yaml.schemas", {}), **globs}
    except (OSError, ValueError, TypeError, AttributeError):
        entry = json.dumps({"yaml.schemas": globs}, ensure_ascii=False)
        what = "this is no plain JSON (it may hold comments), so nothing was added"
        raise SettingError(SETTINGS, what, f"add {entry[1:-1]} by hand, or move the file away") from None
    return {**files, SETTINGS: _text(present)}


def write(workspace: Path) -> tuple[str, ...]:
    """Write the files of `wired` and return their names. Raises as `wired`, and OutboxError where they cannot be written."""
    files = wired(workspace)
    try:
        for name, text in files.items():
            (workspace / name).parent.mkdir(parents=True, exist_ok=True)
            (workspace / name).write_text(text, "utf-8")
    except OSError as error:
        what = f"the editor's files cannot be written ({error.strerror})"
        raise OutboxError(workspace / FOLDER, what, "give this user the right to write there") from None
    return tuple(sorted(files))


def outdated(workspace: Path) -> tuple[str, ...]:
    """The schemas that are written there and are not those of the workspace any more."""
    written = {kind: workspace / FOLDER / f"{kind}.json" for kind in KINDS}
    if not any(path.exists() for path in written.values()):
        return ()
    present = schemas(workspace)
    return tuple(f"{FOLDER}/{kind}.json" for kind, path in written.items() if _held(path) != _text(present[kind]))


def _names(workspace: Path) -> _Names:
    try:
        settings = (
            tomllib.loads((workspace / "pyproject.toml").read_text("utf-8")).get("tool", {}).get("justenough", {})
        )
    except OSError:
        what = "this is not a workspace: it has no pyproject.toml"
        raise SettingError(workspace.resolve(), what, "name one with --workspace DIR") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingError("pyproject.toml", f"this is not TOML: {problem}", "mend the line") from None
    targets: dict[str, list[str]] = {}
    for brand, ways in settings.get("targets", {}).items():
        for channel, name in ways.items():
            targets.setdefault(channel, []).append(f"{brand} by {name}")
    sql = workspace / "sql"
    return _Names(
        dimensions={
            name: str(entry.get("my", name))
            for name, entry in keys_under(sql / "dimensions.yaml", "dimensions").items()
        },
        segments=tuple(sorted({file.stem for suffix in ("sql", "yaml") for file in sql.glob(f"segments/*.{suffix}")})),
        brands=tuple(settings.get("brands", {})),
        targets={channel: tuple(names) for channel, names in targets.items()},
    )


def _choose(schema: dict[str, Any], names: Iterable[str], told: Iterable[str] = ()) -> None:
    """Narrow a text to some names, if there are any, with what each of them is."""
    if names := list(names):
        schema["enum"] = names
    if told := list(told):
        schema["enumDescriptions"] = told


def _written_out(model: type[BaseModel]) -> dict[str, Any]:
    """A model's schema without references (editors lose what stands beside one), titles and defaults."""
    schema = model.model_json_schema()
    plain = _plain(schema, schema.get("$defs", {}))
    return {"$schema": _DIALECT, **plain}


def _plain(node: Any, parts: Mapping[str, Any]) -> Any:  # noqa: ANN401
    if isinstance(node, list):
        return [_plain(each, parts) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = {**parts[node["$ref"].rpartition("/")[2]], **node}
    return {
        key: {name: _plain(each, parts) for name, each in value.items()}
        if key == "properties"
        else _plain(value, parts)
        for key, value in node.items()
        if key not in {"$ref", "$defs", "title", "default"}
    }


def _held(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
