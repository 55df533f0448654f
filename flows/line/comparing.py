"""Two versions of a workspace compared: what each message may say, what decides, and who would get something else."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Literal

from flows.clock import moment
from flows.line.drawing import ended
from flows.line.flipping import MOST_CUSTOMERS, Flips, flips
from flows.line.rating import ratings
from flows.line.sources import existing_database
from flows.line.summary import summaries
from flows.line.trying import try_words
from flows.line.versions import of_version, version
from flows.warehouse.statements import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flows.line.summary import Summary
    from flows.product import Product
    from flows.workspace import Workspace

Kind = Literal["added", "dropped", "changed"]
USES = ("shown", "branched", "because", "unseen")


@dataclass(frozen=True)
class Changed:
    """A product in a channel that is not what it was.

    Attributes:
        kind: whether it was added, dropped, or changed.
        added, dropped: use (shown, branched, because, unseen) -> dimensions; uses without a change are left out.
        levels_before, levels_after: the product's dimensions, in the order in which they earn their place.
        creep_before, creep_after: the score at each detail level; empty where there is none.
        words: template file -> whether it was added, dropped or changed.
    """

    product: str
    channel: str
    kind: Kind
    added: Mapping[str, tuple[str, ...]]
    dropped: Mapping[str, tuple[str, ...]]
    levels_before: tuple[str, ...]
    levels_after: tuple[str, ...]
    creep_before: tuple[int, ...]
    creep_after: tuple[int, ...]
    words: Mapping[str, Kind]


@dataclass(frozen=True)
class Difference:
    """What is not as it was in another version.

    Attributes:
        ref: the other version, as it was named.
        products: those that were added or dropped.
        messages: the products and channels that were added, dropped or changed.
        inputs: the other files that decide -> whether they were added, dropped or changed; comments and layout of SQL and
            YAML do not count.
        customers: who would get something else; None where there is no warehouse yet.
        tests: what of tests that run ends with what is set now.
        below: products that go live with fewer people than their floor -> how many of those who were compared they would tell.
    """

    ref: str
    products: Mapping[str, Kind]
    messages: tuple[Changed, ...]
    inputs: Mapping[str, Kind]
    customers: Flips | None
    tests: tuple[str, ...] = ()
    below: Mapping[str, int] = field(default_factory=dict)


def compare(workspace: Workspace, ref: str, most: int = MOST_CUSTOMERS) -> Difference:
    """Compare a workspace with another version of it.

    Args:
        workspace: the present version.
        ref: the other one: a folder, or a git ref.
        most: how many customers at most are decided for, twice.

    Raises:
        UsageError: there is no such version, or it is refused itself.
        TemplateError: some wording cannot be rendered, or comes out broken.
        StatementError, DataError: a query does not yield what it should.
    """
    now = moment(None, workspace.settings.zone)
    with version(workspace.settings.workspace, ref) as other:
        before = other.on_the_data_of(workspace)
        with of_version(ref):
            old = _summaries(before)
        new = _summaries(workspace)
        path = existing_database(workspace.settings, now.as_of)
        customers = flips(before, workspace, ref, path, now, most) if path is not None else None
        return Difference(
            ref=ref,
            products=_changes(dict.fromkeys(before.products, ""), dict.fromkeys(workspace.products, "")),
            messages=tuple(
                found
                for key in sorted({*old, *new})
                if (found := _changed(key, old.get(key), new.get(key))) is not None
            ),
            inputs=_changes(_inputs(before), _inputs(workspace)),
            customers=customers,
            tests=tuple(ended(workspace)),
            below=_below(before, workspace.live(now.as_of), customers) if customers is not None else {},
        )


def _below(before: Workspace, live: Sequence[Product], customers: Flips) -> dict[str, int]:
    """The products that are new, or were drafts, and would tell fewer people something than their `floor`, by one day alone."""
    was_there = {name for name, product in before.products.items() if product.status != "draft"}
    told = {each.product: each.after for each in customers.reach}
    new = [product for product in live if product.name not in was_there]
    of = {product.name: sum(customers.of_brands.get(brand, 0) for brand in product.brands) for product in new}
    floors = {product.name: ceil(product.floor * of[product.name]) for product in new}
    return {name: told.get(name, 0) for name, floor in floors.items() if told.get(name, 0) < floor}


def _summaries(workspace: Workspace) -> dict[tuple[str, str], Summary]:
    rated = [(tried, ratings(workspace, tried)) for tried in try_words(workspace)]
    return {(found.product, found.channel): found for found in summaries(workspace, rated, {})}


def _changed(key: tuple[str, str], before: Summary | None, after: Summary | None) -> Changed | None:
    """What differs of a product in a channel; None where nothing does."""
    old, new = _told(before), _told(after)
    found = Changed(
        product=key[0],
        channel=key[1],
        kind="added" if before is None else "dropped" if after is None else "changed",
        added={use: gone for use in USES if (gone := tuple(name for name in new[use] if name not in old[use]))},
        dropped={use: gone for use in USES if (gone := tuple(name for name in old[use] if name not in new[use]))},
        levels_before=old["levels"],
        levels_after=new["levels"],
        creep_before=_creep(before),
        creep_after=_creep(after),
        words=_changes(_words(before), _words(after)),
    )
    same = found.levels_before == found.levels_after and found.creep_before == found.creep_after
    is_same = found.kind == "changed" and same and not (found.added or found.dropped or found.words)
    return None if is_same else found


def _told(message: Summary | None) -> dict[str, tuple[str, ...]]:
    if message is None:
        return dict.fromkeys((*USES, "levels"), ())
    return {**{use: getattr(message, use) for use in USES}, "levels": message.dimensions}


def _creep(message: Summary | None) -> tuple[int, ...]:
    return tuple(rating.score for rating in message.creep) if message else ()


def _words(message: Summary | None) -> dict[str, str]:
    return {file.file: file.digest for file in message.files} if message else {}


def _inputs(workspace: Workspace) -> dict[str, str]:
    """File -> what it says, words apart."""
    shared = workspace.settings.workspace / "templates" / "_shared"
    return {
        **{name: canonical(text, name) for name, text in workspace.queries.texts.items()},
        **{f"sql/segments/{name}.yaml": segment.model_dump_json() for name, segment in workspace.segments.items()},
        **{
            f"sql/audiences/{each.name}.yaml": each.model_dump_json()
            for each in workspace.audiences.values()
            if each.has_query
        },
        **{f"templates/{name}/product.yaml": product.model_dump_json() for name, product in workspace.products.items()},
        **{f"templates/_shared/{file.name}": file.read_text("utf-8") for file in sorted(shared.glob("*.j2"))},
        "sql/dimensions.yaml": workspace.catalogue.model_dump_json(),
        "pyproject.toml": workspace.deciding_settings,
    }


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, Kind]:
    found: dict[str, Kind] = {}
    for name in sorted({*before, *after}):
        if name not in before:
            found[name] = "added"
        elif name not in after:
            found[name] = "dropped"
        elif before[name] != after[name]:
            found[name] = "changed"
    return found
