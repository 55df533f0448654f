"""justenough …: a thin door on the same functions as the flows.

Exit: 0 all well; 1 the answer is no; 2 bad usage; 3 partly done or waiting for a person; 70 our fault; 75 try again later.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import traceback
from datetime import date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError
from pydantic import BaseModel
from rich.console import Console, Group
from rich.progress import Progress as Bar

from flows import line
from flows.errors import JustEnoughError
from flows.pages import terminal
from flows.pages.explanation import explained
from flows.pages.previews import previewed
from flows.pages.proofs import proved
from flows.settings import load_settings
from flows.starting import start_workspace
from flows.workspace import load_workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from flows.line.request import Delivered, Progress

Result = TypeVar("Result")
EXIT_USAGE, EXIT_WAITING, EXIT_OUR_FAULT = 2, 3, 70


def _version() -> str:
    try:
        return version("justenough")
    except PackageNotFoundError:
        return "not installed"


app = App(
    name="justenough",
    help="Batch personalisation that helps, with just enough data.\n\nStart with: justenough run",
    version=_version,
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


@app.command
def run(
    *,
    as_of: date | None = None,
    product: Several = (),
    target: Several = (),
    parts: int | None = None,
    dry_run: Switch = False,
    allow_past: Switch = False,
    common: Common = Common(),
) -> int:
    """Plan and deliver: the main job.

    On first use it builds the sample warehouse, if the workspace has no database of its own.

    Examples:
        justenough run
        justenough run --dry-run
        justenough run --product care_guide --target email_file

    Args:
        as_of: the day to run for, as 2026-11-22; default: today in the workspace's time zone.
        product: deliver only this product (repeat it for more); decisions are over all live ones all the same.
        target: deliver only to this target (repeat it for more).
        parts: cut the customers into so many parts; the files do not depend on it.
        dry_run: stop after the plan.
        allow_past: deliver for a day that is over.
        common: where, and in which form to answer.
    """
    workspace = load_workspace(common.workspace)
    request = line.Request(as_of, product, target, parts, allow_past)
    done = _with_progress(lambda progress: line.run(workspace, request, progress, dry_run=dry_run))
    _say(common, done, lambda: terminal.outcome(done, workspace.settings.outbox))
    return _waiting(done.delivered)


@app.command
def plan(
    *,
    as_of: date | None = None,
    product: Several = (),
    target: Several = (),
    parts: int | None = None,
    common: Common = Common(),
) -> int:
    """Plan only: who would get what. Nothing is claimed and nothing is published.

    Examples:
        justenough plan
        justenough plan --as-of 2026-11-22 --json

    Args:
        as_of: the day to plan for; default: today in the workspace's time zone.
        product: plan deliveries of only this product (repeat it for more).
        target: plan deliveries only to this target (repeat it for more).
        parts: cut the customers into so many parts.
        common: where, and in which form to answer.
    """
    workspace = load_workspace(common.workspace)
    request = line.Request(as_of, product, target, parts)
    done = _with_progress(lambda progress: line.plan(workspace, request, progress))
    _say(common, done, lambda: terminal.planned(done))
    return 0


@app.command
def deliver(
    run_id: str,
    *,
    expect: int | None = None,
    allow_past: Switch = False,
    common: Common = Common(),
) -> int:
    """Deliver a plan: what was planned, or less, never more.

    Examples:
        justenough deliver 20261122-091500-3f2a1c --expect 731

    Args:
        run_id: the plan, as `justenough plan` names it.
        expect: the number of people that was approved; another number is refused.
        allow_past: deliver for a day that is over.
        common: where, and in which form to answer.
    """
    workspace = load_workspace(common.workspace)
    done = _with_progress(lambda progress: line.deliver(workspace, run_id, expect, progress, allow_past=allow_past))
    _say(common, done, lambda: terminal.delivered(done, workspace.settings.outbox))
    return _waiting(done)


@app.command
def check(*, prove: Switch = False, common: Common = Common()) -> int:
    """Check everything that can be known without customer data: settings, products, words, SQL.

    With --prove also whether what the segments show depends on customer data that they do not declare: each dimension is
    shuffled in a small copy of the warehouse, in memory alone, and what does not declare it may not change. It takes a minute.

    Examples:
        justenough check
        justenough check --workspace ../shop --json
        justenough check --prove

    Args:
        prove: shuffle customer data in a small copy, and see that nothing changes that does not declare it.
        common: where, and in which form to answer.
    """
    workspace = load_workspace(common.workspace)
    report = line.check(workspace)
    if not prove:
        _say(common, report, lambda: terminal.checked(report))
        return 0
    proof = _with_progress(lambda progress: line.prove(workspace, progress))
    _say(common, {**_plain(report), "proof": proof.told}, lambda: Group(terminal.checked(report), proved(proof)))
    return 1 if proof.complaints else 0


@app.command
def preview(
    product: str,
    *,
    channel: Several = (),
    locale: Several = (),
    variant: Several = (),
    brand: str | None = None,
    customer: str | None = None,
    common: Common = Common(),
) -> int:
    """Preview a product's messages as people see them, with customer data highlighted.

    Without a customer the segment's examples stand for one: each channel, variant, locale and set of facts. It reads no
    customer data, and needs no warehouse.

    Examples:
        justenough preview care_guide
        justenough preview care_guide --channel sms --locale de
        justenough preview care_guide --customer C0000018

    Args:
        product: its name.
        channel: only this channel (repeat it for more).
        locale: only these words, as somebody of this locale gets them (repeat it for more).
        variant: only this variant (repeat it for more).
        brand: as this brand says it; default: the product's first.
        customer: what this customer would get by the latest plan, or why nothing.
        common: where, and in which form to answer.
    """
    workspace = load_workspace(common.workspace)
    asked = line.Asked(channel, locale, variant, brand)
    found = (
        line.preview_for(workspace, product, customer, asked) if customer else line.preview(workspace, product, asked)
    )
    _say(common, found, lambda: previewed(found))
    return 0


@app.command
def explain(customer: str, *, plan: str | None = None, common: Common = Common()) -> int:
    """Explain what one customer gets and why, why not the others, and what they had before.

    Examples:
        justenough explain C0000018

    Args:
        customer: the customer's id.
        plan: read this plan instead of the latest one.
        common: where, and in which form to answer.
    """
    found = line.explain(load_workspace(common.workspace), customer, plan)
    _say(common, found, lambda: explained(found))
    return 0


@app.command
def init(folder: Path, *, database: Path | None = None, json: Switch = False) -> int:
    """Start a new workspace: a copy of the sample, or a first draft over your own DuckDB file.

    A draft goes by the names of tables and columns; no row is read. `justenough check` then says what is left to decide.

    Examples:
        justenough init trial
        justenough init shop --database shop.duckdb

    Args:
        folder: the new workspace; missing or empty.
        database: your DuckDB file.
        json: print JSON for programs instead of text for people.
    """
    done = start_workspace(folder, database)
    _say(Common(folder, json), done, lambda: terminal.started(done))
    return 0


@app.command
def sample(*, customers: int = 20_000, as_of: date | None = None, seed: int = 7, common: Common = Common()) -> int:
    """Build the sample warehouse anew, of any size; the next run uses it.

    Examples:
        justenough sample --customers 1000000

    Args:
        customers: how many people.
        as_of: the day for which it is fresh; default: today in the workspace's time zone.
        seed: other seeds make other people.
        common: where, and in which form to answer.
    """
    settings = load_settings(common.workspace)
    rows = _with_progress(lambda progress: line.sample(settings, as_of, customers, seed, progress))
    _say(common, {"rows": rows}, lambda: terminal.sampled(rows))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one command, and turn what goes wrong into a text for people (or JSON) and an exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except JustEnoughError as error:
        return _complain(arguments, type(error).__name__, error.where, error.what, error.hint, error.exit_code)
    except CycloptsError as error:
        return _complain(arguments, "UsageError", "justenough", str(error), "see: justenough --help", EXIT_USAGE)
    except KeyboardInterrupt:
        hint = "the next run finishes or undoes what this one began"
        return _complain(arguments, "Interrupted", "justenough", "stopped by hand", hint, 130)
    except Exception as error:  # noqa: BLE001  (an unknown error's text may hold a customer's data)
        return _our_fault(arguments, error)
    return code if isinstance(code, int) else 0


def _say(common: Common, found: object, text: Callable[[], RenderableType]) -> None:
    if common.json:
        sys.stdout.write(json.dumps(_plain(found), indent=1, ensure_ascii=False) + "\n")
    else:
        Console(soft_wrap=True).print(text())


def _plain(found: object) -> Any:  # noqa: ANN401
    """Any of our results as what JSON knows."""
    if isinstance(found, BaseModel):
        return {**found.model_dump(mode="json"), **_counts(found)}
    if dataclasses.is_dataclass(found) and not isinstance(found, type):
        return {field.name: _plain(getattr(found, field.name)) for field in dataclasses.fields(found)}
    if isinstance(found, dict):
        return {key: _plain(value) for key, value in found.items()}
    if isinstance(found, list | tuple):
        return [_plain(value) for value in found]
    return str(found) if isinstance(found, Path | date | datetime) else found


def _counts(found: BaseModel) -> dict[str, Any]:
    people = getattr(found, "people_count", None)
    return {} if people is None else {"people_count": people}


def _with_progress(work: Callable[[Progress], Result]) -> Result:
    """Show how far the work is, on the terminal's error stream; one line a step where that is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return work(lambda step, done, of: console.print(f"{step} {done}/{of}") if done else None)
    with Bar(console=console, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(step: str, done: int, of: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=of)
            bar.update(tasks[step], completed=done, total=of)

        return work(show)


def _waiting(done: Delivered | None) -> int:
    return EXIT_WAITING if done is not None and (done.held or done.plan.order.overdue) else 0


def _complain(arguments: list[str], kind: str, where: str, what: str, hint: str, code: int) -> int:
    if "--json" in arguments:
        error = {"error": {"kind": kind, "where": where, "what": what, "hint": hint, "exit": code}}
        sys.stdout.write(json.dumps(error, ensure_ascii=False) + "\n")
    else:
        sys.stderr.write(f"{kind} {where}: {what}\n  hint: {hint}\n")
    return code


def _our_fault(arguments: list[str], error: Exception) -> int:
    """Name the place, not the text: it may quote a customer's data."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    if os.environ.get("JUSTENOUGH_DEBUG"):
        traceback.print_exception(error)
    where = f"{Path(last.filename).name}:{last.lineno}"
    hint = "please report this; JUSTENOUGH_DEBUG=1 shows the whole error, which may hold customers' data"
    return _complain(arguments, "InternalError", where, type(error).__name__, hint, EXIT_OUR_FAULT)


if __name__ == "__main__":
    sys.exit(main())
