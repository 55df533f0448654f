"""Outcomes in: what people did, by files and by sql/outcomes/, goes into the history under keyed ids, each event once.

What says stop takes effect first, whatever becomes of the rest. Everything else is taken in under the run's lock, so that nobody
is forgotten, and no key changed, in between. Files of the inbox go when the ledger has them: killed anywhere, it is done by
repeating it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from flows.adapters import CLICKS, STATES, STOPS
from flows.clock import midnight, moment, present
from flows.keys import load_keys
from flows.ledger.erasure import tombstones
from flows.ledger.lock import run_lock
from flows.ledger.outcomes import EVENTS, Taken, acknowledge_rows, decided_about, oldest_decision, take, whose
from flows.ledger.restoring import refuse_restored
from flows.ledger.store import open_ledger
from flows.line import reports
from flows.line.retaining import kept_from
from flows.line.rotating import follow_key
from flows.line.sources import Source, database, erased, read_shared
from flows.line.stopping import stop
from flows.schemas import OUTCOMES
from flows.tokens import UNIT_SEPARATOR
from flows.warehouse.queries import customer_keys, outcomes
from flows.warehouse.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from flows.keys import Key
    from flows.line.reports import Report
    from flows.settings import Settings
    from flows.workspace import Workspace


@dataclass(frozen=True)
class Learned:
    """What came in, in counts. Each row of a file that is not refused is in one of taken to bad.

    Attributes:
        files: that were read.
        taken: outcomes of people, new.
        repeated: told before.
        contradicting: told before, otherwise; the first holds.
        late: from before the history that is kept: what they might be about is gone.
        unknown: of people or messages that nobody knows here; nothing of them is kept.
        scanners: clicks and visits of programs that look into messages; they are kept apart.
        acknowledged: that a message was loaded, sent or failed.
        others: of a platform's file, what is about no message of ours, or tells nothing; and copies for seed addresses.
        bad: rows that cannot be right.
        places: where the first of them are, and why.
        from_sql: outcomes that sql/outcomes/ tells, new.
        stopped: notices of people who said stop, and of dead addresses.
        refused: files.
    """

    files: int = 0
    taken: int = 0
    repeated: int = 0
    contradicting: int = 0
    late: int = 0
    unknown: int = 0
    scanners: int = 0
    acknowledged: int = 0
    others: int = 0
    bad: int = 0
    places: tuple[str, ...] = ()
    from_sql: int = 0
    stopped: int = 0
    refused: tuple[reports.Refused, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether all that was told came in, or was known."""
        return not (self.refused or self.bad or self.contradicting or self.unknown)


@dataclass(frozen=True)
class Heard:
    """Files that were read, and whose stops have taken effect.

    Attributes:
        found: the files.
        stopped: notices of people who said stop, and of dead addresses.
        is_inbox: whether they are what waits in the inbox.
    """

    found: tuple[Report, ...]
    stopped: int
    is_inbox: bool = False


def hear(settings: Settings, files: Sequence[Path], adapter: str | None = None) -> Heard:
    """Read files that tell of outcomes. What says stop in them takes effect at once, whatever becomes of the rest.

    It takes no more than the settings: nobody waits for somebody else's mistake in a product.

    Args:
        settings: of the workspace whose people they are about.
        files: CSV, NDJSON or Parquet in the columns of `adapters.FILE`, or what a platform writes.
        adapter: the platform's; None: they are in our own form.

    Raises:
        UsageError: there is no such adapter.
        SourceError, DataError: every file is refused; the first one's is raised.
    """
    found = reports.read_reports(files, adapter)
    heard = Heard(tuple(found), stop(settings, reports.stops(found)))
    refusals = [report.refusal for report in found if report.refusal]
    if refusals and len(refusals) == len(found):
        raise refusals[0]
    return heard


def hear_waiting(settings: Settings) -> Heard:
    """As `hear`, of what waits in the inbox. A file that is refused waits there for somebody to look at it."""
    found = reports.waiting(settings)
    return Heard(tuple(found), stop(settings, reports.stops(found)), is_inbox=True)


def learn(workspace: Workspace, heard: Heard) -> Learned:
    """Take in the outcomes that files tell; with the inbox those of sql/outcomes/, too.

    Files that were named stay where they are. One of the inbox goes, unless somebody has to look at it: it is refused, or rows of
    it cannot be right.

    Raises:
        LockedError: a run is going on.
        StateError: the ledger is from a backup.
        SourceError, DataError, StatementError: sql/outcomes/ does not yield what it should; the files have been taken in.
    """
    with run_lock(workspace.settings, "justenough learn"):
        intake = _begun(workspace)
        done, wrong = _learned(intake, heard.found)
        if not heard.is_inbox:
            return replace(done, stopped=heard.stopped)
        for at, report in enumerate(heard.found):
            if at not in wrong:
                reports.remove(report)
        told = _told_by_sql(intake)
        stopped = heard.stopped + stop(workspace.settings, _stops_of(told))
        return replace(done, stopped=stopped, from_sql=_take(intake, told).taken)


@dataclass(frozen=True)
class _Intake:
    """What rows are held against.

    Attributes:
        source: the warehouse.
        keys: the one in use, and those whose place it took.
        since: from when on the history is kept.
    """

    source: Source
    keys: tuple[Key, ...]
    since: datetime

    @property
    def settings(self) -> Settings:
        """Of the workspace."""
        return self.source.workspace.settings


def _begun(workspace: Workspace) -> _Intake:
    """Call it under the run's lock. Raises StateError where the ledger is from a backup."""
    settings = workspace.settings
    refuse_restored(settings)
    at = moment(None, settings.zone)
    source = Source(workspace, database(settings, at.as_of), at, {})
    follow_key(source)
    return _Intake(source, load_keys(settings.key_file), midnight(kept_from(workspace, present()), settings.zone))


def _learned(intake: _Intake, found: Sequence[Report]) -> tuple[Learned, set[int]]:
    """Take in the rows of files that are not refused; and the places of files that somebody has to look at."""
    rows = _placed(intake, reports.rows_of(found).with_row_index("row"))
    told = rows.filter(fate="acknowledged")
    taken = _take(intake, rows.filter(fate="taken"), told.filter(outcome="sent"))
    with open_ledger(intake.settings) as ledger:
        unfit = acknowledge_rows(ledger, told.select("row", "message_id", "happened_at", state="outcome"))
    rows = rows.join(unfit, on="row", how="left", maintain_order="left", suffix="_unfit").with_columns(
        why=pl.coalesce("why", "why_unfit"),
        fate=pl.when(pl.col("why_unfit").is_null()).then("fate").otherwise(pl.lit("bad")),
    )
    fates = dict(rows.group_by("fate").len().iter_rows())
    read = [report.found for report in found if report.refusal is None]
    wrong = rows.drop_nulls("why").select("at", "line", "why")
    done = Learned(
        files=len(found),
        taken=taken.taken,
        repeated=taken.repeated,
        contradicting=taken.contradicting,
        late=fates.get("late", 0),
        unknown=fates.get("unknown", 0),
        scanners=taken.scanners,
        acknowledged=fates.get("acknowledged", 0),
        others=fates.get("others", 0) + sum(each.others for each in read),
        bad=fates.get("bad", 0) + sum(each.bad for each in read),
        places=reports.places(found, wrong),
        refused=reports.refused(found),
    )
    return done, {*wrong["at"], *(at for at, report in enumerate(found) if report.refusal or report.found.bad)}


def _placed(intake: _Intake, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of files with the `person_key` that each is about, and its `fate`; where that is bad with the reason, `why`."""
    with open_ledger(intake.settings) as ledger:
        messages = whose(ledger, rows["message_id"]).rename({"person_key": "sent_to"}).with_columns(is_sent=True)
    known = _known(intake, rows["customer_id"].drop_nulls().unique())
    joined = rows.join(messages, on="message_id", how="left", maintain_order="left").join(
        known, on="customer_id", how="left", maintain_order="left"
    )
    is_anothers = pl.col("sent_to").is_not_null() & ~pl.col("keys").list.contains(pl.col("sent_to"))
    why = pl.when(is_anothers).then(pl.lit("its message was for another than its customer_id"))
    is_strange = [pl.col(of).is_not_null() & pl.col(found).is_null() for of, found in _KNOWN_BY.items()]
    fates = {
        "bad": pl.col("why").is_not_null(),
        "others": pl.col("is_sent") & pl.col("sent_to").is_null(),  # a copy for a seed address
        "unknown": pl.any_horizontal(is_strange),
        "late": pl.col("happened_at") < pl.lit(intake.since),
        "acknowledged": pl.col("outcome").is_in(STATES),
    }
    fate = pl.coalesce(*(pl.when(is_so).then(pl.lit(name)) for name, is_so in fates.items()), pl.lit("taken"))
    person = pl.coalesce("sent_to", pl.col("keys").list.first())
    return joined.with_columns(why=pl.coalesce("why", why)).with_columns(fate=fate, person_key=person)


_KNOWN_BY = {"message_id": "is_sent", "customer_id": "keys"}


def _known(intake: _Intake, customers: pl.Series) -> pl.DataFrame:
    """Of some customers those whom the history or the warehouse knows: `customer_id`, and their `keys`, the one in use first."""
    kept = _not_forgotten(intake, customers)
    decided = _decided(intake, kept)
    others = kept.join(decided, on="customer_id", how="anti")
    if others.is_empty():
        return decided
    source = intake.source.at_present()
    with source.open(source.about(others["customer_id"], Scope()), source.moment.present) as session:
        here = customer_keys(session, source.workspace.queries, source.moment).select("customer_id")
    return pl.concat([decided, others.join(here, on="customer_id", how="semi")])


def _not_forgotten(intake: _Intake, customers: pl.Series) -> pl.DataFrame:
    """Of some customers those who have not asked to be forgotten, with their `keys`."""
    people = pl.DataFrame({"customer_id": customers}, {"customer_id": pl.String})
    keyed = people.with_columns(keys=pl.concat_list([key.of(pl.col("customer_id")) for key in intake.keys]))
    keyed = keyed.with_columns(person_key=pl.col("keys").list.first())
    with open_ledger(intake.settings) as ledger:
        buried = tombstones(ledger)
    return keyed.join(erased(intake.settings, keyed, buried), on="person_key", how="anti").drop("person_key")


def _decided(intake: _Intake, people: pl.DataFrame) -> pl.DataFrame:
    """Of people with `keys` those about whom something was decided, under whichever key."""
    named = people.select("customer_id", person_key="keys").explode("person_key")
    with open_ledger(intake.settings) as ledger:
        decided = decided_about(ledger, named["person_key"])
    return people.join(named.join(decided, on="person_key", how="semi"), on="customer_id", how="semi")


def _take(intake: _Intake, rows: pl.DataFrame, sent: pl.DataFrame | None = None) -> Taken:
    """Take rows in, under keys in the place of their own ids; and when their messages arrived."""
    first, *retired = [key.of(*_IDENTITY) for key in intake.keys]
    events = rows.with_columns(event_id=first)
    before = [rows.select(event_id=first, known_as=each) for each in retired]
    also_as = pl.concat(before) if before else pl.DataFrame(schema={"event_id": pl.String, "known_as": pl.String})
    arrivals = (rows.clear() if sent is None else sent).select("message_id", arrived_at="happened_at")
    within = timedelta(seconds=intake.settings.scanner_seconds)
    with open_ledger(intake.settings) as ledger:
        return take(ledger, events.select(list(EVENTS)), also_as, arrivals, CLICKS, within)


_IDENTITY = (pl.col("kind"), pl.col("event_id"))
"""What an event is known by: an id of its source's (`event`), or what it told (`told`)."""


def _told_by_sql(intake: _Intake) -> pl.DataFrame:
    """Rows of sql/outcomes/, with `person_key`, of people about whom something was decided, since the first such day."""
    source, queries = intake.source.at_present(), intake.source.workspace.queries
    with open_ledger(intake.settings) as ledger:
        first = oldest_decision(ledger)
    found = OUTCOMES.to_frame()
    if first is not None and queries.outcomes:
        since = max(intake.since, midnight(first, intake.settings.zone))
        source = replace(source, shared=read_shared(source.workspace, source.path, source.moment))
        with source.open(Scope(), source.moment.present) as session:
            found = outcomes(session, queries, source.moment, since)
    is_over = pl.col("happened_at") <= pl.lit(source.moment.present)
    found = found.drop_nulls(["customer_id", "outcome"]).filter(is_over)
    known = found.join(_decided(intake, _not_forgotten(intake, found["customer_id"].unique())), on="customer_id")
    # Rows that tell the same are as many events: the first of them is the first whenever they are told.
    nth = known.with_columns(pl.int_range(pl.len()).over(_TOLD).cast(pl.String).alias("nth"))
    at = pl.col("happened_at").dt.epoch("us").cast(pl.String)
    told = pl.concat_str(*(pl.col(name).fill_null("") for name in (*_TOLD[:-1], "nth")), at, separator=UNIT_SEPARATOR)
    return nth.with_columns(
        kind=pl.when(pl.col("event_id").is_null()).then(pl.lit("told")).otherwise(pl.lit("event")),
        event_id=pl.coalesce("event_id", told),
        person_key=pl.col("keys").list.first(),
        message_id=pl.lit(None, pl.String),
        value=pl.col("value").fill_nan(None),
        source=pl.format("sql/outcomes/{}.sql", "file"),
    )


_TOLD = ("file", "customer_id", "brand", "subject_id", "outcome", "channel", "happened_at")


def _stops_of(told: pl.DataFrame) -> pl.DataFrame:
    """What of it says stop, as `stopping.stop` takes it."""
    state = pl.col("outcome").replace_strict(STOPS, default=None, return_dtype=pl.String)
    return told.select("customer_id", "channel", "happened_at", "source", state=state)
