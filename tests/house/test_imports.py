"""Imports go down only, and DuckDB, Jinja2, YAML and Prefect have one door each (DECISIONS.md says why)."""

from __future__ import annotations

import pytest

from tests.house.tree import ROOT, Module, modules, write

# A row imports from the rows above it, and from its own unless it stands in APART. A new file or folder of flows/ gets
# its place here.
LEVELS = [
    {"errors"},
    {
        "approval",
        "clock",
        "contained",
        "days",
        "digests",
        "documents",
        "durable",
        "durations",
        "editing",
        "gathered",
        "growing",
        "incoming",
        "keys",
        "links",
        "openpgp",
        "parquet",
        "processes",
        "promises",
        "server",
        "tokens",
    },
    {
        "calibrated",
        "caps",
        "channel_budgets",
        "destinations",
        "draws",
        "environments",
        "experiment",
        "firsts",
        "hours",
        "locales",
        "next_best",
        "pauses",
        "reasons",
        "schemas",
        "senders",
        "setting_tables",
        "setting_values",
        "settings",
        "sms_length",
        "stops",
    },
    {"warehouse", "words", "product", "catalogue", "audience", "addresses", "counts", "plan"},
    {"adapters", "budget", "channels", "creep", "editors", "facts", "ledger", "lineage", "markup", "prices"},
    {"transports", "sample", "seeds", "starting"},
    {"setting_checks", "wording"},
    {"workspace"},
    {"stages"},
    {"line", "pages", "learning"},
    {
        "cluster",
        "personalise",
        "prove",
        "refused",
        "respond",
        "learn",
        "assess",
        "forget",
        "retain",
        "answering",
        "automations",
        "app",
        "approving",
        "asking",
        "choosing",
        "more",
        "results",
        "serving",
        "reading",
        "readout",
        "showing",
        "upkeep",
        "portfolio",
        "cli",
    },
]
APART = {"stages"}  # what stands here side by side does not know of each other: line.py joins the stages

FLOWS = ("personalise", "prove", "respond", "learn", "assess", "forget", "retain", "readout")
DOORS = {
    "duckdb": ("flows.warehouse",),
    "jinja2": ("flows.words",),
    "yaml": ("flows.documents",),
    "botocore": ("flows.transports.s3",),
    "asyncssh": ("flows.transports.sftp",),
    "pysequoia": ("flows.openpgp",),
    "dask": ("flows.cluster",),
    "distributed": ("flows.cluster",),
    "prefect_dask": ("flows.cluster",),
    "prefect": tuple(f"flows.{flow}" for flow in FLOWS),
}


def test_imports_go_down_only():
    complaints = wrong_ways(modules(ROOT))
    assert not complaints, "\n".join(complaints)


def test_duckdb_jinja_yaml_and_prefect_are_imported_behind_their_doors_only():
    complaints = open_doors(modules(ROOT))
    assert not complaints, "\n".join(complaints)


def test_no_two_modules_import_each_other_in_a_circle():
    complaints = circles(modules(ROOT))
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("flows/errors.py", "import flows.settings", "flows.errors imports flows.settings, which stands above it"),
        (
            "flows/warehouse/views.py",
            "def f():\n    from flows import line",
            "flows.warehouse.views imports flows.line, which stands above it",
        ),
        (
            "flows/settings.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from flows.stages.guard import Guard",
            "flows.settings imports flows.stages.guard.Guard, which stands above it",
        ),
        (
            "flows/stages/guard.py",
            "from .routing import route",
            "flows.stages.guard imports flows.stages.routing.route: stages do not import each other",
        ),
        (
            "flows/keys.py",
            "import importlib\nimportlib.import_module('flows.cli')",
            "flows.keys imports flows.cli, which stands above it",
        ),
        ("flows/odds.py", "", "flows.odds has no place in LEVELS of tests/house/test_imports.py"),
        ("flows/stages/guard.py", "import flows.odds", "flows.stages.guard imports flows.odds, which has no place"),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_seen(tmp_path, path, text, complaint):
    assert wrong_ways(modules(write(tmp_path, {path: text}))) == [complaint]


def test_imports_that_go_down_or_stay_within_a_folder_pass(tmp_path):
    tree = {
        "flows/__init__.py": "",
        "flows/stages/__init__.py": "ORDER = ()",
        "flows/stages/guard.py": "from flows.channels import registry\nfrom flows.errors import DataError\nimport polars",
        "flows/channels/registry.py": "from flows.channels.sms import SMS\nfrom flows.ledger import claims",
        "flows/channels/sms.py": "from flows import errors",
    }
    assert wrong_ways(modules(write(tmp_path, tree))) == []


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("flows/line.py", "import duckdb", "flows.line imports duckdb, whose door is flows.warehouse"),
        (
            "flows/line.py",
            "def f():\n    from jinja2 import nodes",
            "flows.line imports jinja2, whose door is flows.words",
        ),
        ("flows/product.py", "import yaml", "flows.product imports yaml, whose door is flows.documents"),
        (
            "flows/stages/guard.py",
            "__import__('prefect.flows')",
            f"flows.stages.guard imports prefect, whose door is {', '.join(DOORS['prefect'])}",
        ),
    ],
)
def test_a_library_taken_past_its_door_is_seen(tmp_path, path, text, complaint):
    assert open_doors(modules(write(tmp_path, {path: text}))) == [complaint]


def test_a_library_may_be_imported_behind_its_door(tmp_path):
    tree = {
        "flows/warehouse/views.py": "import duckdb",
        "flows/words/slots.py": "from jinja2 import nodes",
        "flows/documents.py": "import yaml",
        "flows/respond.py": "from prefect import flow",
    }
    assert open_doors(modules(write(tmp_path, tree))) == []


def test_a_circle_of_imports_is_seen(tmp_path):
    tree = {
        "flows/product.py": "from flows.catalogue import Catalogue",
        "flows/catalogue.py": "from flows.addresses import normal",
        "flows/addresses.py": "from flows import product",
        "flows/plan.py": "from flows import product",
    }
    assert circles(modules(write(tmp_path, tree))) == ["flows.addresses -> flows.product -> flows.catalogue"]


def wrong_ways(tree: list[Module]) -> list[str]:
    """A line for each import of a row further down in LEVELS, or of a sibling in APART."""
    found = []
    for module in tree:
        if module.name == "flows":
            continue
        room, level = module.name.split(".")[1], _level(module.name)
        if level is None:
            found.append(f"{module.name} has no place in LEVELS of tests/house/test_imports.py")
            continue
        for name in sorted(name for name in module.imports if name.startswith("flows.")):
            its_level, its_room = _level(name), name.split(".")[1]
            if its_level is None:
                found.append(f"{module.name} imports {name}, which has no place")
            elif its_level > level:
                found.append(f"{module.name} imports {name}, which stands above it")
            elif room in APART and its_room == room:
                found.append(f"{module.name} imports {name}: {room} do not import each other")
    return found


def open_doors(tree: list[Module]) -> list[str]:
    """A line for each library of DOORS that is imported elsewhere."""
    return [
        f"{module.name} imports {library}, whose door is {', '.join(doors)}"
        for module in tree
        for library, doors in DOORS.items()
        if any(name.split(".")[0] == library for name in module.imports)
        and not any(f"{module.name}.".startswith(f"{door}.") for door in doors)
    ]


def circles(tree: list[Module]) -> list[str]:
    """Modules that import each other round about, each circle once, from its alphabetically first module on."""
    names = {module.name for module in tree}
    packages = {module.name for module in tree if module.path.name == "__init__.py"}
    # A package that gathers its own modules is no circle: they do not need what it re-exports.
    edges = {
        module.name: {
            target
            for name in module.imports
            if (target := _module_of(name, names)) and target != module.name
            if not (module.name in packages and target.startswith(f"{module.name}."))
        }
        for module in tree
    }
    found: set[tuple[str, ...]] = set()
    for start in sorted(edges):
        _walk(start, edges, [start], found, set())
    return [" -> ".join(circle) for circle in sorted(found)]


def _walk(start: str, edges: dict[str, set[str]], path: list[str], found: set[tuple[str, ...]], dead: set[str]) -> None:
    """Add the circles through `start` that hold no module before it. `dead` have been walked without finding one."""
    for target in sorted(edges.get(path[-1], ())):
        if target == start:
            found.add(tuple(path))
            return
        if target > start and target not in path and target not in dead:
            dead.add(target)
            _walk(start, edges, [*path, target], found, dead)


def _module_of(name: str, names: set[str]) -> str | None:
    if name in names:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in names else None


def _level(name: str) -> int | None:
    """The row of LEVELS in which a dotted name below flows stands."""
    room = name.split(".")[1]
    return next((number for number, rooms in enumerate(LEVELS) if room in rooms), None)
