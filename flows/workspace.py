"""A workspace, read and checked: everything that can be known of it without customer data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from flows.audience import Audience, read_audiences
from flows.budget import Usage, check_audience, check_product, usage
from flows.calibrated import AGAIN, Calibrated, read_calibrated
from flows.catalogue import Catalogue, Segment, read_catalogue, read_segment
from flows.channels import CHANNELS, Channel, Target, target
from flows.digests import digest_of
from flows.draws import EVERYBODY, Draws, of_everybody, read_draws
from flows.errors import CatalogueError, ProductError, SettingError, nearest
from flows.next_best import read_learned
from flows.pauses import paused
from flows.product import MOST_DIMENSIONS, Product, product_folders, read_product
from flows.setting_checks import check_settings
from flows.settings import Settings, load_settings
from flows.warehouse.queries import Queries, read_queries
from flows.warehouse.sessions import start_ahead
from flows.wording import LayoutKey, WordsKey, check_layouts, listed_words, read_layouts, read_product_words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date
    from pathlib import Path

    from flows.experiment import Experiment
    from flows.next_best import Learned
    from flows.pauses import Pause
    from flows.words import Layout, Words

REVIEW_NOTICE = timedelta(days=14)
"""How long before its review date each run says that a product has to be looked at."""

# Settings that may change between plan and delivery: paths (a workspace may be moved), what a run may use, what is kept how long.
_UNDECIDING = (
    "workspace",
    "environments",
    "database",
    "state",
    "outbox",
    "ledger",
    "key_file",
    "memory",
    "query_seconds",
    "parts",
    "runner",
    "dask_address",
    "dask_workers",
    "store",
    "rolling",
    "full_every",
    "lock_wait_seconds",
    "retention",
    "acknowledged",
    "transports",
    "suppression_lists",
    "largest_fall",
    "largest_rise",
    "schema_changes",
    "smallest_effect",
    "guardrails",
    "costs",
    "unverified",
)
_PLATFORMS = "tool.justenough.platforms"


@dataclass(frozen=True)
class Workspace:
    """Settings, catalogue, products with their words, and SQL.

    Attributes:
        products: name -> product, whatever its status.
        segments: name -> what its fields show.
        words: product -> its template files.
        layouts: channel and locale (None: the default one) -> what wraps the words in the brand's identity.
        queries: the SQL of the segments of all products.
        audiences: key -> people whom ad campaigns that run anyway leave out.
        pauses: product -> why it says nothing until a person has looked, whatever its product.yaml says; its status is paused.
        draws: the tests that have begun: by their shares people are drawn.
        unsigned: product -> languages that it does not speak, since somebody has to sign its words first; told by the plan.
        adapted: product -> the shares of its variants, where these follow what comes of them; told by the plan.
        learned: whom which help helps, where a person has accepted what was learned of it.
        calibrated: the weights that were learned, where a person has accepted them; `products` are weighted so.
        uncalibrated: live products of marketing that these do not know, so that none is weighted by them: scores are compared.
    """

    settings: Settings
    catalogue: Catalogue
    products: Mapping[str, Product]
    segments: Mapping[str, Segment]
    words: Mapping[str, Mapping[WordsKey, Words]]
    layouts: Mapping[LayoutKey, Layout]
    queries: Queries
    audiences: Mapping[str, Audience] = field(default_factory=dict)
    pauses: Mapping[str, Pause] = field(default_factory=dict)
    draws: Draws = field(default_factory=Draws)
    unsigned: Mapping[str, Collection[str]] = field(default_factory=dict)
    adapted: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    learned: Learned | None = None
    calibrated: Calibrated | None = None
    uncalibrated: tuple[str, ...] = ()

    @property
    def purposes(self) -> dict[str, Product | Audience]:
        """All that people are spoken to, or handed over, for, by what stands in `product`."""
        return {**self.products, **self.audiences}

    @property
    def tests(self) -> dict[str, Experiment]:
        """What is set to be tried, by product; under `EVERYBODY` the holdout of all of them."""
        return {
            EVERYBODY: of_everybody(self.settings),
            **{name: product.test for name, product in self.products.items()},
        }

    @property
    def tests_drawn(self) -> dict[str, Experiment]:
        """By which shares people are drawn, as `tests`: a test that runs keeps those that it began with."""
        return {name: self.draws.test(name, test) for name, test in self.tests.items()}

    def as_drawn(self, product: Product) -> Product:
        """A product with the shares by which people are drawn for it."""
        test = self.draws.test(product.name, product.test)
        if product.name in self.adapted:
            test = test.model_copy(update={"variants": dict(self.adapted[product.name])})
        return product.model_copy(update={"test": test})

    @property
    def settings_drawn(self) -> Settings:
        """The settings with the share of people that is held out of all products."""
        holdout = self.draws.test(EVERYBODY, of_everybody(self.settings)).holdout
        return self.settings.model_copy(update={"global_holdout": holdout})

    def holding_out(self, shares: Mapping[str, float]) -> Workspace:
        """The workspace with the holdouts that were found for products that have them found, until their tests begin."""
        found = {
            name: product.model_copy(update={"test": product.test.model_copy(update={"holdout": shares[name]})})
            for name, product in self.products.items()
            if name in shares and product.test.is_automatic
        }
        return replace(self, products={**self.products, **found}) if found else self

    def live(self, as_of: date) -> list[Product]:
        """The products that speak on a day, by name."""
        is_quiet = any(each.holds(as_of) for each in self.settings.blackouts)
        live = [product for product in self.products.values() if product.is_live(as_of)]
        return [product for product in live if not (is_quiet and product.message_type == "marketing")]

    def overdue(self, as_of: date) -> list[Product]:
        """The products that would speak on a day, and are left out because nobody has looked at them in time."""
        return [product for product in self.products.values() if product.is_due(as_of) and not product.is_live(as_of)]

    def due_soon(self, as_of: date) -> list[Product]:
        """The products that speak on a day, and within `REVIEW_NOTICE` of it no more, unless somebody has looked at them."""
        return [product for product in self.live(as_of) if product.review_by <= as_of + REVIEW_NOTICE]

    def channels(self, product: Product) -> list[Channel]:
        """The ways that a product names."""
        return [CHANNELS[name] for name in product.channels.all]

    def fields(self, product: Product) -> dict[str, tuple[str, ...]]:
        """Every field that a product's words name -> its dimensions; none where it tells nothing about the person."""
        declared = self.segments[product.segment].fields
        named = sorted({field for words in self.words[product.name].values() for field in words.fields})
        return {field: declared[field].dimensions for field in named}

    def columns(self, segment: str) -> dict[str, str]:
        """The columns that are asked of a segment -> the place that asks: fields, its products' signals, and when it is due."""
        declared = self.segments[segment]
        named = {name: declared.at("fields", name) for name in declared.fields}
        if declared.tells_when_due:
            named["next_due_on"] = declared.at("tells_when_due")
        for product in self.products.values():
            for name in product.signals if product.segment == segment else ():
                named.setdefault(name, product.at("relevance", name))
        return named

    def usages(self, product: Product) -> dict[WordsKey, Usage]:
        """The dimensions that each of a product's template files uses."""
        segment = self.segments[product.segment]
        return {key: usage(words, segment, product.segment) for key, words in self.words[product.name].items()}

    def country(self, brand: str, country: str | None) -> str:
        """The country whose sender identity speaks: the customer's where the brand has one there, else `default`."""
        return country if country in self.settings.brands[brand] else "default"

    def target(self, name: str) -> Target:
        """The target of that name, as the workspace sets it up."""
        made = target(name).given(self.settings.platforms.get(name, {}), f"pyproject.toml: {_PLATFORMS}.{name}")
        return replace(made, certificate=self.settings.pgp.get(name))

    @cached_property
    def inputs_digest(self) -> str:
        """One SHA-256 over everything that decides what is said: SQL, templates, and settings wherever they are set."""
        return hashlib.sha256(f"{self._files_digest}{self.deciding_settings}".encode()).hexdigest()

    def is_current(self) -> bool:
        """Whether SQL, words, pauses and tests are still as they were when `inputs_digest` was first asked for."""
        return self._files_digest == self._digest_of_files()

    @cached_property
    def _files_digest(self) -> str:
        return self._digest_of_files()

    def _digest_of_files(self) -> str:
        files = digest_of(self._files("sql/**/*.sql", "sql/**/*.yaml", "templates/**/*"))
        kept = (begun.model_dump_json() for begun in read_draws(self.settings).kept(self.tests).values())
        return " ".join([files, *paused(self.settings), *kept])

    @property
    def deciding_settings(self) -> str:
        """The settings that decide what is said, as JSON."""
        return self.settings.model_dump_json(exclude=set(_UNDECIDING))

    def on_the_data_of(self, other: Workspace) -> Workspace:
        """These words, this SQL and what decides, with the warehouse, the history and the key of another version."""
        found = {name: getattr(other.settings, name) for name in _UNDECIDING if name != "workspace"}
        products = _stopped(self.products, other.pauses)
        settings = self.settings.model_copy(update=found)
        return replace(self, settings=settings, products=products, pauses=other.pauses, draws=other.draws)

    def product_digest(self, product: Product) -> str:
        """One SHA-256 over all inputs of a product: what its version is a version of."""
        return digest_of(self.product_files(product))

    def product_files(self, product: Product) -> dict[str, Path]:
        """The files that a product's messages are made of, by their names in the workspace."""
        segment = f"sql/segments/{product.segment}"
        folders = (f"templates/{product.name}/*", "templates/_shared/*", "sql/shared/*")
        return self._files(*folders, f"{segment}.sql", f"{segment}.yaml", "sql/customers.sql", "sql/dimensions.yaml")

    def _files(self, *patterns: str) -> dict[str, Path]:
        base = self.settings.workspace
        found = {file for pattern in patterns for file in base.glob(pattern) if file.is_file()}
        return {str(file.relative_to(base)): file for file in found if not file.name.startswith(".")}


def load_workspace(folder: Path, state: Path | None = None) -> Workspace:
    """Read a workspace and refuse it where anything in it is wrong.

    Args:
        folder: with pyproject.toml, sql/ and templates/.
        state: another state folder than the settings name: a copy of what a run needs of it.

    Raises:
        JustEnoughError: with the place, the value and the next step.
    """
    settings = load_settings(folder)
    settings = settings if state is None else settings.model_copy(update={"state": state})
    start_ahead()
    check_settings(settings)
    sql, templates = settings.workspace / "sql", settings.workspace / "templates"
    catalogue = read_catalogue(sql)
    products = {product.name: product for product in map(read_product, product_folders(templates))}
    if not products:
        raise ProductError("templates/", "there is no product in this workspace", "add a folder with a product.yaml")
    for product in products.values():
        _check_brands(product, settings)
    for product in products.values():
        _check_segment(product, sql)
    named = {product.segment for product in products.values()} | _contexts(settings, sql)
    segments = {name: read_segment(sql, name, catalogue) for name in sorted(named)}
    pauses = {name: pause for name, pause in paused(settings).items() if name in products}
    products = _stopped(products, pauses)
    calibrated = read_calibrated(settings.workspace, settings.next_best)
    uncalibrated = tuple(name for name in weighed(products) if calibrated and name not in calibrated.products)
    if calibrated and not uncalibrated:
        products = _weighted(products, calibrated)
    workspace = Workspace(
        settings=settings,
        catalogue=catalogue,
        products=products,
        pauses=pauses,
        draws=read_draws(settings),
        segments=segments,
        words={name: read_product_words(product, templates, settings.locale) for name, product in products.items()},
        layouts=read_layouts(
            {name for product in products.values() for name in product.channels.all}, templates, settings.locale
        ),
        queries=read_queries(sql, segments, catalogue),
        audiences=read_audiences(sql, held_out=settings.exclude_held_out),
        learned=_learned(settings, segments, products),
        calibrated=None if uncalibrated else calibrated,
        uncalibrated=uncalibrated,
    )
    for audience in workspace.audiences.values():
        check_audience(audience, catalogue)
    for product in products.values():
        check_product(product, workspace.usages(product).values(), catalogue)
        listed = listed_words(product, workspace.words[product.name], settings.locale)
        check_layouts(listed.items(), workspace.layouts)
    return workspace


def _contexts(settings: Settings, sql: Path) -> set[str]:
    """The segment that tells what a choice among helps may depend on, if any. Raises SettingError where there is none such."""
    if settings.next_best is None:
        return set()
    name, known = settings.next_best.contexts, [file.stem for file in sql.glob("segments/*.sql")]
    if name not in known:
        where = "pyproject.toml: tool.justenough.next_best.contexts"
        raise SettingError(where, f"there is no segment '{name}' in sql/segments/", nearest(name, known))
    return {name}


def _learned(settings: Settings, segments: Mapping[str, Segment], products: Mapping[str, Product]) -> Learned | None:
    """What was learned of helps. Raises ProductError where a product does not say if people can tell by what it is chosen."""
    if settings.next_best is None:
        return None
    fields = segments[settings.next_best.contexts].fields
    dimensions = {name: field.dimensions for name, field in fields.items()}
    learned = read_learned(settings.workspace, settings.next_best, dimensions, MOST_DIMENSIONS)
    for name, effect in learned.effects.items() if learned else ():
        product = products.get(name)
        told = {dimension for context in effect.contexts for dimension in dimensions[context]}
        unsaid = sorted(told - {*product.because, *product.unseen}) if product else []
        if product and unsaid:
            what = f"'{name}' is chosen by {', '.join(unsaid)}, as was learned, and says of it neither `because` nor `unseen`"
            raise ProductError(
                product.at("because"), what, "list it under because, or under unseen with why people cannot tell"
            )
    return learned


def weighed(products: Mapping[str, Product]) -> dict[str, Product]:
    """The live products of marketing that have a relevance: their scores are compared with each other."""
    return {
        name: product
        for name, product in products.items()
        if product.relevance and (product.message_type, product.status) == ("marketing", "live")
    }


def _weighted(products: Mapping[str, Product], calibrated: Calibrated) -> dict[str, Product]:
    """The products with the weights that were learned. Raises CatalogueError where a product has other signals by now."""
    found = dict(products)
    for name, learned in calibrated.products.items():
        product = products.get(name)
        if product is None or product.relevance is None:
            continue
        if learned.weights.keys() != product.relevance.terms.keys():
            where, signals = calibrated.at("products", name), ", ".join(product.relevance.terms)
            raise CatalogueError(where, f"the signals of '{name}' are others by now: {signals}", AGAIN)
        relevance = product.relevance.weighted(learned.base, learned.threshold, learned.weights)
        found[name] = product.model_copy(update={"relevance": relevance})
    return found


def _stopped(products: Mapping[str, Product], pauses: Collection[str]) -> dict[str, Product]:
    """The products, those that speak and are paused with that status."""
    return {
        name: product.model_copy(update={"status": "paused"})
        if name in pauses and product.status == "live"
        else product
        for name, product in products.items()
    }


def _check_segment(product: Product, sql: Path) -> None:
    """Half a segment is told by the half that is missing."""
    known = {file.stem for suffix in ("sql", "yaml") for file in sql.glob(f"segments/*.{suffix}")}
    if product.segment not in known:
        what = f"there is no segment '{product.segment}' in sql/segments/"
        raise ProductError(product.at("segment"), what, nearest(product.segment, known))


def _check_brands(product: Product, settings: Settings) -> None:
    for place, brand in enumerate(product.brands):
        where = product.at("brands", place)
        if brand not in settings.brands:
            hint = nearest(brand, settings.brands)
            if not settings.brands:
                hint = f'say in pyproject.toml who speaks: [tool.justenough.brands."{brand}".default]'
            raise ProductError(where, f"'{brand}' is no brand of this workspace", hint)
        # Beside production it has one where its channels have seeds; `check` tells of those that have none.
        if settings.is_production and not set(product.channels.all) & settings.targets.get(brand, {}).keys():
            what = f"the brand '{brand}' has no target for any of the product's channels"
            raise ProductError(where, what, f"add one to [tool.justenough.targets.{brand}]")
