"""`[tool.justenough]` of a workspace's pyproject.toml, each plain setting overridable by `JUSTENOUGH_<NAME>`."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    ValidationError,
)

from flows.approval import Approval
from flows.caps import Cap, read_caps
from flows.channel_budgets import Budget, ChannelBudget
from flows.days import Days
from flows.destinations import Destination
from flows.documents import explained
from flows.durable import plain_size
from flows.durations import Duration, Share
from flows.environments import (
    PRODUCTION,
    environment_name,
    environment_tables,
    refuse_shared,
    seeded_alone,
    set_for,
    take_places,
)
from flows.errors import SettingError
from flows.experiment import Guardrails
from flows.hours import QuietHours
from flows.links import PARAMETERS
from flows.next_best import NextBest
from flows.senders import Brand
from flows.setting_values import added_to_links, host_names, scheduler_address, store_place, zone_name


class Exposure(BaseModel):
    """How many different dimensions a brand may show to one person within 30 and within 90 days."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    in_30_days: int = Field(default=6, ge=0)
    in_90_days: int = Field(default=9, ge=0)


class Retention(BaseModel):
    """How long what names people, or is kept by their keys, is kept at the least; `justenough retain` removes what is older.

    Attributes:
        plans: who was decided for and would get what, from when the plan expires; and files of outcomes in the inbox.
        batches: copies in the outbox, counted from when they must not be loaded any more.
        history: decisions, claims, deliveries and receipts, by keys; longer where something can depend on them still.
        addresses: what was read of addresses, before all of it is read anew.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    plans: Duration = Field(default="14 days", validate_default=True)
    batches: Duration = Field(default="14 days", validate_default=True)
    history: Duration = Field(default="730 days", validate_default=True)
    addresses: Duration = Field(default="30 days", validate_default=True)


class Settings(BaseModel):
    """What a workspace sets. Relative paths start at the workspace.

    Attributes:
        workspace: the folder with pyproject.toml, sql/ and templates/.
        name: identifies the workspace in every key; changing it makes everybody a stranger.
        environment: any other than production has folders and a key of its own, and delivers to seeds alone.
        rehearse: beside production, where seeds alone get anything: who has no e-mail address has one, and without
            sql/consent.sql everybody has agreed.
        environments: environment -> what is set for it alone; of `state, ledger, outbox, key_file` and `transports` nothing else.
        database: the warehouse, a DuckDB file or a folder of Parquet; None builds the sample warehouse in the state folder.
        ledger: the history, a DuckDB file (default: in the state folder).
        state: the folder for plans, staging, caches and the lock.
        outbox: the folder that deliveries appear in; on the same file system as `state`.
        key_file: the secret under which identifiers are made (default: in the state folder).
        timezone: in which `as_of` is a date.
        locale: the language of words without a locale in their file name.
        default_region: ISO country for telephone numbers of customers without a country.
        global_holdout: share of people who get no marketing, so that effects can be measured.
        holdout_name: another name draws it anew, and by another share; while it runs its share holds.
        exclude_held_out: whether ad platforms are told who of those that agreed to ads is held out, so that campaigns that
            run anyway can leave them out.
        largest_fall: a source that lost more than this share of its rows since the last run stops the run; so does a product
            of a segment that lost so many people.
        largest_rise: one that has 1,000 rows or people and more, and gained more than this share of them, stops it too.
        schema_changes: stop, where a column of a source is gone or of another type since the last run; or take it.
        tolerated_share: a delivery in which more than this share falls away since the plan is refused.
        acknowledged: targets that tell when they have loaded a batch (`justenough acknowledge`); what they have not loaded by the
            time it runs out has lapsed.
        suppression_lists: target -> how long ago its suppression list may have been compared with ours (`justenough reconcile`).
        plan_expires: how long a plan may be delivered.
        smallest_audience: an audience of fewer people is not handed to an ad platform.
        crowd: channel -> how many people have to be shown the same facts, names aside, before a message shows them.
        next_best: that the choice among several helps is tried and learned (see `next_best.NextBest`); without it the most
            relevant one is given.
        exposure: how many different dimensions may be shown to a person in 30 and in 90 days.
        caps: how many marketing messages of a brand a person gets within some time (see `caps.read_cap`).
        budgets: brand (or `default`, for each of the others) -> channel -> how many marketing messages it carries (see
            `channel_budgets.read_budget`).
        quiet_hours: brand (or `default`) -> channel -> hours at which nothing is sent (see `hours.read_quiet`); the rest as in
            `hours.STANDARD`.
        blackouts: days on which no product of marketing says anything, as `2026-12-24` or `2026-12-24 to 2026-12-26`.
        costs: channel -> what a message costs, in the money that outcomes tell their `value` in.
        retention: how long what names people is kept.
        links: channel (or `default`, for all others) -> what is added to the addresses of actions (see `flows.links`); without
            an entry nothing is.
        link_hosts: hosts, beside the brands' own, that links and pictures in messages may lead to.
        creep_ceiling: a message that scores above it is refused (see `creep`); None only warns.
        smallest_effect: the share of a rate, or of what it lacks to all where that is less, that is a difference that matters.
        approval: which plans and words people have to approve (see `approval.Approval`).
        guardrails: of how many more people harm is borne before a product is paused.
        seeds: channel -> addresses of the workspace's own people, who get a copy of each kind of message.
        scanner_seconds: whoever follows a link in a message before it has arrived, or within so many seconds after, is a program.
        memory: what a run may use at a time.
        query_seconds: how long one query may take.
        parts: into how many parts of the customers a run is cut; None makes as many as `memory` asks for.
        runner: who plans the parts under Prefect: threads of the flow's own process, or the workers of a Dask cluster.
        dask_address: of the cluster's scheduler; None starts a cluster on this machine, for the run.
        dask_workers: of such a cluster; None makes one for each core.
        store: the place in S3 by which parts travel between machines of a cluster that see no common folder; None: all do.
        rolling: whether a run reads segments that say `tells_when_due` only of people of whom something has changed.
        full_every: how long after everybody was read last such a run reads everybody again.
        lock_wait_seconds: how long a run waits for another one to end.
        notify: the notification block of Prefect by which `justenough serve` has people told where the workspace gets worse or
            better.
        targets: brand -> channel -> target.
        brands: brand -> country (or `default`) -> sender identity.
        platforms: target -> what is set of it, by the names of its options.
        unverified: targets that may be used though no judge but our own reading of their platforms' documentation has seen
            their files.
        pgp: target -> the file with the public key of its platform, to which its files are encrypted (OpenPGP); others are plain.
        transports: target -> where its batches are carried to once they are in the outbox; none stay there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    workspace: Path
    name: str
    environment: Annotated[str, AfterValidator(environment_name)] = PRODUCTION
    environments: Annotated[dict[str, dict[str, Any]], AfterValidator(environment_tables)] = {}
    rehearse: bool = False
    database: Path | None = None
    ledger: Path = Path(".justenough/ledger.duckdb")
    state: Path = Path(".justenough")
    outbox: Path = Path("outbox")
    key_file: Path = Path(".justenough/key")
    timezone: Annotated[str, AfterValidator(zone_name)] = "UTC"
    locale: str = "en"
    default_region: str | None = None
    global_holdout: Share = 0.05
    holdout_name: str = ""
    exclude_held_out: bool = False  # nobody is handed over, and no new kind of file comes, unless somebody asks for it
    largest_fall: Share = 0.5
    largest_rise: float = Field(default=1.0, ge=0)
    schema_changes: Literal["stop", "take"] = "stop"
    tolerated_share: Share = 0.01
    acknowledged: tuple[str, ...] = ()
    suppression_lists: dict[str, Duration] = {}
    plan_expires: Duration = Field(default="24 hours", validate_default=True)
    smallest_audience: int = Field(default=100, ge=1)  # Source: the minimum of Google's and Meta's lists
    crowd: dict[str, Annotated[int, Field(ge=0)]] = {}
    next_best: NextBest | None = None
    exposure: Exposure = Exposure()
    caps: Annotated[tuple[Cap, ...], BeforeValidator(read_caps)] = (Cap(3, (), 7, "day"),)
    budgets: dict[str, dict[str, ChannelBudget]] = {}
    quiet_hours: dict[str, dict[str, QuietHours]] = {}
    blackouts: tuple[Days, ...] = ()
    costs: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}
    retention: Retention = Retention()
    links: Annotated[dict[str, dict[str, str]], AfterValidator(added_to_links)] = {
        channel: dict(added) for channel, added in PARAMETERS.items()
    }
    link_hosts: Annotated[tuple[str, ...], BeforeValidator(host_names)] = ()
    creep_ceiling: int | None = Field(default=None, ge=0, le=100)
    smallest_effect: Share = Field(default=0.05, gt=0)
    approval: Approval = Approval()
    guardrails: Guardrails = Guardrails()
    seeds: dict[str, tuple[str, ...]] = {}
    scanner_seconds: float = Field(default=5, ge=0, le=3600)  # Source: DECISIONS.md: who reads takes longer
    memory: Annotated[ByteSize, Field(ge=2**29)] = ByteSize(4 * 2**30)
    query_seconds: float = Field(default=3600, gt=0, le=86_400)
    parts: int | None = Field(default=None, ge=1, le=4096)
    runner: Literal["threads", "dask"] = "threads"
    dask_address: Annotated[str | None, AfterValidator(scheduler_address)] = None
    dask_workers: int | None = Field(default=None, ge=1, le=1024)
    store: Annotated[Destination | None, BeforeValidator(store_place)] = None
    rolling: bool = False
    full_every: Duration = Field(default="7 days", validate_default=True)
    lock_wait_seconds: float = Field(default=0, ge=0)
    notify: str | None = None
    targets: dict[str, dict[str, str]]
    brands: dict[str, dict[str, dict[str, str]]]
    platforms: dict[str, dict[str, Any]] = {}
    unverified: tuple[str, ...] = ()
    pgp: dict[str, Path] = {}
    transports: dict[str, Destination] = {}

    @property
    def is_production(self) -> bool:
        """Whether what is delivered is for the people it is about."""
        return self.environment == PRODUCTION

    @property
    def places(self) -> dict[str, Path]:
        """Setting -> the folder or file that is written to."""
        return {"state": self.state, "ledger": self.ledger, "outbox": self.outbox, "key_file": self.key_file}

    @property
    def mark(self) -> str:
        """What subjects and titles begin with: the environment, unless it is production."""
        return "" if self.is_production else f"[{self.environment}] "

    @property
    def query_memory(self) -> str:
        """What DuckDB may use of the memory, as it writes it: half."""
        return f"{self.memory // 2**21} MiB"

    @property
    def zone(self) -> ZoneInfo:
        """The workspace's time zone."""
        return ZoneInfo(self.timezone)

    def link_parameters(self, channel: str) -> dict[str, str]:
        """What is added to the addresses of actions in a channel."""
        return self.links.get(channel, self.links.get("default", {}))

    def budgets_of(self, brand: str) -> dict[str, Budget]:
        """Channel -> its budget, of those that a brand has one for."""
        return {**self.budgets.get("default", {}), **self.budgets.get(brand, {})}

    def folder(self, *names: str) -> Path:
        """A place in the state folder."""
        return self.state.joinpath(*names)

    def brand(self, brand: str, country: str | None) -> Brand:
        """The sender identity of a brand for a country: the country's entries over those of `default`.

        Raises:
            SettingError: an entry is missing or unknown.
        """
        countries = self.brands[brand]
        entries = {**countries.get("default", {}), **countries.get(country or "default", {})}
        where = f"pyproject.toml: tool.justenough.brands.{brand}.{country or 'default'}"
        try:
            return Brand.model_validate(entries)
        except ValidationError as problems:
            raise explained(problems, Brand, {}, where, SettingError) from None


def shipped(*names: str) -> Path:
    """A file or folder that comes with the product itself: the ledger's SQL, the sample workspace.

    A wheel carries them in `flows/shipped/`; a checkout has them beside `flows/`.
    """
    here = Path(__file__).resolve().parent
    installed = here / "shipped"
    return (installed if installed.is_dir() else here.parent).joinpath(*names)


def load_settings(workspace: Path) -> Settings:
    """Read a workspace's settings.

    Raises:
        SettingError: there is no such workspace, or a setting is missing, unknown or not as it should be.
    """
    workspace = workspace.resolve()
    file = workspace / "pyproject.toml"
    try:
        plain_size(file)
        table = tomllib.loads(file.read_text(encoding="utf-8-sig")).get("tool", {}).get("justenough")
    except OSError:
        raise SettingError(
            workspace, "this is not a workspace: it has no pyproject.toml", "name one with --workspace DIR"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise SettingError(file.name, f"this is not TOML: {problem}", "mend the line") from None
    if table is None:
        raise SettingError(file.name, "there is no table [tool.justenough]", "add one; the README shows it")
    told = _from_environment()
    environment = told.get("environment", table.get("environment", PRODUCTION))
    settings = _read({**set_for(environment, table), **told, "environment": environment, "workspace": workspace})
    if settings.is_production and settings.rehearse:
        what = "it takes people for agreed who have said nothing, and this is production"
        hint = "take it out, or move it to [tool.justenough.environments.rehearsal]"
        raise SettingError("pyproject.toml: tool.justenough.rehearse", what, hint)
    if not settings.is_production:
        refuse_shared(settings, _read({**table, "environment": PRODUCTION, "workspace": workspace}))
        settings = settings.model_copy(update=_beside_production(settings))
    take_places(settings)
    return settings


def _read(given: dict[str, Any]) -> Settings:
    try:
        settings = Settings.model_validate(given)
    except ValidationError as problems:
        raise explained(problems, Settings, {}, "pyproject.toml: tool.justenough", SettingError) from None
    _check_brands(settings)
    return settings.model_copy(update=_absolute(settings))


def _beside_production(settings: Settings) -> dict[str, Any]:
    """What is different of an environment that is not production."""
    targets = seeded_alone(settings.targets, settings.seeds, settings.environment)
    used = {name for ways in targets.values() for name in ways.values()}
    told = tuple(name for name in settings.acknowledged if name in used)
    name = f"{settings.name} {settings.mark}".rstrip()  # in every key, and on every page
    return {"name": name, "targets": targets, "acknowledged": told, "suppression_lists": {}}


def _from_environment() -> dict[str, str]:
    tables = (dict, Exposure, Retention, Approval)
    plain = [
        key
        for key, field in Settings.model_fields.items()
        if field.annotation not in tables and get_origin(field.annotation) not in tables
    ]
    names = {key: f"JUSTENOUGH_{key.upper()}" for key in plain if key != "workspace"}
    return {key: os.environ[name] for key, name in names.items() if os.environ.get(name)}


def _check_brands(settings: Settings) -> None:
    for brand in settings.targets:
        if brand not in settings.brands:
            where = f"pyproject.toml: tool.justenough.targets.{brand}"
            raise SettingError(
                where,
                f"the brand '{brand}' has no sender identity",
                f"add [tool.justenough.brands.{brand}.default]",
            )
    for brand, countries in settings.brands.items():
        for country in countries.keys() | {None}:
            settings.brand(brand, country)


def _absolute(settings: Settings) -> dict[str, Any]:
    """All paths absolute; ledger and key follow a moved state folder unless they are set themselves."""
    base = settings.workspace
    state = base / settings.state
    paths: dict[str, Any] = {"state": state, "outbox": base / settings.outbox}
    for key, default in (("ledger", "ledger.duckdb"), ("key_file", "key")):
        paths[key] = base / getattr(settings, key) if key in settings.model_fields_set else state / default
    if settings.database is not None:
        paths["database"] = base / settings.database
    paths["pgp"] = {name: base / file for name, file in settings.pgp.items()}
    paths["transports"] = {name: _from(base, destination) for name, destination in settings.transports.items()}
    return paths


def _from(base: Path, destination: Destination) -> Destination:
    files = {key: base / path for key in ("known_hosts", "key_file") if (path := getattr(destination, key)) is not None}
    return destination.model_copy(update=files)
