"""What can be known of a workspace without customer data: words tried on examples, SQL bound to the warehouse's tables."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flows.channels import CHANNELS
from flows.clock import moment
from flows.errors import TemplateError
from flows.line.situations import situations
from flows.line.sources import Source, existing_database, read_segment_rows, read_shared
from flows.warehouse.queries import consent, customers, exclusions, suppressions
from flows.warehouse.scope import Scope
from flows.words import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.budget import Usage
    from flows.clock import Moment
    from flows.product import Product
    from flows.wording import WordsKey
    from flows.workspace import Workspace

_LEFT_OVERS = re.compile(r"\b(None|nan|Undefined)\b|\{\{|object at 0x")


@dataclass(frozen=True)
class Checked:
    """What was found of one template file."""

    product: str
    channel: str
    variant: str | None
    locale: str | None
    shown: tuple[str, ...]
    branched: tuple[str, ...]
    because: tuple[str, ...]
    wordings: int


@dataclass(frozen=True)
class Report:
    """What `check` found: a row per template file, warnings, and whether the SQL was bound to a warehouse."""

    files: tuple[Checked, ...]
    warnings: tuple[str, ...]
    is_bound: bool


def check(workspace: Workspace) -> Report:
    """Check a workspace that could be loaded at all.

    Raises:
        TemplateError: some wording cannot be rendered, or comes out broken.
        StatementError, DataError: the SQL does not fit the warehouse's tables.
    """
    now = moment(None, workspace.settings.zone)
    files = [
        _checked(workspace, product, key, usage)
        for product in workspace.products.values()
        for key, usage in workspace.usages(product).items()
    ]
    return Report(tuple(files), tuple(_warnings(workspace, now)), _bind(workspace, now))


def _checked(workspace: Workspace, product: Product, key: WordsKey, usage: Usage) -> Checked:
    """Render every set of facts that can occur, with the segment's examples."""
    words = workspace.words[product.name][key]
    wordings = 0
    for situation in situations(words.fields, sorted(usage.used), workspace.segments[product.segment]):
        for part in CHANNELS[key.channel].parts:
            text = plain(words, part.name, situation.values)
            if part.name in CHANNELS[key.channel].one_line and "\n" in text:
                what = f"the part '{part.name}' goes over more than one line"
                raise TemplateError(words.name, what, "write the block on one line, from its tag to its endblock")
            if left := _LEFT_OVERS.search(text):
                what = f"with {', '.join(situation.facts) or 'no'} facts, part '{part.name}' prints '{left[0]}'"
                raise TemplateError(words.name, what, "give that case words of its own")
        wordings += 1
    return Checked(
        product=product.name,
        channel=key.channel,
        variant=key.variant,
        locale=key.locale,
        shown=tuple(sorted(usage.shown)),
        branched=tuple(sorted(usage.branched)),
        because=tuple(product.because),
        wordings=wordings,
    )


def _warnings(workspace: Workspace, now: Moment) -> Iterator[str]:
    yield from _unguarded(workspace)
    if not workspace.live(now.as_of):
        yield f"templates/: no product is live on {now.as_of}, so nobody gets anything; drafts wait for status: live"
    for product in workspace.products.values():
        where = f"templates/{product.name}/product.yaml"
        if product.review_by < now.as_of:
            yield f"{where}: review_by {product.review_by} has passed; look at the product and set a new date"
        for name, field in workspace.segments[product.segment].fields.items():
            if not field.examples:
                yield f"sql/segments/{product.segment}.yaml: field '{name}' has no examples, so its wording was not tried"
        for brand in product.brands:
            missing = [c for c in product.channels.all if c not in workspace.settings.targets.get(brand, {})]
            if missing:
                yield f"{where}: brand '{brand}' has no target for {', '.join(missing)}; nobody is reached there"


def _unguarded(workspace: Workspace) -> Iterator[str]:
    """What bars people in other workspaces, and is not there in this one."""
    if workspace.queries.consent is None:
        yield "sql/consent.sql is missing: nobody has agreed to anything, so there is no marketing"
    if workspace.queries.suppressions is None:
        yield "sql/suppressions.sql is missing: no address is suppressed"
    for file in sorted((workspace.settings.workspace / "sql" / "exclusions").glob("*")):
        if file.suffix != ".sql":
            yield f"sql/exclusions/{file.name} is not read: only files whose names end in .sql are"


def _bind(workspace: Workspace, now: Moment) -> bool:
    """Have DuckDB bind every query to the tables, without reading a row. False where there is no warehouse yet."""
    path = existing_database(workspace.settings, now.as_of)
    if path is None:
        return False
    bare = replace(workspace, queries=workspace.queries.without_rows())
    source = Source(bare, path, now, read_shared(bare, path, now))
    with source.open(Scope(), now.present) as connection:
        customers(connection, bare.queries, now)
        consent(connection, bare.queries, now)
        exclusions(connection, bare.queries, now)
    for name in workspace.segments:
        read_segment_rows(source, Scope(), name)
    with source.open(Scope(), now.present, lists=True) as connection:
        suppressions(connection, bare.queries, now)
    return True
