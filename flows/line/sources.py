"""Where a run's rows come from: the warehouse in good health, the people, and what bars speaking to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from flows.addresses import normalised_customers, suppression_keys
from flows.channels import BY_PHONE, CHANNELS
from flows.durable import private_folder
from flows.errors import SettingError, SourceError, UsageError
from flows.keys import load_key, load_keys, recognised
from flows.ledger.consent import drain, latest_drain, suppressed, told, told_suppressions
from flows.ledger.erasure import tombstones
from flows.ledger.store import open_ledger
from flows.line.rehearsing import agreed, reachable
from flows.locales import spelt
from flows.sample import build_sample
from flows.stages.eligibility import Bars, latest_consent
from flows.stops import excluded_by_stops, stopped
from flows.warehouse.queries import consent, customer_keys, customers, exclusions, shared_tables, suppressions
from flows.warehouse.scope import Scope, open_scoped

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from flows.clock import Moment
    from flows.keys import Key
    from flows.settings import Settings
    from flows.warehouse.sessions import Session
    from flows.workspace import Workspace

_NAME_IT = "name your DuckDB file there, or your folder of Parquet"
_SAMPLE_KEEPS = timedelta(days=3)


def existing_database(settings: Settings, as_of: date) -> Path | None:
    """The workspace's warehouse, or a sample that is fresh enough for `as_of`; None where one would have to be built."""
    if settings.database is not None:
        return settings.database
    built = sorted(settings.folder("sample").glob("????-??-??.duckdb"), reverse=True)
    fresh = [path for path in built if timedelta(0) <= as_of - date.fromisoformat(path.stem) <= _SAMPLE_KEEPS]
    return fresh[0] if fresh else None


def database(settings: Settings, as_of: date) -> Path:
    """The warehouse; where a workspace has none of its own, the sample, built on first use and again when it is stale.

    Raises:
        SourceError: the workspace has neither a database nor a sample.
    """
    path = existing_database(settings, as_of)
    if path is None:
        path, sql = _sample(settings, as_of)
        build_sample(path, sql, as_of=as_of)
    return path


def make_sample(
    settings: Settings, as_of: date, customers: int, seed: int, progress: Callable[[str, int, int], None]
) -> dict[str, int]:
    """Build the sample that runs from `as_of` on use, of any size, and return the rows of each table.

    Raises:
        UsageError: the workspace has a warehouse of its own, or the number of customers is out of range.
        SourceError: the workspace has no sample.
    """
    if settings.database is not None:
        raise UsageError("justenough sample", "this workspace has a warehouse of its own", "take out `database` first")
    path, sql = _sample(settings, as_of)
    return build_sample(path, sql, as_of=as_of, customers=customers, seed=seed, progress=progress)


def lacks_source(settings: Settings) -> bool:
    """Whether a workspace has neither a database nor what a sample is built from."""
    return settings.database is None and not (settings.workspace / "sql" / "sample").is_dir()


def _sample(settings: Settings, as_of: date) -> tuple[Path, Path]:
    """Where the sample of a day stands, and the folder whose `sample/` builds it."""
    if lacks_source(settings):
        raise SourceError("pyproject.toml: tool.justenough", "there is no `database`", _NAME_IT)
    return settings.folder("sample", f"{as_of}.duckdb"), settings.workspace / "sql"


FEW = 1_000
"""People who are quicker found by their ids than by going through everybody."""


@dataclass(frozen=True)
class Source:
    """The warehouse of a run.

    Attributes:
        workspace: gives catalogue, queries and memory.
        path: the DuckDB file.
        moment: of the run.
        shared: what sql/shared/ has yielded, by table.
        looking: read no row of anybody: queries yield their columns alone.
        narrow: of few people alone something is asked, so that it is quicker to look for them than through everybody.
    """

    workspace: Workspace
    path: Path
    moment: Moment
    shared: dict[str, pl.DataFrame]
    looking: bool = False
    narrow: bool = False

    def open(self, scope: Scope, until: datetime, *, lists: bool = False, named: set[str] | None = None) -> Session:
        """A locked session for the workspace's SQL: see `open_scoped`."""
        settings = self.workspace.settings
        return open_scoped(
            self.path,
            self.workspace.catalogue,
            scope,
            until,
            memory=settings.query_memory,
            seconds=settings.query_seconds,
            scratch=scratch_folder(settings),
            lists=lists,
            shared=self.shared,
            looking=self.looking,
            named=named,
        )

    def about(self, customers: pl.Series, scope: Scope) -> Scope:
        """What to ask about some people in: their ids while they are few, else a scope. Seeds, without an id, are nobody."""
        found = customers.drop_nulls().unique().sort()
        return Scope(customers=tuple(found)) if self.narrow or found.len() <= FEW else scope

    def at_present(self) -> Source:
        """The same run, with `$now` at the true present: what people have said since a past `as_of` counts."""
        return replace(self, moment=replace(self.moment, now=self.moment.present))


def read_shared(workspace: Workspace, path: Path, moment: Moment, *, looking: bool = False) -> dict[str, pl.DataFrame]:
    """What needs everybody, by table: read once per run, over the full scope. Raises as `queries.shared_tables`."""
    if not workspace.queries.shared:
        return {}
    before = replace(workspace, catalogue=workspace.catalogue.without(workspace.queries.shared))
    with Source(before, path, moment, {}, looking).open(Scope(), moment.now) as session:
        return shared_tables(session, workspace.queries, workspace.catalogue, moment)


@dataclass(frozen=True)
class Answers:
    """What the warehouse tells of people and their wishes, as of the true present: a frame of `schemas` for each file of sql/."""

    customers: pl.DataFrame
    consent: pl.DataFrame
    exclusions: pl.DataFrame
    suppressions: pl.DataFrame


def ask(source: Source, scope: Scope) -> Answers:
    """Read who the people are, and what is said of them. Raises as `read_bars`."""
    source = source.at_present()
    queries, moment = source.workspace.queries, source.moment
    listed = _listed(source)  # first, since segments are asked in the same session as people
    with source.open(scope, moment.present) as session:
        people, events = customers(session, queries, moment), consent(session, queries, moment)
        excluded = exclusions(session, queries, moment)
    return Answers(people, events, excluded, listed)


def read_bars(source: Source, scope: Scope, key: Key) -> Bars:
    """Who the people are and what bars speaking to them, as of the true present.

    Raises:
        DataError, StatementError: a query of the workspace does not yield what it should.
    """
    return bars_of(source, ask(source, scope), key)


def bars_of(
    source: Source, answers: Answers, key: Key, others: pl.LazyFrame | None = None, heard: Heard | None = None
) -> Bars:
    """As `read_bars`, of what has been read.

    Args:
        source: the warehouse, the workspace and the moment.
        answers: what it has told of the people.
        key: for `person_key`.
        others: `customer_id, brand, channel, address_match, phone` of messages to people, whose addresses may not be those of
            today, and of seeds, which are nobody.
        heard: what people have told us; None looks now.
    """
    settings = source.workspace.settings
    heard = heard or hear(settings)
    keyed = answers.customers.with_columns(person_key=key.of(pl.col("customer_id")))
    said = _consent(source, answers.consent, keyed, heard.events)
    gone = erased(settings, keyed, heard.buried)
    people = _people(keyed, settings, gone)
    numbers, addresses = people.select("phone_match"), addresses_of(people)
    if others is not None:
        is_mine = pl.col("customer_id").is_null() | pl.col("customer_id").is_in(people["customer_id"].implode())
        mine = others.select("customer_id", "brand", "channel", "address_match", "phone").filter(is_mine).collect()
        further = pl.concat([mine, by_phone(mine)])
        numbers = pl.concat([numbers, further.select(phone_match="address_match")])
        addresses = pl.concat([addresses, further.select(addresses.columns)])
    barred = _suppressed(source, answers.suppressions, numbers, addresses, heard.forms)
    excluded = pl.concat([answers.exclusions, excluded_by_stops(settings, answers.customers)])
    return Bars(people, said, barred, excluded, gone)


def read_people(source: Source, key: Key) -> pl.DataFrame:
    """Everybody, as `Bars.people`. Raises as `read_bars`."""
    source = source.at_present()
    with source.open(Scope(), source.moment.present) as session:
        rows = customers(session, source.workspace.queries, source.moment)
    keyed = rows.with_columns(person_key=key.of(pl.col("customer_id")))
    settings = source.workspace.settings
    return _people(keyed, settings, erased(settings, keyed, buried(settings)))


def scratch_folder(settings: Settings) -> Path:
    """Where DuckDB may spill what its memory does not hold: private, and emptied at the start of every run."""
    return private_folder(settings.folder("scratch"))


@dataclass(frozen=True)
class Heard:
    """What the history has against speaking to people, as of one look.

    Attributes:
        drain: the number of the latest drain of the inbox.
        events: `ledger.consent.EVENTS`.
        forms: `ledger.consent.FORMS`, of addresses.
        buried: `person_key, key_id` of people who asked to be forgotten.
    """

    drain: int
    events: pl.DataFrame
    forms: pl.DataFrame
    buried: pl.DataFrame


def take_notices(settings: Settings) -> int:
    """Take over what is in the inbox; makes the key where there is none. Raises DataError, see `ledger.consent.drain`.

    Returns:
        The number of this drain.
    """
    with open_ledger(settings) as ledger:
        return drain(settings, ledger, load_key(settings.key_file))


def buried(settings: Settings) -> pl.DataFrame:
    """`person_key, key_id` of people who asked to be forgotten."""
    with open_ledger(settings) as ledger:
        return tombstones(ledger)


def hear(settings: Settings, *, draining: bool = False) -> Heard:
    """Look at what people have told us; with `draining` at what is in the inbox, too, which is taken over.

    Raises:
        DataError: the inbox cannot be read, see `ledger.consent.drain`.
    """
    key = load_key(settings.key_file)
    with open_ledger(settings) as ledger:
        number = drain(settings, ledger, key) if draining else latest_drain(ledger)
        return Heard(number, told(ledger), told_suppressions(ledger), tombstones(ledger))


def bars_of_deliveries(
    source: Source, scope: Scope, messages: pl.DataFrame | pl.LazyFrame, key: Key, heard: Heard
) -> Bars:
    """What bars planned deliveries now, at the addresses of the plan: who is no customer any more, and what people said.

    In a part of the customers nobody else's are looked at, but for what is nobody's.

    Args:
        source: the warehouse.
        scope: whom it is asked about, see `Source.about`.
        messages: `customer_id, person_key, brand, channel, address_match, phone` of them: of everybody, where they are too many.
        key: for `person_key`.
        heard: what people have told us.
    """
    source = source.at_present()
    queries, moment = source.workspace.queries, source.moment
    with source.open(scope, moment.present) as session:
        known = customer_keys(session, queries, moment)
        is_theirs = pl.lit(scope.parts == 1) | pl.col("customer_id").is_in(known["customer_id"].implode())
        deliveries = messages.lazy().filter(is_theirs | pl.col("customer_id").is_null()).collect()
        # What a state target holds may have been noted under another key.
        person = key.of(pl.col("customer_id"))
        addresses = pl.concat([deliveries, by_phone(deliveries)])
        planned = addresses.select("customer_id", "brand", person_key=person, phone_match="address_match")
        said = _consent(source, consent(session, queries, moment), planned, heard.events)
        excluded = exclusions(session, queries, moment)
        if stopped(source.workspace.settings, "country"):  # mostly nobody has to be asked for
            homes = excluded_by_stops(source.workspace.settings, customers(session, queries, moment))
            excluded = pl.concat([excluded, homes])
    gone = erased(source.workspace.settings, deliveries, heard.buried)
    own = addresses.select("brand", "channel", "address_match")
    return Bars(known, said, _suppressed(source, _listed(source), planned, own, heard.forms), excluded, gone)


def by_phone(deliveries: pl.DataFrame) -> pl.DataFrame:
    """Deliveries once more by the telephone number that goes along with the address, as a list of it might bar them."""
    numbers = deliveries.filter(pl.col("phone").is_not_null()).with_columns(address_match="phone")
    return pl.concat([numbers, *(numbers.with_columns(channel=pl.lit(name)) for name in BY_PHONE)])


def erased(settings: Settings, people: pl.DataFrame, buried: pl.DataFrame) -> pl.DataFrame:
    """`person_key` of those of some people who asked to be forgotten, whichever key their tombstone was made with.

    Args:
        settings: say where the keys are.
        people: `customer_id, person_key`.
        buried: everybody who did: `Heard.buried`.

    Raises:
        SettingError: a key is gone, so that those who were forgotten under it cannot be told from others.
    """
    found = [people.select("person_key").clear()]
    keys = {key.key_id: key for key in load_keys(settings.key_file)} if buried.height else {}
    for key_id in buried["key_id"].unique().sort():
        if key_id not in keys:
            what = f"the key {key_id} is not in it, and people were forgotten under it"
            raise SettingError(settings.key_file, what, "put its line back from your backup, below the others")
        mine = buried.filter(key_id=key_id).select(_buried="person_key")
        hashed = people.select("person_key", _buried=keys[key_id].of(pl.col("customer_id")))
        found.append(hashed.join(mine, on="_buried", how="semi").select("person_key"))
    return pl.concat(found).unique()


def _people(rows: pl.DataFrame, settings: Settings, gone: pl.DataFrame) -> pl.DataFrame:
    """Normalised addresses; telephone numbers without a country are read as of the workspace's `default_region`.

    Of people who asked to be forgotten no address is read, since what is read is kept.
    """
    is_kept = ~pl.col("person_key").is_in(gone["person_key"].implode())
    located = rows.with_columns(pl.when(is_kept).then(name).alias(name) for name in ("email", "phone", "push_token"))
    located = reachable(located, settings).with_columns(
        pl.col("country").fill_null(pl.lit(settings.default_region, dtype=pl.String)),
        locale=spelt(pl.col("locale")),
        push_token=pl.col("push_token").str.strip_chars().replace("", None),  # blank is none
    )
    return normalised_customers(located, settings.folder("addresses")).with_columns(rows["country"])


def addresses_of(people: pl.DataFrame) -> pl.DataFrame:
    """`brand, channel, address_match` of people's addresses."""
    return pl.concat(
        people.select(
            "brand",
            channel=pl.lit(channel.name),
            address_match=f"{channel.address}_match"
            if f"{channel.address}_match" in people.columns
            else channel.address,
        )
        for channel in CHANNELS.values()
    ).drop_nulls()


def _listed(source: Source) -> pl.DataFrame:
    """The workspace's lists of addresses: `schemas.SUPPRESSIONS`."""
    with source.open(Scope(), source.moment.present, lists=True) as session:
        return suppressions(session, source.workspace.queries, source.moment)


def _suppressed(
    source: Source, listed: pl.DataFrame, people: pl.DataFrame, addresses: pl.DataFrame, forms: pl.DataFrame
) -> pl.DataFrame:
    """`channel, address_match, brand` of what the workspace and the history list among the addresses of these people."""
    settings = source.workspace.settings
    # A suppression of which nobody can read the channel, or nobody noted the brand, bars them all.
    channel = pl.col("channel").str.strip_chars().str.to_lowercase()
    channel = pl.when(channel.is_in(list(CHANNELS))).then(channel).otherwise(pl.lit("*"))
    listed = listed.with_columns(channel, _brand(settings).fill_null("*"))
    keyed = suppression_keys(listed, people, settings.folder("addresses"))
    told = [suppressed(forms, addresses, key) for key in load_keys(settings.key_file)]
    return pl.concat([keyed.select("channel", "address_match", "brand"), *told])


def _consent(source: Source, events: pl.DataFrame, people: pl.DataFrame, direct: pl.DataFrame) -> pl.DataFrame:
    """What these people have said last, of the workspace's brands however they are spelt, wherever they said it."""
    settings = source.workspace.settings
    # A person of several brands is there several times; of everybody few have told us directly.
    events = events.filter(pl.col("customer_id").is_in(people["customer_id"].implode()))
    direct = recognised(direct, "person_key", people["customer_id"], load_keys(settings.key_file))
    known = people.select("customer_id", "person_key").join(direct, on="person_key", how="semi").unique()
    direct = direct.join(known, on="person_key")
    events = pl.concat([events, direct.select(events.columns)])
    events = agreed(events, people, settings, is_asked=source.workspace.queries.consent is not None)
    return latest_consent(events.with_columns(_brand(settings)), source.moment.present)


def _brand(settings: Settings) -> pl.Expr:
    """The column `brand` as the workspace spells it; capitals and blanks do not matter, other brands stay as they are."""
    known = {brand.lower(): brand for brand in settings.brands}
    return pl.col("brand").str.strip_chars().str.to_lowercase().replace(known)
