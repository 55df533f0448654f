"""What all commands of `justenough …` share: the program's name and help, and what every command takes.

Whoever asks for help, or errs in a word, does not wait for Polars and DuckDB: what does the work is imported when it is first
used.
"""

from __future__ import annotations

import dataclasses
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import LazyLoader, find_spec, module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import App, Group, Parameter

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from flows.settings import Settings
    from flows.workspace import Workspace

EXIT_USAGE, EXIT_WAITING = 2, 3
Command = TypeVar("Command", bound="Callable[..., int]")


def _version() -> str:
    try:
        return version("justenough")
    except PackageNotFoundError:
        return "not installed"


def later(name: str) -> ModuleType:
    """A module that is imported when something of it is first used."""
    if name in sys.modules:
        return sys.modules[name]
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name=name)
    spec.loader = LazyLoader(spec.loader)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


app = App(
    name="justenough",
    help="Batch personalisation that helps, with just enough data.",
    version=_version(),
    version_flags=["--version"],
    group_commands=Group("More", sort_key=1),
)
_FIRST = Group("Start here", sort_key=0)
_IN_ORDER = ("run", "plan", "preview", "deliver", "check", "explain")


def first(command: Command) -> Command:
    """Make a function one of the six commands that a newcomer meets first, in the order in which they are told of."""
    return app.command(command, group=_FIRST, sort_key=_IN_ORDER.index(command.__name__))


Several = Annotated[tuple[str, ...], Parameter(negative="", show_default=False)]
Switch = Annotated[bool, Parameter(negative="", show_default=False)]


@Parameter(name="*")
@dataclasses.dataclass(frozen=True)
class Common:
    """What every command takes.

    Attributes:
        workspace: the folder with pyproject.toml, sql/ and templates/.
        json: print JSON for programs instead of text for people.
    """

    workspace: Path = Path()
    json: Switch = False

    def settings(self) -> Settings:
        """The workspace's settings. Raises as `load_settings`."""
        from flows.settings import load_settings

        settings = load_settings(self.workspace)
        _say_where(settings)
        return settings

    def loaded(self) -> Workspace:
        """The workspace. Raises as `load_workspace`."""
        from flows.workspace import load_workspace

        workspace = load_workspace(self.workspace)
        _say_where(workspace.settings)
        return workspace


def _say_where(settings: Settings) -> None:
    """Say on the error stream, whatever is asked for, that this is not production."""
    from flows.pages.sentences import in_environment

    sys.stderr.writelines(f"{line}\n" for line in in_environment(settings))


HERE = Common()
