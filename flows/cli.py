"""justenough …: a thin door on the same functions as the flows.

Exit: 0 all well; 1 the answer is no; 2 bad usage; 3 partly done or waiting for a person; 70 our fault; 75 try again later.
"""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from datetime import date  # noqa: TC003 - cyclopts reads the annotations
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING, Literal, NoReturn

from cyclopts.exceptions import CycloptsError
from rich.console import Group

from flows import approving, choosing, more, portfolio, reading, results, showing, upkeep  # noqa: F401  (they register their commands)
from flows.answering import complain, our_fault, panics, plain, say, unswept, with_progress
from flows.app import EXIT_USAGE, EXIT_WAITING, HERE, Common, Several, Switch, app, first, later
from flows.errors import JustEnoughError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from flows import asking, editors, line, starting
    from flows.pages import approvals, checks, differences, explanation, proofs, terminal
else:
    asking, editors, line, starting = map(later, ("flows.asking", "flows.editors", "flows.line", "flows.starting"))
    pages = ("approvals", "checks", "differences", "explanation", "proofs", "terminal")
    approvals, checks, differences, explanation, proofs, terminal = (later(f"flows.pages.{page}") for page in pages)


@first
def run(  # noqa: PLR0913  (a command: each is an option of it)
    *,
    as_of: date | None = None,
    product: Several = (),
    target: Several = (),
    parts: int | None = None,
    rolling: bool | None = None,
    dry_run: Switch = False,
    allow_past: Switch = False,
    common: Common = HERE,
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
        rolling: read only of people of whom something has changed, where segments allow it; default: the setting `rolling`.
        dry_run: stop after the plan.
        allow_past: deliver for a day that is over.
        common: where, and in which form to answer.
    """
    request = line.Request(as_of, product, target, parts, allow_past, rolling=rolling)
    with nullcontext(list) if dry_run else line.watched(common.workspace, _remark) as waits:
        workspace = common.loaded()
        done = with_progress(lambda progress: line.run(workspace, request, progress, dry_run=dry_run))
        left = line.left_of(done)
        waits(left)
    page = showing.run_page(workspace, done.plan, done.delivered.published if done.delivered else ())
    told = {**plain(done), "page": page and str(page)}
    _say(common, told, lambda: Group(terminal.outcome(done, workspace.settings.outbox), showing.told_of(page)))
    return EXIT_WAITING if left else 0


@first
def plan(
    *,
    as_of: date | None = None,
    product: Several = (),
    target: Several = (),
    parts: int | None = None,
    rolling: bool | None = None,
    common: Common = HERE,
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
        rolling: read only of people of whom something has changed; default: the setting `rolling`.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    request = line.Request(as_of, product, target, parts, rolling=rolling)
    done = with_progress(lambda progress: line.plan(workspace, request, progress))
    asked, page = line.asked_of(workspace, done), showing.run_page(workspace, done)
    told = {**plain(done), "page": page and str(page)}
    shown = (*approvals.to_approve(asked, done), showing.told_of(page))
    _say(common, told, lambda: Group(terminal.planned(done), *shown))
    return 0


@first
def deliver(
    run_id: str | None = None,
    *,
    expect: int | None = None,
    allow_past: Switch = False,
    failed: str | None = None,
    common: Common = HERE,
) -> int:
    """Deliver a plan: what was planned, or less, never more.

    Examples:
        justenough deliver 20261122-091500-3f2a1c --expect 731
        justenough deliver --failed email_file-2026-11-22-1

    Args:
        run_id: the plan, as `justenough plan` names it.
        failed: instead of a plan: deliver again what failed in this batch, and nothing else.
        expect: the number of people that was approved; another number is refused.
        allow_past: deliver for a day that is over.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    if failed is not None:
        again = line.deliver_again(workspace, failed)
        _say(common, again, lambda: terminal.again(again, workspace.settings.outbox))
        return EXIT_WAITING if again.is_waiting else 0
    if run_id is None:
        raise UsageError(
            "justenough deliver", "it takes a plan, or --failed and a batch", "see: justenough deliver --help"
        )
    with line.watched(common.workspace, _remark, is_asked=True) as waits:
        done = with_progress(lambda progress: line.deliver(workspace, run_id, expect, progress, allow_past=allow_past))
        left = line.waiting_for(done.recovered, done)
        waits(left)
    _say(common, done, lambda: terminal.delivered(done, workspace.settings.outbox))
    return EXIT_WAITING if left else 0


@first
def check(*, diff: str | None = None, prove: Switch = False, common: Common = HERE) -> int:
    """Check everything that can be known without customer data: settings, products, words, SQL.

    With --prove also whether what the segments show depends on customer data that they do not declare: each dimension is
    shuffled in a small copy of the warehouse, in memory alone, and what does not declare it may not change. It takes a minute.

    Examples:
        justenough check
        justenough check --workspace ../shop --json
        justenough check --diff main
        justenough check --prove

    Args:
        diff: compare with another version instead, a git ref or a folder: dimensions, scores and words that have changed,
            and how many people would get something else. It says no (1) where a product goes live below its floor of reach.
        prove: shuffle customer data in a small copy, and see that nothing changes that does not declare it.
        common: where, and in which form to answer.
    """
    with unswept():
        workspace = common.loaded()
        report = line.check(workspace)
    if diff is not None:
        difference = line.compare(workspace, diff)
        _say(common, difference, lambda: differences.compared(difference))
        return 1 if difference.below else 0
    if not prove:
        _say(common, report, lambda: checks.checked(report))
        return 0
    proof = with_progress(lambda progress: line.prove(workspace, progress))
    _say(common, {**plain(report), "proof": proof.told}, lambda: Group(checks.checked(report), proofs.proved(proof)))
    return 1 if proof.complaints else 0


@first
def explain(customer: str, *, plan: str | None = None, common: Common = HERE) -> int:
    """Explain what one customer gets and why, why not the others, and what they had before.

    Examples:
        justenough explain C0000018

    Args:
        customer: the customer's id.
        plan: read this plan instead of the latest one.
        common: where, and in which form to answer.
    """
    found = line.explain(common.loaded(), customer, plan)
    _say(common, found, lambda: explanation.explained(found))
    return 0


@app.command
def init(
    folder: Path,
    *,
    database: Path | None = None,
    brand: str | None = None,
    person: str | None = None,
    json: Switch = False,
) -> int:
    """Start a new workspace: a copy of the sample, or a first draft over your own database.

    A draft goes by names, and by values in aggregate: it says what it guessed and why, and what it did not understand. It is a
    rehearsal: `justenough run` makes files for seed addresses alone. On a terminal it asks for what no option tells.

    Examples:
        justenough init trial
        justenough init shop --database shop.duckdb
        justenough init shop --database parquet/ --brand "The Shop" --person members.id

    Args:
        folder: the new workspace; missing or empty.
        database: your DuckDB file, or a folder of Parquet.
        brand: what your brand is called; default: as the folder is.
        person: the column with people's ids, as table.column; default: the likeliest one.
        json: print JSON for programs instead of text for people.
    """
    starting.refuse_in_use(folder)
    if not json:
        database, brand = asking.ask_source(database, brand)
    choose = None if json else asking.choose
    done = starting.start_workspace(folder, database, brand=brand, person=person, choose=choose)
    _say(Common(folder, json), done, lambda: terminal.started(done))
    return 0


@app.command
def sample(*, customers: int = 20_000, as_of: date | None = None, seed: int = 7, common: Common = HERE) -> int:
    """Build the sample warehouse anew, of any size; the next run uses it.

    Examples:
        justenough sample --customers 1000000

    Args:
        customers: how many people.
        as_of: the day for which it is fresh; default: today in the workspace's time zone.
        seed: other seeds make other people.
        common: where, and in which form to answer.
    """
    settings = common.settings()
    rows = with_progress(lambda progress: line.sample(settings, as_of, customers, seed, progress))
    _say(common, {"rows": rows}, lambda: terminal.sampled(rows))
    return 0


@app.command
def schema(
    kind: Literal["product", "dimensions", "segment"] | None = None,
    *,
    write: Switch = False,
    common: Common = HERE,
) -> int:
    """Say what may stand in product.yaml, dimensions.yaml and a segment's .yaml, as JSON Schemas with this workspace's names.

    Examples:
        justenough schema product
        justenough schema --write

    Args:
        kind: only this kind of file; default: all three.
        write: write them into .vscode/, where editors find them, instead of printing them.
        common: where, and in which form to answer.
    """
    if write:
        files = editors.write(common.workspace)
        _say(common, {"files": files}, lambda: terminal.wired(files))
        return 0
    found = editors.schemas(common.workspace)
    _say(Common(common.workspace, json=True), found[kind] if kind else found, lambda: "")
    return 0


def _say(common: Common, found: object, text: Callable[[], RenderableType]) -> None:
    say(found, text, as_json=common.json)


def main(arguments: list[str] | None = None) -> int:
    """Run one command, and turn what goes wrong into a text for people (or JSON) and an exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except JustEnoughError as error:
        hint = "; ".join([error.hint, *getattr(error, "__notes__", ())])
        return complain(arguments, type(error).__name__, error.where, error.what, hint, error.exit_code, error.page)
    except CycloptsError as error:
        hint = "see: justenough --help"
        return complain(arguments, "UsageError", "justenough", str(error), hint, EXIT_USAGE, UsageError.page)
    except KeyboardInterrupt:
        hint = "the next run finishes or undoes what this one began"
        return complain(arguments, "Interrupted", "justenough", "stopped by hand", hint, 130)
    except (Exception, panics()) as error:  # noqa: BLE001  (an unknown error's text may hold a customer's data)
        return our_fault(arguments, error)
    return code if isinstance(code, int) else 0


def program() -> NoReturn:
    """The command itself. It leaves without taking the process apart, which would take a sixth of a second."""
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # nobody reads it any more, or the disk is full
            code = code or 1
    os._exit(code)


def _remark(told: str) -> None:
    sys.stderr.write(f"{told}\n")


if __name__ == "__main__":
    program()
