"""How a command answers: text for people or JSON for programs, how far it is, and what went wrong."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import sys
import traceback
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import BaseModel
    from rich.console import RenderableType

    from flows.line.request import Progress

Result = TypeVar("Result")
EXIT_OUR_FAULT = 70
_PATIENCE_SECONDS = 1.0
_SHIPPED = Path(__file__).resolve().parent / "shipped"
_ROOT = _SHIPPED if _SHIPPED.is_dir() else _SHIPPED.parent.parent
"""Of the documentation: where it was installed, or the checkout."""


def say(found: object, text: Callable[[], RenderableType], *, as_json: bool) -> None:
    """Print what was found: as JSON, or as text is made of it."""
    if as_json:
        sys.stdout.write(json.dumps(plain(found), indent=1, ensure_ascii=False) + "\n")
    else:
        from rich.console import Console

        Console(soft_wrap=True).print(text())


def plain(found: object) -> Any:  # noqa: ANN401
    """Any of our results as what JSON knows."""
    from pydantic import BaseModel

    if isinstance(found, BaseModel):
        return {**found.model_dump(mode="json", exclude=getattr(found, "NAMING", None)), **_counts(found)}
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        return {field.name: plain(getattr(found, field.name)) for field in dataclasses.fields(found)}
    if isinstance(found, dict):
        return {key: plain(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [plain(value) for value in found]
    return str(found) if isinstance(found, Path | date | datetime | time) else found


def _counts(found: BaseModel) -> dict[str, Any]:
    people = getattr(found, "people_count", None)
    return {} if people is None else {"people_count": people}


def with_progress(work: Callable[[Progress], Result]) -> Result:
    """Show how far the work is, on the terminal's error stream; one line a step where that is no terminal.

    It needs no server of Prefect. Where one is named that does not answer that is said, since somebody relies on its pages.
    """
    from rich.console import Console
    from rich.progress import Progress as Bar

    from flows.server import named_url

    console = Console(stderr=True)
    if away := server_away(named_url()):
        console.print(f"{away} is away: this goes on without it, and its pages do not show it", soft_wrap=True)
    if not console.is_terminal:
        return work(lambda step, done, of: console.print(f"{step} {done}/{of}") if done else None)
    with Bar(console=console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(step: str, done: int, of: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=of)
            bar.update(tasks[step], completed=done, total=of)

        return work(show)


def server_away(url: str) -> str | None:
    """The server of a URL, where nobody listens there; None where somebody does, or none is named."""
    import socket
    from urllib.parse import urlsplit

    try:
        named = urlsplit(url)
        place = (named.hostname, named.port or {"https": 443}.get(named.scheme, 80))
    except ValueError:  # whoever uses it is told
        return None
    if place[0] is None:
        return None
    try:
        socket.create_connection(place, timeout=_PATIENCE_SECONDS).close()
    except OSError:
        return f"the Prefect server at {place[0]}:{place[1]} (PREFECT_API_URL)"
    return None


@contextmanager
def unswept() -> Iterator[None]:
    """Without Python's garbage collector, for work that is short and keeps what it makes: a tenth of it, measured."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def complain(
    arguments: list[str], kind: str, where: str, what: str, hint: str, code: int, page: str | None = None
) -> int:
    """Say what went wrong, and which page in docs/ says more, in the form that was asked for; return the exit code."""
    see = page and _way_to(page)
    if "--json" in arguments:
        error = {"error": {"kind": kind, "where": where, "what": what, "hint": hint, "see": see, "exit": code}}
        sys.stdout.write(json.dumps(error, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"{kind} {where}: {what}\n  hint: {hint}\n" + (f"  see: {see}\n" if see else ""))
    return code


def _way_to(page: str) -> str:
    """A page of the documentation as whoever calls can open it: within a checkout as one sees it from there."""
    return str(Path("docs") / page if Path.cwd() == _ROOT else _ROOT / "docs" / page)


def panics() -> type[BaseException]:
    """What Polars raises where it is at fault itself: no Exception, and it is asked for only where something was raised."""
    from polars.exceptions import PanicException

    return PanicException


def our_fault(arguments: list[str], error: BaseException) -> int:
    """Name the place, not the text: it may quote a customer's data."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    if os.environ.get("JUSTENOUGH_DEBUG"):
        traceback.print_exception(error)
    where = f"{Path(last.filename).name}:{last.lineno}"
    hint = "please report this; JUSTENOUGH_DEBUG=1 shows the whole error, which may hold customers' data"
    return complain(arguments, "InternalError", where, type(error).__name__, hint, EXIT_OUR_FAULT)
