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
from flows.setting_tables import Exposure, Retention
from flows.setting_values import added_to_links, host_names, scheduler_address, store_place, zone_name


class Settings(BaseModel):
    """What a workspace sets. Relative paths start at the workspace.

    Each entry ends with an example, of which docs/reference/settings.md is made, too; a page that says more stands before it.

    Attributes:
        workspace: the folder with pyproject.toml, sql/ and templates/.
        name: identifies the workspace in every key; changing it makes everybody a stranger. `name = "roastery"`
        environment: any other than production has folders and a key of its own, and delivers to seeds alone
            (how-to/staging.md). `environment = "staging"`
        rehearse: beside production, where seeds alone get anything: who has no e-mail address counts as if there were one, and
            without sql/consent.sql everybody as agreed (how-to/your-own-warehouse.md#a-rehearsal). `rehearse = true`
        environments: environment -> what is set for it alone; of `state, ledger, outbox, key_file` and `transports` nothing else.
            `environments = {staging = {database = "copy.duckdb"}}`
        database: the warehouse, a DuckDB file or a folder of Parquet (`<table>.parquet`, or `<table>/` with files below); without
            it the sample is built in the state folder. `database = "../roastery.duckdb"`
        ledger: the history, a DuckDB file; by itself in the state folder (how-to/history.md). `ledger = "history/ledger.duckdb"`
        state: the folder for plans, staging, caches and the lock. `state = "/var/lib/justenough"`
        outbox: the folder that deliveries appear in; on the same file system as `state`. `outbox = "/srv/deliveries"`
        key_file: the secret under which identifiers are made; by itself in the state folder. Keep it in your backups: without it
            everybody is a stranger. `key_file = "/etc/justenough/key"`
        timezone: in which `as_of` is a date. `timezone = "Europe/Berlin"`
        locale: the language of words without a locale in their file name. `locale = "de"`
        default_region: ISO country for telephone numbers of customers without a country. `default_region = "DE"`
        global_holdout: share of people who get no marketing, so that effects can be measured. `global_holdout = "10 %"`
        holdout_name: another name draws it anew, and by another share; while it runs its share holds
            (how-to/try-things.md#while-a-test-runs-its-shares-hold). `holdout_name = "spring"`
        exclude_held_out: whether ad platforms are told who of those that agreed to ads is held out, so that campaigns that
            run anyway can leave them out (how-to/load-a-batch.md#people-to-leave-out). `exclude_held_out = true`
        largest_fall: a source that lost more than this share of its rows since the last run stops the run; so does a product
            whose segment names so much fewer people, from 100 on, or of whose people so much fewer may be spoken to; but not
            where sql/segments/<name>.yaml says `comes_and_goes: true`. `largest_fall = "30 %"`
        largest_rise: one that has 1,000 rows or people and more, and gained more than this share of them, stops it too.
            `largest_rise = 0.5`
        schema_changes: stop, where a column of a source is gone or of another type since the last run; or take it.
            `schema_changes = "take"`
        tolerated_share: a delivery in which more than this share falls away since the plan is refused. `tolerated_share = "2 %"`
        acknowledged: targets that tell when they have loaded a batch (`justenough acknowledge`); what they have not loaded by the
            time it runs out has lapsed (how-to/say-stop.md#written-is-not-sent). `acknowledged = ["ses"]`
        suppression_lists: target -> how long ago its suppression list may have been compared with ours (`justenough reconcile`);
            after that runs stop. `suppression_lists = {ses = "7 days"}`
        plan_expires: how long a plan may be delivered. `plan_expires = "4 hours"`
        smallest_audience: an audience of fewer people is not handed to an ad platform; nor is one smaller than the platform's own
            least size. `smallest_audience = 300`
        crowd: channel -> how many people have to be shown the same facts, names aside, before a message shows them: on the web
            20, in ads 100 and no fewer, else 0, which only counts them (explanation/how-it-decides.md#crowds).
            `crowd = {web = 50, email = 10}`
        next_best: that the choice among several helps is tried and learned; without it the most relevant one is given
            (how-to/next-best.md). `next_best = {contexts = "who", outcome = "ordered", within = "14 days", price = 0.002}`
        exposure: how many different dimensions may be shown to a person in 30 and in 90 days; over it a message says less, or
            does not leave (`EXPOSED`). `exposure = {in_30_days = 4, in_90_days = 6}`
        caps: how many marketing messages of a brand a person gets within some time (how-to/limits.md#caps). In `JUSTENOUGH_CAPS`
            there are commas between them. `caps = ["3 in 7 days", "1 sms in 7 days"]`
        budgets: brand (or `default`, for each of the others) -> channel -> how many marketing messages it carries
            (how-to/limits.md#budgets). `budgets = {default = {sms = "20000 a day"}}`
        quiet_hours: brand (or `default`) -> channel -> hours at which nothing is sent; by themselves sms, push and call hold from
            20:00 until 08:00 (how-to/limits.md#quiet-hours). `quiet_hours = {default = {email = "drop from 22:00 until 06:00"}}`
        blackouts: days on which no product of marketing says anything (how-to/calendar.md).
            `blackouts = ["2026-12-24 to 2026-12-26"]`
        costs: channel -> what a message costs, in the money that outcomes tell their `value` in; for `justenough board` alone.
            `costs = {email = 0.001, sms = 0.07}`
        retention: how long what names people is kept (how-to/forget-and-keep.md). `retention = {history = "365 days"}`
        links: channel (or `default`, for all others) -> what is added to the addresses of actions; without an entry nothing is
            (how-to/recipients-links.md#what-is-added-to-links). `links = {default = {utm_source = "{brand}"}}`
        link_hosts: hosts, beside the brands' own, that links and pictures in messages may lead to.
            `link_hosts = ["images.example.com"]`
        creep_ceiling: a message that scores above it, of 0 to 100, is refused; without it there is a warning from 50 on
            (how-to/check.md#the-creep-score). `creep_ceiling = 40`
        smallest_effect: the share of a rate, or of what it lacks to all where that is less, that is a difference that matters
            (how-to/try-things.md#does-it-pay). `smallest_effect = "10 %"`
        approval: which plans and words people have to approve (how-to/approval.md).
            `approval = {approvers = ["anna", "ben"], over = 50000}`
        guardrails: of how many more people harm is borne before a product is paused (how-to/readouts.md#what-to-do-next).
            `guardrails = {unsubscribed = "0.3 %"}`
        seeds: channel -> addresses of the workspace's own people, who get a copy of each kind of message
            (how-to/staging.md#seeds). `seeds = {email = ["qa@example.com"]}`
        scanner_seconds: whoever follows a link in a message before it has arrived, or within so many seconds after, is a program
            (reference/outcomes.md#scanners). `scanner_seconds = 10`
        memory: what a run may use at a time, half of it DuckDB; customers are cut into as many parts as that takes.
            `memory = "16 GiB"`
        query_seconds: how long one query may take. `query_seconds = 600`
        parts: into how many parts of the customers a run is cut, instead of as many as `memory` asks for. `parts = 64`
        runner: who plans the parts under Prefect: threads of the flow's own process, or the workers of a Dask cluster
            (how-to/many-machines.md). `runner = "dask"`
        dask_address: of the cluster's scheduler; without it one is started on this machine, for the run.
            `dask_address = "tcp://10.0.0.5:8786"`
        dask_workers: of such a cluster; without it one for each core. `dask_workers = 4`
        store: the place in S3 by which parts travel between machines of a cluster that see no common folder
            (how-to/many-machines.md#without-a-common-folder). `store = {to = "s3://bucket/parts", region = "eu-central-1"}`
        rolling: whether a run reads segments that say `tells_when_due` only of people of whom something has changed
            (how-to/rolling-runs.md). `rolling = true`
        full_every: how long after everybody was read last such a run reads everybody again. `full_every = "3 days"`
        lock_wait_seconds: how long a run waits for another one to end. `lock_wait_seconds = 60`
        notify: the notification block of Prefect by which `justenough serve` has people told where the workspace gets worse or
            better (how-to/schedule.md#who-is-told). `notify = "ops"`
        targets: brand -> channel -> target (reference/targets.md); ads reach only who has agreed to them.
            `targets = {roastery = {email = "email_file", sms = "sms_file"}}`
        brands: brand -> country (or `default`, where a country has none) -> sender identity.
            `brands = {roastery = {GB = {legal_name = "Roastery Ltd"}}}`
        platforms: target -> what is set of it, by the names of its options (reference/targets.md).
            `platforms = {apns = {topic = "com.example.roastery"}}`
        unverified: targets that may be used though no judge but our own reading of their platforms' documentation has seen
            their files. `unverified = ["brevo"]`
        pgp: target -> the file with the public key of its platform, to which its files are encrypted (OpenPGP), and are never on
            the disk in plain text (how-to/carry.md). `pgp = {email_file = "keys/platform.asc"}`
        transports: target -> where its batches are carried to once they are in the outbox; none stay there (how-to/carry.md).
            `transports = {ses = {to = "s3://shop-deliveries/in/ses", region = "eu-central-1"}}`
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


def refuse_half(workspace: Path) -> None:
    """Refuse a folder that has all of a workspace but its settings. Raises SettingError."""
    found = [f"{name}/" for name in ("sql", "templates") if (workspace / name).is_dir()]
    if found and not (workspace / "pyproject.toml").exists():
        what = f"this is a workspace half filled in: it has {' and '.join(found)}, and no pyproject.toml"
        raise SettingError(
            workspace, what, "start another one, justenough init DIR, and take over what is missing here"
        )


def load_settings(workspace: Path) -> Settings:
    """Read a workspace's settings.

    Raises:
        SettingError: there is no such workspace, or a setting is missing, unknown or not as it should be.
    """
    workspace = workspace.resolve()
    refuse_half(workspace)
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
        raise SettingError(file.name, "there is no table [tool.justenough]", "add one, as `justenough init` does")
    told = {key: os.environ[name] for key, name in variables().items() if os.environ.get(name)}
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


def variables() -> dict[str, str]:
    """Each plain setting -> the environment variable that overrides it."""
    tables = (dict, Exposure, Retention, Approval)
    plain = [
        key
        for key, field in Settings.model_fields.items()
        if field.annotation not in tables and get_origin(field.annotation) not in tables
    ]
    return {key: f"JUSTENOUGH_{key.upper()}" for key in plain if key != "workspace"}


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
