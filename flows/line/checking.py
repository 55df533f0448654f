"""What can be known of a workspace without customer data: words tried on examples, SQL bound to the warehouse's tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

import polars as pl

from flows.audience import CHANNEL
from flows.calibrated import AGAIN
from flows.calibrated import FILE as RELEVANCE
from flows.channels import CHANNELS, target
from flows.clock import moment
from flows.editors import outdated
from flows.errors import LockedError, StateError
from flows.learning.power import powers
from flows.line.binding import Bound, bind
from flows.line.carrying import check_ways
from flows.line.drawing import ended, refuse_changed
from flows.line.excluding import left_out_by
from flows.line.rating import check_creep, creepy, ratings
from flows.line.signing import unsigned_now
from flows.line.sources import existing_database, lacks_source
from flows.line.summary import summaries
from flows.line.trying import try_words
from flows.product import review_is_due
from flows.sms_length import measure
from flows.stops import stopped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flows.channels import Channel
    from flows.clock import Moment
    from flows.learning.power import Power
    from flows.line.excluding import LeftOutBy
    from flows.line.summary import Summary
    from flows.line.trying import Tried
    from flows.workspace import Workspace


MOST_SEGMENTS = 2  # Source: Twilio's advice of 320 characters at most
MOST_FIELDS = 4  # of one dimension in a message. Source: DESIGN §6, rule 7


@dataclass(frozen=True)
class Report:
    """What `check` found.

    Attributes:
        messages: a row per product and channel.
        audiences: those that campaigns leave out.
        tests: whether what each product tries pays, and what would.
        warnings: what does not stop anything.
        bound: the files of SQL that were bound to a warehouse.
    """

    messages: tuple[Summary, ...]
    audiences: tuple[LeftOutBy, ...]
    tests: tuple[Power, ...]
    warnings: tuple[str, ...]
    bound: tuple[str, ...]


def check(workspace: Workspace) -> Report:
    """Check a workspace that could be loaded at all.

    Raises:
        ProductError: a live product's review date has passed, or it would draw otherwise than its test that runs.
        TemplateError: some wording cannot be rendered, or comes out broken.
        CreepError: some wording scores above `creep_ceiling`.
        StatementError, DataError, CatalogueError: the SQL does not fit the warehouse's tables.
        SettingError: the global holdout would be drawn otherwise than it is; or a library or a file is missing without which a
            destination cannot be reached.
    """
    check_ways(workspace.settings)
    now = moment(None, workspace.settings.zone)
    tried = try_words(workspace)
    rated = [(found, ratings(workspace, found)) for found in tried]
    check_creep(workspace, rated)
    path = existing_database(workspace.settings, now.as_of)
    bound = bind(workspace, path, now) if path is not None else Bound((), {}, {})
    for product in workspace.overdue(now.as_of):
        raise review_is_due(product)
    refuse_changed(workspace)
    tests, unread = _tests(workspace)
    warnings = (*_warnings(workspace, tried, now), *creepy(workspace, rated), *ended(workspace), *unread)
    return Report(summaries(workspace, rated, bound.segments), left_out_by(workspace), tests, warnings, bound.files)


def _tests(workspace: Workspace) -> tuple[tuple[Power, ...], list[str]]:
    """What the power check says, and a warning where the history cannot be read: nothing of what is checked hangs on it."""
    try:
        return powers(workspace), []
    except (LockedError, StateError) as error:
        return (), [f"{error.where}: {error.what}, so nobody can tell whether tests pay"]


def _sourceless(workspace: Workspace) -> Iterator[str]:
    """A workspace over which nothing can run."""
    if lacks_source(workspace.settings):
        yield "pyproject.toml: there is no `database`, so nothing can run; name your DuckDB file there, or your folder of Parquet"


def _warnings(workspace: Workspace, tried: Iterable[Tried], now: Moment) -> Iterator[str]:
    for stop in stopped(workspace.settings):
        yield f"{stop.of} is stopped {stop.said}; when it may speak again: {stop.end}"
    yield from _sourceless(workspace)
    yield from _uncalibrated(workspace)
    yield from _unsigned(workspace)
    yield from _unguarded(workspace)
    yield from _unread(workspace)
    yield from _endless(workspace)
    yield from _unverified(workspace)
    yield from _unheard(workspace)
    for file in outdated(workspace.settings.workspace):
        yield f"{file}: editors complete names as they were; write it anew with: justenough schema --write"
    for found in tried:
        yield from found.warnings
        yield from _long(workspace, found)
        yield from _detailed(workspace, found)
    if not workspace.live(now.as_of):
        yield f"templates/: no product is live on {now.as_of}, so nobody gets anything; drafts wait for status: live"
    for product in workspace.products.values():
        for name, field in workspace.segments[product.segment].fields.items():
            if not field.examples:
                where = workspace.segments[product.segment].at("fields", name)
                yield f"{where}: field '{name}' has no examples, so its wording was not tried"
        for place, brand in enumerate(product.brands):
            missing = [c for c in product.channels.all if c not in workspace.settings.targets.get(brand, {})]
            if missing:
                where, settings = product.at("brands", place), workspace.settings
                lacks = "no target" if settings.is_production else f"in {settings.environment} no target with seeds"
                yield f"{where}: brand '{brand}' has {lacks} for {', '.join(missing)}; nobody is reached there"


def _uncalibrated(workspace: Workspace) -> Iterator[str]:
    """Learned weights that are not used, since another product has none."""
    for name in workspace.uncalibrated:
        yield f"{RELEVANCE}: it has no weights of {name}, and scores are compared, so that all go by the rules: {AGAIN}"


def _unsigned(workspace: Workspace) -> Iterator[str]:
    """Words that nobody is told, since somebody has to sign them first."""
    try:
        found = unsigned_now(workspace)
    except (LockedError, StateError) as error:
        yield f"{error.where}: {error.what}, so nobody can tell which words are signed"
        return
    for product, languages in found.items():
        for language, who in languages.items():
            step = f"justenough approve --wording {product} --locale {language} --role ROLE --as NAME"
            yield f"{product} says nothing in {language}, since {who}; once they are read: {step}"


def _long(workspace: Workspace, tried: Tried) -> Iterator[str]:
    """Texts that the platforms in use refuse or cut, and text messages that cost several times their price."""
    channel = CHANNELS[tried.key.channel]
    ways = (workspace.settings.targets.get(brand, {}) for brand in tried.product.brands)
    for name in sorted({way[channel.name] for way in ways if channel.name in way}):
        for part, most in workspace.target(name).longest.items():
            longest = max(_size(text, channel) for text in tried.texts[part])
            if longest > most:
                yield f"{tried.file}: '{part}' comes to {longest} characters, and {name} takes or shows {most}"
    if channel.name == "sms":
        worst = measure(pl.Series(sorted(tried.texts["body"]))).sort("segments", "units").row(-1, named=True)
        if worst["segments"] > MOST_SEGMENTS:
            size = f"{worst['segments']} segments ({worst['units']} units of {worst['encoding']})"
            yield f"{tried.file}: a message comes to {size}, and is paid as so many; {MOST_SEGMENTS} are plenty"


def _size(text: str, channel: Channel) -> int:
    wide = sum(east_asian_width(letter) in "WF" for letter in text) if channel.counts_wide_twice else 0
    return len(text) + wide


def _detailed(workspace: Workspace, tried: Tried) -> Iterator[str]:
    """Messages that say so much of one thing that it reads as a file on somebody, though it counts as one dimension."""
    words = workspace.words[tried.product.name][tried.key]
    mentioned = sorted(words.fields, key=lambda name: (words.lines[name], name))
    for dimension in tried.usage.lines:
        fields = [name for name in mentioned if dimension in workspace.fields(tried.product)[name]]
        if len(fields) > MOST_FIELDS:
            place = f"{words.name}:{words.lines[fields[MOST_FIELDS]]}"
            yield f"{place}: the message uses {len(fields)} fields of {dimension}, more than {MOST_FIELDS}: {', '.join(fields)}"


def _endless(workspace: Workspace) -> Iterator[str]:
    """Senders of marketing by text message whom nobody can tell to stop."""
    senders = {
        (brand, country)
        for product in workspace.products.values()
        if product.message_type == "marketing" and "sms" in product.channels.all
        for brand in product.brands
        if "sms" in workspace.settings.targets.get(brand, {})
        for country in workspace.settings.brands[brand]
    }
    for brand, country in sorted(senders):
        sender, where = (
            workspace.settings.brand(brand, country),
            f"pyproject.toml: tool.justenough.brands.{brand}.{country}",
        )
        if not sender.sms_stop_word:
            yield f"{where}: there is no `sms_stop_word`; most countries want marketing by SMS to say how to end it"
        elif any(letter.isalpha() for letter in sender.sms_sender):
            yield f"{where}: nobody can answer {sender.sms_stop_word} to the name '{sender.sms_sender}'; send from a number"


def _unverified(workspace: Workspace) -> Iterator[str]:
    """Targets in use whose files nobody but ourselves has judged."""
    for name in sorted({name for ways in workspace.settings.targets.values() for name in ways.values()}):
        if target(name).unverified:
            yield f"target '{name}' is unverified: load its first batch by hand, and look at what became of it"


def _unheard(workspace: Workspace) -> Iterator[str]:
    """Audiences that no platform is told of."""
    if workspace.audiences and not any(CHANNEL in ways for ways in workspace.settings.targets.values()):
        names = ", ".join(audience.name for audience in workspace.audiences.values())
        yield f"no brand has a target for ads, so nobody is told whom campaigns are to leave out: {names}"


def _unread(workspace: Workspace) -> Iterator[str]:
    """Segments that nothing uses: they are not looked at."""
    segments = workspace.settings.workspace / "sql" / "segments"
    for name in sorted({file.stem for file in segments.glob("*.*")} - workspace.segments.keys()):
        yield f"sql/segments/{name}: no product uses this segment, so it was not looked at"


def _unguarded(workspace: Workspace) -> Iterator[str]:
    """What bars people in other workspaces, and is not there in this one."""
    is_rehearsed = workspace.settings.rehearse
    if is_rehearsed:
        yield "this is a rehearsal: people without an e-mail address count as if they had one, and seeds alone get anything"
    if workspace.queries.consent is None:
        so = "everybody counts as agreed while this is a rehearsal" if is_rehearsed else "so there is no marketing"
        yield f"sql/consent.sql is missing: nobody has agreed to anything, {so}"
    if workspace.queries.suppressions is None:
        yield "sql/suppressions.sql is missing: no address is suppressed"
    for folder, suffixes in (("exclusions", [".sql"]), ("outcomes", [".sql"]), ("audiences", [".sql", ".yaml"])):
        for file in sorted((workspace.settings.workspace / "sql" / folder).glob("*")):
            if file.suffix not in suffixes:
                yield f"sql/{folder}/{file.name} is not read: only files whose names end in {' or '.join(suffixes)} are"
    waiting = [product for product in workspace.products.values() if product.ends_when]
    for product in waiting if not workspace.queries.outcomes else ():
        yield f"{product.at('ends_when')}: no outcome ends it, since there is no file in sql/outcomes/"
