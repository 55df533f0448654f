"""Events in, answers out: for the customers whom files name the same line runs at once, in one run however many the files are.

Everybody is decided for as the next whole run would decide; what takes everybody (crowds, prices) is as in the last whole run
that was delivered. The events are noted with the beginning of the delivery: killed before it, they are answered anew, and after
it the next run delivers to the end. Whoever tells of an event once more is told that it was answered. An answer that somebody
has to approve waits by its plan (see `line.awaiting`), and its events where they were told.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import midnight, moment, present
from flows.errors import PlanError
from flows.keys import load_keys
from flows.ledger.erasure import tombstones
from flows.ledger.events import EVENTS, answered
from flows.ledger.lock import run_lock
from flows.ledger.store import ledger_at_hand, open_ledger
from flows.line import awaiting, events, reports
from flows.line.planned import last_whole
from flows.line.request import Request, Waits, silent
from flows.line.retaining import kept_from
from flows.line.rotating import follow_key
from flows.line.running import carry_out, prepare
from flows.line.sources import Source, database, erased
from flows.stops import stopped
from flows.warehouse.keeping import session_at_hand
from flows.warehouse.queries import customer_keys
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flows.ledger.publishing import Recovered
    from flows.line.reports import Report
    from flows.line.request import Delivered, Outcome, Progress
    from flows.plan import Plan
    from flows.workspace import Workspace

_YOUNG_SECONDS = 60
"""A file that was written so lately, and cannot be read, may still be on its way."""


@dataclass(frozen=True)
class Answered:
    """What came of events, in counts. Each row of a file that is not refused is in one of `taken` to `bad`.

    Attributes:
        files: that were read.
        taken: events that are answered, by `plan` or by one of `earlier`.
        held: events of customers whose answer waits for a person: they wait with it.
        repeated: answered before, or told twice.
        late: from before the history that is kept.
        unknown: of customers whom the warehouse does not have; nothing of them is kept.
        forgotten: of people who asked to be forgotten: they get nothing, and nothing of them is kept.
        bad: rows that cannot be right.
        places: where the first of them are, and why.
        refused: files of which nothing is taken.
        unfinished: files that cannot be read yet, and were written a moment ago; they are tried again.
        customers: whom the events are about.
        recovered, resumed: what killed runs had left behind, and their plans that were delivered to the end.
        earlier: answers that had waited for a person, by their plans: delivered now, or waiting on.
        plan, delivered: of the run for the others; None where there was nothing to answer.
        waits: why nothing was delivered to them as long as a person has not let it.
    """

    files: int = 0
    taken: int = 0
    held: int = 0
    repeated: int = 0
    late: int = 0
    unknown: int = 0
    forgotten: int = 0
    bad: int = 0
    places: tuple[str, ...] = ()
    refused: tuple[reports.Refused, ...] = ()
    unfinished: int = 0
    customers: int = 0
    recovered: tuple[Recovered, ...] = ()
    resumed: tuple[Delivered, ...] = ()
    earlier: tuple[Outcome, ...] = ()
    plan: Plan | None = None
    delivered: Delivered | None = None
    waits: Waits | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nobody has to look at anything."""
        delivered = (*self.resumed, *(each.delivered for each in self.earlier), self.delivered)
        is_waiting = any(done.is_waiting for done in delivered if done is not None)
        is_open = any(found.state in ("waiting", "hold") for found in self.recovered)
        waits = [self.waits, *(each.waits for each in self.earlier)]
        return not (self.refused or self.bad or any(waits) or is_waiting or is_open)


def respond(workspace: Workspace, files: Sequence[Path], progress: Progress = silent) -> Answered:
    """Answer the events that files tell, which stay where they are.

    Raises:
        SourceError, DataError: every file is refused; the first one's is raised.
        PlanError: nothing was delivered to everybody yet.
        LockedError: another run holds the workspace.
        JustEnoughError: as `run`.
    """
    found = events.read_events_told(files)
    refusals = [report.refusal for report in found if report.refusal]
    if refusals and len(refusals) == len(found):
        raise refusals[0]
    with run_lock(workspace.settings, "justenough respond"), ledger_at_hand(workspace.settings), session_at_hand():
        return _respond(workspace, found, progress)[0]


def respond_waiting(workspace: Workspace, progress: Progress = silent) -> Answered:
    """Answer what waits in the inbox, all of it in one run; a file goes when all that it tells is answered.

    One that somebody has to look at is put into `refused/` beside it, and so is told of once. Raises as `respond`, but for files
    that are refused.
    """
    paths = events.waiting(workspace.settings)
    if not paths:
        return Answered()
    found = events.read_events_told(paths)
    young = {report.path for report in found if time.time() - report.written < _YOUNG_SECONDS}
    whole = [report for report in found if report.refusal is None or report.path not in young]
    with run_lock(workspace.settings, "justenough respond"), ledger_at_hand(workspace.settings), session_at_hand():
        done, wrong, waiting = _respond(workspace, whole, progress)
        for report in whole:
            if report.path in waiting:
                continue
            if report.path not in wrong:
                reports.remove(report)
            elif report.path not in young:
                events.put_aside(workspace.settings, report)
    return replace(done, unfinished=len(found) - len(whole))


def _respond(
    workspace: Workspace, found: Sequence[Report], progress: Progress
) -> tuple[Answered, set[Path], set[Path]]:
    """Answer what files tell, under the run's lock; and the files that somebody has to look at, and those of what waits."""
    settings = workspace.settings
    recovered, resumed = prepare(workspace, progress)  # what it ends has answered its events, or never will
    goes_by = last_whole(settings)
    if goes_by is None:
        what = "nothing was delivered to everybody yet, so that there are no crowds and no prices to go by"
        raise PlanError("justenough respond", what, "begin with: justenough run")
    rows = _placed(workspace, events.rows_of(found))
    told = rows.filter(pl.col("fate") == "taken")
    stop = next(iter(stopped(settings, "everything")), None)
    # Asked every minute, it would make a plan a minute that nobody delivers.
    before = awaiting.go_on(workspace, told if stop is None else told.clear(), progress)
    taken = told.filter(~pl.col("event_id").is_in(before.held.implode()))
    left = taken.filter(~pl.col("event_id").is_in(before.answered.implode()))
    fates = dict(rows.group_by("fate").len().iter_rows())
    wrong = rows.filter(pl.col("fate") == "bad").select("at", "line", "why")
    done = Answered(
        files=len(found),
        taken=taken.height,
        held=before.held.len(),
        repeated=fates.get("repeated", 0),
        late=fates.get("late", 0),
        unknown=fates.get("unknown", 0),
        forgotten=fates.get("forgotten", 0),
        bad=wrong.height + sum(report.found.bad for report in found if report.refusal is None),
        places=reports.places(found, wrong),
        refused=reports.refused(found),
        customers=taken["customer_id"].n_unique(),
        recovered=tuple(recovered),
        resumed=tuple(resumed),
        earlier=before.outcomes,
    )
    if left.height and stop is not None:
        done = replace(done, waits=Waits(f"{stop.of} is stopped {stop.said}", stop.end, "Stopped"))
    elif left.height:
        asked = left.select("customer_id", *EVENTS.names())
        request = Request(customers=tuple(asked["customer_id"].unique().sort()), events=asked, goes_by=goes_by)
        made = carry_out(workspace, request, progress)
        done = replace(done, plan=made.plan, delivered=made.delivered, waits=made.waits)
    waiting = before.held if done.waits is None else pl.concat([before.held, left["event_id"]])
    kept = told.filter(pl.col("event_id").is_in(waiting.implode()))
    looked_at = [*(found[at] for at in wrong["at"]), *(each for each in found if each.refusal or each.found.bad)]
    return done, {report.path for report in looked_at}, {found[at].path for at in kept["at"]}


def _placed(workspace: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of files with `person_key`, with `event_id` under the key in use, and what becomes of each: its `fate`."""
    settings = workspace.settings
    now = moment(None, settings.zone)
    source = Source(workspace, database(settings, now.as_of), now, {})
    follow_key(source)
    keys = load_keys(settings.key_file)
    asked = pl.concat(
        rows.select(event_id=keys[0].of(pl.col("event_id")), known_as=key.of(pl.col("event_id"))) for key in keys
    )
    with open_ledger(settings) as ledger:
        known, buried = answered(ledger, asked.unique()), tombstones(ledger)
    people = _people(source, rows["customer_id"].unique(), buried)
    rows = rows.with_columns(event_id=keys[0].of(pl.col("event_id")), person_key=keys[0].of(pl.col("customer_id")))
    rows = rows.join(people, on="customer_id", how="left", maintain_order="left")
    rows = rows.join(known, on="event_id", how="left", maintain_order="left")
    is_good = pl.col("why").is_null()
    first = pl.coalesce("answered_to", pl.col("person_key").filter(is_good).first().over("event_id"))
    is_anothers = is_good & (first != pl.col("person_key"))
    nth = is_good.cast(pl.UInt32).cum_sum().over("event_id")
    since = midnight(kept_from(workspace, present()), settings.zone)
    rows = rows.with_columns(
        why=pl.coalesce("why", pl.when(is_anothers).then(pl.lit("its event_id was told of another customer"))),
        is_again=pl.col("answered_to").is_not_null() | (nth > 1),
    )
    fates = {
        "bad": pl.col("why").is_not_null(),
        "forgotten": pl.col("is_erased"),
        "unknown": ~pl.col("is_known"),
        "late": pl.col("happened_at") < pl.lit(since),
        "repeated": pl.col("is_again"),
    }
    return rows.with_columns(
        fate=pl.coalesce(*(pl.when(is_so).then(pl.lit(name)) for name, is_so in fates.items()), pl.lit("taken"))
    )


def _people(source: Source, customers: pl.Series, buried: pl.DataFrame) -> pl.DataFrame:
    """`customer_id, is_known, is_erased` of some customers: whether the warehouse has them, and whether they are forgotten.

    Args:
        source: the warehouse.
        customers: their ids.
        buried: `person_key, key_id` of people who asked to be forgotten.
    """
    settings, source = source.workspace.settings, source.at_present()
    named = pl.DataFrame({"customer_id": customers}, {"customer_id": pl.String})
    keyed = named.with_columns(person_key=load_keys(settings.key_file)[0].of(pl.col("customer_id")))
    gone = erased(settings, keyed, buried)
    with source.open(Scope(customers=tuple(customers)), source.moment.present) as session:
        here = customer_keys(session, source.workspace.queries, source.moment)
    return keyed.select(
        "customer_id",
        is_known=pl.col("customer_id").is_in(here["customer_id"].implode()),
        is_erased=pl.col("person_key").is_in(gone["person_key"].implode()),
    )
