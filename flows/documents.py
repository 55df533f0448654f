"""The one door to YAML: files that people write, read with the line of every key, and refused with its place."""

from __future__ import annotations

import inspect
import re
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, PrivateAttr, ValidationError, WithJsonSchema

from flows.durable import plain_size
from flows.errors import JustEnoughError, ProductError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]

MOST_BYTES = 256_000
"""Of a file that people write: the sample's largest has 3,400, and PyYAML takes some seconds for these."""

MOST_ENTRIES = 20_000
"""Of a file with its anchors written out: ten lines of anchors can stand for more than any memory holds."""


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("this is empty | write it")
    return text


Text = Annotated[str, AfterValidator(_said), WithJsonSchema({"type": "string", "pattern": r"\S"})]
"""Words that have to be there."""


def described(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Put what a model's docstring says of it, and of each key under `Attributes:`, into its JSON schema.

    A model's `shape` is what its schema says beyond the keys and their types.
    """
    schema["description"] = " ".join((inspect.getdoc(model) or "").partition("\n\nAttributes:\n")[0].split())
    for name, (meaning, _) in told_of(model).items():
        if name in schema["properties"]:
            schema["properties"][name]["description"] = meaning
    schema |= getattr(model, "shape", {})


def told_of(model: type[BaseModel]) -> dict[str, tuple[str, str]]:
    """Key -> what a model's docstring says of it, and the example with which that ends, as in `owner: crm@example.com`."""
    attributes = (inspect.getdoc(model) or "").partition("\n\nAttributes:\n")[2]
    found = {}
    for names, text in re.findall(r"^    ([\w, ]+): (.*(?:\n     +.*)*)", attributes, re.MULTILINE):
        for name in names.split(", "):
            meaning, _, example = " ".join(text.split()).partition(f" `{name}: ")
            found[name] = (meaning, f"{name}: {example[:-1]}" if example else "")
    return found


STRICT = ConfigDict(extra="forbid", frozen=True, json_schema_extra=described)
"""Of a model for what people write: no key is ignored, and each is explained to editors."""


class Document(BaseModel):
    """What a whole YAML file holds; it knows where each of its entries stands, for errors that are found later."""

    model_config = STRICT
    _name: str = PrivateAttr("")
    _lines: dict[Place, int] = PrivateAttr({})

    def at(self, *place: str | int) -> str:
        """`file:line` of an entry, or of the innermost one around it that stands in the file."""
        return _where(self._name or type(self).__name__.lower(), self._lines, place)


def read_document(
    path: Path, model: type[Model], error: type[JustEnoughError], *, name: str, given: Mapping[str, Any] | None = None
) -> Model:
    """Read a YAML file into `model`.

    Args:
        path: the file.
        model: what it must be; unknown keys are refused where the model forbids them.
        error: the class of error to raise.
        name: what errors call the file, relative to the workspace.
        given: entries of the model that do not stand in the file.

    Raises:
        JustEnoughError: of the class `error`: the file is missing, is not YAML, has a key twice, or does not fit the model.
    """
    content, lines = _parsed(path, error, name)
    if content is None:
        raise error(name, "this file is empty", "write it; the documentation shows one")
    if isinstance(content, dict) and given:
        for key in given.keys() & content.keys():
            raise error(f"{name}:{lines[(key,)]}", f"'{key}' is not a key here", "take it out: it is known already")
        content = {**content, **given}
    try:
        found = model.model_validate(content)
    except ValidationError as problems:
        raise explained(problems, model, lines, name, error) from None
    if isinstance(found, Document):
        found._name, found._lines = name, lines  # noqa: SLF001  (its own file)
    return found


def keys_under(path: Path, key: str) -> dict[str, Mapping[str, Any]]:
    """The entries under a key of a YAML file, as they stand; none where the file cannot be read that far."""
    try:
        content, _ = _parsed(path, JustEnoughError, path.name)
    except JustEnoughError:
        return {}
    found = content.get(key) if isinstance(content, dict) else None
    return (
        {str(name): entry for name, entry in found.items() if isinstance(entry, dict)}
        if isinstance(found, dict)
        else {}
    )


@dataclass(frozen=True)
class Entry:
    """Where an entry of a mapping stands in a text, in characters.

    Attributes:
        key_starts: its key begins.
        starts, ends: its value does, without what follows on the line.
        is_flow: whether its mapping is written in braces.
    """

    key_starts: int
    starts: int
    ends: int
    is_flow: bool


def entries(text: str, name: str) -> dict[tuple[str, ...], Entry]:
    """Every entry of the mappings of a YAML text, by the keys that lead to it.

    Raises:
        ProductError: it is not YAML.
    """
    try:
        root = _Loader(text).get_single_node()
    except yaml.YAMLError:
        raise ProductError(name, "this is not YAML", "mend it: justenough check says where") from None
    return dict(_entries(root))


def parsed_text(text: str, name: str) -> Any:  # noqa: ANN401
    """What a YAML text holds. Raises as `entries`."""
    try:
        return _Loader(text).get_single_data()
    except yaml.YAMLError:
        raise ProductError(name, "this is not YAML", "mend it: justenough check says where") from None


def _entries(node: yaml.Node | None, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Entry]]:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        own = (*place, str(key.value))
        yield own, Entry(key.start_mark.index, value.start_mark.index, _end(value), bool(node.flow_style))
        yield from _entries(value, own)


def _end(node: yaml.Node) -> int:
    """Where a node ends: PyYAML has a block end where the next thing begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _parsed(path: Path, error: type[JustEnoughError], name: str) -> tuple[Any, dict[Place, int]]:
    """What a YAML file holds, and the line of each entry."""
    try:
        size = plain_size(path)
        if size > MOST_BYTES:
            raise error(
                name, f"this file has {size:,} bytes, and {MOST_BYTES:,} are plenty", "keep data in the warehouse"
            )
        text = path.read_text(encoding="utf-8-sig")
    except OSError:
        what = "this file is missing or cannot be read"
        raise error(name, what, "write it, or mend its name; the documentation shows one") from None
    except UnicodeDecodeError:
        raise error(name, "this file is not UTF-8", "save it as UTF-8") from None
    try:
        content, lines = _taken_apart(text, error, name)  # type: ignore[arg-type]
        return deepcopy(content), lines
    except RecursionError:
        what = "it is nested too deeply, or an anchor in it refers to itself"
        raise error(name, what, "write it flatter, and the anchor's value out") from None


@lru_cache(maxsize=256)
def _taken_apart(text: str, error: type[JustEnoughError], name: str) -> tuple[Any, dict[Place, int]]:
    """What a YAML text holds, and the line of each entry; of all of a workspace's files that takes 40 ms."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        entries = list(islice(_lines(root), MOST_ENTRIES + 1)) if root else []
        if len(entries) > MOST_ENTRIES:
            what = f"with its anchors written out this file has more than {MOST_ENTRIES:,} entries"
            raise error(name, what, "keep data in the warehouse")
        lines = dict(entries)
        return loader.construct_document(root) if root else None, lines
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise error(
            f"{name}:{line}", f"this is not YAML: {problem.problem}", "mend the line, or the one above it"
        ) from None
    except yaml.YAMLError:
        raise error(name, "this is not YAML: it holds a character that no text has", "take it out") from None
    except _DoubledKeyError as problem:
        raise error(f"{name}:{problem.line}", f"the key '{problem.key}' stands twice", "keep one of them") from None


_NO_DAY = "this is no day of the calendar | write it as in 2027-06-30"
_NO_KEYS = "keys with their values belong here"
_NO_SIZE = "this is no size | write a number and MB or GiB, as in '4 GiB'"
_PLAINLY = {
    "bool_parsing": "true or false belongs here | write it without quotes",
    "byte_size": _NO_SIZE,
    "byte_size_unit": _NO_SIZE,
    "date_from_datetime_parsing": _NO_DAY,
    "date_from_datetime_inexact": _NO_DAY,
    "date_parsing": _NO_DAY,
    "date_type": _NO_DAY,
    "dict_type": _NO_KEYS,
    "list_type": "a list belongs here | write it as in [a, b]",
    "model_type": _NO_KEYS,
    "string_type": "text belongs here | put it in quotes",
}
"""What pydantic says in its own words, by the type of its error."""


_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")  # "\\ud800" in YAML: no text that could be written anywhere


class _Loader(yaml.SafeLoader):
    """Leaves dates as they are written: the model reads them, and refuses 2027-02-30 with its place.

    Only `true` and `false` are truth values, as in YAML 1.2: `on` is a key of ours, and `no` a language.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  (as PyYAML has it)
        first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":bool") or first in "tTfF"]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    yaml_constructors = {  # noqa: RUF012  (as PyYAML has it)
        **yaml.SafeLoader.yaml_constructors,
        "tag:yaml.org,2002:timestamp": yaml.SafeLoader.construct_yaml_str,
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002  (as PyYAML has it)
        """As PyYAML does, but what Python cannot make of a value (a number of 5,000 digits) is told with its line."""
        try:
            found = super().construct_object(node, deep)
        except (ValueError, OverflowError):
            raise yaml.MarkedYAMLError(problem="this value cannot be read", problem_mark=node.start_mark) from None
        if isinstance(found, str) and not found.isascii() and _HALF_A_CHARACTER.search(found):
            raise yaml.MarkedYAMLError(problem="half a character", problem_mark=node.start_mark)
        return found


class _DoubledKeyError(Exception):
    def __init__(self, key: str, line: int) -> None:
        super().__init__(key)
        self.key, self.line = key, line


def _lines(node: yaml.Node, place: Place = ()) -> Iterator[tuple[Place, int]]:
    yield place, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key is a word", problem_mark=key.start_mark)
            if key.value in seen:
                raise _DoubledKeyError(key.value, key.start_mark.line + 1)
            seen.add(key.value)
            yield from _lines(value, (*place, key.value))
            yield (*place, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*place, index))


def explained(
    problems: ValidationError,
    model: type[BaseModel],
    lines: dict[Place, int],
    name: str,
    error: type[JustEnoughError],
) -> JustEnoughError:
    """The first of a model's complaints as one of our errors, with the line of the key where it is known.

    An unknown key comes before a missing one: mostly the one is the other, misspelt.
    """
    complaints = problems.errors()
    first = next((complaint for complaint in complaints if complaint["type"] == "extra_forbidden"), complaints[0])
    place: Place = first["loc"]
    where = _where(name, lines, place)
    dotted = ".".join(str(step) for step in place) or "the file"
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, place[:-1])
        return error(where, f"'{place[-1]}' is not a key here", nearest(str(place[-1]), known))
    if first["type"] == "missing":
        return error(where, f"'{dotted}' is missing", "add it")
    given = first["input"]
    shown = f" (it is {given!r})" if isinstance(given, str | int | float | bool) and len(str(given)) <= 80 else ""
    if given is None:
        return error(where, f"'{dotted}' has no value", "write one, or take the key out")
    if first["type"] == "literal_error":
        known = re.findall("'([^']+)'", first["ctx"]["expected"])
        return error(where, f"{dotted}: {given!r} is not known", nearest(str(given), known))
    message = _PLAINLY.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    what, _, hint = message.partition(" | ")
    return error(where, f"{dotted}: {what}{shown}", hint or "write it as the documentation shows")


def _where(name: str, lines: Mapping[Place, int], place: Place) -> str:
    """`file:line` of the innermost entry around a place that has a line; the file where nothing has one."""
    line = next((lines[place[:size]] for size in range(len(place), -1, -1) if place[:size] in lines), None)
    return f"{name}:{line}" if line else name


def _keys_at(model: type[BaseModel], place: Place) -> list[str]:
    """The keys that a model knows at a place: what an unknown key is compared with.

    A model that takes keys of any name says in `other_keys` what they hold.
    """
    current: Any = model
    for step in place:
        field = current.model_fields.get(str(step)) if _is_model(current) else None
        annotation = field.annotation if field else getattr(current, "other_keys", None)
        candidates = [annotation, *getattr(annotation, "__args__", ())] if annotation else [current]
        current = next((kind for kind in candidates if _is_model(kind)), current)
    if not _is_model(current):
        return []
    return [field.alias or key for key, field in current.model_fields.items()]


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
