"""What all commands of `justenough …` share: the program's name and help, and what every command takes."""

from __future__ import annotations

import dataclasses
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

EXIT_USAGE, EXIT_WAITING = 2, 3


def _version() -> str:
    try:
        return version("justenough")
    except PackageNotFoundError:
        return "not installed"


app = App(
    name="justenough",
    help="Batch personalisation that helps, with just enough data.\n\nStart with: justenough run",
    version=_version(),
    version_flags=["--version"],
)


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


HERE = Common()
