"""A workspace, read and checked: everything that can be known of it without customer data."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flows.budget import Usage, check_product, usage
from flows.catalogue import Catalogue, Segment, read_catalogue, read_segment
from flows.channels import CHANNELS, RESERVED_SLOTS, Channel, target
from flows.errors import ProductError, SettingError, TemplateError, nearest
from flows.plan import digest_of
from flows.product import Product, product_folders, read_product
from flows.settings import Settings, load_settings
from flows.warehouse.queries import Queries, read_queries
from flows.words import Layout, Words, read_layout, read_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

# Settings that may change between plan and delivery: paths (a workspace may be moved) and what a run may use.
_UNDECIDING = ("workspace", "database", "state", "outbox", "ledger", "key_file", "memory", "parts", "lock_wait_seconds")
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")


@dataclass(frozen=True)
class WordsKey:
    """Which words a template file holds: those of a channel, for a variant or all, in a locale or the default one."""

    channel: str
    variant: str | None
    locale: str | None


@dataclass(frozen=True)
class Workspace:
    """Settings, catalogue, products with their words, and SQL.

    Attributes:
        products: name -> product, whatever its status.
        segments: name -> what its fields show.
        words: product -> its template files.
        layouts: channel -> what wraps its words in the brand's identity; of the channels in use.
        queries: the SQL of the segments of all products.
    """

    settings: Settings
    catalogue: Catalogue
    products: Mapping[str, Product]
    segments: Mapping[str, Segment]
    words: Mapping[str, Mapping[WordsKey, Words]]
    layouts: Mapping[str, Layout]
    queries: Queries

    def live(self, as_of: date) -> list[Product]:
        """The products that speak on a day, by name."""
        return [product for product in self.products.values() if product.is_live(as_of)]

    def channels(self, product: Product) -> list[Channel]:
        """The ways that a product names."""
        return [CHANNELS[name] for name in product.channels.all]

    def fields(self, product: Product) -> dict[str, str | None]:
        """Every field that a product's words name -> its dimension."""
        declared = self.segments[product.segment].fields
        named = sorted({field for words in self.words[product.name].values() for field in words.fields})
        return {field: declared[field].dimension for field in named}

    def signals(self, segment: str) -> list[str]:
        """The columns of a segment that any product's relevance reads."""
        found = (
            signal for product in self.products.values() if product.segment == segment for signal in product.signals
        )
        return list(dict.fromkeys(found))

    def usages(self, product: Product) -> dict[WordsKey, Usage]:
        """The dimensions that each of a product's template files uses."""
        segment = self.segments[product.segment]
        return {key: usage(words, segment, product.segment) for key, words in self.words[product.name].items()}

    def words_key(self, product: Product, channel: str, variant: str | None, locale: str | None) -> WordsKey | None:
        """Which words speak to a person's locale: `de-AT`, else `de`, else the default ones; None if there are none.

        A variant that has files of its own in the channel uses only those.
        """
        files = self.words[product.name]
        own = variant if any(key.channel == channel and key.variant == variant for key in files) else None
        language = locale.split("-")[0] if locale else None
        chain = dict.fromkeys((locale, language, None))
        return next((key for step in chain if (key := WordsKey(channel, own, step)) in files), None)

    def country(self, brand: str, country: str | None) -> str:
        """The country whose sender identity speaks: the customer's where the brand has one there, else `default`."""
        return country if country in self.settings.brands[brand] else "default"

    @cached_property
    def inputs_digest(self) -> str:
        """One SHA-256 over everything that decides what is said: SQL, templates, and settings wherever they are set."""
        files = digest_of(self._files("sql/**/*.sql", "sql/**/*.yaml", "templates/**/*"))
        deciding = self.settings.model_dump_json(exclude=set(_UNDECIDING))
        return hashlib.sha256(f"{files}{deciding}".encode()).hexdigest()

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


def load_workspace(folder: Path) -> Workspace:
    """Read a workspace and refuse it where anything in it is wrong.

    Raises:
        JustEnoughError: with the place, the value and the next step.
    """
    settings = load_settings(folder)
    _check_targets(settings)
    sql, templates = settings.workspace / "sql", settings.workspace / "templates"
    catalogue = read_catalogue(sql)
    products = {product.name: product for product in map(read_product, product_folders(templates))}
    if not products:
        raise ProductError("templates/", "there is no product in this workspace", "add a folder with a product.yaml")
    for product in products.values():
        _check_brands(product, settings)
    segments = {name: read_segment(sql, name, catalogue) for name in sorted({p.segment for p in products.values()})}
    workspace = Workspace(
        settings=settings,
        catalogue=catalogue,
        products=products,
        segments=segments,
        words={product.name: _read_all_words(product, templates) for product in products.values()},
        layouts=_read_layouts({name for product in products.values() for name in product.channels.all}, templates),
        queries=read_queries(sql, segments, catalogue),
    )
    for product in products.values():
        check_product(product, workspace.usages(product).values(), catalogue)
    return workspace


def _check_targets(settings: Settings) -> None:
    for brand, ways in settings.targets.items():
        for channel, name in ways.items():
            where = f"pyproject.toml: tool.justenough.targets.{brand}.{channel}"
            if channel not in CHANNELS:
                raise SettingError(where, f"'{channel}' is no channel", nearest(channel, CHANNELS))
            if target(name, where).channel != channel:
                what = f"the target '{name}' is for {target(name).channel}, not for {channel}"
                raise SettingError(where, what, "choose another target")


def _check_brands(product: Product, settings: Settings) -> None:
    where = f"templates/{product.name}/product.yaml"
    for brand in product.brands:
        if brand not in settings.brands:
            raise ProductError(where, f"'{brand}' is no brand of this workspace", nearest(brand, settings.brands))
        if not set(product.channels.all) & settings.targets.get(brand, {}).keys():
            what = f"the brand '{brand}' has no target for any of the product's channels"
            raise ProductError(where, what, f"add one to [tool.justenough.targets.{brand}]")


def _read_all_words(product: Product, templates: Path) -> dict[WordsKey, Words]:
    folder = templates / product.name
    files: dict[WordsKey, Words] = {}
    for file in sorted(folder.glob("*.j2")):
        name = f"templates/{product.name}/{file.name}"
        key = _words_key(product, file.name.removesuffix(".j2").split("."), name)
        files[key] = read_words(file, CHANNELS[key.channel].parts, templates / "_shared", name=name)
    for channel in product.channels.all:
        if not any(key.channel == channel for key in files):
            where = f"templates/{product.name}/{channel}.j2"
            raise TemplateError(where, "the product has no words for this channel", "write them, or drop the channel")
    return files


def _read_layouts(channels: set[str], templates: Path) -> dict[str, Layout]:
    shared = templates / "_shared"
    files = {name: file for name in sorted(channels) if (file := CHANNELS[name].layout) is not None}
    return {
        name: read_layout(
            shared / file, CHANNELS[name].parts, shared, name=f"templates/_shared/{file}", slots=RESERVED_SLOTS
        )
        for name, file in files.items()
    }


def _words_key(product: Product, names: list[str], where: str) -> WordsKey:
    channel, *rest = names
    if channel not in product.channels.all:
        hint = f"{nearest(channel, product.channels.all)}; or add it to `channels`"
        raise TemplateError(where, f"'{channel}' is no channel of this product", hint)
    variant = rest.pop(0) if rest and rest[0] in product.test.variants else None
    locale = rest.pop(0) if rest and _LOCALE.fullmatch(rest[0]) else None
    if rest:
        what = f"'{rest[0]}' is neither a variant of the product nor a locale such as de or de-AT"
        raise TemplateError(where, what, "name files <channel>[.<variant>][.<locale>].j2")
    return WordsKey(channel, variant, locale)
