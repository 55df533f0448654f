"""What is known of a workspace's words and SQL before any customer is looked at: they are tried, bound and traced.

That takes as long for one customer as for a million. So a run that goes by another relies on what that one has found, as long as
settings, SQL and templates, and the tables, views and macros of the warehouse, are the very same.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from flows.digests import sha256_of_untouched
from flows.durable import write_bytes
from flows.errors import PlanError
from flows.keys import load_keys
from flows.ledger.approvals import SEAL, is_sealed
from flows.line.binding import bind
from flows.line.planned import ANEW
from flows.line.rating import check_creep, ratings
from flows.line.trying import try_words
from flows.plan import read_settled
from flows.warehouse.news import digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from flows.clock import Moment
    from flows.line.binding import Bound
    from flows.settings import Settings
    from flows.workspace import Workspace

SOURCES = "sources.parquet"
"""In a plan's folder: the columns of the warehouse behind what templates show."""
_FILE = "vouched"


class Vouched(BaseModel):
    """What words and SQL came to.

    Attributes:
        inputs_digest: of the settings, SQL and templates.
        definitions: of the tables, views and macros of the warehouse.
        creep: template file -> its score.
        targeted: segment -> the dimensions that decide who is in it.
        audiences: those that campaigns leave out -> the dimensions that decide who is in each.
        sources: as `SOURCES` has them.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, extra="forbid")

    inputs_digest: str
    definitions: str
    creep: dict[str, int]
    targeted: dict[str, tuple[str, ...]]
    audiences: dict[str, tuple[str, ...]]
    sources: pl.DataFrame


def vouched_before(workspace: Workspace, run_id: str | None) -> Vouched | None:
    """What a run has found of the same words and SQL; None where there is nothing of the kind.

    Raises:
        PlanError: what it has found is not what is written there, or its plan is not as it was made.
    """
    if run_id is None or not _is_as_found(workspace.settings, run_id):
        return None
    folder = workspace.settings.folder("plans", run_id)
    try:
        kept = json.loads((folder / _FILE).read_bytes())
        before = Vouched(**kept, sources=pl.read_parquet(folder / SOURCES))
    except (OSError, ValueError, TypeError, ValidationError, pl.exceptions.PolarsError):  # another version's, or gone
        before = None
    return before if before is not None and before.inputs_digest == workspace.inputs_digest else None


def _is_as_found(settings: Settings, run_id: str) -> bool:
    """Whether the files are what the plan was settled with; no where they, or what would prove it, are gone. Raises PlanError."""
    folder = settings.folder("plans", run_id)
    if not (folder / SEAL).exists() or not (folder / "plan.json").exists():  # an earlier version's, or its time is over
        return False
    if not is_sealed(folder, load_keys(settings.key_file)):
        raise PlanError(f"{run_id}/plan.json", "this file of the plan was changed", ANEW)
    files = read_settled(settings, run_id).files
    kept = {name: sha256_of_untouched(folder / name) for name in (_FILE, SOURCES) if (folder / name).exists()}
    if changed := [name for name, digest in kept.items() if digest != files.get(name)]:
        raise PlanError(f"{run_id}/{changed[0]}", "this file of the plan was changed", ANEW)
    return True


def tried(workspace: Workspace) -> dict[str, int]:
    """Try all words, and return the creep score of each template file.

    Raises:
        TemplateError, CreepError: what `check` would refuse of the words.
    """
    rated = [(tried, ratings(workspace, tried)) for tried in try_words(workspace)]
    check_creep(workspace, rated)
    return {tried.file: found[-1].score for tried, found in rated}


def vouch(workspace: Workspace, path: Path, moment: Moment, before: Vouched | None, creep: dict[str, int]) -> Vouched:
    """Hold the SQL against the warehouse, unless that was done for just such a one.

    Args:
        workspace: whose words were tried.
        path: of the warehouse.
        moment: of the run.
        before: what an earlier run has found of the same words and SQL.
        creep: as `tried` yields it.

    Raises:
        StatementError, DataError, CatalogueError, SourceError: as `binding.bind`.
    """
    definitions = digest_of(path)
    if before is not None and before.definitions == definitions:
        return before
    bound = bind(workspace, path, moment)
    return Vouched(
        inputs_digest=workspace.inputs_digest,
        definitions=definitions,
        creep=creep,
        targeted={name: tuple(found.targeted) for name, found in bound.segments.items()},
        audiences=dict(bound.audiences),
        sources=_sources(workspace, bound),
    )


def keep(vouched: Vouched, folder: Path) -> None:
    """Write it into a plan's folder, beside its sources."""
    write_bytes(folder / _FILE, vouched.model_dump_json(exclude={"sources"}).encode())


def _sources(workspace: Workspace, bound: Bound) -> pl.DataFrame:
    """The columns of the warehouse behind each dimension of each template file, for receipts.

    Returns:
        `product, words_sha256, dimension, columns`, and `sources_sha256` over the last two of a file: several files, and several
        versions, that read the same have the same.
    """
    rows = []
    for product in workspace.products.values():
        segment, shown = workspace.segments[product.segment], bound.segments[product.segment].shown
        for words in workspace.words[product.name].values():
            behind: dict[str, set[str]] = {}
            for field in words.fields:
                for dimension in segment.fields[field].dimensions:
                    behind.setdefault(dimension, set()).update(shown[field])
            columns = {dimension: sorted(behind[dimension]) for dimension in sorted(behind)}
            digest = hashlib.sha256(json.dumps(columns).encode()).hexdigest()
            rows += [(product.name, words.digest, digest, *pair) for pair in columns.items()]
    return pl.DataFrame(rows, _SOURCES, orient="row")


_SOURCES: dict[str, pl.DataType | type[pl.DataType]] = {
    "product": pl.String,
    "words_sha256": pl.String,
    "sources_sha256": pl.String,
    "dimension": pl.String,
    "columns": pl.List(pl.String),
}
